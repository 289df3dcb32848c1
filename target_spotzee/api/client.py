"""One batch to Spotzee: requests with one key, again while only the moment is at fault.

What an answer means is decided in `answers`, how long to wait in `pacing`; here is the loop that
calls them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version

from target_spotzee.api import answers
from target_spotzee.api.answers import Again, Answer, Delivered, Refused, StaleKey
from target_spotzee.api.connection import Connection, NoAnswerError
from target_spotzee.api.gate import Gate
from target_spotzee.api.pacing import Clock, Random, backoff_seconds
from target_spotzee.exceptions import RunError
from target_spotzee.objects.attempts import Trace
from target_spotzee.objects.batch import Batch

logger = logging.getLogger("target-spotzee")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where batches go and how.

    Attributes:
        url: Base address of the API.
        api_key: Secret key.
        api_version: ``Spotzee-Version``.
        synchronous: ``POST /users/batch`` with results per item, else ``PATCH /users``, queued.
        timeout_seconds: For one attempt.
        max_retry_seconds: For one batch, without the waits that Spotzee asks for.
        own_keys: Whether no other process can have used this run's idempotency keys.
    """

    url: str
    api_key: str = field(repr=False)
    api_version: str
    synchronous: bool = True
    timeout_seconds: float = 30.0
    max_retry_seconds: float = 600.0
    own_keys: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {
            "Authorization": f"Bearer {self.api_key}",
            "Content-Type": "application/json",
            "Accept": "application/json, application/problem+json",
            "Spotzee-Version": self.api_version,
            "User-Agent": f"target-spotzee/{version('target-spotzee')}",
        }


