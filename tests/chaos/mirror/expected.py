"""What Spotzee should hold, worked out one step at a time. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.mirror.feed import MARKERS, Feed, Step
from tests.chaos.mirror.source import SECOND, Row, is_refused
from tests.chaos.run import Users
from tests.model import FIRST_CLASS

ABSENT = object()


def by_user(users: Users) -> Users:
    """Return the users of Spotzee by id, whatever its case."""
    return {external_id.casefold(): user for external_id, user in users.items()}


def written(stream: str, row: Row) -> dict[str, Any]:
    """Return what a row writes, field by field, those in ``data`` under their own names."""
    fields = {name: value for name, value in row.items() if name != "external_id"}
    if stream == SECOND:
        fields[MARKERS[stream]] = fields.pop("number")
    return fields


def held(user: dict[str, Any] | None, name: str) -> Any:
    """Return what a user of Spotzee has in a field."""
    if user is None:
        return ABSENT
    return user[name] if name in FIRST_CLASS else user["data"].get(name, ABSENT)


def same(one: Any, other: Any, *, doubles: bool = False) -> bool:
    """Say whether two values are the same to Spotzee."""
    if doubles and isinstance(one, int) and isinstance(other, int | float):
        return float(one) == float(other)
    return type(one) is type(other) and bool(one == other)


@dataclass
class Known:
    """What was told of a user.

    Attributes:
        streams: Those that have the user.
        fields: What its fields should be, and which stream's rows said so.
        older: What its fields were before.
        refused: The streams whose newest row of it Spotzee refuses.
    """

    streams: set[str] = field(default_factory=set)
    fields: dict[str, tuple[str, Any]] = field(default_factory=dict)
    older: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    refused: set[str] = field(default_factory=set)


class Expected:
    """The users as they should be, after each night that ended well.

    Args:
        feed: What the tap prints.
        deletes: Whether users that left are deleted: what they had is then told by nobody.
    """

    def __init__(self, feed: Feed, *, deletes: bool) -> None:
        self._feed = feed
        self._deletes = deletes
        self._read = 0
        self._last = -1
        self.users: defaultdict[str, Known] = defaultdict(Known)

    def night(self, night: int) -> None:
        """Apply a night's steps, and of nights that were given up what a log had told."""
        first, shown = self._feed.first(night), set()
        whole = self._last == night - 1
        self._last = night
        for step in self._backlog(first):
            self._apply(step)
        for step in self._feed.nights[night]:
            self._apply(step)
            if step.what == "row":
                shown.add((step.stream, step.user))
        self._read = self._feed.first(night + 1)
        for user, known in self.users.items():
            for stream in sorted(known.streams):
                if not self._feed.is_log(stream) and (stream, user) not in shown:
                    self._leave(user, stream, whole=whole)

    def _backlog(self, first: int) -> Iterable[Step]:
        position = 0
        for steps in self._feed.nights:
            for step in steps:
                position += 1
                if self._read < position <= first and self._feed.is_log(step.stream):
                    yield step

    def _apply(self, step: Step) -> None:
        if not step.user:
            return
        if step.what == "deleted":
            self._leave(step.user, step.stream)
        elif step.what == "row" and step.row is not None:
            known = self.users[step.user]
            known.streams.add(step.stream)
            if is_refused(step.row):
                known.refused.add(step.stream)
                return
            known.refused.discard(step.stream)
            for name, value in written(step.stream, step.row).items():
                if name in known.fields:
                    known.older[name].append(known.fields[name][1])
                known.fields[name] = step.stream, value

    def _leave(self, user: str, stream: str, *, whole: bool = True) -> None:
        known = self.users[user]
        known.streams.discard(stream)
        if self._deletes or not whole:
            # It may have been deleted, or changed in a night that was given up, before it left.
            known.fields = {
                name: (said_by, value)
                for name, (said_by, value) in known.fields.items()
                if said_by != stream
            }
