"""What hundreds of runs in which everything fails found of removals, each as small as it goes."""

from __future__ import annotations

from typing import Any

from target_spotzee.sandbox import Fault
from tests import tap
from tests.nights import COLUMNS, Nights, counts, row
from tests.process import Target

OTHERS = ("id", "city", "_sdc_deleted_at")
BOTH = tap.schema("customers", (*COLUMNS, "_sdc_deleted_at")) + tap.schema("contacts", OTHERS)
STREAMS: dict[str, Any] = {
    "customers": {},
    "contacts": {"mapping": {"external_id": "id", "data": {"city": "city"}}},
}
CONFIG: dict[str, Any] = {"schema": BOTH, "streams": STREAMS, "removed_users": "delete"}


def contact(id_: str) -> str:
    return tap.record("contacts", id=id_, city="Perth")


def deleted(id_: str, stream: str = "customers") -> str:
    return tap.record(stream, id=id_, _sdc_deleted_at="2026-11-25T10:00:00+00:00")


def test_a_delete_whose_answer_was_lost_may_be_carried_out_twice(nights: Nights) -> None:
    nights.load(row("u", plan="a"), **CONFIG)
    nights.sandbox.options.delete_delay = (
        0.95  # so that the second is carried out later than a request lasts
    )
    nights.sandbox.faults.replace(
        [Fault(effect="stall_after", method="DELETE", seconds=20, first=1)]
    )
    patient = {**CONFIG, "max_retry_seconds": 60, "timeout_seconds": 1}
    ended = nights.load(deleted("u"), row("u", plan="b"), **patient)
    nights.sandbox.settle()
    assert (ended.code, nights.users["u"]["data"]["plan"]) == (0, "b")


def test_who_is_back_after_a_removal_is_sent_once_more(nights: Nights) -> None:
    nights.load(row("u", plan="a"), **CONFIG)
    nights.load(deleted("u"), **CONFIG)
    sent = [counts(nights.load(row("u", plan="a"), **CONFIG)) for _ in range(3)]
    confirmed, unchanged = {"read": 1, "confirmed": 1}, {"read": 1, "unchanged": 1}
    assert sent == [confirmed, confirmed, unchanged]


def test_deleted_and_back_in_one_run_is_sent_once_more(nights: Nights) -> None:
    nights.load(row("u", plan="a"), **CONFIG)
    nights.load(deleted("u"), row("u", plan="a"), **CONFIG)
    sent = [counts(nights.load(row("u", plan="a"), **CONFIG)) for _ in range(2)]
    assert sent == [{"read": 1, "confirmed": 1}, {"read": 1, "unchanged": 1}]


def test_who_is_gone_from_two_streams_in_one_run_is_gone(nights: Nights) -> None:
    # The second removal is read while the first is on its way.
    ended = nights.load(
        row("u", plan="a"), deleted("u"), contact("u"), deleted("u", "contacts"), **CONFIG
    )
    assert (ended.code, nights.users) == (0, {})


def test_who_is_gone_from_one_stream_and_back_in_another_stays(nights: Nights) -> None:
    ended = nights.load(row("u", plan="a"), deleted("u"), contact("u"), **CONFIG)
    assert (ended.code, nights.users["u"]["data"]) == (0, {"city": "Perth"})


def test_who_is_back_in_one_stream_is_not_removed_by_another(nights: Nights) -> None:
    back = (row("u", plan="a"), deleted("u"), row("u", plan="b"))
    nights.load(*back, contact("u"), deleted("u", "contacts"), **CONFIG)
    assert nights.users["u"]["data"]["plan"] == "b"


