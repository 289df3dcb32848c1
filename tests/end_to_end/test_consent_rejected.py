"""Whole runs in which records are rejected that say no: the no is told nevertheless."""

from __future__ import annotations

from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.consents import EMAIL, SCHEMA, TEXT, TYPES, Consenting, contact, customer
from tests.nights import counts, why
from tests.played import SECRET

TOGGLES = "/subscriptions/batch"
SYNC_AND_ASYNC = pytest.mark.parametrize("delivery", ["sync", "async"])
WITH_AND_WITHOUT_SNAPSHOT = pytest.mark.parametrize("memory", [{}, {"snapshot_path": None}])
HALF = "\ud83d"
STRICT = tap.schema(
    "customers",
    {
        **{name: {} for name in ("id", "email", "phone", "no_texts", "wants_mail")},
        "plan": {"type": ["string", "null"]},
    },
)

BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "an invalid field": ({"phone": "7"}, {"invalid_fields": "reject"}, "field_invalid"),
    "another column": ({"no_texts": "perhaps"}, {}, "field_invalid"),
    "a number": ({"plan": float("nan")}, {}, "number_invalid"),
    "half a character": ({"plan": HALF}, {}, "text_invalid"),
    "its schema": ({"plan": 7}, {"schema": STRICT, "validate_records": True}, "schema_violated"),
    "its size": ({"plan": "x" * 1_100_000}, {}, "record_too_large"),
}
"""What a record holds that is rejected before it is sent, with which settings, and as what."""


def no(id_: str = "u", **columns: Any) -> dict[str, Any]:
    return customer(id_, wants_mail=False, **columns)


def refusing(path: str, id_: str = "u", **more: Any) -> Fault:
    return Fault(effect="item_error", path=path, external_id=id_, code="state_conflict", **more)


def rejects(source: Consenting) -> list[str]:
    """The lines of the rejects file that hold a record."""
    lines = source.rejects_path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if '"reject":' in line]


@pytest.mark.parametrize("case", BAD)
class TestRejectedHere:
    @SYNC_AND_ASYNC
    @WITH_AND_WITHOUT_SNAPSHOT
    def test_the_no_is_told(
        self, source: Consenting, case: str, delivery: str, memory: dict[str, Any]
    ) -> None:
        columns, config, code = BAD[case]
        source.there("u", {EMAIL: 1, TEXT: 1})
        ended = source.give({**no(), **columns}, delivery=delivery, **config, **memory)
        assert counts(ended) == {"read": 1, "rejected": 1}
        assert ended.summary["rejects"].keys() == {code}
        assert ended.out  # the reject is safe in its file
        assert source.states["u"] == {EMAIL: 0, TEXT: 1}
        assert source.subscriptions(ended) == {"opted_out": 1}
        assert source.users["u"]["data"] == {}
        assert len(rejects(source)) == 1

    def test_who_is_not_there_is_not_made(self, source: Consenting, case: str) -> None:
        columns, config, code = BAD[case]
        ended = source.give({**no(), **columns}, **config)
        assert counts(ended) == {"read": 1, "rejected": 1}
        assert ended.summary["rejects"].keys() == {code}
        assert source.users == {}
        assert source.subscriptions(ended) == {}
        source.give(contact("u", email="u@example.test"))
        assert not source.reached("u")
        assert source.states["u"] == {EMAIL: 0}


