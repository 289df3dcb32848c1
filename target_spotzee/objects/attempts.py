"""What it took to send a batch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Attempts:
    """What it took to send a batch, so far.

    The batch owns it. While the batch is in flight, only its worker changes it.

    Attributes:
        earlier: Requests that the same items took in another batch, before they were tried again.
        made: Requests made for this batch.
        looks: How many of them found that what is awaited has not happened yet.
        limited: How many of them met a 429.
        replayed: How many were answered from Spotzee's memory.
        asked_seconds: Waits that Spotzee or the budget of requests asked for.
        spent_seconds: Used up of the retry budget, that of earlier requests included.
        doubtful_until: Until when, by the clock, an attempt of unknown fate may still be applied.
        durations_ms: One for each request that was answered.
        request_id: Of the last answer.
    """

    earlier: int = 0
    made: int = 0
    looks: int = 0
    limited: int = 0
    replayed: int = 0
    asked_seconds: float = 0.0
    spent_seconds: float = 0.0
    doubtful_until: float = 0.0
    durations_ms: list[int] = field(default_factory=list)
    request_id: str | None = None

    @property
    def total(self) -> int:
        """Every request that carried the items."""
        return self.earlier + self.made

    def part(self, *, is_retry: bool) -> Attempts:
        """Return what a part of the batch starts with.

        Args:
            is_retry: The same items are tried again, so their budget goes on; else they start
                afresh, and only what is doubtful stays so.
        """
        if is_retry:
            return Attempts(
                earlier=self.total,
                spent_seconds=self.spent_seconds,
                doubtful_until=self.doubtful_until,
            )
        return Attempts(doubtful_until=self.doubtful_until)
