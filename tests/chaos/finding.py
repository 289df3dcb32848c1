"""One seed, run and judged."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.run import play
from tests.chaos.scenario import Cell, scenario
from tests.chaos.verdict import Problem, judge


@dataclass(frozen=True)
class Finding:
    """What one seed came to.

    Attributes:
        seed: The seed.
        cell: Its place in the table.
        processes: How many it took.
        records: How many the tap has.
        problems: What was not kept.
        seconds_to_exit: The longest from a signal to the end.
    """

    seed: int
    cell: Cell
    processes: int
    records: int
    problems: list[Problem]
    seconds_to_exit: float


def find(seed: int) -> Finding:
    """Run one seed."""
    drawn = scenario(seed)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        outcome = play(drawn, Path(folder))
    return Finding(
        seed,
        drawn.cell,
        len(outcome.legs),
        drawn.feed.end,
        judge(drawn, outcome),
        max(leg.seconds_to_exit for leg in outcome.legs),
    )
