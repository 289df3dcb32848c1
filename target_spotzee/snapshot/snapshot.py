"""The snapshot as a run uses it: one object, on the main thread."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from target_spotzee import codec
from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.users import identities_of
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.records import Ids
from target_spotzee.snapshot.digests import digest, fingerprints, is_sampled
from target_spotzee.snapshot.entries import (
    CLOSED,
    MOST_LOOKED_UP,
    ONCE_MORE,
    UNKNOWN,
    Entries,
    Entry,
    Key,
)
from target_spotzee.snapshot.explanation import explain
from target_spotzee.snapshot.file import SnapshotFile
from target_spotzee.snapshot.history import History
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
        streams: The streams.
        entries: The users.
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
        self._file = SnapshotFile(path, is_dry=is_dry)
        self.streams = Streams(self._file)
        self.entries = Entries(self._file, self.streams.issue)
        self._left: dict[str, int] = {}
        self._batches: dict[str, int] = {}
        self._requests: list[tuple[int, int, int, str | None]] = []
        self._rejects: dict[Key, tuple[str, int, int, str]] = {}
        self._links: dict[tuple[str, str], None] = {}
        self._removed: list[tuple[str, int, str | None, str, int]] = []
        self._returning: set[str] = set()
        self._back: list[tuple[str]] = []
        self._done: list[Key] = []
        self._opt_outs: list[tuple[bytes, int]] = []
        self.has_links, self.has_due, self.has_removed = (
            bool(self._file.rows(f"SELECT 1 FROM {table} LIMIT 1"))  # noqa: S608 - a name of ours
            for table in ("links", "due", "removed")
        )
        self._history = History(self._file)
        self.run = self._history.begin(run_id, now())
        ((latest,),) = self._file.rows(
            "SELECT max(coalesce((SELECT max(number) FROM requests), 0),"
            " coalesce((SELECT max(number) FROM open), 0))"
        )
        self._latest = latest
        self.first_request = latest + 1
        self.stale = self._newest_before(now() - timedelta(days=resend_after_days))
        if not resend_after_days:
            self.stale = sys.maxsize
        self._seen_by_now = self._newest_before(now() - _UNSEEN)
        for identity, stream in self.entries.reopen():
            entry = self.entries.of(identity)[stream]
            self.streams.by_number(stream).now.add(entry.number)

    def _newest_before(self, moment: datetime) -> int:
        """Return the number of the newest request that was confirmed before a moment."""
        ((number,),) = self._file.rows(
            "SELECT max(number) FROM requests WHERE at < ?", [int(moment.timestamp())]
        )
        return number or 0

    # Whose it is

    def bind(self, project: str, *, adopt: bool = False) -> None:
        """See that the file belongs to a project; a new file does from now on.

        Args:
            project: What tells the project from others.
            adopt: Whether to take the file over from another.

        Raises:
            SettingsError: It belongs to another one.
        """
        known = self._file.rows("SELECT value FROM facts WHERE name = 'project'")
        if known and known[0][0] != project and not adopt:
            raise SettingsError(
                "snapshot_path: belongs to another Spotzee project, or to one that can't be told"
                " apart from others by another key than this; use a file for each project, or, if"
                " it is the same project, --adopt-snapshot",
            )
        if not known or known[0][0] != project:
            with self._file.transaction() as file:
                file.write("INSERT OR REPLACE INTO facts VALUES ('project', ?)", [(project,)])

    # What is sent

    def sent(self, batches: Iterable[Batch]) -> None:
        """Write down, durably, batches that are about to leave; parts of a batch are known."""
        has_removals = False
        for batch in batches:
            if not batch.kind.writes or batch.family in self._batches:
                continue
            if batch.kind.removes:  # whoever comes back is sent whole, in every stream
                has_removals = True
                for item in batch.items:
                    self._removing(item, batch.kind.removes)
                continue
            self._latest += 1
            self._batches[batch.family] = self._latest
            self._left[batch.family] = len(batch.items)
            self.entries.open(
                self._latest, [key for item in batch.items for key in self._keys(item)]
            )
        if has_removals or self.entries.has_new_batches:
            self.write(everything=has_removals or self.entries.unwritten > _MOST_UNWRITTEN)

    def _removing(self, item: Item, how: str) -> None:
        """Note that a user may be removed from now on: should it return, it is sent whole."""
        identity = item.identities[0]
        self.doubt(identity)
        stream = self.streams.get(item.ticket.origin.stream).number
        self._removed.append((identity, stream, spelling(identity, item.ids), how, self.run))
        self.has_removed = True

    def may_be_unseen(self, identity: str, entry: Entry) -> bool:
        """Say whether a write of a user may have been accepted and not be readable yet."""
        if entry.doubt != UNKNOWN:
            return False
        return entry.request > self._seen_by_now or identity in self.entries.reopened

    def _keys(self, item: Item) -> Iterator[Key]:
        """Yield which entries an item is about."""
        identity = item.identities[0]
        if item.folded is None:
            yield identity, self.streams.get(item.ticket.origin.stream).number
        else:
            for name in {ticket.origin.stream for _, ticket in item.folded}:
                yield identity, self.streams.get(name).number

    def confirmed(self, batch: Batch, items: Sequence[Item]) -> None:
        """Note that Spotzee took users, or accepted them."""
        number = self._batches[batch.family]
        is_doubtful = batch.attempts.doubtful_until > 0
        confirms = batch.kind.confirms
        for item in items:
            identity = item.identities[0]
            if identity in self._returning:
                self._come_back(identity)
            known = self.entries.of(identity)
            for body, ticket in item.parts:
                stream = self.streams.get(ticket.origin.stream)
                entry = known.get(stream.number) or self.entries.new(identity, stream.number)
                entry.doubt = (
                    self._doubt_of(entry, is_doubtful=is_doubtful) if confirms else UNKNOWN
                )
                entry.request = number
                if item.folded is None:
                    entry.digest, entry.line = item.digest, item.line
                else:
                    entry.digest, entry.line = digest(body), None
                entry.spelling = spelling(identity, item.ids)
                if is_sampled(entry.number):
                    entry.columns = fingerprints(codec.decode(body), stream.writes)
                self.entries.keep(identity, stream.number, entry)
        self._requests.append(
            (number, self.run, int(self._now().timestamp()), batch.attempts.request_id)
        )

    def _come_back(self, identity: str) -> None:
        self._returning.discard(identity)
        self._removed = [row for row in self._removed if row[0] != identity]
        self._back.append((identity,))

    def _doubt_of(self, entry: Entry, *, is_doubtful: bool) -> int:
        """Return the doubt that is left once a user is confirmed."""
        if is_doubtful or entry.doubt == UNKNOWN:
            return ONCE_MORE
        return entry.doubt if entry.request >= self.first_request else CLOSED

    def released(self, batch: Batch, items: Sequence[Item]) -> None:
        """Note that items are settled, and that nothing of them is on its way."""
        for item in items:
            for identity, stream in self._keys(item):
                self.entries.release(identity, stream)
        left = self._left.get(batch.family)
        if left is not None:
            self._left[batch.family] = left - len(items)
            if left <= len(items):
                del self._left[batch.family]
                self.entries.close(self._batches.pop(batch.family))

    def rejected(self, stream: str, identity: str | None, code: str) -> None:
        """Note for `explain` that a record was rejected, if it is known whose it was."""
        known = self.streams.get(stream)
        if identity is not None:
            key = identity, known.number
            self._rejects[key] = *key, self.run, code

    def link(self, anonymous: str, external: str) -> None:
        """Note that two ids are one user's, so a record of one is about the other, too."""
        self._links[anonymous, external] = None
        self.has_links = True
        self.doubt(anonymous)

    def doubt(self, identity: str) -> None:
        """Note that nobody knows any more what Spotzee has of a user, in any stream."""
        for stream in [*self.entries.of(identity)]:
            self.entries.doubt(identity, stream)

    def linked(self, anonymous: str) -> list[str]:
        """Return the identities that an anonymous_id was linked to."""
        recent = [external for known, external in self._links if known == anonymous]
        rows = self._file.rows("SELECT external FROM links WHERE anonymous = ?", [anonymous])
        return list(dict.fromkeys([*recent, *(external for (external,) in rows)]))

    # Who is removed

    def count(self, stream: Stream) -> int:
        """Return how many users a stream is known to have."""
        ((known,),) = self._file.rows(
            "SELECT count(*) FROM users WHERE stream = ?", [stream.number]
        )
        return int(known)

    def missing(self, stream: Stream, seen: Callable[[int], bool]) -> tuple[int, int]:
        """Return how many users of a stream were not seen and are in no other stream.

        Returns:
            Those with an external_id, and those without.
        """
        with self._file.function("seen", seen):
            ((missing, nameless),) = self._file.rows(
                f"SELECT count(*), count(*) FILTER (WHERE identity < 'e') FROM users {_MISSING}"  # noqa: S608 - ours
                f" AND NOT {_ELSEWHERE}",
                [stream.number],
            )
        return missing - nameless, nameless

    def journal(self, stream: Stream, seen: Callable[[int], bool], how: str) -> None:
        """Write down whom to remove; whoever another stream still has is just forgotten here."""
        with self._file.function("seen", seen), self._file.transaction() as file:
            file.write(
                f"DELETE FROM users {_MISSING} AND {_ELSEWHERE}",  # noqa: S608 - ours
                [(stream.number,)],
            )
            file.write(
                "INSERT OR REPLACE INTO due SELECT identity, stream, spelling, ? FROM users"  # noqa: S608 - ours
                f" {_MISSING} AND identity > 'e'",
                [(how, stream.number)],
            )
            if how == "delete":  # those that were only marked, for want of proof
                file.write(
                    "INSERT OR REPLACE INTO due SELECT identity, stream, spelling, 'delete' FROM"
                    " removed WHERE stream = ? AND how = 'mark'",
                    [(stream.number,)],
                )
        self.has_due = True

    def due(self) -> Iterator[tuple[str, int, str | None, str]]:
        """Yield who is to be removed: identity, stream, spelling, and how."""
        after: tuple[str, int] = ("", -1)
        while rows := self._file.rows(
            "SELECT identity, stream, spelling, how FROM due WHERE (identity, stream) > (?, ?)"
            " ORDER BY identity, stream LIMIT ?",
            [*after, MOST_LOOKED_UP],
        ):
            yield from rows
            after = rows[-1][0], rows[-1][1]

    def removed(self, item: Item) -> None:
        """Note that a user is gone, or marked."""
        identity = item.identities[0]
        stream = self.streams.get(item.ticket.origin.stream)
        entry = self.entries.forget(identity, stream.number)
        if entry is not None:
            stream.now.discard(entry.number)
            stream.before.discard(entry.number)
        self._done.append((identity, stream.number))

    def returns(self, identities: Sequence[str]) -> set[str]:
        """Return which of these users were removed before; once confirmed, they are back."""
        if not self.has_removed:
            return set()
        back = {identity for identity, *_ in self._removed} & set(identities)
        back |= self._among("removed", identities)
        self._returning |= back
        return back

    def spare(self, identities: Sequence[str]) -> None:
        """Take users who were shown again off the list of those to be removed."""
        if self.has_due:
            spared = self._among("due", identities)
            if spared:
                with self._file.transaction() as file:
                    file.write("DELETE FROM due WHERE identity = ?", [(each,) for each in spared])

    def _among(self, table: str, identities: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(identities), MOST_LOOKED_UP):
            part = identities[start : start + MOST_LOOKED_UP]
            rows = self._file.rows(
                f"SELECT identity FROM {table} WHERE identity IN ({', '.join('?' * len(part))})",  # noqa: S608 - a name of ours
                part,
            )
            found.update(identity for (identity,) in rows)
        return found

    def opted_out(self, identity: str, types: Iterable[int]) -> None:
        """Keep what a user opted out of before it is deleted; see `sent`."""
        user = hashlib.blake2b(identity.encode(), digest_size=16).digest()
        self._opt_outs += [(user, type_) for type_ in types]

    # What it tells

    def explain(self, id_: str) -> list[dict[str, Any]]:
        """Return what is known of a user, by either of its ids."""
        identities = [*identities_of((id_, None)), *identities_of((None, id_))]
        return explain(self._file, identities)

    def history(self) -> list[dict[str, Any]]:
        """Return the runs before this one, the newest first."""
        return self._history.runs(before=self.run)

    # The file

    def write(self, *, everything: bool = True) -> None:
        """Make durable what the file does not have yet.

        Args:
            everything: Not only which batches are about to leave.
        """
        with self._file.transaction() as file:
            if not everything:
                self.entries.write_batches()
                return
            self.entries.write()
            self.streams.write()
            file.write("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)", self._requests)
            file.write("INSERT OR REPLACE INTO rejects VALUES (?, ?, ?, ?)", self._rejects.values())
            file.write("INSERT OR IGNORE INTO links VALUES (?, ?)", self._links)
            file.write("DELETE FROM removed WHERE identity = ?", self._back)
            file.write("INSERT OR REPLACE INTO removed VALUES (?, ?, ?, ?, ?)", self._removed)
            file.write(
                "DELETE FROM due WHERE identity = ? AND stream = ?",
                self._done,
            )
            file.write("INSERT OR IGNORE INTO opt_outs VALUES (?, ?)", self._opt_outs)
        for written in (
            self._requests,
            self._back,
            self._removed,
            self._done,
            self._opt_outs,
        ):
            written.clear()
        self._rejects.clear()
        self._links.clear()

    def end(self, exit_code: int, seconds: float, figures: dict[str, int]) -> None:
        """Write all that is left, and how the run ended."""
        self.write()
        with self._file.transaction():
            self._history.end(self.run, exit_code, seconds, figures)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_MISSING = "WHERE stream = ? AND NOT seen(number)"
_ELSEWHERE = (
    "EXISTS (SELECT 1 FROM users AS other WHERE other.identity = users.identity"
    " AND other.stream <> users.stream)"
)


def spelling(identity: str, ids: Ids) -> str | None:
    """Return a user's id as it was sent, if its identity does not tell."""
    sent = ids[0] if identity[0] == "e" else ids[1]
    return None if sent == identity[1:] else sent
