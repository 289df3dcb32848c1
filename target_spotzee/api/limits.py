"""How fast requests may go: the budget, the pause after a 429, and the gate that all pass.

Spotzee allows 1,000 requests in any 10 seconds per source address and answers more with 429 and
``Retry-After`` (API reference, release 2026-04-28). Seconds everywhere.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from threading import Event, Lock

from target_spotzee.api.waits import MAX_BACKOFF_SECONDS, Clock, Random

_MARGIN_SECONDS = 0.02
WINDOW_SECONDS = 10 + _MARGIN_SECONDS
"""A little more than Spotzee's own."""
_BURSTS = {"starter": 150, "professional": 750, "enterprise": 3750}
"""What a key may write in a second, by its tier; in ten it may as much as the address, or more."""
_BURST_SECONDS = 1 + _MARGIN_SECONDS
_MAX_FASTEST_SECONDS = 1.0
"""Of slower answers no more is taken off: what is in flight keeps its slot."""
_FIRST_LIMIT_WAIT_SECONDS = 1.0
_MAX_JITTER_SECONDS = 0.5


class Pacer:
    """One budget of requests for all workers, and the pause after a 429.

    Spotzee counts requests as they arrive, which is some time after they begin, and not always the
    same: one has to connect first, another is held up on its way. What a success took longer than
    the fastest may have been on its way; so its slot is free a window after its answer, less what
    the fastest took. Any other end counts from when it came, and what is in flight has its slot.
    Where it was Spotzee that took longer, that much of the window is lost, in the mean of all
    requests; a slot that is free too early costs a pause of a whole window.

    Not thread-safe: its owner takes a lock.

    Args:
        max_requests: How many requests may arrive in any `WINDOW_SECONDS`.
        clock: Monotonic seconds.
        random: For the jitter after a pause.
    """

    def __init__(self, max_requests: int, clock: Clock, random: Random) -> None:
        self._max_requests = max_requests
        self._share = max_requests
        self._burst = max_requests
        self._clock = clock
        self._random = random
        self._in_flight = 0
        self._answers: deque[float] = deque()
        self._fastest_seconds = _MAX_FASTEST_SECONDS
        self._paused_at = float("-inf")
        self._paused_until = float("-inf")
        self._limited_in_a_row = 0

    def reserve(self) -> float:
        """Take a slot for one request; `release` gives it back.

        Returns:
            0 if the slot is taken, else the seconds after which to ask again.
        """
        now = self._clock()
        while self._answers and self._free_at(self._answers[0], WINDOW_SECONDS) <= now:
            self._answers.popleft()
        wait = max(
            self._paused_until - now,
            self._wait(self._share, WINDOW_SECONDS, now),
            self._wait(self._burst, _BURST_SECONDS, now),
        )
        if wait > 0:
            return wait
        self._in_flight += 1
        return 0.0

    def _wait(self, most: int, seconds: float, now: float) -> float:
        """Return the wait until fewer than so many requests arrived within so many seconds."""
        place = len(self._answers) + self._in_flight - most
        if place < 0:
            return 0.0
        # What is in flight is answered now at the earliest.
        answered = self._answers[place] if place < len(self._answers) else now
        return self._free_at(answered, seconds) - now

    def _free_at(self, answered: float, seconds: float) -> float:
        """Return when the slot of a request is free that was answered at some time."""
        return answered - self._fastest_seconds + seconds

    def release(self, started: float, *, typical: bool, tier: str | None = None) -> None:
        """Note that a request has ended.

        Args:
            started: When it began.
            typical: Whether it tells how fast a request can be: one that was refused, was answered
                from memory or had to connect first does not.
            tier: What Spotzee says of the key's own limit, if it does.
        """
        now = self._clock()
        self._in_flight -= 1
        if typical:
            self._fastest_seconds = min(self._fastest_seconds, now - started)
        # A quick refusal arrived when it was answered, not before it began.
        insort(self._answers, now if typical else now + self._fastest_seconds)
        if tier is not None:
            self._burst = _BURSTS.get(tier.lower(), self._burst)

    def limited(self, started: float, retry_after: float | None) -> float | None:
        """Note a 429: everybody pauses.

        The first waits as long as Spotzee asks; each further one in a row doubles that, up to a
        minute, and halves this process's share of the budget, since others use the address too.

        Args:
            started: When the request began. Requests that were in flight when the pause began
                are part of the same event.
            retry_after: What Spotzee asked for.

        Returns:
            The length of the pause if one began.
        """
        begins = started > self._paused_at
        if begins:
            self._limited_in_a_row += 1
            self._paused_at = self._clock()
            if self._limited_in_a_row > 1:
                self._share = max(1, self._share // 2)
        asked = _FIRST_LIMIT_WAIT_SECONDS if retry_after is None else retry_after
        doubled = min(asked * 2.0 ** min(self._limited_in_a_row - 1, 16), MAX_BACKOFF_SECONDS)
        wait = max(asked, doubled) + self._random() * _MAX_JITTER_SECONDS
        self._paused_until = max(self._paused_until, self._clock() + wait)
        return wait if begins else None

    def eased(self, started: float) -> None:
        """Note an answer that was no 429: the share grows back.

        Args:
            started: When the request began; what began before the pause says nothing about it.
        """
        if started <= self._paused_at:
            return
        self._limited_in_a_row = 0
        if self._share < self._max_requests:
            self._share = min(self._max_requests, self._share + max(1, self._max_requests // 100))


class StoppedError(Exception):
    """No request may start any more."""


class Gate:
    """Lets requests through at the pace allowed, until it is closed.

    Args:
        pacer: The budget.
    """

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._lock = Lock()
        self._closed = Event()
        self._said: dict[str, float] = {}

    def close(self) -> None:
        """Let nothing through from now on and wake whoever waits."""
        self._closed.set()

    @property
    def closed(self) -> bool:
        """Whether nothing may start any more."""
        return self._closed.is_set()

    def pass_through(self) -> float:
        """Wait for a slot and take it; `release` gives it back.

        Returns:
            The seconds that took.

        Raises:
            StoppedError: The gate is closed.
        """
        waited = 0.0
        while not self._closed.is_set():
            with self._lock:
                wait = self._pacer.reserve()
            if not wait:
                return waited
            self.rest(wait)
            waited += wait
        raise StoppedError

    def rest(self, seconds: float) -> None:
        """Wait before another attempt.

        Raises:
            StoppedError: The gate was closed meanwhile.
        """
        if self._closed.wait(seconds):
            raise StoppedError

    def is_news(self, reason: str, now: float) -> bool:
        """Say whether nobody gave this reason within the last second."""
        with self._lock:
            said, self._said[reason] = self._said.get(reason, -math.inf), now
        return now - said > 1

    def release(self, started: float, *, typical: bool, tier: str | None = None) -> None:
        """Give the slot of a request back that has ended; see `Pacer.release`."""
        with self._lock:
            self._pacer.release(started, typical=typical, tier=tier)

    def limited(self, started: float, retry_after_seconds: float | None) -> float | None:
        """Note a 429 to a request that began at ``started``; return the pause if one begins."""
        with self._lock:
            return self._pacer.limited(started, retry_after_seconds)

    def eased(self, started: float) -> None:
        """Note an answer that was no 429 to a request that began at ``started``."""
        with self._lock:
            self._pacer.eased(started)
