"""What tests of whole runs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.api import waits
from target_spotzee.sandbox import Sandbox
from tests.consents import HABITS, TYPES, Consenting
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


@pytest.fixture
def source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Consenting]:
    monkeypatch.setattr(waits, "_FIRST_BACKOFF_SECONDS", 0.01)
    options: dict[str, Any] = {"subscription_types": TYPES, "watch": True, **HABITS}
    with Sandbox(keys={SECRET: "editor"}, queue_delay=0.05, **options) as sandbox:
        source = Consenting(sandbox, tmp_path, capsys)
        source.snapshot_path = tmp_path / "snapshot.db"
        yield source
