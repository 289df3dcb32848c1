"""The table: what was run, and what was promised and not kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.finding import Finding
from tests.chaos.scenario import Cell
from tests.chaos.verdict import KINDS

_HEADS = ("fault", "delivery", "in flight", "runs", "processes", "records", *KINDS, "exit within")


@dataclass
class _Line:
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, finding: Finding) -> None:
        self.counts["runs"] += 1
        self.counts["processes"] += finding.processes
        self.counts["records"] += finding.records
        self.counts.update(problem.kind for problem in finding.problems)
        self.seconds = max(self.seconds, finding.seconds_to_exit)

    def texts(self) -> list[str]:
        figures = [f"{self.counts[name]:,}" for name in _HEADS[3:-1]]
        return [*figures, f"{self.seconds:.1f} s" if self.seconds else "-"]


class Table:
    """Adds findings up, a line for each fault, delivery and number in flight."""

    def __init__(self) -> None:
        self._lines: dict[Cell, _Line] = {}
        self._all = _Line()

    def add(self, finding: Finding) -> None:
        """Add what one seed came to."""
        self._lines.setdefault(finding.cell, _Line()).add(finding)
        self._all.add(finding)

    def rows(self, order: list[Cell]) -> list[list[str]]:
        """Return the heads, the lines in this order, and their sum."""
        rows = [list(_HEADS)]
        for cell in order:
            if cell in self._lines:
                fault, delivery, in_flight = cell
                rows.append([fault, delivery, str(in_flight), *self._lines[cell].texts()])
        rows.append(["all", "", "", *self._all.texts()])
        return rows

    def text(self, order: list[Cell]) -> str:
        """Return the table for a terminal."""
        rows = self.rows(order)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                text.ljust(width) if place < 2 else text.rjust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )
