"""What a second stranger found: nobody is removed, passed over or forgotten who must not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from target_spotzee.objects.kinds import USERS_BATCH
from target_spotzee.sandbox import Fault
from tests import tap
from tests.nights import COLUMNS, Nights, activate, counts, people, refusing, row, without
from tests.process import Target

OWN = (*COLUMNS, "_sdc_deleted_at")
DELETED = tap.schema("customers", OWN)
BOTH = DELETED + tap.schema("contacts", OWN)
TWO: dict[str, Any] = {"schema": BOTH, "streams": {"customers": {}, "contacts": {}}}
DELETE: dict[str, Any] = {"removed_users": "delete"}
STATE = tap.state({"night": 1})


def deleted(id_: str, stream: str = "customers", at: object = "2026-11-25T10:00:00+00:00") -> str:
    return tap.record(stream, id=id_, _sdc_deleted_at=at)


def contact(id_: str, **columns: Any) -> str:
    return tap.record("contacts", id=id_, **columns)


def versioned(rows: dict[str, dict[str, Any]], version: int) -> list[str]:
    return [row(id_, version, **columns) for id_, columns in rows.items()]


def test_a_new_user_whose_second_record_begins_a_version_was_shown(nights: Nights) -> None:
    nights.show(people(20), 1, **DELETE)
    second = versioned({**people(20), "new": {}}, 2)
    nights.load(row("new"), *second, activate(2), STATE, **DELETE)
    assert "new" in nights.users


def test_a_row_that_is_replaced_before_it_was_known_is_known_then(nights: Nights) -> None:
    nights.load(deleted("u"), row("u", plan="a"), STATE, **TWO, **DELETE)
    nights.load(contact("u"), **TWO, **DELETE)
    nights.load(deleted("u", "contacts"), **TWO, **DELETE)
    assert "u" in nights.users


@pytest.mark.parametrize("in_one_run", [True, False])
def test_a_respelling_is_no_removal(nights: Nights, in_one_run: bool) -> None:
    config: dict[str, Any] = {"schema": DELETED, **DELETE}
    nights.load(row("É1", plan="a"), **config)
    lines = [row("e1", plan="a"), deleted("É1")]
    if in_one_run:
        ended = nights.load(*lines, **config)
    else:
        _, ended = (nights.load(line, **config) for line in lines)
    assert (ended.code, ended.summary["removed"]["deleted"]) == (4, 0)
    assert "another spelling" in ended.summary["removed"]["why"]


def test_an_early_activation_after_nights_without_versions_is_early(nights: Nights) -> None:
    nights.show(people(20), **DELETE)
    some = versioned(without(people(20), "u19"), 5)
    nights.load(activate(5), *some, activate(5), STATE, **DELETE)
    assert "u19" in nights.users


def test_a_removal_is_not_sent_again_once_its_user_is_back(nights: Nights, tmp_path: Path) -> None:
    config: dict[str, Any] = {"schema": DELETED, **DELETE}
    nights.load(row("u", plan="a"), **config)
    nights.sandbox.faults.replace([Fault(effect="status", status=422, method="DELETE", first=1)])
    assert nights.load(deleted("u"), **config).code == 3
    again = nights.rejects_path.rename(tmp_path / "again.singer").read_text()
    nights.load(row("u", plan="b"), **config)
    ended = nights.load(*again.splitlines(keepends=True), schema="", **DELETE)
    assert (ended.code, "u" in nights.users) == (0, True)


def test_a_removal_is_sent_again(nights: Nights, tmp_path: Path) -> None:
    config: dict[str, Any] = {"schema": DELETED, **DELETE}
    nights.load(row("u", plan="a"), **config)
    nights.sandbox.faults.replace([Fault(effect="status", status=422, method="DELETE", first=1)])
    assert nights.load(deleted("u"), **config).code == 3
    again = nights.rejects_path.rename(tmp_path / "again.singer").read_text()
    nights.load(*again.splitlines(keepends=True), schema="", **DELETE)
    assert nights.users == {}


def test_streams_that_share_a_name_in_turn_prove_nothing(nights: Nights) -> None:
    maps = {name: {"__alias__": "people"} for name in ("one", "two")}
    nightly = ((1, "one", range(2)), (2, "two", range(2, 40)), (3, "one", range(2)))
    for version, stream, numbers in nightly:
        message = {"type": "RECORD", "stream": stream, "version": version}
        lines = [tap.line({**message, "record": {"id": f"p{number}"}}) for number in numbers]
        end = tap.line({"type": "ACTIVATE_VERSION", "stream": stream, "version": version})
        schema = tap.schema(stream, COLUMNS)
        ended = nights.load(*lines, end, STATE, schema=schema, stream_maps=maps, **DELETE)
        assert (ended.code, ended.summary["removed"]["deleted"]) == (0, 0)


def test_old_marks_count_for_the_share_that_is_deleted(nights: Nights) -> None:
    rows = people(30)
    nights.show(rows, 1, removed_users="mark")
    for night in range(5):
        for _ in range(2):
            rows.popitem()
        nights.show(rows, 2 + night, removed_users="mark")
    ended = nights.show(rows, 9, **DELETE)
    assert (ended.code, len(nights.users)) == (4, 30)


def test_who_was_rejected_in_another_stream_before_the_pass_is_there(nights: Nights) -> None:
    nights.sandbox.faults.replace(refusing("u3"))
    nights.load(contact("u3", plan="x"), **TWO, **DELETE)
    nights.sandbox.faults.replace([])
    nights.load(*versioned(people(20), 1), activate(1), STATE, **TWO, **DELETE)
    some = versioned(without(people(20), "u3"), 2)
    nights.load(*some, activate(2), STATE, **TWO, **DELETE)
    assert "u3" in nights.users


@pytest.mark.parametrize("at", ["", False, 0])
def test_a_row_is_not_deleted_that_does_not_say_when(nights: Nights, at: object) -> None:
    nights.load(row("u", plan="a"), schema=DELETED, **DELETE)
    nights.load(deleted("u", at=at), schema=DELETED, **DELETE)
    assert "u" in nights.users


@pytest.mark.parametrize("how", ["log", "keep", "delete"])
def test_what_a_stream_wrote_before_its_user_left_it_is_written_over(
    nights: Nights, how: str
) -> None:
    nights.load(row("u", plan="a"), **TWO, **DELETE)

    def contacts(version: int, *ids: str) -> None:
        message = {"type": "RECORD", "stream": "contacts", "version": version}
        lines = [tap.line({**message, "record": {"id": id_, "plan": "b"}}) for id_ in ids]
        end = tap.line({"type": "ACTIVATE_VERSION", "stream": "contacts", "version": version})
        streams = {"customers": {}, "contacts": {"removed_users": "keep"}}
        config: dict[str, Any] = {
            "schema": BOTH,
            "streams": streams if how == "keep" else TWO["streams"],
        }
        nights.load(*lines, end, STATE, max_removed_percent=100, **config, **DELETE)

    contacts(1, "u", "v")
    if how == "log":
        nights.load(deleted("u", "contacts"), **TWO, **DELETE)
    else:
        contacts(2, "v")
    nights.load(row("u", plan="a"), **TWO, **DELETE)
    assert nights.users["u"]["data"]["plan"] == "a"


def test_a_fold_does_not_bring_back_whom_its_stream_forgot(nights: Nights) -> None:
    lines = [contact("u", plan="x"), row("u", plan="a"), deleted("u", "contacts")]
    nights.load(*lines, **TWO, **DELETE)
    nights.load(deleted("u"), **TWO, **DELETE)
    assert nights.users == {}


@pytest.mark.parametrize("then", ["log", "broken pass"])
def test_a_proof_that_a_state_has_passed_is_acted_upon(nights: Nights, then: str) -> None:
    nights.show(people(20), 1, **DELETE)
    some = versioned(without(people(20), "u3"), 2)
    assert nights.load(*some, activate(2), STATE, "broken", **DELETE).code == 1
    assert "u3" in nights.users
    lines = [row("u0", 2)] if then == "log" else [*versioned(people(2), 3)]
    nights.load(*lines, STATE, **DELETE)
    assert "u3" not in nights.users


def test_records_without_a_version_that_is_activated_are_told(nights: Nights, caplog: Any) -> None:
    for _ in range(2):
        lines = [row(id_, **columns) for id_, columns in people(5).items()]
        nights.load(*lines, activate(7), STATE, **DELETE)
    assert caplog.text.count("do not bear the version") == 2


def test_a_deleted_row_in_another_stream_does_not_undo_a_removal(nights: Nights) -> None:
    nights.load(*versioned(people(20), 1), activate(1), STATE, **TWO, **DELETE)
    nights.sandbox.faults.replace([Fault(effect="status", status=503, method="DELETE", first=9)])
    some = versioned(without(people(20), "u3"), 2)
    nights.load(*some, activate(2), STATE, **TWO, **DELETE)
    nights.sandbox.faults.replace([])
    nights.load(deleted("u3", "contacts"), STATE, **TWO, **DELETE)
    assert "u3" not in nights.users


def test_a_limit_holds_for_several_streams(target: Target) -> None:
    config = {"snapshot_path": str(target.folder / "snapshot.db"), "streams": TWO["streams"]}
    path = str(target.configure(**config))
    lines = [DELETED, row("a"), row("b"), tap.schema("contacts", OWN)]
    lines += [contact(f"c{number}") for number in range(5)]
    told = target.command(["--config", path, "--limit", "2"], stdin="".join(lines))
    assert "2 read" in told.stderr


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("how", ["mark", "delete"])
def test_half_a_surrogate_is_the_records_fault(nights: Nights, remembers: bool, how: str) -> None:
    half = "\\ud800"
    whole = '{{"type": "RECORD", "stream": "customers", "record": {}}}\n'
    lines = [
        whole.format(f'{{"id": "{half}x"}}'),
        whole.format(f'{{"id": "{half}x", "_sdc_deleted_at": "now"}}'),
        whole.format(f'{{"id": "u", "_sdc_deleted_at": "{half}"}}'),
        row("v"),
    ]
    config: dict[str, Any] = {} if remembers else {"snapshot_path": ""}
    ended = nights.load(*lines, STATE, schema=DELETED, removed_users=how, **config)
    assert (ended.code, counts(ended)["rejected"], list(nights.users)) == (3, 3, ["v"])


def test_a_missing_key_behind_a_broken_line_is_a_reject(nights: Nights) -> None:
    schema = tap.line(
        {
            "type": "SCHEMA",
            "stream": "customers",
            "schema": {"type": "object", "properties": {"id": {}, "org": {}}},
            "key_properties": ["id", "org"],
        }
    )
    config: dict[str, Any] = {
        "streams": {"customers": {"mapping": {"external_id": "id"}}},
        "reject_mode": "fail_fast",
    }
    lines = [tap.record("customers", id="u"), "broken"]
    ended = nights.load(*lines, schema=schema, **config)
    assert "bug" not in str(ended.summary["state"]["why"])


def test_a_user_who_is_back_and_hardly_fits_is_sent(nights: Nights) -> None:
    nights.load(row("u", plan="a"), schema=DELETED, removed_users="mark")
    nights.load(deleted("u"), schema=DELETED, removed_users="mark")
    room = USERS_BATCH.max_item_bytes - len('{"external_id":"u","data":{"plan":""}}')
    ended = nights.load(row("u", plan="x" * room), schema=DELETED, removed_users="mark")
    assert counts(ended) == {"read": 1, "confirmed": 1}


def test_rejects_that_are_sent_again_are_no_pass(nights: Nights, tmp_path: Path) -> None:
    config: dict[str, Any] = {"streams": {"customers": {"complete_pass": True}}, **DELETE}
    nights.show(people(20), **config)
    nights.sandbox.faults.replace(refusing("u3"))
    nights.show({**people(20), "u3": {"plan": "new"}}, **config)
    nights.sandbox.faults.replace([])
    again = nights.rejects_path.rename(tmp_path / "again.singer").read_text()
    for lines in (again, again.replace('"done":false', '"done":true')):
        ended = nights.load(*lines.splitlines(keepends=True), schema="", **config)
        assert (ended.code, len(nights.users)) == (0, 20)


def test_an_id_that_is_no_text_is_not_known(target: Target) -> None:
    path = str(target.folder / "snapshot.db")
    target.run([DELETED, row("u")], snapshot_path=path)
    config = str(target.configure(snapshot_path=path))
    told = target.command(["--config", config, "--explain", "\udcff"])
    assert (told.returncode, "does not know this user" in told.stdout) == (0, True)


def test_items_that_were_taken_apart_are_let_go(nights: Nights) -> None:
    config: dict[str, Any] = {"schema": DELETED, **DELETE}
    nights.load(row("u", plan="a"), **config)
    nights.sandbox.faults.replace(
        [Fault(effect="item_error", code="validation_failed", external_id="u", first=1)]
    )
    nights.load(row("u", plan="b"), row("u", plan="c"), deleted("u"), **config)
    nights.sandbox.faults.replace([])
    some = versioned(people(20), 1)
    ended = nights.load(*some, activate(1), STATE, **config)
    assert ended.summary["removed"]["deleted"] == 0
