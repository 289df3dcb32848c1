"""One seed, run and judged; or told at length."""

# ruff: noqa: T201 - it talks by printing

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.consent.run import Outcome, play
from tests.chaos.consent.scenario import Cell, Consent, consent
from tests.chaos.consent.verdict import KINDS, judge
from tests.chaos.table import Columns
from tests.chaos.verdict import Problem

COLUMNS = Columns(
    ("opt_in", "delivery", "memory", "in flight"),
    ("processes", "records", "moments", "opted_out"),
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
        records: How many rows the tap has.
        moments: How many moments were looked at.
        opted_out: How many toggles unsubscribed, as the summaries say.
        problems: What was not kept.
        seconds_to_exit: The longest from a signal to the end.
    """

    seed: int
    cell: Cell
    processes: int
    records: int
    moments: int
    opted_out: int
    problems: list[Problem]
    seconds_to_exit: float


def find(seed: int) -> Finding:
    """Run one seed."""
    drawn = consent(seed)
    with tempfile.TemporaryDirectory(prefix="chaos-consent-") as folder:
        return found(drawn, play(drawn, Path(folder)))


def found(drawn: Consent, outcome: Outcome) -> Finding:
    """Return what a run came to."""
    legs = [leg for night in outcome.nights for leg in night.legs]
    return Finding(
        drawn.seed,
        drawn.cell,
        len(legs),
        drawn.first(len(drawn.nights)),
        sum(len(night.moments) for night in outcome.nights),
        sum(leg.summary["subscriptions"]["opted_out"] for leg in legs if leg.summary),
        judge(drawn, outcome),
        max(leg.seconds_to_exit for leg in legs),
    )


def show(seed: int) -> bool:
    """Run one seed and tell all about it; say whether all promises were kept."""
    drawn = consent(seed)
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-consent-{seed}-"))
    print(f"{' / '.join(map(str, drawn.cell))}: files in {folder}")
    print(f"target  {drawn.scenarios[0].settings}\nsandbox {drawn.scenarios[0].sandbox}")
    outcome = play(drawn, folder)
    for number, night in enumerate(outcome.nights):
        told = drawn.nights[number]
        print(f"night {number + 1}: erased {told.erased}, said {told.said}")
        for fault in drawn.scenarios[number].faults:
            print(f"  fault   {fault}")
        for place, leg in enumerate(night.legs, 1):
            summary = leg.summary or {}
            print(f"  process {place}: {leg.trouble}, struck {leg.struck}, exit {leg.exit_code}")
            print(f"    {summary.get('records')} {summary.get('subscriptions')}")
            (folder / f"stderr-{number + 1}-{place}").write_text(leg.err, encoding="utf-8")
    problems = judge(drawn, outcome)
    for problem in problems:
        print(f"{problem.kind}: {problem.text}")
    print("all promises were kept" if not problems else f"{len(problems)} promises were not kept")
    return not problems
