"""A whole stream through a real process into the sandbox: what is there afterwards."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import model, tap
from tests.process import Target

CUSTOMER_COLUMNS = {
    "id": {"type": "integer"},
    "email_address": {"type": ["null", "string"]},
    "mobile": {"type": ["null", "string"]},
    "language": {"type": ["null", "string"]},
    "timezone": {"type": ["null", "string"]},
    "first_name": {"type": ["null", "string"]},
    "lifetime_value": {"type": "number"},
    "big": {"type": "integer"},
    "subscription": {"type": ["null", "object"]},
    "signed_up_at": {"type": "string", "format": "date-time"},
    "password_hash": {"type": "string"},
}
CUSTOMER_ENTRY = {
    "mapping": {
        "email": "email_address",
        "phone": "mobile",
        "locale": "language",
        "data": {"plan": "subscription.plan"},
    },
    "exclude": ["password*"],
    "phone_region": "AU",
}


def customer(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "email_address": f"customer{number}@example.test" if number % 7 else None,
        "mobile": f"0412 {number:06d}"[:12],
        "language": ["en_au", "pt_BR.UTF-8", "zh-hans-CN"][number % 3],
        "timezone": "Australia/Sydney",
        "first_name": f'Zoë "{number}" 🦊',
        "lifetime_value": number + 0.25,
        "big": 2**53 + number,
        "subscription": {"plan": "pro", "seats": number} if number % 5 else None,
        "signed_up_at": "2026-02-03T04:05:06+11:00",
        "password_hash": "secret",
    }


def customer_user(number: int) -> dict[str, Any]:
    row = customer(number)
    return {
        "external_id": str(number),
        "anonymous_id": None,
        "email": row["email_address"],
        "phone": "+61412" + f"{number:06d}"[:6],
        "locale": ["en-AU", "pt-BR", "zh-CN"][number % 3],
        "timezone": "Australia/Sydney",
        "data": {
            "first_name": row["first_name"],
            "lifetime_value": Decimal(str(row["lifetime_value"])),
            "big": row["big"],
            "subscription": row["subscription"],
            "signed_up_at": row["signed_up_at"],
            "plan": row["subscription"] and "pro",
        },
    }


@pytest.mark.parametrize(("delivery", "counted"), [("sync", "confirmed"), ("async", "accepted")])
def test_2350_customers_arrive_field_by_field_in_24_requests(
    target: Target,
    sandbox: Sandbox,
    delivery: str,
    counted: str,
) -> None:
    lines = [tap.schema(properties=CUSTOMER_COLUMNS)]
    lines += [tap.record(**customer(number)) for number in range(2350)]
    lines.append(tap.state({"bookmarks": {"customers": 2349}}))

    result = target.run(lines, delivery=delivery, streams={"customers": CUSTOMER_ENTRY})

    assert result.exit_code == 0, result.stderr
    assert sandbox.users == {str(number): customer_user(number) for number in range(2350)}
    assert len(sandbox.requests) == 24
    assert result.records == {"read": 2350, counted: 2350}
    assert result.states == [{"bookmarks": {"customers": 2349}}]


def test_requests_carry_what_the_contract_asks_for(target: Target, sandbox: Sandbox) -> None:
    target.run([tap.schema(), tap.record(id=1)], run_id="nightly")

    (request,) = sandbox.requests
    assert request.json == [{"external_id": "1"}]
    assert request.headers["authorization"] == f"Bearer {sandbox.key}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["spotzee-version"] == "2026-04-28"
    assert request.headers["user-agent"].startswith("target-spotzee/0.")
    assert 1 <= len(request.headers["idempotency-key"]) <= 255
    assert "x-spotzee-client-type" not in request.headers


def test_one_in_flight_and_four_leave_the_same_users_and_never_overlap(tmp_path: Path) -> None:
    records = model.updates(6000, users=400, seed=20)
    lines = [tap.schema(properties=model.COLUMNS, keys=["external_id"])]
    lines += [tap.record(**record) for record in records]
    after = []
    for in_flight in (1, 4):
        with Sandbox(latency_ms=3) as sandbox:
            target = Target(tmp_path, sandbox.api_url, sandbox.key)
            result = target.run(lines, max_in_flight=in_flight, batch_size_rows=20)
            assert result.exit_code == 0, result.stderr
            assert sandbox.overlaps == []
            assert sandbox.max_in_flight in ({1} if in_flight == 1 else range(2, in_flight + 1))
            after.append(sandbox.users)

    assert after[0] == after[1] == model.users_after(records)


class TestLastRecordWins:
    def test_a_user_that_goes_there_and_back_within_a_run(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        plans = ["a", "b", "a"]
        lines = [tap.schema(properties=["id", "plan"])]
        lines += [tap.record(id=7, plan=plan) for plan in plans]

        target.run(lines, batch_size_rows=1, max_in_flight=1, run_id="same")

        assert [user["data"]["plan"] for user in sandbox.history("7")] == plans
        assert len({request.idempotency_key for request in sandbox.requests}) == len(plans)

    def test_a_user_that_goes_there_and_back_over_three_runs_with_one_run_id(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        for plan in ("a", "b", "a"):
            lines = [tap.schema(properties=["id", "plan"]), tap.record(id=7, plan=plan)]
            assert target.run(lines, run_id="same").exit_code == 0
        assert sandbox.users["7"]["data"] == {"plan": "a"}
        assert sandbox.requests[-1].replayed is False

    def test_a_lost_first_request_does_not_make_an_older_run_s_memory_an_answer(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        for plan in ("a", "b", "a"):
            sandbox.faults.replace([Fault(effect="status", status=503, first=1)])
            lines = [tap.schema(properties=["id", "plan"]), tap.record(id=7, plan=plan)]
            assert target.run(lines, run_id="same").exit_code == 0
        assert sandbox.users["7"]["data"] == {"plan": "a"}

    def test_over_an_attempt_that_is_applied_after_its_retry(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        """Keys are not enforced here, so the lost request runs once more, a second late."""
        sandbox.options.idempotency = False
        sandbox.faults.add(Fault(effect="late", seconds=1, first=1))
        lines = [tap.schema(properties=["id", "plan"])]
        lines += [tap.record(id=7, plan=plan) for plan in ("old", "new")]
        result = target.run(lines, batch_size_rows=1, timeout_seconds=2)
        assert result.exit_code == 0
        plans = [user["data"]["plan"] for user in sandbox.history("7")]
        assert plans == ["old", "old", "new"]

    def test_after_a_schema_change_mid_stream(self, target: Target, sandbox: Sandbox) -> None:
        lines = [
            tap.schema(properties=["id", "plan"]),
            tap.record(id=1, plan="old"),
            tap.schema(properties=["id", "plan", "seats"]),
            tap.record(id=1, plan="new", seats=3),
            tap.schema(properties=["id", "plan"]),
            tap.record(id=1, plan="newest"),
        ]
        target.run(lines)
        assert sandbox.users["1"]["data"] == {"plan": "newest", "seats": 3}

    def test_when_two_streams_feed_one_user(self, target: Target, sandbox: Sandbox) -> None:
        lines = [tap.schema("crm", ["id", "plan"]), tap.schema("shop", ["id", "plan"])]
        for number in range(300):
            stream = ("crm", "shop")[number % 2]
            lines.append(tap.record(stream, id=number % 3, plan=number))

        target.run(lines, batch_size_rows=2)

        plans = {number: user["data"]["plan"] for number, user in sandbox.users.items()}
        assert plans == {"0": 297, "1": 298, "2": 299}

    def test_when_an_anonymous_id_stands_beside_the_external_id(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        columns = ["external_id", "anonymous_id", "plan"]
        lines = [
            tap.schema(properties=columns, keys=[]),
            tap.record(external_id=None, anonymous_id="cookie", plan="guest"),
            tap.record(external_id="ada", anonymous_id="cookie", plan="member"),
            tap.record(external_id="ada", anonymous_id=None, plan="patron"),
        ]
        target.run(lines)
        assert sandbox.users["ada"]["data"] == {"plan": "patron"}
        assert sandbox.users["ada"]["anonymous_id"] == "cookie"
        assert sandbox.anonymous_users == {}
        assert sandbox.overlaps == []

    def test_when_ids_differ_in_case_only(self, tmp_path: Path) -> None:
        with Sandbox(case_blind=True, latency_ms=20) as sandbox:
            target = Target(tmp_path, sandbox.api_url, sandbox.key)
            lines = [tap.schema(properties=["id", "plan"])]
            lines += [tap.record(id=name, plan=name) for name in ("Ada", "ADA", "ada")]
            target.run(lines)
            (user,) = sandbox.users.values()
        assert user["data"] == {"plan": "ada"}
        assert sandbox.overlaps == []


class TestSdkFeatures:
    def test_stream_maps_rename_filter_and_multiply(self, target: Target, sandbox: Sandbox) -> None:
        lines = [tap.schema(properties=["id", "plan"])]
        lines += [tap.record(id=number, plan="pro") for number in range(4)]
        maps = {
            "customers": {"tier": "plan.upper()", "plan": None, "__filter__": "id != 2"},
            "copies": {"__source__": "customers", "id": "'copy-' + str(id)"},
        }

        result = target.run(lines, stream_maps=maps)

        assert result.exit_code == 0, result.stderr
        assert sandbox.users["3"]["data"] == {"tier": "PRO"}
        assert sandbox.users["copy-2"]["data"] == {"plan": "pro"}
        assert result.records == {"read": 8, "filtered": 1, "confirmed": 7}

    def test_flattening_unfolds_objects(self, target: Target, sandbox: Sandbox) -> None:
        address = {"type": "object", "properties": {"city": {"type": "string"}}}
        lines = [
            tap.schema(properties={"id": {"type": "integer"}, "address": address}),
            tap.record(id=1, address={"city": "Perth"}),
        ]
        target.run(lines, flattening_enabled=True, flattening_max_depth=2)
        assert sandbox.users["1"]["data"] == {"address__city": "Perth"}

    def test_settings_come_from_the_environment_too(self, target: Target, sandbox: Sandbox) -> None:
        environment = {
            "TARGET_SPOTZEE_API_KEY": sandbox.key,
            "TARGET_SPOTZEE_API_URL": sandbox.api_url,
            "TARGET_SPOTZEE_BATCH_SIZE_ROWS": "2",
            "TARGET_SPOTZEE_STREAMS": json.dumps({"customers": {"exclude": ["plan"]}}),
        }
        lines = [tap.schema(properties=["id", "plan"])]
        lines += [tap.record(id=number, plan="pro") for number in range(4)]

        out = target.command(["--config", "ENV"], env=environment, stdin="".join(lines))

        assert out.returncode == 0, out.stderr
        assert len(sandbox.requests) == 2
        assert sandbox.users["3"]["data"] == {}

    def test_batch_files_are_read_in_hundreds(
        self,
        target: Target,
        sandbox: Sandbox,
        tmp_path: Path,
    ) -> None:
        rows = [{"id": number, "plan": "pro"} for number in range(250)]
        path = tmp_path / "batch.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        batch = {
            "type": "BATCH",
            "stream": "customers",
            "encoding": {"format": "jsonl"},
            "manifest": [path.as_uri()],
        }
        lines = [
            tap.schema(properties=["id", "plan"]),
            *(tap.record(id=number, plan="pro") for number in range(250, 255)),
            tap.line(batch),
            *(tap.record(id=number, plan="pro") for number in range(255, 260)),
            tap.state({"a": 1}),
        ]

        result = target.run(lines)

        assert result.exit_code == 0, result.stderr
        assert sorted(request.items for request in sandbox.requests) == [60, 100, 100]
        assert result.records == {"read": 260, "confirmed": 260}
        assert result.states == [{"a": 1}]
        counted = re.findall(r'"record_count","value":(-?\d+)', result.stderr)
        assert sum(map(int, counted)) == 260, "the SDK's metric has some twice, or not at all"

    def test_records_from_before_a_new_schema_are_in_the_metric_too(self, target: Target) -> None:
        lines = [tap.schema(properties=["id"])]
        lines += [tap.record(id=number) for number in range(150)]
        lines += [tap.schema(properties=["id", "plan"])]
        lines += [tap.record(id=number, plan="pro") for number in range(150, 290)]
        result = target.run(lines)
        assert result.records == {"read": 290, "confirmed": 290}
        counted = re.findall(r'"record_count","value":(-?\d+)', result.stderr)
        assert sorted(map(int, counted)) == [140, 150]

    def test_version_activation_is_ignored_with_one_warning(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        message = {"type": "ACTIVATE_VERSION", "stream": "anything", "version": 1}
        lines = [tap.line(message), tap.schema(), tap.record(id=1), tap.line(message)]
        result = target.run(lines)
        assert result.exit_code == 0
        assert result.stderr.count("ACTIVATE_VERSION") == 1
        assert list(sandbox.users) == ["1"]

    def test_records_that_break_their_schema_are_rejected_if_asked(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        properties = {"id": {"type": "integer"}, "age": {"type": "integer"}}
        lines = [
            tap.schema(properties=properties),
            tap.record(id=1, age="forty-two"),
            tap.record(id=2, age=42),
        ]
        result = target.run(lines, validate_records=True)
        assert result.exit_code == 3
        assert list(sandbox.users) == ["2"]
        assert "schema_violated" in result.summary["rejects"]
        assert "forty-two" not in result.stderr


class TestWarnings:
    def test_numbers_that_arrive_as_strings_are_told_once(self, target: Target) -> None:
        lines = [tap.schema(properties=["id", "seats", "postcode", "name"])]
        lines += [
            tap.record(id=number, seats=str(number), postcode="0800", name="7th")
            for number in range(1, 250)
        ]
        result = target.run(lines)
        warning = "seats holds numbers as strings"
        assert result.stderr.count(warning) == 1

    def test_an_identity_that_looks_like_an_address_is_told(self, target: Target) -> None:
        lines = [tap.schema(properties=["e-mail"], keys=["e-mail"])]
        result = target.run([*lines, tap.record(**{"e-mail": "a@example.test"})])
        assert result.exit_code == 0
        assert "looks like an e-mail address" in result.stderr
