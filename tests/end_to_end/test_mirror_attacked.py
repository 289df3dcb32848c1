"""What a stranger found who wanted users deleted that are in the source, or changes not sent."""

from __future__ import annotations

import resource
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.nights import COLUMNS, SCHEMA, Nights, activate, counts, people, refusing, row, without
from tests.process import COMMAND, Target

DELETED = tap.schema("customers", (*COLUMNS, "_sdc_deleted_at"))
TWO: dict[str, Any] = {"customers": {}, "contacts": {}}


def deleted(id_: str, stream: str = "customers") -> str:
    return tap.record(stream, id=id_, _sdc_deleted_at="2026-11-25T10:00:00+00:00")


def both(columns: tuple[str, ...] = COLUMNS, others: tuple[str, ...] = COLUMNS) -> str:
    own = tap.schema("customers", (*columns, "_sdc_deleted_at"))
    return own + tap.schema("contacts", (*others, "_sdc_deleted_at"))


def test_deleted_and_back_within_one_pass_stays(nights: Nights) -> None:
    nights.show(people(20), 1, removed_users="delete", schema=DELETED)
    rows = without(people(20), "u3")
    lines = [row(id_, 2, **columns) for id_, columns in rows.items()]
    back = row("u3", 2, **people(20)["u3"])
    ended = nights.load(
        *lines, deleted("u3"), back, activate(2), tap.state({}), schema=DELETED,
        removed_users="delete",
    )  # fmt: skip
    assert (ended.code, ended.summary["removed"]["deleted"]) == (0, 1)
    assert len(nights.users) == 20


def test_deleted_and_the_same_row_again_is_still_of_the_stream(nights: Nights) -> None:
    schema = both(("id", "plan"), ("id", "city"))
    config: dict[str, Any] = {"streams": TWO, "removed_users": "delete", "schema": schema}
    nights.load(row("u", plan="a"), **config)
    nights.load(tap.record("contacts", id="u", city="Ulm"), **config)
    nights.load(deleted("u"), row("u", plan="a"), **config)
    nights.load(deleted("u", "contacts"), **config)
    assert "u" in nights.users


def test_streams_that_share_a_name_prove_nothing(nights: Nights) -> None:
    maps = {name: {"__alias__": "people"} for name in ("one", "two")}
    schemas = "".join(tap.schema(name, COLUMNS) for name in maps)

    def shown(stream: str, version: int, ids: range) -> list[str]:
        ids_ = [f"{stream}{number}" for number in ids]
        message = {"type": "RECORD", "stream": stream, "version": version}
        lines = [tap.line({**message, "record": {"id": id_}}) for id_ in ids_]
        activation = {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}
        return [*lines, tap.line(activation)]

    for night in (1000, 2000):
        lines = [*shown("one", night, range(2)), *shown("two", night + 1, range(30))]
        ended = nights.load(
            *lines, tap.state({}), schema=schemas, stream_maps=maps, removed_users="delete"
        )
        assert (ended.code, len(nights.users)) == (0, 32)


def test_who_is_rejected_in_another_stream_is_there(nights: Nights) -> None:
    config: dict[str, Any] = {"streams": TWO, "removed_users": "delete", "schema": both()}
    lines = [row(id_, 1, **columns) for id_, columns in people(20).items()]
    nights.load(*lines, activate(1), tap.state({}), **config)
    nights.sandbox.faults.replace(refusing("u3"))
    lines = [row(id_, 2, **columns) for id_, columns in without(people(20), "u3").items()]
    ended = nights.load(
        *lines, activate(2), tap.record("contacts", id="u3", plan="x"), tap.state({}), **config
    )
    assert ended.code == 3
    assert "u3" in nights.users


def test_a_version_that_goes_on_in_the_next_run_was_not_proved(nights: Nights) -> None:
    rows = people(40)
    nights.show(rows, 1, removed_users="delete")
    lines = [row(id_, 2, **columns) for id_, columns in rows.items()]
    cut = nights.load(*lines[:20], activate(2), tap.state({}), "broken", removed_users="delete")
    assert cut.code == 1
    nights.load(*lines[20:38], tap.state({}), removed_users="delete", max_removed_percent=100)
    assert len(nights.users) == 40


