"""Who said no and who said yes, by a hash of the id: kept for as long as the file is."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from target_spotzee.mapping.identities import identities_of
from target_spotzee.snapshot.file import SnapshotFile, understood

BY_SPOTZEE = ""
"""Stands for the stream where Spotzee itself told of an opt-out."""

_MOST_UNWRITTEN = 10_000
"""Users of whom no more is held in memory, where no snapshot is written anyway."""

_FIND = "SELECT user, type, stream, is_pending FROM opt_outs WHERE user"

Told = tuple[int, str]
"""A subscription type, and the stream that told of it."""


class OptOuts:
    """What users said of subscription types, as the source or Spotzee told it.

    Args:
        file: Where it is kept; ``None``: for this run only.
        has_links: Whether it is remembered, for this run only, which ids are one user's. With a
            file the snapshot does that.
    """

    def __init__(self, file: SnapshotFile | None = None, *, has_links: bool = False) -> None:
        self._file = file
        self._is_kept = file is not None
        self._recent: defaultdict[bytes, dict[Told, bool | None]] = defaultdict(dict)
        """What the file does not have yet: whether a no is pending; ``None``: it is lifted."""
        self._found: dict[bytes, dict[Told, bool | None]] = {}
        """What the file has of users that were looked up together."""
        self._opt_ins: dict[tuple[bytes, int, str], bool] = {}
        self._has_links = has_links
        self._links: dict[str, dict[str, None]] = {}
        """Each anonymous identity's others that the file does not have yet."""
        self.are_known = bool(self._rows("SELECT 1 FROM opt_outs LIMIT 1"))
        """Whether anybody is known to have said no."""

    def _rows(self, statement: str, *values: object) -> list[Any]:
        return [] if self._file is None else self._file.rows(statement, values)

    def look_up(self, identities: Sequence[str]) -> None:
        """Read of many users at once what `of` will be asked of each."""
        self._found.clear()
        if self._file is None or not self.are_known:
            return
        users = [self.hashed(identity) for identity in identities]
        self._found.update({user: {} for user in users})
        for user, type_, stream, pending in self._file.among(f"{_FIND} IN", users):
            self._found[user][type_, stream] = bool(pending)

    def of(self, identity: str) -> dict[Told, bool]:
        """Return what a user said no to, each with whether Spotzee is yet to confirm it."""
        user = self.hashed(identity)
        found = self._found.get(user)
        if found is None:
            rows = self._rows(f"{_FIND} = ?", user)
            found = {(type_, stream): bool(pending) for _, type_, stream, pending in rows}
        known = {**found, **self._recent.get(user, {})}
        return {told: pending for told, pending in known.items() if pending is not None}

    def explain(self, id_: str) -> list[dict[str, Any]]:
        """Return what a user said no to, by either of its ids, for a person.

        Raises:
            SettingsError: The file is damaged.
        """
        with understood():
            return [
                {
                    "type": type_,
                    "told_by": "Spotzee" if stream == BY_SPOTZEE else f"stream {stream}",
                    "known_by": "external_id" if identity[0] == "e" else "anonymous_id",
                    "is_confirmed": not is_pending,
                }
                for identity in (*identities_of((id_, None)), *identities_of((None, id_)))
                for (type_, stream), is_pending in sorted(self.of(identity).items())
            ]

    def keep(self, identity: str, told: Told, *, is_pending: bool) -> None:
        """Note a no."""
        self.are_known = True
        self._put(identity, told, is_pending)

    def lift(self, identity: str, told: Told) -> None:
        """Forget a no."""
        self._put(identity, told, None)

    def _put(self, identity: str, told: Told, is_pending: bool | None) -> None:
        self._recent[self.hashed(identity)][told] = is_pending
        self._make_room()

    def _make_room(self) -> None:
        if not self._is_kept and len(self._recent) + len(self._links) > _MOST_UNWRITTEN:
            self._file = self._file or SnapshotFile(None)
            with self._file.transaction():
                self.write()

    def link(self, anonymous: str, external: str) -> None:
        """Note that two ids are one user's, for this run."""
        if self._has_links:
            self._links.setdefault(anonymous, {})[external] = None
            self._make_room()

    def linked(self, anonymous: str) -> list[str]:
        """Return the identities that an anonymous_id was linked to in this run."""
        if not self._has_links:
            return []
        rows = self._rows("SELECT external FROM links WHERE anonymous = ?", anonymous)
        return [
            *{**self._links.get(anonymous, {}), **dict.fromkeys(external for (external,) in rows)}
        ]

    def has_opted_in(self, identity: str, told: Told) -> bool:
        """Say whether a user's yes was told before, and dealt with."""
        user, (type_, stream) = self.hashed(identity), told
        known = self._opt_ins.get((user, type_, stream))
        if known is not None:
            return known
        return bool(
            self._rows(
                "SELECT 1 FROM opt_ins WHERE user = ? AND type = ? AND stream = ?",
                user,
                type_,
                stream,
            )
        )

    def opted_in(self, identity: str, told: Told, *, says_yes: bool) -> None:
        """Note what a stream said last of a subscription, once that is dealt with."""
        if self._is_kept:
            self._opt_ins[(self.hashed(identity), *told)] = says_yes

    def forget_opt_ins(self, identity: str) -> None:
        """Forget what a user said yes to, who is gone."""
        user = self.hashed(identity)
        for type_, stream in self._rows("SELECT type, stream FROM opt_ins WHERE user = ?", user):
            self._opt_ins[user, type_, stream] = False
        for key in self._opt_ins:
            if key[0] == user:
                self._opt_ins[key] = False

    def write(self) -> None:
        """Write what the file does not have yet; in a transaction."""
        if self._file is None:
            return
        outs = [
            (user, *told, is_pending)
            for user, of_user in self._recent.items()
            for told, is_pending in of_user.items()
        ]
        self._file.write(
            "INSERT OR REPLACE INTO opt_outs VALUES (?, ?, ?, ?)",
            [each for each in outs if each[-1] is not None],
        )
        self._file.write(
            "DELETE FROM opt_outs WHERE user = ? AND type = ? AND stream = ?",
            [each[:-1] for each in outs if each[-1] is None],
        )
        self._file.write(
            "INSERT OR IGNORE INTO opt_ins VALUES (?, ?, ?)",
            [key for key, says_yes in self._opt_ins.items() if says_yes],
        )
        self._file.write(
            "DELETE FROM opt_ins WHERE user = ? AND type = ? AND stream = ?",
            [key for key, says_yes in self._opt_ins.items() if not says_yes],
        )
        self._file.write(
            "INSERT OR IGNORE INTO links VALUES (?, ?)",
            [(each, other) for each, others in self._links.items() for other in others],
        )
        for user, of_user in self._recent.items():
            if user in self._found:
                self._found[user].update(of_user)
        self._recent.clear()
        self._opt_ins.clear()
        self._links.clear()

    @staticmethod
    def hashed(identity: str) -> bytes:
        """Return what stands for a user in the file."""
        return hashlib.blake2b(identity.encode(), digest_size=16).digest()
