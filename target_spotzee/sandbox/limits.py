"""How many requests a source address, and a key, may make.

The limits are those of Spotzee's API reference, release 2026-04-28. Those of keys were announced,
and withdrawn from the documents in April 2026.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from target_spotzee.sandbox.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Tier: TypeAlias = Literal["starter", "professional", "enterprise"]
WRITES_PER_SECOND: Final[Mapping[Tier, int]] = {
    "starter": 100,
    "professional": 500,
    "enterprise": 2500,
}
BURST = 1.5
TIER_WINDOW_SECONDS = 10


class Window:
    """A sliding window: at most ``limit`` requests in any ``seconds``.

    Args:
        limit: How many requests.
        seconds: How long the window is.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._times: deque[float] = deque()

    def wait_seconds(self, now: float) -> float:
        """Return the seconds until one more request fits; 0 if it does now."""
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        if len(self._times) < self.limit:
            return 0
        return self._times[0] + self.seconds - now

    def take(self, now: float) -> None:
        """Count one request."""
        self._times.append(now)

    def remaining(self, now: float) -> int:
        """Return how many more requests fit now."""
        self.wait_seconds(now)
        return max(0, self.limit - len(self._times))

    def reset_seconds(self, now: float) -> float:
        """Return the seconds until the oldest request leaves the window; 0 if it is empty."""
        self.wait_seconds(now)
        return self._times[0] + self.seconds - now if self._times else 0


@dataclass(frozen=True)
class AddressLimit:
    """A limit for each source address.

    Attributes:
        requests: How many it may make.
        seconds: Within how long.
        path: How the paths begin that the limit is for.
        retry_after: What a refusal says, in seconds; ``None``: until a request fits again.
    """

    requests: int
    seconds: float
    path: str
    retry_after: int | None = None


class AddressLimits:
    """The requests of each source address.

    Args:
        rules: Its limits; a request must keep all that are for its path.
        clock: Monotonic seconds.
    """

    def __init__(self, rules: tuple[AddressLimit, ...], clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._windows: dict[tuple[str, AddressLimit], Window] = {}

    def admit(self, address: str, path: str) -> None:
        """Count a request.

        Raises:
            Problem: 429, it is one too many; then it doesn't count.
        """
        now = self._clock()
        windows = []
        for rule in self._rules:
            if not path.startswith(rule.path):
                continue
            window = self._windows.get((address, rule))
            if window is None:
                window = self._windows[address, rule] = Window(rule.requests, rule.seconds)
            wait_seconds = window.wait_seconds(now)
            if wait_seconds > 0:
                raise rate_limited(str(rule.retry_after or math.ceil(wait_seconds)))
            windows.append(window)
        for window in windows:
            window.take(now)


class TierLimits:
    """The writes that the tier of an account allows each of its keys.

    A tier's ``n`` writes a second are ``10 n`` in any ten seconds, and at most ``1.5 n`` in any
    single one.

    Args:
        tier: The account's.
        clock: Monotonic seconds.
    """

    def __init__(self, tier: Tier, clock: Callable[[], float]) -> None:
        self._tier = tier
        self._clock = clock
        self._windows: dict[str, tuple[Window, Window]] = {}

    def admit(self, api_key: str) -> None:
        """Count a write.

        Raises:
            Problem: 429, it is one too many; then it doesn't count.
        """
        now = self._clock()
        windows = self._of(api_key)
        wait_seconds = max(window.wait_seconds(now) for window in windows)
        if wait_seconds > 0:
            raise rate_limited(str(math.ceil(wait_seconds)))
        for window in windows:
            window.take(now)

    def headers(self, api_key: str) -> dict[str, str]:
        """Return the headers in which every response tells of the limit."""
        now = self._clock()
        sustained, _ = self._of(api_key)
        return {
            "X-RateLimit-Limit": str(sustained.limit),
            "X-RateLimit-Remaining": str(sustained.remaining(now)),
            "X-RateLimit-Reset": str(math.ceil(sustained.reset_seconds(now))),
            "X-RateLimit-Tier": self._tier,
        }

    def _of(self, api_key: str) -> tuple[Window, Window]:
        if api_key not in self._windows:
            rate = WRITES_PER_SECOND[self._tier]
            self._windows[api_key] = (
                Window(rate * TIER_WINDOW_SECONDS, TIER_WINDOW_SECONDS),
                Window(int(rate * BURST), 1),
            )
        return self._windows[api_key]


def rate_limited(retry_after: str | None) -> Problem:
    """Return the refusal of a request that is one too many.

    Args:
        retry_after: The header; ``None``: no such header.
    """
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Problem(429, "rate_limited", "Too many requests.", headers=headers)