def test_who_was_to_be_deleted_is_marked_where_the_settings_say_so_now(nights: Nights) -> None:
    nights.show(people(20), 1, removed_users="delete")
    nights.sandbox.faults.replace([Fault(effect="status", status=503, method="DELETE", first=9)])
    assert nights.show(without(people(20), "u3"), 2, removed_users="delete").code == 1
    nights.sandbox.faults.replace([])
    ended = nights.load(tap.state({}), removed_users="mark")
    assert ended.summary["removed"]["marked"] == 1
    assert nights.users["u3"]["data"]["removed_at"]


@pytest.mark.parametrize("between", [0, 300])
@pytest.mark.parametrize("remembers", [True, False])
def test_marked_and_back_in_one_run_bears_no_mark(
    nights: Nights, between: int, remembers: bool
) -> None:
    config: dict[str, Any] = {"schema": DELETED, "removed_users": "mark"}
    if not remembers:
        config["snapshot_path"] = ""
    nights.load(row("u", plan="a"), **config)
    others = [row(f"v{number}") for number in range(between)]
    nights.load(deleted("u"), *others, row("u", plan="a"), **config)
    assert nights.users["u"]["data"] == {"plan": "a", "removed_at": None}


def test_a_row_that_is_deleted_while_it_is_in_flight_does_not_come_back(nights: Nights) -> None:
    config: dict[str, Any] = {"streams": TWO, "removed_users": "delete", "schema": both()}
    nights.load(tap.record("contacts", id="u", plan="b"), **config)
    nights.load(row("u", plan="a"), deleted("u"), **config)
    ended = nights.load(deleted("u", "contacts"), **config)
    assert ended.summary["removed"]["deleted"] == 1
    assert "u" not in nights.users


def test_who_is_new_in_another_stream_is_not_removed(nights: Nights) -> None:
    config: dict[str, Any] = {"streams": TWO, "removed_users": "delete", "schema": both()}
    ended = nights.load(row("u", plan="a"), deleted("u", "contacts"), **config)
    assert (counts(ended), list(nights.users)) == ({"read": 2, "confirmed": 1, "ignored": 1}, ["u"])


def test_who_left_a_stream_that_keeps_its_users_is_in_nobodys_way(nights: Nights) -> None:
    streams = {"customers": {"removed_users": "delete"}, "contacts": {"removed_users": "keep"}}

    def shown(rows: dict[str, dict[str, Any]], version: int) -> list[str]:
        lines = []
        for stream in streams:
            message = {"type": "RECORD", "stream": stream, "version": version}
            lines += [tap.line({**message, "record": {"id": id_}}) for id_ in rows]
            activation = {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}
            lines.append(tap.line(activation))
        return lines

    for version, rows in ((1, people(20)), (2, without(people(20), "u3"))):
        lines = [*shown(rows, version), tap.state({})]
        nights.load(*lines, streams=streams, schema=both())
    ended = nights.load(*shown(without(people(20), "u3"), 3), streams=streams, schema=both())
    assert (ended.code, "u3" in nights.users) == (0, False)


def test_a_lost_answer_and_then_a_refusal_leave_nothing_known(nights: Nights) -> None:
    nights.show({"u": {"plan": "a"}})
    nights.sandbox.options.idempotency = False
    nights.sandbox.faults.replace(
        [
            Fault(effect="reset_after", external_id="u", first=1),
            Fault(effect="item_error", code="state_conflict", external_id="u", nth=[2]),
            Fault(effect="status", status=503, retry_after=2, external_id="v", first=1),
        ]
    )
    # The other user makes the run outlast the time in which a lost request may be applied.
    rows = {"u": {"plan": "b"}, "v": {}}
    config = {"max_retry_seconds": 60, "timeout_seconds": 1, "batch_size_rows": 1}
    ended = nights.show(rows, max_in_flight=2, **config)
    assert ended.code == 3
    nights.sandbox.faults.replace([])
    assert counts(nights.show({"u": {"plan": "a"}})) == {"read": 1, "confirmed": 1}
    assert nights.users["u"]["data"]["plan"] == "a"