class Client:
    """Sends batches, one at a time. Each worker has its own, and with it a connection.

    Args:
        endpoint: Where to.
        gate: Shared by all clients.
        connection: Carries the requests.
        clock: Monotonic seconds.
        now: The time of day, with its zone.
        random: Numbers in [0, 1) for the jitter.
        new_key: Makes an idempotency key that nobody has used.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        gate: Gate,
        connection: Connection,
        *,
        clock: Clock,
        now: Callable[[], datetime],
        random: Random,
        new_key: Callable[[], str],
    ) -> None:
        self._endpoint = endpoint
        self._gate = gate
        self._connection = connection
        self._clock = clock
        self._now = now
        self._random = random
        self._new_key = new_key
        self._method, self._path = (
            ("POST", "/users/batch") if endpoint.synchronous else ("PATCH", "/users")
        )

    def send(self, batch: Batch, trace: Trace) -> Delivered | Refused:
        """Send a batch until Spotzee takes or refuses it.

        Transient faults are met with the same bytes and the same key. A key that Spotzee knows
        from elsewhere is given up once, for one that nobody has used.

        Args:
            batch: The batch.
            trace: Filled in on the way, also if this raises.

        Raises:
            StoppedError: The gate closed first; the batch's fate is unknown if it was attempted.
            RunError: The run's fault, or the retry budget is spent.
        """
        key, fresh = batch.key, False
        trace.spent_seconds = batch.spent_seconds
        trace.doubtful_until = batch.doubtful_until
        if batch.attempts:
            self._rest(backoff_seconds(batch.attempts, self._random), trace)
        while True:
            meaning, replayed = self._attempt(batch, key, trace, trust_replay=fresh)
            if isinstance(meaning, StaleKey):
                if fresh:
                    raise RunError("Spotzee takes a new idempotency key for a used one")
                key, fresh = self._new_key(), True
                continue
            if not isinstance(meaning, Again):
                return meaning
            if meaning.unusable and replayed:  # what Spotzee remembers is damaged itself
                key, fresh = self._new_key(), True
            self._wait(meaning, trace)

    def probe(self) -> Iterator[str]:
        """Prove that the key works and may write, by requests that change nothing.

        ``GET /me`` proves the key, or, where that is not there, ``GET /users?limit=1``. An empty
        batch to where batches go is refused for what it is, or taken for nothing, unless the key's
        role is the greater fault.

        Yields:
            Each fact, once it is proved.

        Raises:
            RunError: Spotzee can't be reached, or refuses the key or its role.
        """
        answer = self._ask("GET", "/me")
        if answer.status in (404, 405):
            answer = self._ask("GET", "/users?limit=1")
        if self._refuses(answer) and answers.sender(answer) is answers.Sender.API:
            raise RunError(
                f"Spotzee refuses a check (HTTP {answer.status}); check api_url and api_version",
                answer.request_id,
            )
        if not answer.taken or answers.read_object(answer) is None:
            raise _not_spotzee(answer)
        yield "api_url answers"
        yield "api_key is accepted"
        answer = self._ask(self._method, self._path, b"[]")
        said_nothing = answer.taken and not answer.body
        self._refuses(answer)
        if not said_nothing and answers.sender(answer) is answers.Sender.ELSEWHERE:
            raise _not_spotzee(answer)
        yield "its role may write users"

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Make a request of a probe; such a one is not tried again."""
        try:
            return self._connection.exchange(method, path, body, {})
        except NoAnswerError as error:
            raise RunError(f"Spotzee can't be reached: {error}; check api_url") from None

    def _refuses(self, answer: Answer) -> bool:
        """Say whether an answer refuses a request for what it holds.

        Raises:
            RunError: It refuses more than that, or the moment is not right.
        """
        if answer.taken:
            return False
        meaning = answers.read(answer, 0, synchronous=True, now=self._now())
        if isinstance(meaning, Again):
            raise RunError(f"Spotzee is not well: {meaning.reason}", answer.request_id)
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _attempt(
        self,
        batch: Batch,
        key: str,
        trace: Trace,
        *,
        trust_replay: bool,
    ) -> tuple[answers.Meaning, bool]:
        """Make one request and say what came of it, and whether it was a replay."""
        trace.asked_seconds += self._gate.pass_through()
        trace.attempts += 1
        started = self._clock()
        try:
            answer = self._connection.exchange(
                self._method,
                self._path,
                batch.body,
                {"Idempotency-Key": key},
            )
        except NoAnswerError as error:
            self._gate.release(started, typical=False)
            trace.spent_seconds += self._clock() - started
            if error.may_be_applied:
                self._doubt(trace)
            return Again(error.reason), False
        typical = answer.taken and not (answer.replayed or self._connection.is_new)
        self._gate.release(started, typical=typical, tier=answer.tier)
        seconds = self._clock() - started
        trace.spent_seconds += seconds
        trace.durations_ms.append(round(1000 * seconds))
        trace.request_id = answer.request_id
        trace.replayed += answer.replayed
        if answer.status in (408, 502, 504):
            self._doubt(trace)
        if answer.status == 429:
            trace.limited += 1
        else:
            self._gate.eased(started)
        if answer.replayed and not (
            trust_replay or (trace.attempts > 1 and self._endpoint.own_keys)
        ):
            return StaleKey(), True
        meaning = self._read(answer, len(batch.items))
        if isinstance(meaning, Again) and meaning.limited:
            pause = self._gate.limited(started, meaning.retry_after_seconds)
            if pause is not None:
                logger.warning("%s%s; everybody waits %.1f s", meaning.reason, _id(trace), pause)
        return meaning, answer.replayed

    def _read(self, answer: Answer, items: int) -> answers.Meaning:
        """Say what an answer means; its words are kept with rejects, and may echo the key."""
        synchronous, now = self._endpoint.synchronous, self._now()
        meaning = answers.read(answer, items, synchronous=synchronous, now=now)
        if isinstance(meaning, Delivered) and not meaning.errors:
            return meaning
        body = answer.body.replace(self._endpoint.api_key.encode(), b"(key)")
        return answers.read(replace(answer, body=body), items, synchronous=synchronous, now=now)

    def _doubt(self, trace: Trace) -> None:
        """Note that Spotzee may still apply what was just sent, for as long as an attempt lasts."""
        trace.doubtful_until = self._clock() + self._endpoint.timeout_seconds

    def _wait(self, again: Again, trace: Trace) -> None:
        """Wait before the next attempt, unless the budget does not allow one."""
        if again.limited:
            return  # the gate makes everybody wait
        if trace.spent_seconds > self._endpoint.max_retry_seconds:
            raise self._gave_up(again, trace)
        if again.retry_after_seconds is not None:
            seconds = again.retry_after_seconds + 0.5 * self._random()
            self._tell(again, trace, seconds)
            trace.asked_seconds += seconds
            self._gate.rest(seconds)
        else:
            seconds = backoff_seconds(trace.attempts, self._random)
            if trace.spent_seconds + seconds > self._endpoint.max_retry_seconds:
                raise self._gave_up(again, trace)
            self._tell(again, trace, seconds)
            self._rest(seconds, trace)

    @staticmethod
    def _gave_up(again: Again, trace: Trace) -> RunError:
        return RunError(
            f"gave up after {trace.attempts} attempts in {trace.spent_seconds:.1f} s:"
            f" {again.reason}; start again to go on from the last state",
            trace.request_id,
        )

    def _tell(self, again: Again, trace: Trace, seconds: float) -> None:
        """Say why a request goes again, once for all that fare the same at the same time."""
        if self._gate.is_news(again.reason, self._clock()):
            logger.warning("%s%s; trying again in %.1f s", again.reason, _id(trace), seconds)

    def _rest(self, seconds: float, trace: Trace) -> None:
        trace.spent_seconds += seconds
        self._gate.rest(seconds)


def _not_spotzee(answer: Answer) -> RunError:
    return RunError(f"{answers.ELSEWHERE} (HTTP {answer.status})", answer.request_id)


def _id(trace: Trace) -> str:
    return f" ({trace.request_id})" if trace.request_id else ""