class TestRefusedBySpotzee:
    @SYNC_AND_ASYNC
    @WITH_AND_WITHOUT_SNAPSHOT
    @pytest.mark.parametrize("is_whole", [True, False])
    def test_the_no_is_told(
        self, source: Consenting, delivery: str, memory: dict[str, Any], is_whole: bool
    ) -> None:
        path = "/users/batch" if delivery == "sync" else "/users"
        fault = refusing(path)
        if is_whole or delivery == "async":
            fault = Fault(effect="refuse_batch", path=path, external_id="u", named=False)
        source.there("u", {EMAIL: 1, TEXT: 1})
        source.sandbox.faults.add(fault)
        people = [no(), no("v"), customer("w")]
        ended = source.give(*people, delivery=delivery, **memory)
        took = "confirmed" if delivery == "sync" else "accepted"
        assert counts(ended) == {"read": 3, "rejected": 1, took: 2}
        assert source.states["u"] == {EMAIL: 0, TEXT: 1}
        assert source.subscriptions(ended) == {"opted_out": 2}
        assert len(rejects(source)) == 1

    def test_it_is_told_in_hundreds(self, source: Consenting) -> None:
        people = [no(f"u{number}") for number in range(150)]
        for person in people:
            source.there(person["id"], {EMAIL: 1})
        source.sandbox.faults.add(*[refusing("/users/batch", each["id"]) for each in people])
        ended = source.give(*people, *[{**each, "no_texts": "perhaps"} for each in people])
        assert counts(ended) == {"read": 300, "rejected": 300}
        assert {states[EMAIL] for states in source.states.values()} == {0}
        assert source.written().count(f"POST {TOGGLES}") <= 5

    def test_one_refused_toggle_keeps_no_other_from_being_told(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 1, TEXT: 1})
        source.sandbox.faults.add(refusing(TOGGLES, nth=[1]))
        ended = source.give(no(no_texts=True))
        assert counts(ended) == {"read": 1, "rejected": 1}
        assert source.states["u"] == {EMAIL: 1, TEXT: 0}
        source.sandbox.faults.replace()
        source.give(contact("u"))
        assert source.states["u"] == {EMAIL: 0, TEXT: 0}

    def test_a_refused_yes_is_not_told(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 0, TEXT: 1})
        source.sandbox.faults.add(refusing("/users/batch"))
        ended = source.give(customer("u", wants_mail=True, no_texts=True), opt_in="follow")
        assert source.states["u"] == {EMAIL: 0, TEXT: 0}
        assert source.subscriptions(ended) == {"opted_out": 1}

    def test_of_who_is_deleted_and_back_too(self, source: Consenting) -> None:
        columns = ("id", "email", "phone", "plan", "wants_mail", "no_texts", "_sdc_deleted_at")
        config = {"schema": tap.schema("customers", columns), "removed_users": "delete"}
        source.give(customer("u"), **config)
        deleted = tap.record("customers", id="u", _sdc_deleted_at="2026-11-25T10:00:00+00:00")
        back = customer("u", plan="back")
        source.sandbox.faults.add(refusing("/users/batch", nth=[3]))  # `back` takes two
        ended = source.give(deleted, back, no(), **config)
        assert counts(ended) == {"read": 3, "confirmed": 2, "rejected": 1}
        assert source.states["u"][EMAIL] == 0


