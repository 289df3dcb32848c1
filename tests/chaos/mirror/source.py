"""A source's table, night after night: rows change, come, leave and come back. Pure."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

Row = dict[str, Any]
Table = dict[str, Row]
"""Rows by user, in the order of their ids; a user is an id without regard to case."""

MAIN, SECOND = "customers", "contacts"
TAKEN = "taken"
"""An ``anonymous_id`` of somebody whom no source knows: Spotzee refuses whoever claims it."""

_LARGE = 9_007_199_254_740_993
_CHANGES, _REVERTS, _RESPELLS, _RETURNS = 0.1, 0.3, 0.2, 0.3
_TAKEN_BACK = 0.4
"""How many of the changes last only one night: what a run has sent before it died is wrong then."""


@dataclass(frozen=True)
class Habits:
    """What a source is like.

    Attributes:
        leaves: The share of users that leave each night.
        joins: The share that is new each night.
        at_the_end: Whether new users get the highest ids, as from a sequence.
        sparse: Whether rows lack columns.
        phones: Whether users have phones.
        claims: Whether some rows claim an id that is somebody else's, so that Spotzee refuses them.
        respells: Whether an id is now and then spelled in capitals.
        overlap: Whether both streams write the same attribute.
    """

    leaves: float = 0.04
    joins: float = 0.04
    at_the_end: bool = True
    sparse: bool = False
    phones: bool = False
    claims: bool = False
    respells: bool = False
    overlap: bool = False


def columns(stream: str, habits: Habits) -> tuple[str, ...]:
    """Return the columns of a stream."""
    if stream == SECOND:
        return ("external_id", "number", "city", *(["plan"] if habits.overlap else []))
    of_main = ("external_id", "number", "email", "locale", "plan", "large", "address")
    more = {"phone": habits.phones, "anonymous_id": habits.claims}
    return (*of_main, *(name for name, is_there in more.items() if is_there))


def is_refused(row: Row) -> bool:
    """Say whether Spotzee refuses a row."""
    return "anonymous_id" in row


class Source:
    """Makes up one stream's table, and what it becomes overnight.

    Every version of a row tells its number, except that a row can become what it was before.

    Args:
        rng: The dice.
        stream: The stream.
        habits: What the source is like.
        numbers: The numbers of rows, shared by all streams.
    """

    def __init__(
        self, rng: random.Random, stream: str, habits: Habits, numbers: Iterable[int] | None = None
    ) -> None:
        self._rng = rng
        self._stream = stream
        self._habits = habits
        self._numbers = iter(numbers or count(1))
        self._past: defaultdict[str, list[Row]] = defaultdict(list)
        self._yesterday: Table = {}
        self._next_id = 10_000

    def table(self, users: Iterable[str]) -> Table:
        """Return the first night's table."""
        return _in_order({user: self._new(user) for user in users})

    def overnight(self, table: Table) -> Table:
        """Return the next night's table."""
        rng, habits = self._rng, self._habits
        after: Table = {}
        for user, row in table.items():
            if rng.random() >= habits.leaves:
                after[user] = self._next(user, row)
        for user in [user for user in self._past if user not in table]:
            if rng.random() < _RETURNS:
                after[user] = self._past[user][-1] if rng.random() < 0.5 else self._new(user)
        for _ in range(sum(rng.random() < habits.joins for _ in table)):
            user = self._new_user()
            after[user] = self._new(user)
        self._yesterday = table
        return _in_order(after)

    def changed(self, user: str) -> Row:
        """Return another version of a user's row, or the same once more."""
        return self._past[user][-1] if self._rng.random() < 0.3 else self._changed(user)

    def transient(self) -> tuple[str, Row]:
        """Return a user that comes and leaves in one night."""
        self._next_id += 1
        user = f"brief-{self._next_id}"
        row = self._new(user)
        del self._past[user]
        return user, row

    def _next(self, user: str, row: Row) -> Row:
        """Return what a row is the next night."""
        earlier = self._yesterday.get(user, row)
        if earlier is not row and self._rng.random() < _TAKEN_BACK:
            self._past[user].append(earlier)
            return earlier
        return self._changed(user) if self._rng.random() < _CHANGES else row

    def _changed(self, user: str) -> Row:
        if self._rng.random() < _REVERTS:
            row = self._rng.choice(self._past[user])
            self._past[user].append(row)
            return row
        return self._new(user)

    def _new_user(self) -> str:
        self._next_id += 1
        number = self._next_id
        if not self._habits.at_the_end:
            number = self._rng.randrange(10_000)
        return f"user-{number:05}"

    def _new(self, user: str) -> Row:
        rng, number = self._rng, next(self._numbers)
        spelled = user
        if self._habits.respells and rng.random() < _RESPELLS:
            spelled = user.upper()
        row: Row = {"external_id": spelled, "number": number}
        for name, value in self._columns(number).items():
            if not self._habits.sparse or rng.random() < 0.7:
                row[name] = None if rng.random() < 0.05 else value
        if self._habits.claims and self._stream == MAIN and rng.random() < 0.02:
            row["anonymous_id"] = TAKEN
        self._past[user].append(row)
        return row

    def _columns(self, number: int) -> Row:
        if self._stream == SECOND:
            columns: Row = {"city": f"city {number}"}
            return {**columns, "plan": f"plan {number}"} if self._habits.overlap else columns
        columns = {
            "email": f"a{number}@example.test",
            "locale": ("en-AU", "de", "fr")[number % 3],
            "plan": f"plan {number}",
            "large": _LARGE + number,
            "address": {"street": f"street {number}", "number": number},
        }
        if self._habits.phones:
            columns["phone"] = f"+614{number:08}"
        return columns


def _in_order(table: Table) -> Table:
    return dict(sorted(table.items()))
