"""Sending rejects again does no harm: nothing old comes back, nothing goes twice."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Result, Target

SCHEMA = tap.schema(properties=["id", "email", "plan"])


def rejects(path: Path) -> list[dict[str, object]]:
    messages = [json.loads(line) for line in path.read_text().splitlines()]
    return [message["reject"] for message in messages if message["type"] == "RECORD"]


def send_again(target: Target, path: Path) -> Result:
    with path.open("rb") as stdin:
        process = target.start(stdin=stdin)
        return target.result(process, *process.communicate())


@pytest.fixture
def again(target: Target) -> Path:
    return target.folder / "again.singer"


def test_a_reject_that_a_newer_record_superseded_is_not_sent(
    target: Target,
    sandbox: Sandbox,
    again: Path,
) -> None:
    lines = [
        SCHEMA,
        tap.record(id=1, email="no address", plan="old"),
        tap.record(id=2, email="no address", plan="old"),
        tap.record(id=1, email="one@example.test", plan="new"),
    ]
    result = target.run(lines, invalid_fields="reject")
    assert result.records == {"read": 3, "confirmed": 1, "rejected": 2}
    assert [reject["done"] for reject in rejects(target.rejects_path)] == [True, False]

    target.rejects_path.rename(again)
    replay = send_again(target, again)

    assert replay.exit_code == 0, replay.stderr
    assert replay.records == {"read": 2, "confirmed": 1, "ignored": 1}
    assert sandbox.users["1"]["data"] == {"plan": "new"}
    assert sandbox.users["2"]["data"] == {"plan": "old"}


def test_excluded_columns_are_not_missed_in_a_rejects_file(target: Target, again: Path) -> None:
    """They are left out of it; in a tap's SCHEMA one that fits nothing may be a typo."""
    lines = [
        tap.schema(properties=["id", "email", "ssn"]),
        tap.record(id=1, email="no address", ssn="1"),
    ]
    policies: dict[str, Any] = {
        "streams": {"*": {"exclude": ["ssn", "typo"]}},
        "invalid_fields": "reject",
    }
    first = target.run(lines, **policies)
    assert "exclude 'typo' fits no column" in first.stderr
    for _ in range(2):  # a copy of a copy is known as well
        target.rejects_path.rename(again)
        with again.open("rb") as stdin:
            process = target.start(stdin=stdin, **policies)
            replay = target.result(process, *process.communicate())
        assert replay.records == {"read": 1, "rejected": 1}
        assert "fits no column" not in replay.stderr


def test_a_newer_record_supersedes_what_spotzee_refused_too(
    target: Target,
    sandbox: Sandbox,
) -> None:
    sandbox.faults.add(Fault(effect="item_error", external_id="1", first=1))
    lines = [SCHEMA, tap.record(id=1, plan="old"), tap.record(id=1, plan="new")]
    assert target.run(lines, batch_size_rows=1).exit_code == 3
    (reject,) = rejects(target.rejects_path)
    assert reject["done"] is True


def test_an_older_record_that_arrives_later_supersedes_nothing(
    target: Target,
    sandbox: Sandbox,
) -> None:
    sandbox.options.latency_ms = 200
    lines = [
        SCHEMA,
        tap.record(id=1, email="one@example.test", plan="old"),
        tap.record(id=1, email="no address", plan="new"),
    ]
    target.run(lines, invalid_fields="reject")
    (reject,) = rejects(target.rejects_path)
    assert reject["done"] is False


def test_a_file_can_be_sent_again_and_again(target: Target, sandbox: Sandbox, again: Path) -> None:
    """What was delivered the first time is marked; what was refused again is in the new file."""
    sandbox.faults.add(Fault(effect="item_error", external_id=["1", "2"], first=1))
    target.run([SCHEMA, *(tap.record(id=number, plan="pro") for number in (1, 2))])
    target.rejects_path.rename(again)
    sandbox.faults.replace([Fault(effect="item_error", external_id="2", first=1)])

    first = send_again(target, again)
    assert first.records == {"read": 2, "confirmed": 1, "rejected": 1}
    second = send_again(target, again)
    assert second.records == {"read": 2, "ignored": 2}
    assert [reject["done"] for reject in rejects(again)] == [True, True]

    target.rejects_path.replace(again)
    third = send_again(target, again)
    assert third.records == {"read": 1, "confirmed": 1}
    assert sorted(sandbox.users) == ["1", "2"]


def test_the_same_record_in_every_run_is_kept_once(target: Target) -> None:
    lines = [SCHEMA, tap.record(id=None, plan="pro"), tap.state({"a": 1})]
    for _ in range(3):
        result = target.run(lines)
        assert result.exit_code == 3
        assert result.states == [{"a": 1}]
    assert len(rejects(target.rejects_path)) == 1
    target.run([SCHEMA, tap.record(id=None, plan="free")])
    assert len(rejects(target.rejects_path)) == 2


def test_old_rejects_are_sent_with_a_warning(target: Target, sandbox: Sandbox, again: Path) -> None:
    sandbox.faults.add(Fault(effect="item_error", external_id="1", first=1))
    target.run([SCHEMA, tap.record(id=1, plan="pro")])
    text = target.rejects_path.read_text()
    (reject,) = rejects(target.rejects_path)
    old = datetime.now(timezone.utc) - timedelta(days=2)
    again.write_text(text.replace(str(reject["time"]), old.isoformat()))

    result = send_again(target, again)

    assert result.exit_code == 0
    assert "older than a day" in result.stderr
    assert list(sandbox.users) == ["1"]


