"""Who said no: kept in the file by a hash, lifted, confirmed, and carried over from older files."""

from __future__ import annotations

import sqlite3
import tracemalloc
from pathlib import Path

import pytest

from target_spotzee.snapshot import opt_outs as opt_outs_module
from target_spotzee.snapshot.file import _MIGRATIONS, APPLICATION_ID, SnapshotFile
from target_spotzee.snapshot.opt_outs import BY_SPOTZEE, OptOuts

NO = (7, "customers")


@pytest.fixture(params=["written", "not written", "for the run", "too many for the memory"])
def kept(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> OptOuts:
    if request.param == "too many for the memory":
        monkeypatch.setattr(opt_outs_module, "_MOST_UNWRITTEN", 0)
        return OptOuts()
    if request.param == "for the run":
        return OptOuts()
    file = SnapshotFile(tmp_path / "snapshot.db")
    opt_outs = OptOuts(file)
    if request.param == "written":
        keep = opt_outs.keep

        def keep_at_once(identity: str, told: tuple[int, str], *, is_pending: bool) -> None:
            keep(identity, told, is_pending=is_pending)
            with file.transaction():
                opt_outs.write()

        opt_outs.keep = keep_at_once  # type: ignore[method-assign]
    return opt_outs


def test_a_no_is_pending_until_it_is_confirmed_and_can_be_lifted(kept: OptOuts) -> None:
    assert not kept.are_known
    kept.keep("eu", NO, is_pending=True)
    assert kept.are_known
    assert kept.of("eu") == {NO: True}
    kept.keep("eu", NO, is_pending=False)
    kept.keep("eu", (7, BY_SPOTZEE), is_pending=False)
    assert kept.of("eu") == {NO: False, (7, BY_SPOTZEE): False}
    assert kept.of("ev") == {}
    kept.lift("eu", NO)
    assert kept.of("eu") == {(7, BY_SPOTZEE): False}


def test_they_outlast_the_run_and_no_id_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.db"
    file = SnapshotFile(path)
    opt_outs = OptOuts(file)
    opt_outs.keep("e-the-id", NO, is_pending=True)
    opt_outs.opted_in("e-the-id", (8, "customers"), says_yes=True)
    opt_outs.opted_in("e-the-id", (9, "customers"), says_yes=True)
    opt_outs.opted_in("e-the-id", (9, "customers"), says_yes=False)
    with file.transaction():
        opt_outs.write()
    file.close()
    assert b"the-id" not in path.read_bytes()
    file = SnapshotFile(path)
    later = OptOuts(file)
    assert later.are_known
    assert later.of("e-the-id") == {NO: True}
    told = [later.has_opted_in("e-the-id", (type_, "customers")) for type_ in (7, 8, 9)]
    assert told == [False, True, False]
    later.forget_opt_ins("e-the-id")
    assert not later.has_opted_in("e-the-id", (8, "customers"))
    file.close()


def test_what_an_older_version_kept_before_a_deletion_is_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.db"
    with sqlite3.connect(path) as older:
        older.executescript(_MIGRATIONS[0])
        older.execute("INSERT INTO opt_outs VALUES (?, 7)", [OptOuts.hashed("eu")])
        older.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        older.execute("PRAGMA user_version = 1")
    older.close()
    file = SnapshotFile(path)
    assert OptOuts(file).of("eu") == {(7, BY_SPOTZEE): False}
    file.close()


def test_a_million_take_no_more_memory_than_some_thousand() -> None:
    """What is known for the run only goes to a file without a name."""
    opt_outs = OptOuts()
    tracemalloc.start()
    try:
        for number in range(25_000):
            opt_outs.keep(f"e{number}", NO, is_pending=True)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6_000_000  # 8 MB, were all of them held
    assert held < most
    assert opt_outs.of("e0") == opt_outs.of("e24999") == {NO: True}
    assert opt_outs.of("e25000") == {}


def test_links_are_remembered_for_the_run_and_take_no_more_memory_either() -> None:
    opt_outs = OptOuts(has_links=True)
    for number in range(25_000):
        opt_outs.link(f"a{number}", f"e{number}")
    opt_outs.link("a0", "eu")
    assert opt_outs.linked("a0") == ["eu", "e0"]
    assert opt_outs.linked("a24999") == ["e24999"]
    assert opt_outs.linked("a25000") == []
    assert len(opt_outs._links) < 11_000
