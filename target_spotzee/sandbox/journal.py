"""What came in, what was answered, and what ran at the same time."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from target_spotzee.sandbox.codec import Json, decode
from target_spotzee.sandbox.spellings import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

RATE_SECONDS = 60


@dataclass(kw_only=True)
class Request:
    """One request to the API.

    Attributes:
        number: From 1, in order of arrival.
        at: When it was read, on the sandbox's clock, in seconds.
        wall: When it was read, as an ISO 8601 string.
        request_id: The API's.
        method: Of HTTP.
        path: With the base, percent-encoded, without the query.
        query: Percent-encoded.
        headers: Under lower-case names.
        body: As it was sent.
        external_ids: Those of its users.
        anonymous_ids: Likewise.
        status: What was answered; ``None``: nothing yet, or nothing at all.
        fault: The effect that hit it.
        replayed: Whether it was answered from memory.
        applied: Whether the operation ran and was not refused whole.
        items: How many it carried.
        failed: How many of them were refused.
        milliseconds: From read to answered.
    """

    number: int
    at: float
    wall: str
    request_id: str
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    external_ids: tuple[str, ...] = ()
    anonymous_ids: tuple[str, ...] = ()
    status: int | None = None
    fault: str | None = None
    replayed: bool = False
    applied: bool = False
    items: int = 0
    failed: int = 0
    milliseconds: float = 0

    @property
    def idempotency_key(self) -> str | None:
        """The ``Idempotency-Key``, if it has one."""
        return self.headers.get("idempotency-key")

    @property
    def json(self) -> Json:
        """The body's value.

        Raises:
            ValueError: It is not JSON.
        """
        return decode(self.body)

    @property
    def identities(self) -> list[str]:
        """The ids of its users, without case and accents, which the server may ignore."""
        return [
            *(f"external_id:{folded(value)}" for value in self.external_ids),
            *(f"anonymous_id:{folded(value)}" for value in self.anonymous_ids),
        ]


@dataclass
class _Running:
    request: Request
    is_gone: Callable[[], bool]


class Journal:
    """The requests, and which of them run at the same time.

    Args:
        clock: Monotonic seconds.
        keep: How many requests, and how many overlaps, are remembered; ``None``: all.

    Attributes:
        requests: In order of arrival.
        statuses: How many requests got each status; ``none``: no answer at all.
        overlaps: The identities that two writes carried at the same time.
        count: How many requests came.
        max_in_flight: The most that ran at the same time.
    """

    def __init__(self, clock: Callable[[], float], keep: int | None = None) -> None:
        self._clock = clock
        self._running: dict[int, _Running] = {}
        self._holders: dict[str, int] = {}
        self._arrivals: Counter[int] = Counter()
        self.requests: deque[Request] = deque(maxlen=keep)
        self.statuses: Counter[str] = Counter()
        self.overlaps: deque[str] = deque(maxlen=keep)
        self.count = 0
        self.max_in_flight = 0

    @property
    def in_flight(self) -> int:
        """How many requests run now."""
        self._let_go(number for number, running in self._running.items() if running.is_gone())
        return len(self._running)

    def begin(self, request: Request, is_gone: Callable[[], bool], *, writes: bool) -> None:
        """Note a request that has been read.

        Args:
            request: What is known of it.
            is_gone: Says whether its client has hung up, so that it no longer runs.
            writes: Whether it may change users.
        """
        self.count += 1
        self.requests.append(request)
        self._running[request.number] = _Running(request, is_gone)
        self.max_in_flight = max(self.max_in_flight, len(self._running))
        second = int(request.at)
        self._arrivals[second] += 1
        if len(self._arrivals) > RATE_SECONDS + 1:
            self._arrivals = Counter(
                {at: n for at, n in self._arrivals.items() if at > second - RATE_SECONDS}
            )
        for identity in request.identities if writes else ():
            holder = self._holders.get(identity)
            if holder is not None and holder != request.number:
                if self._running[holder].is_gone():
                    self._let_go([holder])
                else:
                    self.overlaps.append(identity)
            self._holders[identity] = request.number

    def end(self, request: Request, status: int | None) -> None:
        """Note that a request has ended.

        Args:
            request: The request.
            status: What was answered; ``None``: nothing.
        """
        request.status = status
        request.milliseconds = (self._clock() - request.at) * 1000
        self.statuses["none" if status is None else str(status)] += 1
        self._let_go([request.number])

    def cut_off(self, request: Request) -> None:
        """Note a request whose client hung up before all of it had arrived."""
        self.count += 1
        self.requests.append(request)
        self.statuses["none"] += 1

    def is_running(self, request: Request) -> bool:
        """Say whether a request has not been answered yet."""
        return request.number in self._running

    def last(self, count: int) -> list[Request]:
        """Return the newest requests, newest first."""
        return list(islice(reversed(self.requests), count))

    def rates(self) -> list[int]:
        """Return how many requests came in each of the last `RATE_SECONDS`, oldest first."""
        now = int(self._clock())
        return [self._arrivals[second] for second in range(now - RATE_SECONDS, now)]

    def _let_go(self, numbers: Iterable[int]) -> None:
        for number in list(numbers):
            running = self._running.pop(number, None)
            for identity in running.request.identities if running else ():
                if self._holders.get(identity) == number:
                    del self._holders[identity]
