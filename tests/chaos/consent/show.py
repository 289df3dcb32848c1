"""One seed, told at length."""

# ruff: noqa: T201 - it talks by printing

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.chaos.consent.run import play
from tests.chaos.consent.scenario import consent
from tests.chaos.consent.verdict import judge
from tests.chaos.show import tell


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
    return tell(judge(drawn, outcome))
