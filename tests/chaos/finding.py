"""One seed, run and judged."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.chaos.run import play
from tests.chaos.scenario import scenario
from tests.chaos.table import Finding
from tests.chaos.verdict import judge


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
