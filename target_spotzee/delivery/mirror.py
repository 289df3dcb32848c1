"""What need not be sent, and who has left: the snapshot is asked before the backlog."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from target_spotzee.delivery.comparison import Found
from target_spotzee.delivery.removals import Removals, Shown, returned
from target_spotzee.mapping.identities import identities_of
from target_spotzee.objects.batch import Item
from target_spotzee.objects.kinds import PATIENT, Payload
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.records import Ids, Ticket
from target_spotzee.snapshot.digests import digest
from target_spotzee.snapshot.entries import CLOSED, LEAVING, Entry
from target_spotzee.snapshot.snapshot import Snapshot, spelling
from target_spotzee.snapshot.streams import Stream
from target_spotzee.snapshot.unread import Unread

logger = logging.getLogger("target-spotzee")

Known = dict[str, dict[int, Entry]]
"""Users' entries: by identity, then by stream."""


class Mirror:
    """Decides which records are sent.

    Args:
        snapshot: What Spotzee was last confirmed to have.
        settlement: Where records end that are not sent.
        removals: Judges who has left.
        holds: Says whether an item with one of these identities waits or is in flight.
        send: Sends an item on its way; see `Dispatcher.add`.
        clock: Monotonic seconds.
        key: What the snapshot belongs to where Spotzee does not tell the project.
        adopt: Take a snapshot over that belongs to another.
        is_dry: Compare and count, for a person; ask Spotzee nothing.
        is_cut: Only a part of the input is read, so nobody can be missed.

    Attributes:
        found: What a dry run found, by stream.
        is_bound: Whether it is known that the snapshot belongs to the key's project.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        settlement: Settlement,
        removals: Removals,
        holds: Callable[[Sequence[str]], bool],
        send: Callable[[Item, Payload, float], None],
        clock: Callable[[], float],
        *,
        key: str,
        adopt: bool = False,
        is_dry: bool = False,
        is_cut: bool = False,
    ) -> None:
        self._snapshot = snapshot
        self.was_sent_since = snapshot.was_sent_since
        """Says whether a user was sent in a later run than another; see `Snapshot`."""
        self._settlement = settlement
        self._removals = removals
        self._holds = holds
        self._send = send
        self._clock = clock
        self._key = key
        self._adopt = adopt
        self._is_dry = is_dry
        self._is_cut = is_cut
        self._now = 0.0
        self._undecided: list[tuple[Item, Payload] | Unread | frozenset[str]] = []
        """Records in the order in which they were read, and states by what they say."""
        self._known: Known | None = None
        self._back: set[str] = set()
        self._marking: set[str] = set()
        """Users whose mark this run sends: should they come back, it is taken away."""
        self._unchanged: list[tuple[Ticket, Ids]] = []
        self._claimed: set[str] = set()
        self._activated: set[str] = set()
        self._partial: set[str] = set()
        self._shared: set[str] = set()
        self._telling: set[str] = set()
        self.found: defaultdict[str, Found] = defaultdict(Found)
        self.is_bound = is_dry

    def bind(self, project: Mapping[str, object]) -> None:
        """See that the snapshot belongs to the key's project.

        Args:
            project: What Spotzee says of it; empty where it does not tell.

        Raises:
            SettingsError: It belongs to another.
        """
        known = project.get("id")
        self._snapshot.facts.bind(
            self._key if known is None else f"project {known}", adopt=self._adopt
        )
        self.is_bound = True
        if not self._is_cut:
            self._removals.judge_pending(self._shared)

    def describe(
        self, stream: str, writes: Sequence[str], *, is_whole: bool, tells_deleted: bool
    ) -> None:
        """Note a stream before its records.

        Args:
            stream: After stream maps.
            writes: The fields that it writes.
            is_whole: Whether each run shows all of it.
            tells_deleted: Whether its records can say that they were deleted.
        """
        if tells_deleted:
            self._telling.add(stream)
        known = self._snapshot.streams.get(stream)
        self._snapshot.streams.learn(known, writes)
        if is_whole:
            self._claimed.add(stream)
            if known.tour.is_over:
                known.begin(None)

    def activate(self, stream: str, version: int) -> None:
        """Note an ACTIVATE_VERSION."""
        if self._is_cut:
            return
        known = self._snapshot.streams.get(stream)
        if known.activate(version, self._snapshot.run):
            self._activated.add(stream)
        elif known.tour.lacks_version(self._snapshot.run):
            known.tour.is_versioned = False
            self._activated.add(stream)
        elif known.tour.activated is not None and version < known.tour.activated:
            logger.warning(
                "stream %r: a version that is lower than one before is ignored, so nobody is"
                " missed; delete the snapshot if the tap counts otherwise now",
                stream,
            )

    def comes_from(self, stream: str, source: str) -> None:
        """Note which of the tap's streams a stream is; another one in each run shows but a part."""
        if self._snapshot.facts.comes_from(stream, source):
            self.share(stream)

    def replay(self) -> None:
        """Note that the input holds rejects that are sent again, so nobody can be missed."""
        self._is_cut = True

    def share(self, stream: str) -> None:
        """Note that several of the tap's streams are one here, so none shows it whole."""
        self._shared.add(stream)
        self._snapshot.streams.get(stream).drop_pass()

    def is_partial(self, stream: str) -> None:
        """Note that what is shown of a stream is only what changed."""
        self._partial.add(stream)

    def checkpoint(self, unfinished: frozenset[str]) -> None:
        """Note a state of the tap's, in its place between the records.

        Args:
            unfinished: The streams that it says are not read to their end.
        """
        if self._undecided:
            self._undecided.append(unfinished)
        else:
            self._state(unfinished)

    def _state(self, unfinished: frozenset[str]) -> None:
        for stream in self._snapshot.streams:
            stream.tour.state(is_finished=stream.name not in unfinished)

    def refuse(self, ticket: Ticket, ids: Ids | None) -> None:
        """Note a record that can't be sent; its user, if it names one, was seen."""
        stream = self._snapshot.streams.get(ticket.origin.stream)
        identity = None if ids is None else identities_of(ids)[0]
        stream.show(ticket.version, identity, self._snapshot.run)
        if identity is None:
            stream.tour.flaw = "a record was rejected that names nobody"
            return
        self._snapshot.leavers.shown([identity])
        entry = self._snapshot.entries.of(identity).get(stream.number)
        if entry is not None:
            stream.now.add(entry.number)

    def judge(self) -> None:
        """Find out who has left the source, now that its input has ended."""
        if not self._is_cut:
            shown = Shown(
                self._claimed, self._activated, self._partial, self._shared, self._telling
            )
            for stream, count in self._removals.judge(shown).items():
                self.found[stream].held_back += count

    @property
    def has_leavers(self) -> bool:
        """Whether anybody is to be removed."""
        return self._snapshot.leavers.are_due and not self._is_cut

    def leavers(self) -> Iterator[Item]:
        """Yield a removal for each user who has left."""
        for item in self._removals.due() if self.has_leavers else ():
            self.found[item.ticket.origin.stream].removed += 1
            yield item

    @property
    def has_undecided(self) -> bool:
        """Whether there is anything to `decide`."""
        return bool(self._undecided)

    def mix(self, stream: str, recipe: bytes) -> None:
        """Note what decides how a stream's records are mapped.

        Where that changed, records that did not are remembered as they are written now.
        """
        known = self._snapshot.streams.get(stream)
        if known.recipe != recipe:
            known.recipe, known.is_new, known.has_changed = recipe, True, True

    def take(self, item: Item, payload: Payload) -> bool:
        """Take a record, or the removal that one asks for; say whether it was decided at once."""
        if self._known is not None:
            self._decide_item(item, payload, self._known)
            return True
        self._undecided.append((item, payload))
        return False

    def take_unread(self, record: Unread) -> None:
        """Take a record that was not read."""
        self._undecided.append(record)

    def decide(self) -> None:
        """Send what changed on its way, and settle what did not."""
        undecided, self._undecided = self._undecided, []
        snapshot = self._snapshot
        shown: list[str] = []
        deleted: list[str] = []
        for each in undecided:
            if isinstance(each, Unread):
                shown.append(each.identity)
            elif isinstance(each, tuple):  # who is only said to be deleted is not shown
                of_kind = shown if each[0].kind.removes is None else deleted
                of_kind.append(each[0].identities[0])
        identities = [*shown, *deleted] if deleted else shown
        self._now = self._clock()
        known = self._known = snapshot.entries.find(identities)
        snapshot.opt_outs.look_up(identities)
        self._back = snapshot.leavers.shown(shown)
        try:
            for each in undecided:
                if isinstance(each, Unread):
                    self._decide_unread(each, known)
                elif isinstance(each, frozenset):
                    self._state(each)
                else:
                    self._decide_item(*each, known)
        finally:
            self._known = None
            if self._unchanged:
                unchanged, self._unchanged = self._unchanged, []
                self._settlement.unchanged(unchanged)

    def _decide_unread(self, record: Unread, known: Known) -> None:
        of_user = known.get(record.identity)
        if of_user is not None:
            ticket = record.ticket
            stream = self._snapshot.streams.get(ticket.origin.stream)
            entry = of_user.get(stream.number)
            if (
                entry is not None
                and entry.digests[8:] == record.line
                and not self._snapshot.has_links
                and self._is_settled(entry, stream, of_user, (record.identity,))
            ):
                stream.show(ticket.version, record.identity, self._snapshot.run)
                stream.now.add(entry.number)
                self._pass_over(stream, ticket, (record.external_id, None))
                return
        record.load(record)

    def _decide_item(self, item: Item, payload: Payload, known: Known) -> None:
        snapshot, stream = self._snapshot, self._snapshot.streams.get(item.ticket.origin.stream)
        identity = item.identities[0]
        # A record of one of two linked ids changes what is known of the other.
        of_user = snapshot.entries.of(identity) if snapshot.has_links else known.get(identity)
        if item.kind.removes is not None:
            self._remove(item, stream, of_user)
            return
        stream.show(item.ticket.version, identity, snapshot.run)
        item.digests = digest(item.content) + item.line
        entry = of_user.get(stream.number) if of_user is not None else None
        if entry is not None and of_user is not None:
            stream.now.add(entry.number)
            if (
                entry.digests[:8] == item.digests[:8]
                and self._is_settled(entry, stream, of_user, item.identities)
                and not (snapshot.has_links and snapshot.linked(identity))
            ):
                if item.line and (stream.is_new or not entry.digests[8:]):
                    entry.digests = item.digests
                    snapshot.entries.keep(identity, stream.number, entry)
                self._pass_over(stream, item.ticket, item.ids)
                return
        if self._is_dry:
            self.found[stream.name].compare(entry, payload, stream.writes)
        self._use(item, stream, of_user)
        if entry is None:  # it may have come with a record just before, of an older version
            stream.now.add(item.entry.number)
        is_back = identity in self._back
        if identity in self._marking:
            is_back = True
            snapshot.leavers.expect(identity)
        if is_back:
            item, payload = returned(item, payload)
            item.entry.doubt = LEAVING
        self._send(item, payload, self._now)

    def _is_settled(
        self,
        entry: Entry,
        stream: Stream,
        of_user: dict[int, Entry],
        identities: Sequence[str],
    ) -> bool:
        """Say whether Spotzee still has what was confirmed, and nothing is on its way."""
        return (
            entry.doubt == CLOSED
            and entry.request > self._snapshot.stale
            and not self._holds(identities)
            and (len(of_user) == 1 or not self._is_older(entry, stream, of_user))
        )

    def _pass_over(self, stream: Stream, ticket: Ticket, ids: Ids) -> None:
        self._unchanged.append((ticket, ids))
        if self._is_dry:
            self.found[stream.name].unchanged += 1

    def _use(self, item: Item, stream: Stream, of_user: dict[int, Entry] | None) -> None:
        snapshot = self._snapshot
        identity = item.identities[0]
        item.entry = snapshot.entries.use(identity, stream.number, of_user)
        item.entry.is_leaving = False
        item.entry.spelling = spelling(identity, item.ids)
        for anonymous in item.identities[1:]:
            snapshot.link(anonymous, identity)
        if snapshot.has_links and identity[0] == "a":
            for external in snapshot.linked(identity):
                snapshot.doubt(external)

    def _is_older(self, entry: Entry, stream: Stream, of_user: dict[int, Entry]) -> bool:
        """Say whether another stream may have written one of this one's fields since."""
        others = self._snapshot.streams.others(stream)
        return any(
            number in others and (other.request >= entry.request or other.doubt != CLOSED)
            for number, other in of_user.items()
        )

    def _remove(self, item: Item, stream: Stream, of_user: dict[int, Entry] | None) -> None:
        """Send the removal of a user whose record says that it was deleted."""
        snapshot, identity = self._snapshot, item.identities[0]
        if item.is_ignored:
            self._send(item, {}, self._now)
            return
        now = snapshot.entries.of(identity)  # records just before this one included
        own = now.get(stream.number)
        if own is not None and own.is_spelt_otherwise(identity, item.ids[0]):
            self._settlement.hold_back(
                1,
                f"stream {stream.name!r}: a deleted row removed nobody: another spelling of its id"
                " lives",
            )
            item.is_ignored = True
            self._send(item, {}, self._now)
            return
        is_elsewhere = any(
            number != stream.number and not entry.is_leaving for number, entry in now.items()
        ) or snapshot.rejections.are_elsewhere(
            identity, [other for other in snapshot.streams if other is not stream]
        )
        snapshot.rejections.forget((identity, stream.number))
        if is_elsewhere:
            for number in snapshot.streams.others(stream) & now.keys() if own is not None else ():
                snapshot.entries.age(identity, number)
            snapshot.entries.forget(identity, stream.number)
            if of_user is not None:
                of_user.pop(stream.number, None)
            item.is_ignored, item.kind = True, PATIENT[item.kind]  # it may be queued
            self._send(item, {}, self._now)
            return
        self.found[stream.name].removed += self._is_dry
        if item.kind.removes == "mark":
            self._marking.add(identity)
        if stream.number in now:
            item.entry = snapshot.entries.use(identity, stream.number, now)
            item.entry.is_leaving = True
        self._send(item, {}, self._now)
