"""A file whose tables are sound and whose words make no sense."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timezone
from pathlib import Path

import pytest

from target_spotzee.exceptions import SettingsError
from target_spotzee.snapshot.snapshot import Snapshot

NOW = datetime(2026, 11, 25, 3, tzinfo=timezone.utc)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "snapshot.db"
    snapshot = Snapshot(path, "monday", lambda: NOW)
    snapshot.streams.get("customers")
    snapshot.end(0, 1.0, {})
    snapshot.close()
    return path


def damage(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as file:
        file.execute(statement)
    file.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE streams SET pass = '{'",
        "UPDATE streams SET pass = '[]'",
        "UPDATE streams SET pass = NULL",
        "UPDATE streams SET writes = 'email'",
        "UPDATE streams SET writes = NULL",
        "INSERT INTO open VALUES (7, 'u1')",
        "INSERT INTO open VALUES (7, '[1]')",
        "INSERT INTO open VALUES (7, NULL)",
        "INSERT INTO open VALUES (7, '[[\"eu\", 9]]')",
        "INSERT INTO seen VALUES (1, 'now', 0, NULL)",
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(path: Path, statement: str) -> None:
    damage(path, statement)
    for _ in range(2):  # and the file is not left open
        with pytest.raises(SettingsError, match="is damaged; delete the file"):
            Snapshot(path, "tuesday", lambda: NOW)


def test_figures_that_make_no_sense_are_told_in_one_line(path: Path) -> None:
    damage(path, "UPDATE runs SET figures = '{'")
    snapshot = Snapshot(path, "tuesday", lambda: NOW)
    with pytest.raises(SettingsError, match="is damaged"):
        snapshot.history()
    snapshot.close()


def test_a_sound_file_is_read(path: Path) -> None:
    snapshot = Snapshot(path, "tuesday", lambda: NOW)
    assert [run["run_id"] for run in snapshot.history()] == ["monday"]
    snapshot.close()
