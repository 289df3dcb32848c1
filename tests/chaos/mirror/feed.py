"""What a tap prints in a night, and what each of its lines says. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from tests import tap
from tests.chaos.mirror.source import SECOND, Row, Source, Table

Signal = Literal["version after", "version before", "complete pass", "deleted rows"]
"""How a stream tells that a user has left."""

SIGNALS: tuple[Signal, ...] = (
    "version after",
    "version before",
    "complete pass",
    "deleted rows",
)
STRONG: tuple[Signal, ...] = ("version after", "deleted rows")

MARKERS = {"customers": "number", "contacts": "contact_number"}
"""The attribute that tells the number of a stream's row."""

_DELETED_AT = "2026-11-25T03:00:00Z"
_VERSION = 1_700_000_000_000


@dataclass(frozen=True)
class Step:
    """One message of a tap.

    Attributes:
        what: A row, the note that a row was deleted, or ACTIVATE_VERSION.
        stream: Its stream.
        user: The row's; empty: it has no identity.
        row: The row.
        state: Whether a STATE follows.
    """

    what: Literal["row", "deleted", "activate"]
    stream: str
    user: str = ""
    row: Row | None = None
    state: bool = False


class Line(NamedTuple):
    """A line that a tap prints.

    Attributes:
        text: The line.
        position: Of its step, from 1 over all nights.
        step: What it says; ``None``: SCHEMA or STATE.
    """

    text: str
    position: int = 0
    step: Step | None = None


@dataclass(frozen=True)
class Pass:
    """From where on, and as what, a tap reads.

    Attributes:
        version: Its number.
        tables: The position after which it prints the rows of tables.
        log: The position after which it prints what a log holds.
    """

    version: int
    tables: int
    log: int


@dataclass(frozen=True)
class Feed:
    """What a tap prints, night after night.

    Attributes:
        signals: The signal of each stream.
        nights: The steps of each night.
        resumes: Whether the tap goes on in the midst of a table.
        schemas_first: Whether it prints every SCHEMA at the start, not where it is needed.
        columns: The columns of each stream.
    """

    signals: Mapping[str, Signal]
    nights: Sequence[Sequence[Step]]
    resumes: bool = False
    schemas_first: bool = True
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many rows there are, those that stay the same each night included."""
        return sum(step.what != "activate" for steps in self.nights for step in steps)

    def first(self, night: int) -> int:
        """Return the position before a night's steps."""
        return sum(map(len, self.nights[:night]))

    def is_log(self, stream: str) -> bool:
        """Say whether a stream tells what changed, not what is there."""
        return self.signals[stream] == "deleted rows"

    def has_versions(self, stream: str) -> bool:
        """Say whether a stream's records carry a version."""
        return self.signals[stream] in ("version after", "version before")

    def given(self, night: int, read: Pass) -> list[tuple[int, Step]]:
        """Return the steps that a pass prints in a night, with their positions.

        A log is read on from where it was left, however many nights ago.
        """
        given = []
        for number, steps in enumerate(self.nights[: night + 1]):
            for position, step in enumerate(steps, self.first(number) + 1):
                if self.is_log(step.stream):
                    wanted = position > read.log
                else:
                    wanted = number == night and position > read.tables
                if wanted:
                    given.append((position, step))
        return given

    def lines(self, night: int, read: Pass) -> list[Line]:
        """Return what a pass prints in a night."""
        lines: list[Line] = []
        announced: set[str] = set()
        if self.schemas_first:
            announced.update(self.signals)
            lines += [self._schema(stream) for stream in self.signals]
        given = self.given(night, read)
        for position, step in given:
            if step.stream not in announced:
                announced.add(step.stream)
                lines.append(self._schema(step.stream))
            lines.append(Line(self._text(step, read.version), position, step))
            if step.state:
                lines.append(Line(self._state(position, read.version)))
        if not given or not given[-1][1].state:
            lines.append(Line(self._state(self.end(night, read), read.version)))
        return lines

    def end(self, night: int, read: Pass) -> int:
        """Return the position of the last state that a pass prints in a night."""
        given = self.given(night, read)
        return given[-1][0] if given else self.first(night + 1)

    def _text(self, step: Step, number: int) -> str:
        version = {"version": _VERSION + number} if self.has_versions(step.stream) else {}
        if step.what == "activate":
            return tap.line({"type": "ACTIVATE_VERSION", "stream": step.stream, **version})
        row: dict[str, Any] = dict(step.row or {})
        if self.is_log(step.stream):
            row["_sdc_deleted_at"] = _DELETED_AT if step.what == "deleted" else None
        return tap.line({"type": "RECORD", "stream": step.stream, "record": row, **version})

    def _schema(self, stream: str) -> Line:
        columns = [*self.columns[stream], *(["_sdc_deleted_at"] if self.is_log(stream) else [])]
        return Line(tap.schema(stream, columns, keys=["external_id"]))

    def _state(self, position: int, number: int) -> str:
        bookmarks = {
            stream: {"lsn": position} if self.is_log(stream) else {"version": _VERSION + number}
            for stream in self.signals
        }
        return tap.state({"bookmarks": bookmarks, "read": position})


