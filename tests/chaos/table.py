"""The table: what was run, and what was promised and not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.verdict import KINDS, Problem


@dataclass(frozen=True)
class Finding:
    """What one seed came to.

    Attributes:
        seed: The seed.
        cell: Its place in the table.
        processes: How many it took.
        records: How many rows the tap has.
        problems: What was not kept.
        seconds_to_exit: The longest from a signal to the end.
    """

    seed: int
    cell: tuple[str | int, ...]
    processes: int
    records: int
    problems: list[Problem]
    seconds_to_exit: float


@dataclass(frozen=True)
class Columns:
    """What a table shows of its lines.

    Attributes:
        places: What a line is about.
        figures: What is added up of the findings.
        kinds: The kinds of promises.
    """

    places: tuple[str, ...]
    figures: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def counted(self) -> tuple[str, ...]:
        """The heads of the columns with numbers."""
        return ("runs", *self.figures, *self.kinds)

    @property
    def heads(self) -> tuple[str, ...]:
        """All heads."""
        return (*self.places, *self.counted, "exit within")


FAULTS = Columns(("fault", "delivery", "in flight"), ("processes", "records"), KINDS)


@dataclass
class _Line:
    columns: Columns
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, finding: Finding) -> None:
        self.counts["runs"] += 1
        self.counts.update({name: getattr(finding, name) for name in self.columns.figures})
        self.counts.update(problem.kind for problem in finding.problems)
        self.seconds = max(self.seconds, finding.seconds_to_exit)

    def texts(self) -> list[str]:
        figures = [f"{self.counts[name]:,}" for name in self.columns.counted]
        return [*figures, f"{self.seconds:.1f} s" if self.seconds else "-"]


class Table:
    """Adds findings up, a line for each place.

    Args:
        columns: What it shows.
    """

    def __init__(self, columns: Columns = FAULTS) -> None:
        self._columns = columns
        self._lines: dict[tuple[str | int, ...], _Line] = {}
        self._all = _Line(columns)

    def add(self, finding: Finding) -> None:
        """Add what one seed came to."""
        self._lines.setdefault(finding.cell, _Line(self._columns)).add(finding)
        self._all.add(finding)

    def rows(self, order: Sequence[tuple[str | int, ...]]) -> list[list[str]]:
        """Return the heads, the lines in this order, and their sum."""
        lines = [
            [*map(str, cell), *self._lines[cell].texts()] for cell in order if cell in self._lines
        ]
        none = [""] * (len(self._columns.places) - 1)
        return [list(self._columns.heads), *lines, ["all", *none, *self._all.texts()]]

    def text(self, order: Sequence[tuple[str | int, ...]]) -> str:
        """Return the table for a terminal."""
        rows = self.rows(order)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                text.ljust(width) if place < len(self._columns.places) - 1 else text.rjust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )
