"""What was answered under which Idempotency-Key (API reference, release 2026-04-28)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_spotzee.sandbox.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_spotzee.sandbox.problems import Reply

REMEMBERED_SECONDS = 24 * 3600
LONGEST_KEY = 255


@dataclass
class _Memory:
    fingerprint: object
    since: float
    reply: Reply | None = None


class Idempotency:
    """Answers a repeated request from memory, so that it does not run again.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._memories: dict[tuple[str, str], _Memory] = {}

    def begin(self, api_key: str, key: str, fingerprint: object) -> Reply | None:
        """Return the first answer under a key; ``None`` if the request has to run, up to `finish`.

        Args:
            api_key: The API key, to which idempotency keys are scoped.
            key: The value of the header.
            fingerprint: What must be the same in a repeated request: the body and its address.

        Raises:
            Problem: 400, the key is empty or too long; 409, its first request is still running, or
                was another one.
        """
        if not 1 <= len(key) <= LONGEST_KEY:
            message = f"Idempotency-Key must have 1 to {LONGEST_KEY} characters."
            raise Problem(400, "idempotency_key_invalid", message, param="Idempotency-Key")
        self._forget_the_old()
        memory = self._memories.get((api_key, key))
        if memory is None:
            self._memories[api_key, key] = _Memory(fingerprint, self._clock())
            return None
        if memory.fingerprint != fingerprint:
            raise mismatch()
        if memory.reply is None:
            raise in_progress(retry_after="1")
        return memory.reply

    def finish(self, api_key: str, key: str, reply: Reply) -> None:
        """Remember a reply, or, if it is not one to remember, let the key be used again."""
        memory = self._memories.get((api_key, key))
        if memory is not None and is_remembered(reply.status):
            memory.reply = reply
        else:
            self._memories.pop((api_key, key), None)

    def _forget_the_old(self) -> None:
        # Insertion order is age order, so only the head needs a look.
        before = self._clock() - REMEMBERED_SECONDS
        while self._memories:
            oldest = next(iter(self._memories))
            if self._memories[oldest].since > before:
                return
            del self._memories[oldest]


def is_remembered(status: int) -> bool:
    """Say whether an answer is remembered: 2xx and 4xx are, 5xx and 429 are not."""
    return status < 500 and status != 429  # noqa: PLR2004 - statuses speak for themselves


def mismatch() -> Problem:
    """Return the refusal of a key that was used for another request."""
    message = "This Idempotency-Key was used with another request."
    return Problem(409, "idempotency_key_mismatch", message)


def in_progress(retry_after: str | None) -> Problem:
    """Return the refusal of a key whose first request has not been answered yet.

    Args:
        retry_after: The header; ``None``: no such header.
    """
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    message = "The first request with this Idempotency-Key is still running."
    return Problem(409, "idempotency_in_progress", message, headers=headers)
