"""What each stream last had confirmed for each user.

A batch that is about to leave is written down first, with its users: whatever happens then, their
next record is sent unless the batch was confirmed. Entries are written together, later, in the same
transaction in which their batches are crossed out. What a crash leaves open is found by its batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

import msgspec

from target_spotzee.snapshot.file import SnapshotFile

CLOSED = 0
ONCE_MORE = 1
"""Confirmed, but an attempt of unknown fate may yet be applied: sent in one more run."""
UNKNOWN = 2
"""Nobody knows what Spotzee has: a write may have been accepted that can't be read yet."""
LEAVING = 3
"""A removal was begun, or another stream may have had the last word: all of it can be read."""

_FIND = (
    "SELECT identity, stream, number, request, doubt, digests, spelling, columns FROM users"
    " WHERE identity IN"
)
_VALUES = "(?, ?, ?, ?, ?, ?, ?, ?)"
_PLAIN = "(?, ?, ?, ?, 0, ?, NULL, NULL)"
"""The same for nearly all users, `CLOSED`: what need not be handed over saves time."""

_encode = msgspec.json.Encoder().encode

Key = tuple[str, int]
"""An identity, without case and accents, and a stream's number."""


class Entry(msgspec.Struct, eq=False, gc=False):
    """What is known of one user in one stream.

    Attributes:
        number: The user's in the stream, for `Bits`.
        request: The number of the batch that was confirmed last; 0: none was.
        doubt: `CLOSED`, `ONCE_MORE`, `UNKNOWN` or `LEAVING`.
        digests: Of what the confirmed record was mapped to; behind it, of the record itself as
            the tap wrote it, where that tells what it is mapped to. See `Item.digests`.
        spelling: The id as it was sent, where it differs from the identity.
        columns: A byte for each field of what was confirmed, for some users; see `fingerprints`.
        uses: How many of its records wait or are in flight.
        key: The user's identity and the stream's number, once it is in use.
        is_leaving: Whether the newest of its records says that the user has left the stream.
    """

    number: int
    request: int = 0
    doubt: int = CLOSED
    digests: bytes = b""
    spelling: str | None = None
    columns: bytes | None = None
    uses: int = 0
    key: Key | None = None
    is_leaving: bool = False

    def is_spelt_otherwise(self, identity: str, id_: str | None) -> bool:
        """Say whether the user's last record had another spelling of its id."""
        is_known = self.uses > 0 or self.request > 0
        return is_known and (self.spelling or identity[1:]) != id_


