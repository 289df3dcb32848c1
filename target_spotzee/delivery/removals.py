"""Who has left the source: judged when the input has ended, guarded, and then removed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from target_spotzee import codec
from target_spotzee.mapping.streams import StreamConfigs
from target_spotzee.objects.batch import Item
from target_spotzee.objects.kinds import KINDS, REMOVALS, Payload, Step
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.records import Ids, Origin, Stretch, Ticket
from target_spotzee.snapshot.leavers import Absence
from target_spotzee.snapshot.snapshot import Snapshot
from target_spotzee.snapshot.streams import Stream

_ANYTHING = "--confirm-removals lets it through in one run"

logger = logging.getLogger("target-spotzee")


def removal_of(
    ids: Ids,
    how: str,
    ticket: Ticket,
    at: str,
    identities: tuple[str, ...],
    *,
    is_ignored: bool = False,
) -> Item:
    """Return the removal of a user.

    Args:
        ids: The user's, with an external_id.
        how: ``mark`` or ``delete``.
        ticket: What it is settled with.
        at: The time that a mark bears.
        identities: The user's.
        is_ignored: Nobody is removed; only what the record says no to is told.
    """
    external_id = str(ids[0])
    body = quote(external_id, safe="").encode()
    item = Item(KINDS["removals", how], ids, identities, body, ticket, is_ignored=is_ignored)
    if how == "mark":
        body = codec.encode_unicode({"external_id": external_id, "data": {"removed_at": at}})
    item.steps = tuple(Step(kind, body) for kind in REMOVALS[how])
    return item


def returned(item: Item, payload: Payload) -> tuple[Item, Payload]:
    """Return an item of a user that was marked as removed, and is there again."""
    data = {**payload.get("data", {}), "removed_at": None}
    whole = {**payload, "data": data}
    body = codec.encode_unicode(whole)
    if len(body) > item.kind.max_item_bytes:  # it stays marked, and nothing else is lost
        return item, payload
    back = Item(item.kind, item.ids, item.identities, body, item.ticket)
    back.line, back.digests, back.entry = item.line, item.digests, item.entry
    back.toggles = item.toggles
    return back, whole


@dataclass(frozen=True)
class Shown:
    """What the input says of how much of its streams it shows, without proof.

    Attributes:
        whole: Streams of which the settings say that each run shows all.
        activated: Streams with a new version.
        partial: Streams of which the state says that only what changed was read.
        shared: Streams that several of the tap's are sent as.
    """

    whole: Collection[str]
    activated: Collection[str]
    partial: Collection[str]
    shared: Collection[str]
    telling: Collection[str]


def _users(count: int) -> str:
    return f"{count:,} user{'s' if count > 1 else ''}"


def _always(_stream: int, _number: int) -> bool:
    return True


@dataclass(eq=False)
class Removals:
    """Judges who has left, stream by stream.

    Args:
        snapshot: Knows who was there and who was seen.
        settlement: Where it is noted what was held back.
        configs: How each stream's users are removed.
        now: The time of day, with its zone.
        max_percent: More than this share of a stream's users is not removed.
        is_confirmed: Whether a person said that it may be.
    """

    snapshot: Snapshot
    settlement: Settlement
    configs: StreamConfigs
    now: Callable[[], datetime]
    max_percent: int
    is_confirmed: bool
    _held_back: Counter[str] = field(default_factory=Counter)
    _endings: list[Callable[[], None]] = field(default_factory=list)
    """End passes, once every stream is judged: one asks what another showed lately."""

    def judge(self, shown: Shown) -> Counter[str]:
        """Write down who is to be removed, or say why nobody is.

        Args:
            shown: What the input says of its streams.

        Returns:
            How many users of which stream were held back.
        """
        self.snapshot.write()
        # Those that keep their users come first, so that they are in no other's way.
        by_stream = {stream: self._how(stream.name) for stream in self.snapshot.streams}
        for stream, how in sorted(by_stream.items(), key=lambda each: each[1] != "keep"):
            if stream.tour.proved_in is not None and stream.name not in shown.shared:
                self._judge_proved(stream, how)
            elif stream.name in {*shown.whole, *shown.activated}:
                doubt = self._doubt(stream, shown)
                if doubt is None:
                    self._judge_weak(stream, how)
                elif how != "keep":
                    logger.warning(
                        "stream %r: users that left are not looked for: %s", stream.name, doubt
                    )
            elif how != "keep" and self._has_shown(stream) and stream.name not in shown.telling:
                logger.warning(
                    "stream %r: removed_users is %s, but nothing says who has left: no"
                    " ACTIVATE_VERSION, no column _sdc_deleted_at, no complete_pass",
                    stream.name,
                    how,
                )
        self._end_passes()
        return self._held_back

    def _end_passes(self) -> None:
        for end in self._endings:
            end()
        self._endings.clear()
        self.snapshot.write()

    def _how(self, stream: str) -> str:
        """Return what becomes of a stream's users that left."""
        config = self.configs.find(stream)
        return "keep" if config is None else config.removed_users

    def judge_pending(self, shared: Collection[str]) -> None:
        """Write down who is to be removed after passes of earlier runs, before another begins."""
        pending = [
            each
            for each in self.snapshot.streams
            if each.tour.proved_in is not None and each.tour.is_certain
        ]
        if pending:
            self.snapshot.write()
            for stream in pending:
                if stream.name not in shared:
                    self._judge_proved(stream, self._how(stream.name), says=False)
            self._end_passes()

    def _judge_proved(self, stream: Stream, how: str, *, says: bool = True) -> None:
        seen = stream.now.__contains__
        if how == "keep":
            if stream.tour.flaw is None:  # so that they are not in the way of other streams
                overlapping = self.snapshot.streams.others(stream)
                self.snapshot.leavers.forget(stream.number, seen, overlapping)
            self._endings.append(stream.end_pass)
            return
        absence = self._absence(stream, seen, is_proved=True)
        if self._may_go(stream, how, absence, deletes=how == "delete", says=says):
            self.snapshot.leavers.judge(absence, how, is_proved=True)
            self._endings.append(stream.end_pass)
        elif says and stream.tour.flaw is not None:
            self._endings.append(stream.drop_pass)

    def _warn_of_marked(self, stream: Stream) -> None:
        """Say whom nothing but a person's word will delete, as long as the tap shows no more."""
        waiting = self.snapshot.leavers.marked(stream.number)
        if waiting:
            logger.warning(
                "stream %r: %s that left and were marked wait to be deleted: until a pass reads on"
                " past the place where the one before ended, only --confirm-removals deletes them",
                stream.name,
                _users(waiting),
            )

    def _has_shown(self, stream: Stream) -> bool:
        return stream.tour.run == self.snapshot.run and not stream.tour.is_over

    def _doubt(self, stream: Stream, shown: Shown) -> str | None:
        """Return why a stream that was shown without proof may not have been shown whole."""
        if stream.name in shown.shared:
            return "several of the tap's streams bear its name, and each shows only its own users"
        if stream.name in shown.partial:
            return "its state has the value of a replication key, so the tap reads what changed"
        if not self._has_shown(stream):
            return None
        if stream.name not in shown.whole and not stream.tour.is_versioned:
            return "its records do not bear the version that the tap activates"
        if not stream.tour.is_stated:
            return "no STATE after its last record says that it was read to its end"
        return None

    def _judge_weak(self, stream: Stream, how: str) -> None:
        tour = stream.tour
        before, now = stream.before, stream.now
        issued = tour.before.issued if tour.before is not None else 0

        def seen(number: int) -> bool:
            return number >= issued or number in now or number in before

        if not self._has_shown(stream):
            if how != "keep":
                nobody = self._absence(stream, lambda _: False, is_proved=False)
                self._may_go(stream, how, nobody, deletes=False)
            return
        is_proved = self.is_confirmed or tour.has_passed
        absence = self._absence(stream, seen, is_proved=is_proved)
        deletes = how == "delete" and is_proved
        if (
            how != "keep"
            and tour.before is not None
            and self._may_go(stream, how, absence, deletes=deletes)
        ):
            is_sure = how == "mark" or is_proved
            if not is_sure and any(self.snapshot.leavers.missing(absence)):
                logger.warning(
                    "stream %r: users missing from two passes are marked and not deleted, since"
                    " both passes ended at the same place, as those of a broken tap would; %s",
                    stream.name,
                    _ANYTHING,
                )
            elif how == "delete" and not is_proved:
                self._warn_of_marked(stream)
            self.snapshot.leavers.judge(absence, how if is_sure else "mark", is_proved=is_proved)
        if tour.flaw is None:
            self._endings.append(stream.end_pass)
        else:
            self._endings.append(stream.drop_pass)

    def _absence(self, stream: Stream, seen: Callable[[int], bool], *, is_proved: bool) -> Absence:
        """Return who counts as missing.

        Where nothing is proved, users are marked at most; then it is enough that no other stream
        showed them lately.
        """
        has = _always if is_proved else self._has_lately_shown
        overlapping = self.snapshot.streams.others(stream)
        return Absence(stream.number, seen, self._shows, has, overlapping)

    def _shows(self, stream: int, run: int) -> bool:
        return run >= self.snapshot.streams.by_number(stream).tour.began

    def _has_lately_shown(self, stream: int, number: int) -> bool:
        other = self.snapshot.streams.by_number(stream)
        return number in other.now or number in other.before

    def _may_go(
        self, stream: Stream, how: str, absence: Absence, *, deletes: bool, says: bool = True
    ) -> bool:
        """Say whether no guard is in the way of those that are missing.

        Args:
            stream: The stream.
            how: How its users are removed.
            absence: Who is missing.
            deletes: Whether those that were marked before are deleted with them.
            says: Tell a person of it.
        """
        missing, nameless = self.snapshot.leavers.missing(absence)
        if deletes:
            missing += self.snapshot.leavers.marked(stream.number)
        of_stream = f"stream {stream.name!r}"
        if nameless and says:
            logger.warning(
                "%s: %s that left are known by an anonymous_id only, by which Spotzee"
                " removes nobody",
                of_stream,
                _users(nameless),
            )
        if not missing:
            return True
        known = self.snapshot.count(stream)
        tour = stream.tour
        if tour.run != self.snapshot.run and stream.tour.proved_in is None:
            why = "the pass showed no user; see whether the tap reads the right source"
        elif tour.flaw is not None:
            why = f"{tour.flaw}; mend it, or the mapping, and run again"
        elif self.settlement.held_at is not None:
            why = "a record is not settled; set rejects_path, or mend it, and run again"
        elif 100 * missing > self.max_percent * known and not self.is_confirmed:
            why = (
                f"more than max_removed_percent ({self.max_percent}) of its {known:,} users;"
                f" {_ANYTHING}"
            )
        else:
            return True
        if not says:
            return False
        self._held_back[stream.name] += missing
        self.settlement.hold_back(
            missing, f"{of_stream}: {_users(missing)} that left were not removed ({how}): {why}"
        )
        return False

    def due(self) -> Iterator[Item]:
        """Yield a removal for each user that is to be removed, those of earlier runs included."""
        at = self.now().isoformat(timespec="seconds")
        for identity, number, spelling, due in self.snapshot.leavers.due():
            name = self.snapshot.streams.by_number(number).name
            how = self._how(name)
            if how == "keep":  # it was not when this was due
                continue
            how = due if how == "delete" else how
            origin = Origin(name, b"", lambda _: False)
            ids = (identity[1:] if spelling is None else spelling, None)
            yield removal_of(ids, how, Ticket(0, origin, b"", Stretch()), at, (identity,))
