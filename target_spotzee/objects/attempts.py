"""What it took to send a batch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Trace:
    """What it took to send one batch.

    Attributes:
        attempts: Requests made.
        limited: How many of them met a 429.
        replayed: How many were answered from Spotzee's memory.
        asked_seconds: Waits that Spotzee or the budget of requests asked for.
        spent_seconds: Used up of the retry budget, forerunners included.
        doubtful_until: Until when, by the clock, an attempt of unknown fate may still be applied.
        durations_ms: One for each request that was answered.
        request_id: Of the last answer.
    """

    attempts: int = 0
    limited: int = 0
    replayed: int = 0
    asked_seconds: float = 0.0
    spent_seconds: float = 0.0
    doubtful_until: float = 0.0
    durations_ms: list[int] = field(default_factory=list)
    request_id: str | None = None
