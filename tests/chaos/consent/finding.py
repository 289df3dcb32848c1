"""One seed, run and judged."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import table
from tests.chaos.consent.run import Outcome, play
from tests.chaos.consent.scenario import Consent, consent
from tests.chaos.consent.verdict import KINDS, judge
from tests.chaos.table import Columns

COLUMNS = Columns(
    ("opt_in", "delivery", "memory", "in flight"),
    ("processes", "records", "moments", "opted_out"),
    KINDS,
)
"""What the table shows."""


@dataclass(frozen=True)
class Finding(table.Finding):
    """What one seed came to.

    Attributes:
        moments: How many moments were looked at.
        opted_out: How many toggles unsubscribed, as the summaries say.
    """

    moments: int
    opted_out: int


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
        judge(drawn, outcome),
        max(leg.seconds_to_exit for leg in legs),
        sum(len(night.moments) for night in outcome.nights),
        sum(leg.summary["subscriptions"]["opted_out"] for leg in legs if leg.summary),
    )
