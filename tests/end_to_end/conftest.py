"""What tests of whole runs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from target_spotzee.api import waits
from target_spotzee.sandbox import Sandbox
from tests.nights import Nights
from tests.played import SECRET


@pytest.fixture
def nights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Nights]:
    monkeypatch.setattr(waits, "_FIRST_BACKOFF_SECONDS", 0.01)
    with Sandbox(keys={SECRET: "editor"}) as sandbox:
        nights = Nights(sandbox, tmp_path, capsys)
        nights.snapshot_path = tmp_path / "snapshot.db"
        yield nights