class Entries:
    """The entries of all streams.

    Args:
        file: Where they are kept.
        issue: Gives a stream's next user a number.
    """

    def __init__(self, file: SnapshotFile, issue: Callable[[int], int]) -> None:
        self._file = file
        self._issue = issue
        self._recent: dict[str, dict[int, Entry]] = {}
        """Users in use and users not written yet, each with all that is known of it."""
        self._unwritten: dict[Key, Entry] = {}
        self._gone: list[Key] = []
        self._released: list[str] = []
        self._new_batches: list[tuple[int, str]] = []
        self._done_batches: list[tuple[int]] = []
        self.reopened: set[str] = set()
        """Users of batches that an earlier run left open."""

    @property
    def unwritten(self) -> int:
        """How many entries wait to be written, or to be put away."""
        return max(len(self._unwritten) + len(self._gone), len(self._released))

    @property
    def has_new_batches(self) -> bool:
        """Whether batches are about to leave that are not written down."""
        return bool(self._new_batches)

    def reopen(self) -> list[Key]:
        """Note that nobody knows the fate of batches that an earlier run left open.

        Returns:
            Users that the file did not know.
        """
        left = self._file.rows("SELECT number, users FROM open")
        unknown: list[Key] = []
        for _, users in left:
            found = self.find(list({identity for identity, _ in json.loads(users)}))
            for identity, stream in json.loads(users):
                of_user = found.get(identity)
                if of_user is None or stream not in of_user:
                    unknown.append((identity, stream))
                self.doubt(identity, stream, of_user)
                self.reopened.add(identity)
        self._done_batches += [(number,) for number, _ in left]
        return unknown

    def find(self, identities: Sequence[str]) -> dict[str, dict[int, Entry]]:
        """Return each known user's entries, by the streams' numbers."""
        recent = self._recent
        if recent:
            found = {identity: recent[identity] for identity in identities if identity in recent}
            identities = [identity for identity in identities if identity not in recent]
        else:
            found = {}
        for identity, stream, *of_entry in self._file.among(_FIND, identities):
            entry = Entry(*of_entry)
            of_user = found.get(identity)
            if of_user is None:
                found[identity] = {stream: entry}
            else:
                of_user[stream] = entry
        return found

    def use(self, identity: str, stream: int, of_user: dict[int, Entry] | None) -> Entry:
        """Return the entry of a user whose record is about to be sent, a new one if need be.

        Args:
            identity: The user's.
            stream: The record's.
            of_user: What `find` found.
        """
        known = self._recent.setdefault(identity, {} if of_user is None else of_user)
        entry = known.get(stream)
        if entry is None:
            entry = known[stream] = Entry(self._issue(stream))
        entry.uses += 1
        entry.key = identity, stream
        return entry

    def new(self, identity: str, stream: int) -> Entry:
        """Return the entry of a user that the stream did not have."""
        known = self._recent.setdefault(identity, {})
        entry = known[stream] = Entry(self._issue(stream))
        return entry

    def of(self, identity: str) -> dict[int, Entry]:
        """Return a user's entries; they may be changed, if it is in use."""
        return self._recent.get(identity) or self.find([identity]).get(identity, {})

    def keep(self, identity: str, stream: int, entry: Entry) -> None:
        """Have a changed entry written."""
        self._unwritten[identity, stream] = entry

    def doubt(
        self,
        identity: str,
        stream: int,
        of_user: dict[int, Entry] | None = None,
        *,
        doubt: int = UNKNOWN,
    ) -> None:
        """Note that nobody knows what Spotzee has of a user.

        Args:
            identity: The user's.
            stream: The stream that knows it.
            of_user: What `find` found.
            doubt: Why.
        """
        known = self._recent.setdefault(identity, self.of(identity) if of_user is None else of_user)
        entry = known.get(stream) or self.new(identity, stream)
        entry.doubt = doubt
        self._unwritten[identity, stream] = entry
        self._released.append(identity)

    def age(self, identity: str, stream: int) -> None:
        """Note that another stream, which is forgotten now, may have written over this one's."""
        if self.of(identity)[stream].doubt in (CLOSED, ONCE_MORE):
            self.doubt(identity, stream, doubt=LEAVING)

    def forget(self, identity: str, stream: int) -> Entry | None:
        """Drop what is known of a user in a stream; return it."""
        known = self._recent.setdefault(identity, self.of(identity))
        entry = known.pop(stream, None)
        if entry is not None:
            entry.key = None  # so that what is in flight does not bring it back
        self._unwritten.pop((identity, stream), None)
        self._gone.append((identity, stream))
        self._released.append(identity)
        return entry

    def keep_all(self, entries: Iterable[Entry]) -> None:
        """Have changed entries written that are in use."""
        self._unwritten.update([(entry.key, entry) for entry in entries if entry.key is not None])

    def release_all(self, entries: Iterable[Entry]) -> None:
        """Note that one record of each of these users is settled."""
        for entry in entries:
            entry.uses -= 1
            if entry.key is not None:
                self._released.append(entry.key[0])

    def release(self, identity: str, stream: int) -> None:
        """Note that one record of a user is settled."""
        entry = self._recent.get(identity, {}).get(stream)
        if entry is not None:
            entry.uses -= 1
        self._released.append(identity)

    def open(self, batch: int, keys: Iterable[Key]) -> None:
        """Note that a batch is about to leave."""
        self._new_batches.append((batch, _encode([*keys]).decode()))

    def close(self, batch: int) -> None:
        """Note that all of a batch is settled."""
        self._done_batches.append((batch,))

    def write_batches(self) -> None:
        """Write down the batches that are about to leave; in a transaction."""
        self._file.write("INSERT INTO open VALUES (?, ?)", self._new_batches)
        self._new_batches.clear()

    def write(self) -> None:
        """Write everything; in a transaction."""
        self.write_batches()
        self._file.write("DELETE FROM users WHERE identity = ? AND stream = ?", self._gone)
        plain: list[tuple[object, ...]] = []
        others: list[tuple[object, ...]] = []
        unwritten = self._unwritten
        for key in sorted(unwritten):  # neighbours in the file one after the other
            identity, stream = key
            entry = unwritten[key]
            row = identity, stream, entry.number, entry.request
            if entry.doubt == CLOSED and entry.spelling is None and entry.columns is None:
                plain.append((*row, entry.digests))
            else:
                others.append((*row, entry.doubt, entry.digests, entry.spelling, entry.columns))
        self._file.keep("users", _PLAIN, plain)
        self._file.keep("users", _VALUES, others)
        self._file.write("DELETE FROM open WHERE number = ?", self._done_batches)
        self._gone.clear()
        self._unwritten.clear()
        self._done_batches.clear()
        recent = self._recent
        for identity in self._released:
            for entry in recent.get(identity, {}).values():
                if entry.uses:
                    break
            else:
                recent.pop(identity, None)
        self._released.clear()