def test_a_piped_file_is_sent_but_not_marked(target: Target, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(effect="item_error", external_id="1", first=1))
    target.run([SCHEMA, tap.record(id=1, plan="pro")])
    text = target.rejects_path.read_bytes()
    target.rejects_path.unlink()
    assert target.run(text).records == {"read": 1, "confirmed": 1}
    assert list(sandbox.users) == ["1"]


def test_a_dry_run_leaves_the_file_as_it_was(
    target: Target,
    sandbox: Sandbox,
    again: Path,
) -> None:
    sandbox.faults.add(Fault(effect="item_error", external_id="1", first=1))
    target.run([SCHEMA, tap.record(id=1, plan="pro")])
    target.rejects_path.rename(again)
    before = again.read_bytes()
    config = str(target.configure())
    done = target.command(["--config", config, "--dry-run", "--input", str(again)])
    assert done.returncode == 0, done.stderr
    assert again.read_bytes() == before


def test_another_stream_or_a_like_id_supersedes_nothing(target: Target) -> None:
    lines = [
        SCHEMA,
        tap.schema("orders", ["id", "plan"]),
        tap.record(id="001aB", email="no address", plan="old"),
        tap.record(id="001Ab", email="one@example.test", plan="new"),
        tap.record("orders", id="001aB", plan="new"),
    ]
    target.run(lines, invalid_fields="reject")
    (reject,) = rejects(target.rejects_path)
    assert reject["done"] is False


def test_a_reject_that_becomes_several_records_is_done_when_all_are(
    target: Target,
    sandbox: Sandbox,
    again: Path,
) -> None:
    sandbox.faults.add(Fault(effect="item_error", external_id="1", first=1))
    target.run([SCHEMA, tap.record(id=1, plan="pro")])
    target.rejects_path.rename(again)
    sandbox.faults.replace([Fault(effect="item_error", external_id="copy")])
    maps = {"copies": {"__source__": "customers", "id": "'copy'"}}
    with again.open("rb") as stdin:
        process = target.start(stdin=stdin, stream_maps=maps, reject_mode="skip", rejects_path=None)
        result = target.result(process, *process.communicate())
    assert result.records == {"read": 2, "confirmed": 1, "rejected": 1}
    (reject,) = rejects(again)
    assert reject["done"] is False


@pytest.mark.parametrize("other", ["left out", "ignored"])
def test_a_record_that_the_settings_leave_out_keeps_no_reject_open(
    target: Target,
    sandbox: Sandbox,
    again: Path,
    other: str,
) -> None:
    target.run([SCHEMA, tap.record(id=None, plan="pro")])
    again.write_bytes(target.rejects_path.read_bytes().replace(b'"id":null', b'"id":7'))
    copies: dict[str, object] = {"__source__": "customers"}
    if other == "left out":
        copies["__filter__"] = "plan != 'pro'"
    settings: dict[str, Any] = {"stream_maps": {"copies": copies}, "unlisted_streams": "ignore"}
    streams: dict[str, object] = {"customers": {}} if other == "ignored" else {"*": {}}
    with again.open("rb") as stdin:
        process = target.start(stdin=stdin, streams=streams, rejects_path=None, **settings)
        result = target.result(process, *process.communicate())
    assert result.records["confirmed"] == 1
    assert [reject["done"] for reject in rejects(again)] == [True]
    assert sandbox.users["7"]["data"] == {"plan": "pro"}


def test_a_reject_of_which_nothing_was_sent_stays_open(target: Target, again: Path) -> None:
    target.run([SCHEMA, tap.record(id=None, plan="pro")])
    target.rejects_path.rename(again)
    with again.open("rb") as stdin:
        settings: dict[str, Any] = {"unlisted_streams": "ignore", "streams": {"other": {}}}
        process = target.start(stdin=stdin, rejects_path=None, **settings)
        result = target.result(process, *process.communicate())
    assert result.records == {"read": 1, "ignored": 1}
    assert [reject["done"] for reject in rejects(again)] == [False]


def test_a_newer_record_supersedes_one_without_its_key(target: Target) -> None:
    lines = [
        tap.schema(properties=["id", "k", "plan"], keys=["k"]),
        tap.record(id=1, plan="old"),
        tap.record(id=1, k=1, plan="new"),
    ]
    streams = {"customers": {"mapping": {"external_id": "id"}}}
    result = target.run(lines, streams=streams)
    assert list(result.summary["rejects"]) == ["key_property_missing"]
    assert [reject["done"] for reject in rejects(target.rejects_path)] == [True]


@pytest.mark.parametrize("choice", [None, "anyOf"])
def test_an_excluded_column_inside_another_is_not_missed_either(
    target: Target,
    sandbox: Sandbox,
    again: Path,
    choice: str | None,
) -> None:
    inside = {"type": "object", "properties": {"ssn": {"type": "string"}}, "required": ["ssn"]}
    column = {choice: [inside, {"type": "null"}]} if choice else inside
    settings: dict[str, Any] = {
        "validate_records": True,
        "flattening_enabled": True,
        "flattening_max_depth": 1,
        "streams": {"customers": {"exclude": ["a__ssn"]}},
    }
    lines = [tap.schema(properties={"id": {}, "a": column}), tap.record(id=None, a={"ssn": "9"})]
    target.run(lines, **settings)
    again.write_bytes(target.rejects_path.read_bytes().replace(b'"id":null', b'"id":7'))
    with again.open("rb") as stdin:
        process = target.start(stdin=stdin, rejects_path=None, **settings)
        result = target.result(process, *process.communicate())
    assert result.records == {"read": 1, "confirmed": 1}, result.stderr
    assert b"ssn" not in again.read_bytes().partition(b'"reject"')[0]
    assert list(sandbox.users) == ["7"]
