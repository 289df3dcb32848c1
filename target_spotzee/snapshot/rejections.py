"""The last reject of each user, by stream: whoever is rejected was shown all the same."""

from __future__ import annotations

from collections.abc import Iterable

from target_spotzee.snapshot.entries import Key
from target_spotzee.snapshot.file import SnapshotFile
from target_spotzee.snapshot.streams import Stream


class Rejections:
    """The users that had a record rejected.

    Args:
        file: Where they are kept.
        run: The number of the run.
    """

    def __init__(self, file: SnapshotFile, run: int) -> None:
        self._file = file
        self._run = run
        self._new: dict[Key, tuple[str, int, int, str]] = {}
        self._forgotten: list[Key] = []

    def __len__(self) -> int:
        """Return how many the file does not have yet."""
        return len(self._new)

    def keep(self, key: Key, code: str) -> None:
        """Note that a record of a user was rejected."""
        self._new[key] = *key, self._run, code

    def are_elsewhere(self, identity: str, others: Iterable[Stream]) -> bool:
        """Say whether another stream has a user, though all that it showed of it was rejected."""
        others = [*others]
        if any((identity, other.number) in self._new for other in others):
            return True
        rows = self._file.rows("SELECT stream, run FROM rejects WHERE identity = ?", [identity])
        latest = dict(rows)
        return any(latest.get(other.number, -1) >= other.tour.began for other in others)

    def forget(self, key: Key) -> None:
        """Note that a user has left a stream that may have shown rejected records of it."""
        self._new.pop(key, None)
        self._forgotten.append(key)

    def write(self) -> None:
        """Write what the file does not have yet; in a transaction."""
        self._file.write("DELETE FROM rejects WHERE identity = ? AND stream = ?", self._forgotten)
        self._file.write("INSERT OR REPLACE INTO rejects VALUES (?, ?, ?, ?)", self._new.values())
        self._forgotten.clear()
        self._new.clear()
