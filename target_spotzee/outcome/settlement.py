"""How a record ends: counted, safe in the rejects file if refused, and then passed by state."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, ItemsView, Iterable, Sequence

from target_spotzee.exceptions import RejectLimitError
from target_spotzee.mapping.identities import identities_of
from target_spotzee.objects.attempts import Attempts
from target_spotzee.objects.batch import Item
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.rejects import Reason, RejectsFile
from target_spotzee.outcome.summary import Summary
from target_spotzee.records import Ids, Origin, Ticket
from target_spotzee.snapshot.snapshot import Snapshot

logger = logging.getLogger("target-spotzee")


class Settlement:
    """Settles records. Used by the main thread only.

    Args:
        ledger: Knows which state is safe.
        summary: Counts.
        rejects: The rejects file, if there is one.
        write_state: Prints one state; ``None`` where none is to be printed.
        skip_rejects: Whether state passes even a reject that is kept nowhere.
        max_rejects: More than this end the run.
        snapshot: Remembers who was seen, if there is one.
    """

    def __init__(
        self,
        ledger: Ledger,
        summary: Summary,
        rejects: RejectsFile | None,
        write_state: Callable[[str], None] | None,
        *,
        skip_rejects: bool = False,
        max_rejects: int | None = None,
        snapshot: Snapshot | None = None,
    ) -> None:
        self._ledger = ledger
        self._summary = summary
        self._streams = summary.streams
        self._rejects = rejects
        self._write_state = write_state
        self._skip_rejects = skip_rejects
        self._max_rejects = max_rejects
        self._snapshot = snapshot
        self._unsynced: list[Ticket] = []
        self.exceeded: RejectLimitError | None = None
        """Set once more was rejected than the settings allow; the run should stop."""

    def issue(self, origin: Origin, line: str | bytes) -> Ticket:
        """Count a record that was read and number it."""
        records = self._streams[origin.stream]
        records.read += 1
        records.unsettled += 1
        return self._ledger.issue(origin, line)

    def note(self, invalid: Iterable[str], mended: Iterable[str] = ()) -> None:
        """Count fields that could not be valid, and those that had to be mended."""
        self._summary.invalid_fields.update(invalid)
        self._summary.mended_fields.update(mended)

    def pass_over(self, origin: Origin, count: int) -> None:
        """Count and settle records that nobody looks at."""
        records = self._streams[origin.stream]
        records.read += count
        records.ignored += count
        self._ledger.pass_over(count)

    def attempted(self, attempts: Attempts) -> None:
        """Count what it took to send a batch."""
        self._summary.requests.add(attempts)

    def split(self, times: int) -> None:
        """Count how often a batch was taken apart."""
        self._summary.requests.split += times

    def delivered(self, items: Sequence[Item]) -> None:
        """Settle items that Spotzee took, all of one kind.

        An item's newest record counts as delivered, its older ones as folded.
        """
        streams, kind = self._streams, items[0].kind
        newest = [item.ticket for item in items]
        older = [ticket for item in items if item.folded for _, ticket in item.folded[:-1]]
        for stream, count in _by_stream(newest):
            if kind.confirms:
                streams[stream].confirmed += count
            else:
                streams[stream].accepted += count
            streams[stream].unsettled -= count
        for stream, count in _by_stream(older):
            streams[stream].folded += count
            streams[stream].unsettled -= count
        self._supersede(items)
        self._ledger.settle(*newest, *older)
        for ticket in (*older, *newest):
            if ticket.on_end is not None:
                ticket.on_end(True)  # noqa: FBT003 - a callback's only argument

    def unchanged(self, records: Sequence[tuple[Ticket, Ids]]) -> None:
        """Settle records whose users Spotzee has already as they are."""
        tickets = [ticket for ticket, _ in records]
        for stream, count in _by_stream(tickets):
            self._streams[stream].unchanged += count
            self._streams[stream].unsettled -= count
        if self._rejects is not None:
            for ticket, ids in records:
                self._rejects.superseded(ticket, ids)
        self._ledger.settle(*tickets)
        for ticket in tickets:
            if ticket.on_end is not None:
                ticket.on_end(True)  # noqa: FBT003 - a callback's only argument

    def removed(self, items: Sequence[Item], how: str | None) -> None:
        """Settle users that left the source.

        Args:
            items: Their removals; some came from a record.
            how: What was done: ``mark`` or ``delete``; ``None``: they were gone already.
        """
        removed = self._summary.removed
        if how == "mark":
            removed.marked += len(items)
        elif how == "delete":
            removed.deleted += len(items)
        recorded = [item for item in items if item.ticket.number]
        if recorded:
            self.delivered(recorded)

    def hold_back(self, count: int, why: str) -> None:
        """Note users that left and are not removed, and tell a person why.

        Args:
            count: How many.
            why: A line that says which, why, and what to do.
        """
        removed = self._summary.removed
        removed.held_back += count
        if why not in removed.reasons:
            removed.reasons.append(why)
            logger.warning("%s", why)

    @property
    def held_at(self) -> int | None:
        """Number of the first record that no state will pass, if there is one."""
        return self._ledger.held_at

    def filtered(self, ticket: Ticket) -> None:
        """Settle a record that a stream map filters out."""
        self._streams[ticket.origin.stream].filtered += 1
        self._settle(ticket)

    def ignored(self, ticket: Ticket) -> None:
        """Settle a record of a stream that is not loaded."""
        self._streams[ticket.origin.stream].ignored += 1
        self._settle(ticket)

    def _supersede(self, items: Sequence[Item]) -> None:
        """Mark older rejects of the same users as done, before a state can pass."""
        if self._rejects is not None and items[0].kind.supersedes:
            for item in items:
                for _, ticket in item.parts:
                    self._rejects.superseded(ticket, item.ids)

    def rejecting(self, ticket: Ticket, reason: Reason, ids: Ids | None) -> None:
        """Note whose record is going to be rejected, as soon as that is known."""
        if self._snapshot is not None:
            identity = None if ids is None else identities_of(ids)[0]
            self._snapshot.rejected(ticket.origin.stream, identity, reason.code)

    def rejected(self, ticket: Ticket, reason: Reason, ids: Ids | None = None) -> None:
        """Reject a record, after `rejecting`; it is settled once `publish` has made it safe.

        Args:
            ticket: The record.
            reason: Why.
            ids: Its user's, if they are known.
        """
        stream = ticket.origin.stream
        records = self._streams[stream]
        records.rejected += 1
        records.unsettled -= 1
        self._summary.reject(reason.code, stream, ticket.number)
        if self._rejects is not None:
            self._rejects.write(ticket, reason, ids)
            self._unsynced.append(ticket)
        elif self._skip_rejects:
            self._ledger.settle(ticket)
        else:
            self._ledger.hold(ticket)
        most = self._max_rejects
        if most is not None and self._summary.rejected > most and self.exceeded is None:
            limit = f"max_rejects is {most}" if most else "the first is one too many"
            self.exceeded = RejectLimitError(
                f"stopped at the reject of record {ticket.number}, stream {stream!r}:"
                f" {reason.code} ({limit})",
            )

    def checkpoint(self, state: str) -> None:
        """Note a state of the tap's."""
        self._ledger.checkpoint(state)

    def publish(self) -> None:
        """Make rejects safe, then print the newest state that every settled record allows.

        Raises:
            RunError: The rejects file or stdout can't be written.
        """
        if self._rejects is not None and self._unsynced:
            self._rejects.sync()
            for ticket in self._unsynced:
                self._ledger.settle(ticket)
                if ticket.on_end is not None:
                    ticket.on_end(True)  # noqa: FBT003 - a callback's only argument
            self._unsynced.clear()
        if self._snapshot is not None and self._ledger.has_safe:
            self._snapshot.write()  # who was seen, before a state passes them
        state = self._ledger.take_safe()
        if state is not None and self._write_state is not None:
            self._write_state(state)
            self._summary.states_printed += 1

    def _settle(self, ticket: Ticket) -> None:
        self._streams[ticket.origin.stream].unsettled -= 1
        self._ledger.settle(ticket)
        if ticket.on_end is not None:
            ticket.on_end(False)  # noqa: FBT003 - a callback's only argument


def _by_stream(tickets: Iterable[Ticket]) -> ItemsView[str, int]:
    """Count records by their stream."""
    return Counter([ticket.origin.stream for ticket in tickets]).items()
