"""One seed, run and judged."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import table
from tests.chaos.mirror.evidence import removals
from tests.chaos.mirror.run import Outcome, play
from tests.chaos.mirror.scenario import Mirror, mirror
from tests.chaos.mirror.verdict import KINDS, judge
from tests.chaos.table import Columns

COLUMNS = Columns(
    ("signal", "removed_users", "delivery", "in flight"),
    ("processes", "records", "unchanged", "removals"),
    KINDS,
)
"""What the table shows."""


@dataclass(frozen=True)
class Finding(table.Finding):
    """What one seed came to.

    Attributes:
        unchanged: How many records were not sent, as the summaries say.
        removals: How many users were deleted or marked.
    """

    unchanged: int
    removals: int


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
        judge(drawn, outcome),
        max(process.leg.seconds_to_exit for process in processes),
        sum(summary["records"]["unchanged"] for summary in summaries if summary),
        len(removed),
    )
