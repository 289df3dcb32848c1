"""A run under Meltano is struck; the next one makes up for it. `make faults` plays them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.meltano.faults import FAULTS, Counting, Fault, play

SHORT = {
    "SIGKILL of target",
    "SIGTERM of tap",
    "SIGKILL of meltano",
    "SIGTERM of meltano",
    "no Spotzee for good",
}


@pytest.mark.usefixtures("meltano")
@pytest.mark.parametrize(
    "fault",
    [fault for fault in FAULTS if fault.name in SHORT],
    ids=lambda fault: fault.name,
)
def test_nothing_is_missing_after_the_next_run(fault: Fault, tmp_path: Path) -> None:
    row = play(fault, Counting(), tmp_path / "project")

    assert row.sound, row
    assert row.exit_codes[0] != 0
    assert 0 < row.claimed < Counting.records  # it was struck in the middle
