"""One seed, told at length."""

# ruff: noqa: T201 - it talks by printing

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.run import play
from tests.chaos.scenario import scenario
from tests.chaos.verdict import Problem, judge


def show(seed: int) -> bool:
    """Run one seed and tell all about it; say whether all promises were kept."""
    drawn = scenario(seed)
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    print(f"{' / '.join(map(str, drawn.cell))}: {drawn.feed.end} records, files in {folder}")
    print(f"target  {drawn.settings}\nsandbox {drawn.sandbox}")
    for fault in drawn.faults:
        print(f"fault   {fault}")
    outcome = play(drawn, folder)
    for number, leg in enumerate(outcome.legs, 1):
        states = [look.position for look in leg.looks]
        print(f"process {number}: {leg.trouble}, exit {leg.exit_code}, states {states}")
        (folder / f"stderr-{number}").write_text(leg.err, encoding="utf-8")
    return tell(judge(drawn, outcome))


def tell(problems: Sequence[Problem]) -> bool:
    """Say what was not kept; return whether all was."""
    for problem in problems:
        print(f"{problem.kind}: {problem.text}")
    print("all promises were kept" if not problems else f"{len(problems)} promises were not kept")
    return not problems
