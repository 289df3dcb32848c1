"""The snapshot's file: one process, one owner, and nothing that a power cut takes back."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from target_spotzee.exceptions import RunError, SettingsError
from target_spotzee.snapshot.file import APPLICATION_ID, VERSION, SnapshotFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot.db"


def opened(path: Path, number: int) -> None:
    """Leave a batch open, as a run does before it sends it."""
    file = SnapshotFile(path)
    with file.transaction():
        file.write("INSERT INTO open VALUES (?, ?)", [(number, "[]")])
    file.close()


def numbers(path: Path) -> list[int]:
    file = SnapshotFile(path)
    found = [number for (number,) in file.rows("SELECT number FROM open ORDER BY number")]
    file.close()
    return found


def test_a_new_file_is_its_owners_only(path: Path) -> None:
    before = os.umask(0)
    try:
        opened(path, 1)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_log_is_its_owners_only_too(path: Path) -> None:
    file = SnapshotFile(path)
    with file.transaction():
        file.write("INSERT INTO open VALUES (?, ?)", [(1, "[]")])
    modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert modes == {"snapshot.db": 0o600, "snapshot.db-wal": 0o600}
    file.close()


def test_a_second_process_is_refused_in_one_line(path: Path) -> None:
    file = SnapshotFile(path)
    with pytest.raises(SettingsError, match="in use by another run") as refused:
        SnapshotFile(path)
    assert "\n" not in str(refused.value)
    file.close()
    SnapshotFile(path).close()


@pytest.mark.parametrize(
    "content", [b"something else\n" * 1000, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_file_that_is_none_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="damaged"):
        SnapshotFile(path)
    assert path.read_bytes() == content


def test_somebody_elses_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (id)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(SettingsError, match="something else"):
        SnapshotFile(path)
    assert path.read_bytes() == content


def test_a_newer_file_is_refused(path: Path) -> None:
    opened(path, 1)
    with sqlite3.connect(path) as later:
        later.execute(f"PRAGMA user_version = {VERSION + 1}")
    later.close()
    with pytest.raises(SettingsError, match="newer version"):
        SnapshotFile(path)


def test_a_file_is_marked_as_ours(path: Path) -> None:
    opened(path, 1)
    found = sqlite3.connect(path)
    assert found.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert found.execute("PRAGMA user_version").fetchone() == (VERSION,)
    found.close()


@pytest.mark.parametrize("place", ["folder", "missing/folder", "link"])
def test_a_place_that_takes_no_file_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="snapshot_path"):
        SnapshotFile(tmp_path / place)


def test_a_damaged_page_is_told_in_one_line(path: Path) -> None:
    file = SnapshotFile(path)
    with file.transaction():
        file.write("INSERT INTO open VALUES (?, ?)", [(n, "x" * 500) for n in range(200)])
    file.close()
    content = bytearray(path.read_bytes())
    dice = random.Random(1)
    for place in range(4096 * 12, len(content)):
        content[place] = dice.randrange(256)
    path.write_bytes(content)
    with pytest.raises((SettingsError, RunError)) as found:  # noqa: PT012 - either may tell
        file = SnapshotFile(path)
        try:
            file.rows("SELECT number, users FROM open")
            file.rows("PRAGMA integrity_check")
        finally:
            file.close()
    assert "damaged" in str(found.value)


def test_a_dry_run_takes_everything_back(path: Path) -> None:
    opened(path, 1)
    before = path.read_bytes()
    file = SnapshotFile(path, is_dry=True)
    with file.transaction():
        file.write("INSERT INTO open VALUES (?, ?)", [(2, "[]")])
    assert len(file.rows("SELECT * FROM open")) == 2
    file.close()
    assert numbers(path) == [1]
    assert path.read_bytes()[100:] == before[100:]


def test_a_dry_run_makes_no_file(path: Path) -> None:
    file = SnapshotFile(path, is_dry=True)
    assert file.rows("SELECT * FROM open") == []
    file.close()
    assert not path.exists()


def test_a_power_cut_takes_back_nothing_that_was_durable(path: Path, tmp_path: Path) -> None:
    """What counts as written is on disk: the log is cut right behind it, and torn after that."""
    file = SnapshotFile(path)
    log = path.with_name("snapshot.db-wal")
    sizes = []
    for number in range(1, 40):
        with file.transaction():
            file.write("INSERT INTO open VALUES (?, ?)", [(number, "x" * 3000)])
        sizes.append(log.stat().st_size)
    written = log.read_bytes()
    dice = random.Random(7)
    for number, size in enumerate(sizes, 1):
        after = tmp_path / f"cut-{number}"
        after.mkdir()
        shutil.copy(path, after / "snapshot.db")
        torn = dice.randbytes(dice.randrange(5000))
        (after / "snapshot.db-wal").write_bytes(written[:size] + torn)
        assert numbers(after / "snapshot.db") == list(range(1, number + 1))
        (after / "snapshot.db-wal").write_bytes(written[: size - dice.randrange(1, 4000)])
        shutil.copy(path, after / "snapshot.db")
        assert numbers(after / "snapshot.db") == list(range(1, number))
    file.close()


def test_a_transaction_waits_for_the_disk(path: Path) -> None:
    """So the test above cuts where a disk can: without this, SQLite would not wait."""
    file = SnapshotFile(path)
    assert file.rows("PRAGMA synchronous") == [(2,)]
    assert file.rows("PRAGMA journal_mode") == [("wal",)]
    file.close()


# The first version's file, as its tables were made. Never changed: a later program has to read it.
FIRST_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE runs (
  number INTEGER PRIMARY KEY, run_id TEXT, began TEXT, seconds REAL, exit_code INTEGER, figures TEXT
);
CREATE TABLE requests (number INTEGER PRIMARY KEY, run INTEGER, at INTEGER, request_id TEXT);
CREATE TABLE streams (
  number INTEGER PRIMARY KEY, name TEXT UNIQUE, writes TEXT, issued INTEGER, recipe BLOB, pass TEXT
);
CREATE TABLE users (
  identity TEXT, stream INTEGER, number INTEGER, request INTEGER, doubt INTEGER, digests BLOB,
  spelling TEXT, columns BLOB, PRIMARY KEY (identity, stream)
) WITHOUT ROWID;
CREATE TABLE open (number INTEGER PRIMARY KEY, users TEXT);
CREATE TABLE links (anonymous TEXT, external TEXT, PRIMARY KEY (anonymous, external)) WITHOUT ROWID;
CREATE TABLE seen (
  stream INTEGER, pass TEXT, page INTEGER, bits BLOB, PRIMARY KEY (stream, pass, page)
) WITHOUT ROWID;
CREATE TABLE due (
  identity TEXT, stream INTEGER, spelling TEXT, how TEXT, PRIMARY KEY (identity, stream)
) WITHOUT ROWID;
CREATE TABLE removed (
  identity TEXT, stream INTEGER, spelling TEXT, how TEXT, run INTEGER,
  PRIMARY KEY (identity, stream)
) WITHOUT ROWID;
CREATE TABLE rejects (
  identity TEXT, stream INTEGER, run INTEGER, code TEXT, PRIMARY KEY (identity, stream)
) WITHOUT ROWID;
CREATE TABLE opt_outs (user BLOB, type INTEGER, PRIMARY KEY (user, type)) WITHOUT ROWID;
"""


def test_the_first_versions_file_can_still_be_used(path: Path) -> None:
    with sqlite3.connect(path) as first:
        first.executescript(FIRST_TABLES)
        first.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        first.execute("PRAGMA user_version = 1")
        first.execute("INSERT INTO open VALUES (7, '[]')")
    first.close()
    assert numbers(path) == [7]
    after, fresh = sqlite3.connect(path), sqlite3.connect(path.with_name("fresh.db"))
    SnapshotFile(path.with_name("fresh.db")).close()
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    for (table,) in fresh.execute(tables).fetchall():
        columns = [row[1:3] for row in fresh.execute(f"PRAGMA table_info({table})")]
        assert [row[1:3] for row in after.execute(f"PRAGMA table_info({table})")] == columns
    assert after.execute("PRAGMA user_version").fetchone() == (VERSION,)
    after.close()
    fresh.close()