class TestTheRecord:
    @WITH_AND_WITHOUT_SNAPSHOT
    def test_is_settled_only_after_its_no(self, source: Consenting, memory: dict[str, Any]) -> None:
        """So the tap shows it again if the run ends before that."""
        source.there("u", {EMAIL: 1})
        source.sandbox.faults.add(Fault(effect="quota", path=TOGGLES))
        ended = source.give(no(no_texts="perhaps"), **memory)
        assert ended.code == 1
        assert ended.out == ""
        assert counts(ended) == {"read": 1, "unsettled": 1}
        source.sandbox.faults.replace()
        if not memory:
            source.give(contact("u"))
        else:
            source.give(no(no_texts="perhaps"), **memory)
        assert source.states["u"] == {EMAIL: 0}

    def test_ends_the_run_under_fail_fast_once_its_no_is_told(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 1})
        ended = source.give(
            no(no_texts="perhaps"), reject_mode="fail_fast", snapshot_path=None, rejects_path=None
        )
        assert ended.code == 3
        assert "field_invalid" in why(ended)
        assert counts(ended) == {"read": 1, "rejected": 1}
        assert source.states["u"] == {EMAIL: 0}

    def test_holds_the_state_where_its_reject_is_kept_nowhere(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 1})
        config: dict[str, Any] = {"rejects_path": None, "snapshot_path": None}
        ended = source.give(no(no_texts="perhaps"), reject_mode="fail", **config)
        assert (ended.code, ended.out) == (3, "")
        ended = source.give(no(no_texts="perhaps"), reject_mode="skip", **config)
        assert (ended.code, ended.out != "") == (0, True)

    def test_keeps_its_place_among_those_of_its_user(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 1})
        records = [
            customer("u", wants_mail=True, plan="a"),
            no(no_texts="perhaps"),
            customer("u", wants_mail=True, plan="b"),
        ]
        ended = source.give(*records, opt_in="follow")
        assert counts(ended) == {"read": 3, "confirmed": 2, "rejected": 1}
        sets = [moment.states.get(EMAIL) for moment in source.sandbox.moments]
        assert sets[-1] == 1
        assert 0 in sets
        assert source.sandbox.overlaps == []

    def test_waits_until_it_is_known_whose_the_snapshot_is(self, source: Consenting) -> None:
        source.give(customer("u"))
        with Sandbox(
            keys={SECRET: "editor"}, project_id=2, subscription_types=TYPES, watch=True
        ) as other:
            ended = source.give(
                no(no_texts="perhaps"), api_url=other.api_url, validate_records=True
            )
            assert ended.code == 2
            assert [each for each in other.requests if each.method != "GET"] == []

    def test_shows_its_user_to_other_streams_before_it_is_settled(self, source: Consenting) -> None:
        """Or else another stream's deletion would take the user away."""
        source.there("u", {EMAIL: 1})
        columns = ("id", "email", "_sdc_deleted_at")
        schema = SCHEMA + tap.schema("members", columns)
        streams = {"members": {"mapping": {"external_id": "id"}}}
        deleted = tap.record("members", id="u", _sdc_deleted_at="2026-11-25T10:00:00+00:00")
        ended = source.give(
            tap.record("members", id="u", email="u@example.test"),
            no(no_texts="perhaps"),
            deleted,
            schema=schema,
            streams=streams,
            removed_users="delete",
        )
        assert counts(ended) == {"read": 3, "confirmed": 1, "ignored": 1, "rejected": 1}
        assert source.users.keys() == {"u"}

    def test_is_superseded_by_a_newer_one(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 1})
        source.give(no(no_texts="perhaps"), customer("u", plan="new"))
        assert '"done":true' in rejects(source)[0]

    def test_makes_what_came_before_it_no_longer_what_spotzee_has(self, source: Consenting) -> None:
        yes = customer("u", wants_mail=True)
        source.give(yes, opt_in="follow")
        source.give(no(no_texts="perhaps"), opt_in="follow")
        assert source.states["u"][EMAIL] == 0
        ended = source.give(yes, opt_in="follow")
        assert counts(ended) == {"read": 1, "confirmed": 1}
        assert source.states["u"][EMAIL] == 1

    def test_is_replayed_as_any_other(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 1})
        source.sandbox.faults.add(refusing("/users/batch"))
        source.give(no(plan="new"))
        source.sandbox.faults.replace()
        again = source.rejects_path.rename(source.rejects_path.with_name("again"))
        schema, *lines = again.read_text(encoding="utf-8").splitlines(keepends=True)
        ended = source.give(*lines, schema=schema)
        assert counts(ended) == {"read": 1, "confirmed": 1}
        assert source.users["u"]["data"] == {"plan": "new"}

    def test_that_names_nobody_is_only_rejected(self, source: Consenting) -> None:
        ended = source.give({**no(), "id": None}, {**no(), "id": HALF})
        assert counts(ended) == {"read": 2, "rejected": 2}
        assert source.written() == []
