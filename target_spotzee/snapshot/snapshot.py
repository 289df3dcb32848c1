"""The snapshot as a run uses it: one object, on the main thread."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from target_spotzee import codec
from target_spotzee.exceptions import SettingsError, SpotzeeError
from target_spotzee.mapping.identities import identities_of
from target_spotzee.objects.attempts import Attempts
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import PATIENT, Kind
from target_spotzee.records import Ids, Ticket
from target_spotzee.snapshot.departures import Departures
from target_spotzee.snapshot.digests import digest, fingerprints, is_sampled
from target_spotzee.snapshot.entries import (
    CLOSED,
    LEAVING,
    ONCE_MORE,
    UNKNOWN,
    Entries,
    Entry,
    Key,
)
from target_spotzee.snapshot.explanation import explain
from target_spotzee.snapshot.facts import Facts
from target_spotzee.snapshot.file import SnapshotFile, understood
from target_spotzee.snapshot.history import History
from target_spotzee.snapshot.leavers import Leavers
from target_spotzee.snapshot.opt_outs import OptOuts
from target_spotzee.snapshot.rejections import Rejections
from target_spotzee.snapshot.streams import Stream, Streams

_MOST_UNWRITTEN = 10_000
_UNSEEN = timedelta(hours=1)
"""So long a write that was accepted may take until it can be read."""


class Snapshot:
    """What Spotzee was last confirmed to have, and who was seen in the source.

    Args:
        path: The file.
        run_id: The run.
        now: The time of day, with its zone.
        resend_after_days: What is older than this counts as changed.
        is_dry: Take everything back at the end, as a dry run does.

    Raises:
        SettingsError: The file can't be used.

    Attributes:
        facts: Whose the file is.
        streams: The streams.
        entries: The users.
        leavers: Those who left the source.
        opt_outs: What users said of subscriptions.
        rejections: Who had a record rejected.
        run: The run's number.
        first_request: The number of its first request.
        stale: What was confirmed by this request or an older one is sent again.
        is_there: Whether there was a file before.
        has_links: Whether any two ids are known to be one user's.
    """

    def __init__(
        self,
        path: Path,
        run_id: str,
        now: Callable[[], datetime],
        *,
        resend_after_days: int = 30,
        is_dry: bool = False,
    ) -> None:
        self._now = now
        self.is_there = path.exists()
        self._file = SnapshotFile(path, is_dry=is_dry)
        self._departures = Departures()
        self.advanced = self._departures.advanced
        """Notes items that go on in steps; see `Departures.advanced`."""
        self._requests: list[tuple[int, int, int, str | None]] = []
        self._links: dict[tuple[str, str], None] = {}
        self._failure: SpotzeeError | None = None
        try:
            with understood():
                self._begin(run_id, timedelta(days=resend_after_days))
        except SettingsError:
            self._file.close()
            raise

    def _begin(self, run_id: str, resend_after: timedelta) -> None:
        self.facts = Facts(self._file)
        self.streams = Streams(self._file)
        self.entries = Entries(self._file, self.streams.issue)
        self.opt_outs = OptOuts(self._file)
        self.has_links = bool(self._file.rows("SELECT 1 FROM links LIMIT 1"))
        self._history = History(self._file)
        self.run = self._history.begin(run_id, self._now())
        self.leavers = Leavers(self._file, self.run)
        self.rejections = Rejections(self._file, self.run)
        ((latest,),) = self._file.rows(
            "SELECT max(coalesce((SELECT max(number) FROM requests), 0),"
            " coalesce((SELECT max(number) FROM open), 0))"
        )
        self._latest = latest
        self.first_request = latest + 1
        self.stale = self._newest_before(self._now() - resend_after)
        if not resend_after:
            self.stale = sys.maxsize
        self._seen_by_now = self._newest_before(self._now() - _UNSEEN)
        for identity, stream in self.entries.reopen():
            entry = self.entries.of(identity)[stream]
            self.streams.by_number(stream).now.add(entry.number)

    def _newest_before(self, moment: datetime) -> int:
        """Return the number of the newest request that was confirmed before a moment."""
        ((number,),) = self._file.rows(
            "SELECT max(number) FROM requests WHERE at < ?", [int(moment.timestamp())]
        )
        return number or 0

    # What is sent

    def sent(self, batches: Iterable[Batch]) -> None:
        """Write down, durably, batches that are about to leave; parts of a batch are known."""
        everything = False
        for batch in batches:
            if batch.kind in PATIENT:
                self._be_patient(batch)
            for item in batch.items if batch.kind.sets == 0 else ():
                if item.tells_only or item.is_removal:  # a user changes whose record is not sent
                    self.doubt(item.identities[0])
                    everything = True
            if not batch.kind.writes or self._departures.knows(batch):
                continue
            if batch.kind.removes:  # whoever comes back is sent whole, in every stream
                everything = True
                for item in batch.items:
                    key = self._key(item)
                    self.doubt(key[0], LEAVING)
                    self.leavers.begin(key, spelling(key[0], item.ids), batch.kind.removes)
                continue
            self._latest += 1
            self._departures.open(batch, self._latest)
            self.entries.open(
                self._latest, [key for item in batch.items for key in self._keys(item)]
            )
        if everything or self.entries.has_new_batches:
            self.write(everything=everything or self.entries.unwritten > _MOST_UNWRITTEN)

    def _be_patient(self, batch: Batch) -> None:
        """Wait for a user who is to be removed, if a write of it may not be seen yet."""
        for item in batch.items:
            identity, number = self._key(item)
            entry = self.entries.of(identity).get(number)
            if entry is not None and self.may_be_unseen(identity, entry):
                item.kind = PATIENT[item.kind]

    def may_be_unseen(self, identity: str, entry: Entry) -> bool:
        """Say whether a write of a user may have been accepted and not be readable yet."""
        if entry.doubt != UNKNOWN:
            return False
        return entry.request > self._seen_by_now or identity in self.entries.reopened

    def removed(self, item: Item) -> None:
        """Note that a user is gone, or marked."""
        identity, number = self._key(item)
        entry = self.entries.of(identity).get(number)
        own = item.entry is not None
        if entry is not None and entry.uses > own:  # it is back: a later record waits
            entry.digests, entry.doubt = b"", LEAVING
            self.entries.keep(identity, number, entry)
            self.leavers.expect(identity)
        elif entry is not None:
            self.entries.forget(identity, number)
            stream = self.streams.by_number(number)
            stream.now.discard(entry.number)
            stream.before.discard(entry.number)
        self.leavers.end((identity, number))

    def refused(self, batch: Batch, items: Iterable[Item]) -> None:
        """Note that Spotzee refuses items; an earlier attempt, or step, may have been applied."""
        for item in items:
            if batch.attempts.doubtful_until > 0 or self._departures.has_advanced(item):
                self.doubt(item.identities[0])

    def count(self, stream: Stream) -> int:
        """Return how many users a stream is known to have."""
        ((known,),) = self._file.rows(
            "SELECT count(*) FROM users WHERE stream = ?", [stream.number]
        )
        return int(known)

    def _key(self, item: Item) -> Key:
        return item.identities[0], self.streams.get(item.ticket.origin.stream).number

    def _keys(self, item: Item) -> Iterator[Key]:
        """Yield which entries an item is about."""
        identity = item.identities[0]
        if item.folded is None and item.entry is not None and item.entry.key is not None:
            yield item.entry.key
        elif item.folded is None:
            yield identity, self.streams.get(item.ticket.origin.stream).number
        else:
            for name in {ticket.origin.stream for _, ticket in item.folded}:
                yield identity, self.streams.get(name).number

    def confirmed(self, batch: Batch, items: Sequence[Item]) -> None:
        """Note that Spotzee took users, or accepted them."""
        number = self._departures.number(batch)
        is_doubtful = batch.attempts.doubtful_until > 0 or not batch.kind.confirms
        kept = []
        for item in items:
            entry: Entry | None = item.entry
            if entry is None or item.folded is not None:
                self._confirm_parts(batch, item)
                continue
            if is_doubtful or entry.doubt != CLOSED:
                entry.doubt = self._doubt_of(entry, batch)
            entry.request = number
            entry.digests = item.digests
            self._describe(entry, item.body, item.ticket)
            kept.append(entry)
        self.entries.keep_all(kept)
        if self.leavers.await_confirmation:
            for item in items:
                self.leavers.confirmed(item.identities[0])
        self._requests.append(
            (number, self.run, int(self._now().timestamp()), batch.attempts.request_id)
        )

    def finished(self, items: Sequence[Item], attempts: Attempts) -> None:
        """Note users of whom the last step is done, each one record's."""
        at = int(self._now().timestamp())
        for item in items:
            entry: Entry | None = item.entry
            number = self._departures.number_of(item)
            self._requests.append((number, self.run, at, attempts.request_id))
            if entry is None or entry.key is None:
                continue
            is_doubtful = attempts.doubtful_until > 0 or item.doubtful_until > 0
            entry.doubt = self._doubt_left(entry, item.kind, is_doubtful=is_doubtful)
            entry.request = number
            entry.digests = item.digests
            self._describe(entry, item.whole or item.body, item.ticket)
            self.entries.keep(*entry.key, entry)
            self.leavers.confirmed(item.identities[0])

    def _confirm_parts(self, batch: Batch, item: Item) -> None:
        """Note what became of an item that is made of several records, by each of their streams."""
        identity = item.identities[0]
        known = self.entries.of(identity)
        for body, ticket in item.parts:
            stream = self.streams.get(ticket.origin.stream).number
            entry = known.get(stream)
            if entry is None:  # the user has left that stream since
                continue
            entry.doubt = self._doubt_of(entry, batch)
            entry.request = self._departures.number(batch)
            entry.digests = digest(body)
            self._describe(entry, body, ticket)
            self.entries.keep(identity, stream, entry)

    def _describe(self, entry: Entry, body: bytes, ticket: Ticket) -> None:
        """Note, of some users, what each field is."""
        if is_sampled(entry.number):
            stream = self.streams.get(ticket.origin.stream)
            entry.columns = fingerprints(codec.decode(body), stream.writes)

    def _doubt_of(self, entry: Entry, batch: Batch) -> int:
        """Return the doubt that is left once a user was taken."""
        is_doubtful = batch.attempts.doubtful_until > 0
        return self._doubt_left(entry, batch.kind, is_doubtful=is_doubtful)

    def _doubt_left(self, entry: Entry, kind: Kind, *, is_doubtful: bool) -> int:
        if not kind.confirms:
            return UNKNOWN
        if is_doubtful or entry.doubt in (UNKNOWN, LEAVING):
            return ONCE_MORE
        return entry.doubt if entry.request >= self.first_request else CLOSED

    def followed(self, item: Item) -> None:
        """Note that one of the records that an item was made of is settled."""
        if item.entry is None and item.kind.removes is None:
            self.entries.release(*self._key(item))

    def released(self, batch: Batch, items: Sequence[Item]) -> None:
        """Note that items are settled, and that nothing of them is on its way."""
        plain = [item.entry for item in items if item.folded is None and item.entry is not None]
        self.entries.release_all(plain)
        if len(plain) < len(items):
            for item in items:
                if item.folded is not None:
                    for _, ticket in item.parts:
                        stream = self.streams.get(ticket.origin.stream).number
                        self.entries.release(item.identities[0], stream)
                else:
                    self.followed(item)
        for number in self._departures.settled(batch, items):
            self.entries.close(number)

    def rejected(self, stream: str, identity: str | None, code: str) -> None:
        """Note that a record was rejected, if it is known whose it was."""
        known = self.streams.get(stream)
        if identity is not None:
            self.rejections.keep((identity, known.number), code)
            if len(self.rejections) > _MOST_UNWRITTEN:
                self.write()

    def link(self, anonymous: str, external: str) -> None:
        """Note that two ids are one user's, so a record of one is about the other, too."""
        self._links[anonymous, external] = None
        self.has_links = True
        self.doubt(anonymous)

    def doubt(self, identity: str, doubt: int = UNKNOWN) -> None:
        """Note that nobody knows any more what Spotzee has of a user, in any stream, and why."""
        for stream in [*self.entries.of(identity)]:
            self.entries.doubt(identity, stream, doubt=doubt)

    def linked(self, anonymous: str) -> list[str]:
        """Return the identities that an anonymous_id was linked to."""
        recent = [external for known, external in self._links if known == anonymous]
        rows = self._file.rows("SELECT external FROM links WHERE anonymous = ?", [anonymous])
        return list(dict.fromkeys([*recent, *(external for (external,) in rows)]))

    # What it tells

    def explain(self, id_: str) -> list[dict[str, Any]]:
        """Return what is known of a user, by either of its ids."""
        identities = [*identities_of((id_, None)), *identities_of((None, id_))]
        with understood():
            return explain(self._file, identities)

    def was_sent_since(self, identity: str, stream: str, run_id: str, time: str) -> bool:
        """Say whether a user was sent in a later run; see `History.was_sent_since`."""
        key = identity, self.streams.get(stream).number
        return self._history.was_sent_since(key, run_id, time)

    def history(self) -> list[dict[str, Any]]:
        """Return the runs before this one, the newest first."""
        with understood():
            return self._history.runs(before=self.run)

    # The file

    def write(self, *, everything: bool = True) -> None:
        """Make durable what the file does not have yet.

        Args:
            everything: Not only which batches are about to leave.

        Raises:
            SpotzeeError: The file can't be written; from then on it never is, since it would lack
                what was to be written now.
        """
        if self._failure is not None:
            raise self._failure
        try:
            self._write(everything=everything or self.streams.are_new or bool(self._links))
        except SpotzeeError as error:
            self._failure = error
            raise

    def _write(self, *, everything: bool) -> None:
        with self._file.transaction() as file:
            if not everything:
                self.entries.write_batches()
                self.opt_outs.write()
                return
            self.opt_outs.write()
            self.entries.write()
            self.streams.write()
            file.write("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)", self._requests)
            self.rejections.write()
            file.write("INSERT OR IGNORE INTO links VALUES (?, ?)", self._links)
            self.leavers.write()
        self._requests.clear()
        self._links.clear()

    def end(self, exit_code: int, seconds: float, figures: dict[str, int]) -> None:
        """Write all that is left, and how the run ended."""
        self.write()
        with self._file.transaction():
            self._history.end(self.run, exit_code, seconds, figures)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def spelling(identity: str, ids: Ids) -> str | None:
    """Return a user's id as it was sent, if its identity does not tell."""
    sent = ids[0] or ids[1]
    return None if sent == identity[1:] else sent