@pytest.mark.parametrize("delivery", ["sync", "async"])
def test_who_was_read_and_deleted_by_a_run_that_failed_is_not_waited_for(
    nights: Nights, delivery: str
) -> None:
    config: dict[str, Any] = {"schema": DELETED, "removed_users": "delete", "delivery": delivery}
    nights.load(row("u", plan="a"), **config)
    nights.sandbox.faults.replace(
        [Fault(effect="status", status=401, method="GET", external_id="u", nth=[3])]
    )
    assert nights.load(deleted("u"), **config).code == 1
    assert "u" not in nights.users
    nights.sandbox.faults.replace([])
    before = len(nights.sandbox.requests)
    ended = nights.load(deleted("u"), **config)
    looks = [each for each in nights.sandbox.requests[before:] if "/users/u" in each.path]
    assert (ended.code, len(looks)) == (0, 1)


def test_a_deleted_row_need_not_keep_to_the_schema(nights: Nights) -> None:
    schema = tap.line(
        {
            "type": "SCHEMA",
            "stream": "customers",
            "schema": {
                "type": "object",
                "properties": {name: {} for name in (*COLUMNS, "_sdc_deleted_at")},
                "required": ["id", "plan"],
            },
            "key_properties": ["id"],
        }
    )
    config: dict[str, Any] = {"removed_users": "delete", "validate_records": True}
    nights.load(row("u", plan="a"), schema=schema, **config)
    ended = nights.load(deleted("u"), schema=schema, **config)
    assert (ended.code, nights.users) == (0, {})


def test_a_run_that_is_killed_at_its_first_batch_spoils_nothing(
    sandbox: Sandbox, target: Target
) -> None:
    path = str(target.folder / "snapshot.db")
    sandbox.faults.replace([Fault(effect="stall", method="POST", seconds=30, first=1)])
    process = target.start(snapshot_path=path, batch_size_rows=1)
    assert process.stdin is not None
    process.stdin.write((SCHEMA + row("u", plan="a")).encode())
    process.stdin.flush()
    sandbox.wait_until(lambda seen: any(each.method == "POST" for each in seen.requests))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    sandbox.faults.replace([])
    ended = target.run([SCHEMA, row("u", plan="a")], snapshot_path=path)
    assert (ended.exit_code, ended.records) == (0, {"read": 1, "confirmed": 1})


def limited(kibibytes: int) -> Callable[[], None]:
    """Return what keeps the files of a process small, as a full disk would."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kibibytes << 10, kibibytes << 10))

    return limit


@pytest.mark.parametrize("kibibytes", [32, 48, 64, 80, 112])
def test_no_state_is_printed_once_the_snapshot_could_not_be_written(
    sandbox: Sandbox, target: Target, kibibytes: int
) -> None:
    path = str(target.folder / "snapshot.db")
    rows = people(1000)
    config: dict[str, Any] = {"snapshot_path": path, "removed_users": "delete"}
    lines = [row(id_, 1, **columns) for id_, columns in rows.items()]
    assert target.run([SCHEMA, *lines, activate(1), tap.state({})], **config).exit_code == 0
    again = [row(id_, 2, **columns) for id_, columns in rows.items()]
    changed = [row(id_, 2, **{**rows[id_], "plan": "x"}) for id_ in [*rows][:90]]
    process = subprocess.Popen(
        [*COMMAND, "--config", str(target.configure(**config))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=limited(kibibytes),  # noqa: PLW1509 - nothing here has threads
    )
    text = "".join([SCHEMA, *changed, tap.state({"half": 1})])
    out, err = process.communicate(text.encode())
    assert b"Traceback" not in err
    rest = again[90:] if out else [*changed, *again[90:]]  # a tap goes on from the state
    ended = target.run([SCHEMA, *rest, activate(2), tap.state({})], **config)
    assert ended.exit_code == 0
    assert len(sandbox.users) == 1000