def whole_table(
    stream: str, signal: Signal, table: Table, *, first_night: bool = False
) -> list[Step]:
    """Return the steps of a stream that is printed whole.

    Args:
        stream: The stream.
        signal: Its signal.
        table: Its rows.
        first_night: Whether a version is activated before its rows as well as after them.
    """
    steps = [Step("row", stream, user, row) for user, row in table.items()]
    activate = [Step("activate", stream)]
    if signal == "version after":
        return [*(activate if first_night else []), *steps, *activate]
    return [*activate, *steps] if signal == "version before" else steps


def log(rng: random.Random, stream: str, source: Source, before: Table, after: Table) -> list[Step]:
    """Return what a log tells of a night: the steps of each user in order, users mixed."""
    of_users = [
        _changes(rng, stream, source, user, before.get(user), after.get(user))
        for user in sorted(before.keys() | after.keys())
        if before.get(user) is not after.get(user) or rng.random() < 0.03
    ]
    for _ in range(rng.randint(0, 2)):
        user, row = source.transient()
        of_users.append([Step("row", stream, user, row), _deleted(stream, user)])
    return interleave(rng, of_users)


def again(stream: str, table: Table, left: Iterable[str]) -> list[Step]:
    """Return a log that tells all it ever told once more, as after a reset of the tap."""
    rows = [Step("row", stream, user, row) for user, row in table.items()]
    return [*(_deleted(stream, user) for user in sorted(left)), *rows]


def _changes(
    rng: random.Random,
    stream: str,
    source: Source,
    user: str,
    before: Row | None,
    after: Row | None,
) -> list[Step]:
    """Return how a user's row became another, perhaps by way of others or of none at all."""
    steps = []
    if rng.random() < 0.2:
        if before is None or after is None:
            steps.append(Step("row", stream, user, source.changed(user)))
        if after is not None:
            steps.append(_deleted(stream, user))
    last = _deleted(stream, user) if after is None else Step("row", stream, user, after)
    return [*steps, last]


def _deleted(stream: str, user: str) -> Step:
    return Step("deleted", stream, user, {"external_id": user})


def interleave(rng: random.Random, parts: Sequence[Sequence[Step]]) -> list[Step]:
    """Return the steps of all parts, each part's in its order."""
    turns = [number for number, part in enumerate(parts) for _ in part]
    rng.shuffle(turns)
    left = [iter(part) for part in parts]
    return [next(left[number]) for number in turns]


def with_states(rng: random.Random, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return steps with a STATE after some of them, and after the last."""
    share = rng.choice([0.03, 0.1])
    last = len(steps) - 1
    return tuple(
        replace(step, state=number == last or rng.random() < share)
        for number, step in enumerate(steps)
    )


def mapping(stream: str) -> dict[str, Any]:
    """Return a stream's entry in the ``streams`` setting."""
    if stream == SECOND:
        return {"mapping": {"external_id": "external_id", "data": {MARKERS[stream]: "number"}}}
    return {}
