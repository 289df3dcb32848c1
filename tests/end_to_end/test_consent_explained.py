"""What ``--explain`` tells of who said no, by the command itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Target

SCHEMA = tap.schema("customers", ("id", "email", "wants_mail", "_sdc_deleted_at"))
ENTRY = {"mapping": {"external_id": "id"}, "subscriptions": {"1": "wants_mail"}}


@pytest.fixture
def config(target: Target, sandbox: Sandbox) -> Path:
    path = str(target.folder / "snapshot.db")
    toggles = "/subscriptions/batch"
    sandbox.faults.add(
        Fault(effect="item_error", path=toggles, external_id="Late", code="state_conflict")
    )
    settings: dict[str, Any] = {
        "snapshot_path": path,
        "streams": {"customers": ENTRY},
        "removed_users": "delete",
    }
    rows = [
        {"id": "Out", "wants_mail": False},
        {"id": "Late", "wants_mail": False},
        {"id": "Gone", "wants_mail": True},
    ]
    lines = [tap.record("customers", **{**row, "email": "e@example.test"}) for row in rows]
    target.run([SCHEMA, *lines, tap.state({"n": 1})], **settings)
    sandbox.say("Gone", 1, 0)
    gone = tap.record("customers", id="Gone", _sdc_deleted_at="2026-11-25T10:00:00+00:00")
    target.run([SCHEMA, gone, tap.state({"n": 2})], **settings)
    return target.configure(**settings)


@pytest.mark.parametrize(
    ("id_", "told_by", "is_confirmed", "words"),
    [
        ("OUT", "stream customers", True, "confirmed"),
        ("late", "stream customers", False, "pending: is told with what is sent next"),
        ("Gone", "Spotzee", True, "confirmed"),
    ],
)
def test_it_tells_of_each_no(
    target: Target, config: Path, id_: str, told_by: str, is_confirmed: bool, words: str
) -> None:
    told = target.command(["--config", str(config), "--explain", id_])
    assert told.returncode == 0
    assert told.stdout.endswith(
        f"opted out of subscription 1, by external_id\n  told by   {told_by}\n  state     {words}\n"
    )
    told = target.command(["--config", str(config), "--explain", id_, "--format", "json"])
    assert json.loads(told.stdout)["opt_outs"] == [
        {"type": 1, "told_by": told_by, "known_by": "external_id", "is_confirmed": is_confirmed}
    ]
