"""One batch to Spotzee: requests with one key, tried again while only the moment is at fault.

What an answer means is decided in `answers`, how long to wait in `waits` and `limits`; the loop
that calls them is here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from urllib.parse import quote

import msgspec

from target_spotzee.api import answers
from target_spotzee.api.answers import Answer, Delivered, ItemError, Refused, Retry, StaleKey
from target_spotzee.api.connection import Connection, NoAnswerError
from target_spotzee.api.limits import Gate
from target_spotzee.api.waits import LOOK_SECONDS, PATIENCE_SECONDS, Clock, Random, backoff_seconds
from target_spotzee.exceptions import RunError
from target_spotzee.objects.attempts import Attempts
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import SUBSCRIBED, Kind

logger = logging.getLogger("target-spotzee")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where batches go and how.

    Attributes:
        url: Base address of the API.
        api_key: Secret key.
        api_version: ``Spotzee-Version``.
        timeout_seconds: For one attempt.
        max_retry_seconds: For one batch, without the waits that Spotzee asks for.
        own_keys: Whether no other process can have used this run's idempotency keys.
    """

    url: str
    api_key: str = field(repr=False)
    api_version: str
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

    def send(self, batch: Batch) -> Delivered | Refused:
        """Send a batch until Spotzee takes or refuses it; note the requests in its attempts.

        After a transient fault the same bytes go again with the same key. A key that Spotzee knows
        from elsewhere is replaced once, by one that nobody has used.

        Raises:
            StoppedError: The gate closed first; the batch's fate is unknown if it was attempted.
            RunError: The run's fault, or the retry budget is spent.
        """
        key, is_fresh = batch.key, False
        if batch.attempts.earlier:
            longest = LOOK_SECONDS if batch.kind.is_patient else math.inf
            seconds = backoff_seconds(batch.attempts.earlier, self._random)
            self._rest(min(longest, seconds), batch.attempts)
        while True:
            meaning = self._attempt(batch, key, is_fresh=is_fresh)
            if isinstance(meaning, (Delivered, Refused)):
                return meaning
            if isinstance(meaning, Retry) and meaning.is_awaited:
                if not self._await(batch):
                    if batch.kind.removes:
                        return Delivered({0: ItemError("removal_unconfirmed", meaning.reason)})
                    return Delivered({0: ItemError("user_unseen", meaning.reason)})
            elif isinstance(meaning, Retry):
                self._wait(meaning, batch.attempts)
            elif is_fresh:
                raise RunError("Spotzee takes a new idempotency key for a used one")
            if isinstance(meaning, StaleKey) or meaning.key_is_spoilt:
                key, is_fresh = self._new_key(), True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _attempt(self, batch: Batch, key: str, *, is_fresh: bool) -> answers.Meaning:
        """Make one attempt, and ask first where that is due; return what came of it."""
        meaning = None if batch.kind.asks is None else self._ask(batch, batch.kind.asks)
        return self._exchange(batch, key, is_fresh=is_fresh) if meaning is None else meaning

    def _ask(self, batch: Batch, kind: Kind) -> answers.Meaning | None:
        """Ask whether a user may be opted in, as of now.

        Nothing prevents a no between this answer and what is written then: Spotzee has no
        conditional write. So each attempt asks anew.

        Returns:
            ``None`` if that is to be written.
        """
        (item,) = batch.items
        type_ = msgspec.json.decode(item.body)["subscription_id"]
        path, cursor = f"{quote(str(item.ids[0]), safe='')}/subscriptions?limit=100", ""
        while True:
            body = (path + cursor).encode()
            question = Item(kind, item.ids, item.identities, body, item.ticket)
            asked = Batch(batch.run_id, batch.number, [question], batch.attempts)
            meaning = self._exchange(asked, "", is_fresh=True)
            if not isinstance(meaning, Delivered):
                return meaning
            if not meaning.is_there:
                return Delivered({0: ItemError("user_unseen", "can't be read any more")})
            if type_ in meaning.states:  # whoever is subscribed already is left alone
                return Delivered(is_kept_out=meaning.states[type_] not in SUBSCRIBED)
            following = meaning.found.get("nextCursor")
            if not following:
                return Delivered(is_kept_out=True) if type_ in item.withdrawn else None
            cursor = f"&cursor={quote(str(following), safe='')}"

    def _exchange(self, batch: Batch, key: str, *, is_fresh: bool) -> answers.Meaning:
        """Make one request; return what came of it, and note what it took."""
        attempts = batch.attempts
        attempts.asked_seconds += self._gate.pass_through()
        attempts.made += 1
        started = self._clock()
        try:
            request = batch.request
            headers = {} if request.body is None else {"Idempotency-Key": key}
            answer = self._connection.exchange(*request, headers)
        except NoAnswerError as error:
            self._gate.release(started, typical=False)
            attempts.spent_seconds += self._clock() - started
            if error.may_be_applied:
                self._doubt(attempts)
            return Retry(error.reason)
        if attempts.doubtful_until and batch.kind.writes and batch.request.body is None:
            # No key says that it is the same again, so it may be carried out twice, the second time
            # when the first can be seen.
            self._doubt(attempts)
        typical = answer.taken and not (answer.replayed or self._connection.is_new)
        self._gate.release(started, typical=typical, tier=answer.tier)
        self._note(answer, started, attempts)
        if self._is_stale(answer, batch, is_fresh=is_fresh):
            return StaleKey()
        meaning = self._read(answer, batch)
        if isinstance(meaning, Retry) and meaning.limited:
            pause = self._gate.limited(started, meaning.retry_after_seconds)
            if pause is not None:
                logger.warning("%s%s; everybody waits %.1f s", meaning.reason, _id(attempts), pause)
        return meaning

    def _note(self, answer: Answer, started: float, attempts: Attempts) -> None:
        """Note what an answered request took."""
        seconds = self._clock() - started
        attempts.spent_seconds += seconds
        attempts.durations_ms.append(round(1000 * seconds))
        attempts.request_id = answer.request_id
        attempts.replayed += answer.replayed
        if answer.status in (408, 502, 504):
            self._doubt(attempts)
        if answer.status == 429:
            attempts.limited += 1
        else:
            self._gate.eased(started)

    def _is_stale(self, answer: Answer, batch: Batch, *, is_fresh: bool) -> bool:
        """Say whether an answer from memory may be about another moment than this.

        An answer to the same bytes from another moment says nothing of what was written since. But
        where sending again does harm, it is the only proof that there is no need to.
        """
        if not answer.replayed or not batch.kind.repeats_harmlessly:
            return False
        return not (is_fresh or (batch.attempts.made > 1 and self._endpoint.own_keys))

    def _read(self, answer: Answer, batch: Batch) -> answers.Meaning:
        """Say what an answer means, with the key hidden: its words are kept with rejects."""
        body = answer.body.replace(self._endpoint.api_key.encode(), b"(key)")
        hidden = replace(answer, body=body) if body != answer.body else answer
        meaning = answers.read(hidden, batch.kind, len(batch.items), self._now())
        if isinstance(meaning, Retry) and meaning.key_is_spoilt:
            # Otherwise only the answer was damaged, not what Spotzee remembers.
            is_spoilt = answer.replayed and batch.kind.repeats_harmlessly
            return replace(meaning, key_is_spoilt=is_spoilt)
        return meaning

    def _doubt(self, attempts: Attempts) -> None:
        """Note that Spotzee may still apply what was just sent, for as long as an attempt lasts."""
        attempts.doubtful_until = self._clock() + self._endpoint.timeout_seconds

    def _wait(self, retry: Retry, attempts: Attempts) -> None:
        """Wait before the next attempt, unless the budget does not allow one."""
        if retry.limited:
            return  # the gate makes everybody wait
        if attempts.spent_seconds > self._endpoint.max_retry_seconds:
            raise _gave_up(retry, attempts)
        if retry.retry_after_seconds is not None:
            seconds = retry.retry_after_seconds + 0.5 * self._random()
            self._tell(retry, attempts, seconds)
            attempts.asked_seconds += seconds
            self._gate.rest(seconds)
        else:
            seconds = backoff_seconds(attempts.made - attempts.looks, self._random)
            if attempts.spent_seconds + seconds > self._endpoint.max_retry_seconds:
                raise _gave_up(retry, attempts)
            self._tell(retry, attempts, seconds)
            self._rest(seconds, attempts)

    def _await(self, batch: Batch) -> bool:
        """Wait for what Spotzee has queued, unless that took too long already."""
        attempts, patience = batch.attempts, PATIENCE_SECONDS
        # What was accepted will be carried out; only who is to be removed may never have been.
        if not (batch.kind.is_patient and batch.kind.removes):
            patience = max(patience, self._endpoint.max_retry_seconds)
        if attempts.spent_seconds > patience:
            return False
        attempts.looks += 1
        self._rest(min(LOOK_SECONDS, backoff_seconds(attempts.made, self._random)), attempts)
        return True

    def _tell(self, retry: Retry, attempts: Attempts, seconds: float) -> None:
        """Say why a request is retried, once for all that are retried for it at the same time."""
        if self._gate.is_news(retry.reason, self._clock()):
            logger.warning("%s%s; trying again in %.1f s", retry.reason, _id(attempts), seconds)

    def _rest(self, seconds: float, attempts: Attempts) -> None:
        attempts.spent_seconds += seconds
        self._gate.rest(seconds)


def _gave_up(retry: Retry, attempts: Attempts) -> RunError:
    return RunError(
        f"gave up after {attempts.made} attempts in {attempts.spent_seconds:.1f} s:"
        f" {retry.reason}; start again to go on from the last state",
        attempts.request_id,
    )


def _id(attempts: Attempts) -> str:
    return f" ({attempts.request_id})" if attempts.request_id else ""
