"""Habits of taps that a real one shows only with more machinery than a test wants."""

from __future__ import annotations

import json
from typing import Any

from target_spotzee.sandbox import Sandbox
from tests import tap
from tests.process import Target


def schema(properties: dict[str, Any], **extra: Any) -> str:
    return tap.line(
        {
            "type": "SCHEMA",
            "stream": "customers",
            "schema": {"properties": properties, **extra},
            "key_properties": ["id"],
        }
    )


def record(**values: Any) -> str:
    return tap.line({"type": "RECORD", "stream": "customers", "record": values})


def test_types_in_any_of_and_money_as_strings_arrive_as_they_were(
    target: Target, sandbox: Sandbox
) -> None:
    """As tap-s3-csv infers them: a phone that looks like a number becomes one."""
    lines = [
        schema(
            {
                "id": {"type": ["null", "integer"]},
                "phone": {
                    "anyOf": [{"type": ["null", "integer"]}, {"type": ["null", "string"]}],
                },
                "spent": {"type": ["null", "string"], "format": "singer.decimal"},
            }
        ),
        record(id=1, phone=61491570006, spent="12.50"),
        record(id=2, phone="+61491570156", spent=None),
    ]

    result = target.run(lines, phone_region="AU", reject_mode="skip")

    assert result.exit_code == 0, result.stderr
    users = sandbox.users
    assert users["2"]["phone"] == "+61491570156"
    assert users["1"]["phone"] == "+61491570006"
    assert users["1"]["data"] == {"spent": "12.50"}
    assert users["2"]["data"] == {"spent": None}


def test_columns_that_the_schema_does_not_name_are_loaded_too(
    target: Target, sandbox: Sandbox
) -> None:
    lines = [schema({"id": {"type": "integer"}}, additionalProperties=True), record(id=1, plan="a")]

    assert target.run(lines).exit_code == 0
    assert sandbox.users["1"]["data"] == {"plan": "a"}


def test_keys_that_are_strings_stay_what_they_are(target: Target, sandbox: Sandbox) -> None:
    lines = [schema({"id": {"type": "string"}}), record(id="0017"), record(id="17")]

    assert target.run(lines).exit_code == 0
    assert sandbox.users.keys() == {"0017", "17"}


def test_a_tap_without_any_state_is_loaded(target: Target, sandbox: Sandbox) -> None:
    """As tap-test-data-generator."""
    result = target.run([schema({"id": {"type": "integer"}}), record(id=1)])

    assert result.exit_code == 0
    assert result.stdout == ""
    assert sandbox.users.keys() == {"1"}


def test_a_float_in_a_state_comes_out_as_it_went_in(target: Target) -> None:
    state = '{"type": "STATE", "value": {"at": 1735447019.250, "n": 1e3, "deep": "{\\"a\\": 1}"}}\n'

    result = target.run([schema({"id": {"type": "integer"}}), record(id=1), state])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads(state)["value"]
    assert "1735447019.250" in result.stdout


def test_a_state_before_any_schema_is_taken(target: Target, sandbox: Sandbox) -> None:
    """As SDK taps on their second run."""
    lines = [tap.state({"a": 0}), schema({"id": {"type": "integer"}}), record(id=1)]

    result = target.run([*lines, tap.state({"a": 1})])

    assert result.exit_code == 0
    assert result.states[-1] == {"a": 1}
    assert sandbox.users.keys() == {"1"}


def test_a_record_before_its_schema_ends_the_run_with_one_line(target: Target) -> None:
    result = target.run([record(id=1)])

    assert result.exit_code == 1
    assert "came before its SCHEMA; the tap is broken" in result.stderr


def test_a_type_that_is_a_null_instead_of_the_word_does_not_matter(
    target: Target, sandbox: Sandbox
) -> None:
    """As tap-spreadsheets passes on what its `schema_overrides` say."""
    lines = [schema({"id": {"type": ["integer", None]}}), record(id=1)]

    assert target.run(lines).exit_code == 0
    assert sandbox.users.keys() == {"1"}
