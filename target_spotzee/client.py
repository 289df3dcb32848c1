"""One batch to Spotzee: requests over HTTP, again while only the moment is at fault.

The only module that knows ``requests``. What an answer means is decided in `answers`, how long to
wait in `pacing`; here is the loop that calls them.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from typing import cast

import requests
import urllib3

from target_spotzee import answers
from target_spotzee.answers import Again, Answer, Delivered, Refused, StaleKey
from target_spotzee.batch import Batch
from target_spotzee.exceptions import RunError
from target_spotzee.gate import Gate
from target_spotzee.pacing import Clock, Random, backoff_seconds
from target_spotzee.trace import Trace

_CHUNK_BYTES = 65_536
_MAX_ANSWER_BYTES = 8_000_000
# All that Python tells of a proxy's answer to CONNECT; the rest is the proxy's words.
_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: (\d{3})\b")

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


class Client:
    """Sends batches, one at a time. Each worker has its own, and with it a connection.

    Args:
        endpoint: Where to.
        gate: Shared by all clients.
        session: Carries the requests; see `new_session`.
        clock: Monotonic seconds.
        now: The time of day, with its zone.
        random: Numbers in [0, 1) for the jitter.
        new_key: Makes an idempotency key that nobody has used.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        gate: Gate,
        session: requests.Session,
        *,
        clock: Clock,
        now: Callable[[], datetime],
        random: Random,
        new_key: Callable[[], str],
    ) -> None:
        self._endpoint = endpoint
        self._gate = gate
        self._session = session
        self._clock = clock
        self._now = now
        self._random = random
        self._new_key = new_key
        request = session.prepare_request(
            requests.Request(
                "POST",
                endpoint.url,
                headers={
                    "Authorization": f"Bearer {endpoint.api_key}",
                    "Content-Type": "application/json",
                    "Accept": "application/json, application/problem+json",
                    "Spotzee-Version": endpoint.api_version,
                    "User-Agent": f"target-spotzee/{version('target-spotzee')}",
                },
            ),
        )
        # TLS, certificates and proxies are requests' business, once; batches then go straight to
        # the pool it picks, which halves the work of a request and follows no redirect.
        adapter = cast("requests.adapters.HTTPAdapter", session.get_adapter(str(request.url)))
        pool = adapter.get_connection_with_tls_context(
            request,
            session.verify or True,
            proxies=session.proxies,
        )
        self._pool = cast("urllib3.HTTPConnectionPool", pool)
        self._connections = 0
        self._base = adapter.request_url(request, session.proxies)
        self._method, self._path = (
            ("POST", "/users/batch") if endpoint.synchronous else ("PATCH", "/users")
        )
        self._headers = {**request.headers}
        self._headers.pop("Content-Length", None)
        self._timeout = urllib3.Timeout(endpoint.timeout_seconds, endpoint.timeout_seconds)

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

    def probe(self) -> None:
        """Prove that the key works and may write, by requests that change nothing.

        ``GET /users?limit=1`` proves the key; an empty batch is refused for what it is, unless the
        key's role is the greater fault.

        Raises:
            RunError: Spotzee can't be reached, or refuses the key or its role.
        """
        for method, path, body in (
            ("GET", "/users?limit=1", None),
            ("POST", "/users/batch", b"[]"),
        ):
            try:
                answer = self._exchange(method, self._base + path, body, {})
            except (urllib3.exceptions.HTTPError, OSError) as error:
                reason = _transport_fault(error).reason
                raise RunError(f"Spotzee can't be reached: {reason}; check api_url") from None
            if answer.status == 200:
                continue
            meaning = answers.read(answer, 0, synchronous=True, now=self._now())
            if isinstance(meaning, Again):
                raise RunError(f"Spotzee is not well: {meaning.reason}", answer.request_id)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

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
            answer = self._exchange(
                self._method,
                self._base + self._path,
                batch.body,
                {"Idempotency-Key": key},
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            trace.spent_seconds += self._clock() - started
            fault = _transport_fault(error)
            if fault.may_be_applied:
                self._doubt(trace)
            return Again(fault.reason), False
        seconds = self._clock() - started
        if self._pool.num_connections != self._connections:
            self._connections = self._pool.num_connections
            self._gate.late(started)
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

    def _exchange(
        self,
        method: str,
        address: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> Answer:
        """Make one request and read its answer, without following it anywhere."""
        deadline = self._clock() + self._endpoint.timeout_seconds
        with self._pool.urlopen(
            method,
            address,
            body,
            {**self._headers, **headers},
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout,
            preload_content=False,
        ) as response:
            content = b"".join(self._chunks(response, deadline))
            return Answer(response.status, response.headers, content)

    def _chunks(
        self,
        response: urllib3.BaseHTTPResponse,
        deadline: float,
    ) -> Iterator[bytes]:
        """Yield the body as it comes, for no longer than the deadline and no more than the cap."""
        left = _MAX_ANSWER_BYTES
        while left > 0 and (chunk := response.read1(_CHUNK_BYTES, decode_content=True)):
            yield chunk
            left -= len(chunk)
            if self._clock() > deadline:
                raise TimeoutError

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


def _id(trace: Trace) -> str:
    return f" ({trace.request_id})" if trace.request_id else ""


def new_session(url: str) -> requests.Session:
    """Return a session that takes proxies and certificates from the environment once.

    With ``trust_env`` on, ``requests`` would read them again for every request and let a netrc
    entry replace the key.
    """
    session = requests.Session()
    session.trust_env = False
    session.proxies.update(requests.utils.get_environ_proxies(url))
    session.verify = (
        os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    )
    return session


@dataclass(frozen=True, slots=True)
class _TransportFault:
    """An attempt that brought no answer.

    Attributes:
        reason: For the log.
        may_be_applied: Whether the request may have reached Spotzee.
    """

    reason: str
    may_be_applied: bool


def _transport_fault(error: Exception) -> _TransportFault:
    """Return what was the matter with the moment.

    Raises:
        RunError: Trying again can't help: no such host, no TLS, no valid certificate, no way past
            the proxy.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise RunError(
                f"Spotzee's certificate is not valid here ({cause.verify_message}); check api_url"
                " and REQUESTS_CA_BUNDLE",
            )
        if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
            raise RunError("the server does not speak TLS at this address; check api_url")
        if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME:
            raise RunError("the host in api_url does not exist; check api_url and DNS")
        if isinstance(cause, (FileNotFoundError, PermissionError)):
            raise RunError("the certificates can't be read; check REQUESTS_CA_BUNDLE")
        if isinstance(cause, OSError) and (refusal := _TUNNEL_REFUSED.match(str(cause))):
            return _proxy_fault(int(refusal[1]))
    for kinds, reason, may_be_applied in (
        (ConnectionRefusedError, "connection refused", False),
        (socket.gaierror, "host name not resolved", False),
        (urllib3.exceptions.ConnectTimeoutError, "no connection in time", False),
        ((urllib3.exceptions.TimeoutError, TimeoutError), "no answer in time", True),
    ):
        if any(isinstance(cause, kinds) for cause in causes):
            return _TransportFault(reason, may_be_applied)
    return _TransportFault(f"connection broken ({type(causes[-1]).__name__})", may_be_applied=True)


def _proxy_fault(status: int) -> _TransportFault:
    """Return what it means that a proxy opens no connection to Spotzee.

    Raises:
        RunError: It never will.
    """
    if status == 407:
        raise RunError("the proxy asks for credentials; check HTTPS_PROXY (HTTP 407)")
    if status >= 500 or status in (408, 425, 429):
        reason = f"the proxy could not connect to Spotzee (HTTP {status})"
        return _TransportFault(reason, may_be_applied=False)
    raise RunError(
        f"the proxy refuses to connect to Spotzee; check HTTPS_PROXY and api_url (HTTP {status})",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it wraps, the way requests and urllib3 wrap."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        cause = pending.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [cause.__context__, cause.__cause__, getattr(cause, "reason", None)]
            pending += cause.args
