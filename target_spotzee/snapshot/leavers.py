"""Who has left the source: who is missing, who is to be removed, who was, and who came back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from target_spotzee.snapshot.entries import CLOSED, LEAVING, Key
from target_spotzee.snapshot.file import MOST_LOOKED_UP, SnapshotFile

_MISSING = "WHERE stream = ? AND NOT seen(number)"
_ELSEWHERE = (
    "(EXISTS (SELECT 1 FROM users AS other WHERE other.identity = users.identity"
    " AND other.stream <> users.stream AND has(other.stream, other.number))"
    " OR EXISTS (SELECT 1 FROM rejects WHERE rejects.identity = users.identity"
    " AND rejects.stream <> users.stream AND shows(rejects.stream, rejects.run)))"
)
"""In another stream, be it that its record was rejected there."""
_AGE = (
    f"UPDATE users SET doubt = {LEAVING} WHERE doubt = {CLOSED} AND (identity, stream) IN"  # noqa: S608 - ours
    " (SELECT other.identity, other.stream FROM users AS gone JOIN users AS other"
    " ON other.identity = gone.identity AND other.stream <> gone.stream"
    " WHERE gone.stream = ? AND other.stream = ? AND NOT seen(gone.number)"
    " AND gone.request >= other.request)"
)
"""What another stream has of a user of whom this one may have had the last word."""
_MARKED = "mark"
_RETURNED = "returned"
"""Was marked, and was shown again since."""


@dataclass(frozen=True)
class Absence:
    """Who counts as missing from a stream.

    Attributes:
        stream: The stream.
        seen: Says whether a user was seen, by its number in the stream.
        shows: Says whether a stream's current pass includes a run, by their numbers.
        has: Says whether another stream that knows a user still has it, by that stream's number
            and the user's in it.
        overlapping: The streams that write a field that this one writes.
    """

    stream: int
    seen: Callable[[int], bool]
    shows: Callable[[int, int], bool]
    has: Callable[[int, int], bool]
    overlapping: Collection[int]


class Leavers:
    """The users that left, in every stream.

    A removal is written down before it begins, and crossed out when it is done. Whoever was removed
    is remembered: should the user come back, it is sent whole.

    Args:
        file: Where they are kept.
        run: The number of the run.
    """

    def __init__(self, file: SnapshotFile, run: int) -> None:
        self._file = file
        self._run = run
        self._begun: list[tuple[str, int, str | None, str, int]] = []
        self._done: list[Key] = []
        self._returning: set[str] = set()
        self._back: list[tuple[str]] = []
        self.are_due, self._are_known = (
            bool(file.rows(f"SELECT 1 FROM {table} LIMIT 1"))  # noqa: S608 - a name of ours
            for table in ("due", "removed")
        )

    def missing(self, absence: Absence) -> tuple[int, int]:
        """Return how many users of a stream are missing and are in no other stream.

        Returns:
            Those with an external_id, and those without.
        """
        with self._asking(absence) as file:
            ((missing, nameless),) = file.rows(
                f"SELECT count(*), count(*) FILTER (WHERE identity < 'e') FROM users {_MISSING}"  # noqa: S608 - ours
                f" AND NOT {_ELSEWHERE}",
                [absence.stream],
            )
        return missing - nameless, nameless

    @contextmanager
    def _asking(self, absence: Absence) -> Iterator[SnapshotFile]:
        file = self._file
        with (
            file.function("seen", absence.seen, 1),
            file.function("has", absence.has, 2),
            file.function("shows", absence.shows, 2),
        ):
            yield file

    def forget(self, stream: int, seen: Callable[[int], bool], overlapping: Iterable[int]) -> None:
        """Drop users of a stream who were not seen: they have left it, and stay in Spotzee.

        Args:
            stream: The stream.
            seen: Says whether a user was seen, by its number.
            overlapping: The streams that write a field that this one writes.
        """
        with self._file.function("seen", seen, 1), self._file.transaction() as file:
            file.write(_AGE, [(stream, other) for other in overlapping])
            file.write(f"DELETE FROM users {_MISSING}", [(stream,)])  # noqa: S608 - ours

    def judge(self, absence: Absence, how: str, *, is_proved: bool) -> None:
        """Write down whom to remove.

        Args:
            absence: Who is missing.
            how: What becomes of those who are in no other stream.
            is_proved: Whether they are missing for certain; then those whom another stream still
                has are forgotten here, and that one alone decides what becomes of them.
        """
        stream = absence.stream
        with self._asking(absence), self._file.transaction() as file:
            if is_proved:
                file.write(_AGE, [(stream, other) for other in absence.overlapping])
                file.write(
                    f"DELETE FROM users {_MISSING} AND {_ELSEWHERE}",  # noqa: S608 - ours
                    [(stream,)],
                )
            file.write(
                "INSERT OR REPLACE INTO due SELECT identity, stream, spelling, ? FROM users"  # noqa: S608 - ours
                f" {_MISSING} AND identity > 'e' AND NOT {_ELSEWHERE}",
                [(how, stream)],
            )
            if how != _MARKED:  # those that were only marked, for want of proof
                file.write(
                    "INSERT OR REPLACE INTO due SELECT identity, stream, spelling, ? FROM removed"
                    " WHERE stream = ? AND how = ? AND NOT EXISTS"
                    " (SELECT 1 FROM users WHERE users.identity = removed.identity)",
                    [(how, stream, _MARKED)],
                )
        self.are_due = True

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

    def marked(self, stream: int) -> int:
        """Return how many users of a stream are marked and are missing still."""
        ((marked,),) = self._file.rows(
            "SELECT count(*) FROM removed WHERE stream = ? AND how = ? AND NOT EXISTS"
            " (SELECT 1 FROM users WHERE users.identity = removed.identity)",
            [stream, _MARKED],
        )
        return int(marked)

    def begin(self, key: Key, spelling: str | None, how: str) -> None:
        """Note that a removal is about to leave."""
        self._begun.append((*key, spelling, how, self._run))
        self._are_known = True

    def end(self, key: Key) -> None:
        """Note that a removal is done."""
        self._done.append(key)

    def shown(self, identities: Sequence[str]) -> set[str]:
        """Note users that the source shows: those who were to be removed are not.

        Returns:
            Those who were removed before.
        """
        if self.are_due:
            spared = self._among("due", identities)
            if spared:
                with self._file.transaction() as file:
                    file.write("DELETE FROM due WHERE identity = ?", [(each,) for each in spared])
        if not self._are_known:
            return set()
        if self._begun:
            with self._file.transaction():
                self._write_begun()
        back = self._among("removed", identities)
        self._returning |= back
        return back

    @property
    def await_confirmation(self) -> bool:
        """Whether any who were removed before are on their way back."""
        return bool(self._returning)

    def expect(self, identity: str) -> None:
        """Note that a user whose mark is about to leave, or has just left, is back."""
        self._returning.add(identity)

    def confirmed(self, identity: str) -> None:
        """Note that a user was sent; if it was removed before, it is back."""
        if identity in self._returning:
            self._returning.discard(identity)
            self._back.append((identity,))

    def write(self) -> None:
        """Write what the file does not have yet; in a transaction."""
        self._file.write(
            "UPDATE removed SET how = ? WHERE identity = ?",
            [(_RETURNED, identity) for identity in self._returning],
        )
        self._file.write("DELETE FROM removed WHERE identity = ?", self._back)
        self._write_begun()
        self._file.write("DELETE FROM due WHERE identity = ? AND stream = ?", self._done)
        self._back.clear()
        self._done.clear()

    def _write_begun(self) -> None:
        self._file.write("INSERT OR REPLACE INTO removed VALUES (?, ?, ?, ?, ?)", self._begun)
        self._begun.clear()

    def _among(self, table: str, identities: Sequence[str]) -> set[str]:
        statement = f"SELECT identity FROM {table} WHERE identity IN"  # noqa: S608 - a name of ours
        return {identity for (identity,) in self._file.among(statement, identities)}
