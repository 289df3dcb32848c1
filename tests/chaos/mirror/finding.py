"""One seed, run and judged."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.mirror.evidence import removals
from tests.chaos.mirror.run import Outcome, play
from tests.chaos.mirror.scenario import Cell, Mirror, mirror
from tests.chaos.mirror.verdict import KINDS, judge
from tests.chaos.table import Columns
from tests.chaos.verdict import Problem

COLUMNS = Columns(
    ("signal", "removed_users", "delivery", "in flight"),
    ("processes", "records", "unchanged", "removals"),
    KINDS,
)
"""What the table shows."""


@dataclass(frozen=True)
class Finding:
    """What one seed came to.

    Attributes:
        seed: The seed.
        cell: Its place in the table.
        processes: How many it took.
        records: How many rows the tap has, those that stay the same each night included.
        unchanged: How many were not sent, as the summaries say.
        removals: How many users were deleted or marked.
        problems: What was not kept.
        seconds_to_exit: The longest from a signal to the end.
    """

    seed: int
    cell: Cell
    processes: int
    records: int
    unchanged: int
    removals: int
    problems: list[Problem]
    seconds_to_exit: float


def find(seed: int) -> Finding:
    """Run one seed."""
    drawn = mirror(seed)
    with tempfile.TemporaryDirectory(prefix="chaos-mirror-") as folder:
        return found(drawn, play(drawn, Path(folder)))


def found(drawn: Mirror, outcome: Outcome) -> Finding:
    """Return what a run came to."""
    processes = outcome.processes
    removed = {
        (process.night, removal.user, removal.deletes)
        for number, process in enumerate(processes)
        for removal in removals(number, process)
    }
    summaries = [process.leg.summary for process in processes]
    return Finding(
        drawn.seed,
        drawn.cell,
        len(processes),
        drawn.feed.records,
        sum(summary["records"]["unchanged"] for summary in summaries if summary),
        len(removed),
        judge(drawn, outcome),
        max(process.leg.seconds_to_exit for process in processes),
    )