def test_who_was_only_rejected_in_another_stream_is_there(nights: Nights) -> None:
    nights.load(contact("u"), **CONFIG)
    nights.sandbox.faults.replace(
        [Fault(effect="item_error", code="state_conflict", external_id="u")]
    )
    assert nights.load(row("u", plan="a"), **CONFIG).code == 3
    nights.sandbox.faults.replace([])
    ended = nights.load(deleted("u", "contacts"), **CONFIG)
    assert (counts(ended), list(nights.users)) == ({"read": 1, "ignored": 1}, ["u"])
    ended = nights.load(deleted("u"), **CONFIG)
    assert (counts(ended), nights.users) == ({"read": 1, "confirmed": 1}, {})


def test_passes_that_prove_nothing_do_not_leave_a_user_to_another_stream(nights: Nights) -> None:
    whole = {**STREAMS, "contacts": {**STREAMS["contacts"], "complete_pass": True}}
    config = {**CONFIG, "streams": whole, "max_removed_percent": 100}
    people = [f"u{number}" for number in range(9)]
    nights.load(
        row("u8", plan="a"), *(contact(id_) for id_ in people), tap.state({"night": 1}), **config
    )
    for _ in range(3):  # as a tap that dies at the same place each night
        nights.load(*(contact(id_) for id_ in people[:8]), tap.state({"night": 1}), **config)
    ended = nights.load(deleted("u8"), **config)
    assert (counts(ended), "u8" in nights.users) == ({"read": 1, "ignored": 1}, True)


def test_who_left_two_streams_that_prove_nothing_is_marked(nights: Nights) -> None:
    streams = {name: {**entry, "complete_pass": True} for name, entry in STREAMS.items()}
    config = {**CONFIG, "streams": streams, "max_removed_percent": 100}
    for count in (9, 8, 8):
        people = [f"u{number}" for number in range(count)]
        rows = [row(id_, plan="a") for id_ in people]
        nights.load(*rows, *(contact(id_) for id_ in people), tap.state({"night": 1}), **config)
    marked = [id_ for id_, user in nights.users.items() if user["data"].get("removed_at")]
    assert marked == ["u8"]


def test_who_left_one_stream_and_misses_one_pass_of_another_is_not_marked(nights: Nights) -> None:
    streams = {name: {**entry, "complete_pass": True} for name, entry in STREAMS.items()}
    config = {**CONFIG, "streams": streams, "max_removed_percent": 100}
    nightly = ((9, 9), (9, 8), (8, 8))  # customers miss u8 once, contacts twice
    for customers, contacts in nightly:
        rows = [row(f"u{number}", plan="a") for number in range(customers)]
        others = [contact(f"u{number}") for number in range(contacts)]
        nights.load(*rows, *others, tap.state({"night": 1}), **config)
    assert not nights.users["u8"]["data"].get("removed_at")


def test_removed_users_without_a_signal_is_told(nights: Nights, caplog: Any) -> None:
    for _ in range(2):
        ended = nights.show({"u": {}}, removed_users="delete")
    assert (ended.code, caplog.text.count("nothing says who has left")) == (0, 2)
    nights.show({"u": {}}, 7, removed_users="delete")
    nights.show({"u": {}}, removed_users="keep")
    nights.load(row("u"), **CONFIG)
    assert caplog.text.count("nothing says who has left") == 2


def test_who_is_marked_and_waits_is_told_each_night(nights: Nights, caplog: Any) -> None:
    streams = {"customers": {"complete_pass": True, "removed_users": "delete"}}
    for count in (20, 19, 19, 19, 19):
        nights.show({f"u{number}": {} for number in range(count)}, streams=streams)
    assert caplog.text.count("1 user that left and were marked wait to be deleted") == 2


def test_a_dry_run_counts_deleted_rows(target: Target) -> None:
    config = {"snapshot_path": str(target.folder / "snapshot.db"), **CONFIG}
    schema = config.pop("schema")
    assert target.run([schema, row("u", plan="a")], **config).exit_code == 0
    path = str(target.configure(**config))
    told = target.command(["--config", path, "--dry-run"], stdin=schema + deleted("u"))
    assert "would be removed 1, held back 0" in told.stdout
