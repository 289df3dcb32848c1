"""Which records are settled, and so which state may be printed.

Records are numbered from 1 as they are read. A state is safe when every record read before it is
settled. Records between two states are interchangeable here, so the ledger counts them per
stretch instead of one by one: its memory grows with what is unsettled, not with what was read.
"""

from __future__ import annotations

from collections import deque

from target_spotzee.records import Origin, Stretch, Ticket


class Ledger:
    """Issues tickets, takes checkpoints, and says which state is safe now."""

    def __init__(self) -> None:
        self._stretches: deque[Stretch] = deque([Stretch()])
        self._issued = 0
        self._compact_at = 64
        self._safe: str | None = None
        self._printed: str | None = None
        self.held_at: int | None = None
        """Number of the first record that no state will pass, if there is one."""

    def issue(self, origin: Origin, line: str | bytes) -> Ticket:
        """Number a record that was just read."""
        self._issued += 1
        stretch = self._stretches[-1]
        stretch.unsettled += 1
        return Ticket(self._issued, origin, line, stretch)

    def pass_over(self, count: int) -> None:
        """Number records that are settled as they are read."""
        self._issued += count

    def settle(self, *tickets: Ticket) -> None:
        """Note that records have met their end. Each ticket is settled at most once."""
        for ticket in tickets:
            ticket.stretch.unsettled -= 1

    def hold(self, ticket: Ticket) -> None:
        """Note that a record was rejected with no safe place to keep it: no state passes it."""
        if self.held_at is None or ticket.number < self.held_at:
            self.held_at = ticket.number

    def checkpoint(self, state: str) -> None:
        """Note a state the tap sent after the records read so far."""
        self._stretches[-1].state = state
        self._stretches.append(Stretch())
        if len(self._stretches) > self._compact_at:
            self._compact()

    @property
    def has_safe(self) -> bool:
        """Whether `take_safe` may return a state."""
        first = self._stretches[0]
        return first.state is not None and not first.unsettled

    def take_safe(self) -> str | None:
        """Return the newest safe state that was not taken before, else ``None``."""
        stretches = self._stretches
        while stretches[0].state is not None and not stretches[0].unsettled:
            self._safe = stretches.popleft().state
        state, self._safe = self._safe, None
        if state is None or state == self._printed:
            return None
        self._printed = state
        return state

    def _compact(self) -> None:
        """Drop settled stretches behind an unsettled one: they only move its state on."""
        *closed, newest = self._stretches
        kept = closed[:1]
        for stretch in closed[1:]:
            if stretch.unsettled:
                kept.append(stretch)
            else:
                kept[-1].state = stretch.state
        self._stretches = deque([*kept, newest])
        self._compact_at = max(64, 2 * len(self._stretches))
