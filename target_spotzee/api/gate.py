"""What all workers share before a request: the budget, the pause, and the signal to stop."""

from __future__ import annotations

import math
from threading import Event, Lock

from target_spotzee.api.pacing import Pacer


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
