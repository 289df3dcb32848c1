"""Which records are settled, and so which state may be printed.

Records are numbered from 1 as they are read. A state is safe when every record read before it is
settled. Records between two states are interchangeable here, so the ledger counts them per
stretch instead of one by one: its memory grows with what is unsettled, not with what was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec


@dataclass(slots=True, eq=False)
class Stretch:
    """The records between two states.

    Attributes:
        unsettled: How many of them have not met their end yet.
        state: The state that follows them, as the tap wrote it; ``None`` while none has.
    """

    unsettled: int = 0
    state: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where records come from: one SCHEMA of one stream, as the tap sent it.

    Attributes:
        stream: The stream's name after stream maps.
        schema: The tap's SCHEMA message.
        excludes: Which columns must not leave this machine, not even into the rejects file.
        flat_name: What flattening calls a value: its name from those of the objects it is in and
            its own; ``None`` where nothing is flattened.
    """

    stream: str
    schema: str | bytes
    excludes: Callable[[str], bool] = field(repr=False)
    flat_name: Callable[[str, list[str]], str] | None = field(default=None, repr=False)


class Ticket(msgspec.Struct, eq=False, gc=False):  # one a record, so no dataclass
    """One record on its way: what is needed to settle or to reject it.

    Attributes:
        number: Its number in this run, from 1.
        origin: Where it comes from.
        line: The tap's RECORD message as it was read.
        stretch: Its place in the ledger.
        on_safe: Called once the record was delivered, or is safe in the rejects file.
    """

    number: int
    origin: Origin
    line: str | bytes
    stretch: Stretch
    on_safe: Callable[[], None] | None = None


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

    def take(self) -> str | None:
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
