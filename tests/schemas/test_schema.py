"""SCHEMA messages as taps write them: what is missing is nothing said, what is odd is told."""

from __future__ import annotations

from typing import Any

import pytest

from target_spotzee.exceptions import InputError
from target_spotzee.schemas.schema import Schema, is_open, obstacle, read_schema

TEXT = {"type": ["null", "string"]}


def read(schema: Any, **more: Any) -> Schema:
    return read_schema({"type": "SCHEMA", "stream": "people", "schema": schema, **more})


class TestKeys:
    @pytest.mark.parametrize(
        ("given", "keys"),
        [(["id"], ["id"]), ("id", ["id"]), (None, []), ([], []), (["a", "b"], ["a", "b"])],
        ids=str,
    )
    def test_are_column_names(self, given: Any, keys: list[str]) -> None:
        assert read({"properties": {"id": TEXT}}, key_properties=given).key_properties == keys

    def test_may_be_missing(self) -> None:
        assert read({"properties": {"id": TEXT}}).key_properties == []

    @pytest.mark.parametrize(
        "given", [[{"name": "id"}], {"id": {}}, [None], [["id"]], 5, True, [1], ["id", {}]], ids=str
    )
    def test_that_are_none_are_told(self, given: Any) -> None:
        with pytest.raises(InputError, match="SCHEMA of stream 'people' has key_properties"):
            read({"properties": {"id": TEXT}}, key_properties=given)


class TestColumns:
    def test_of_no_schema_at_all_hold_anything(self) -> None:
        schema = read({"properties": {"a": True, "b": None, "c": {}, "d": TEXT, "e": False}})
        assert schema.body["properties"] == {"a": {}, "b": {}, "c": {}, "d": TEXT, "e": {"not": {}}}

    @pytest.mark.parametrize("column", ["string", 5, ["string"], []], ids=str)
    def test_that_are_no_schema_are_told_by_name(self, column: Any) -> None:
        with pytest.raises(
            InputError, match="stream 'people' has a column 'odd' that is no schema"
        ):
            read({"properties": {"id": TEXT, "odd": column}})

    @pytest.mark.parametrize("properties", [["id"], "id", 5, True], ids=str)
    def test_that_are_no_object_are_told(self, properties: Any) -> None:
        with pytest.raises(InputError, match="stream 'people' has properties that are no object"):
            read({"properties": properties})

    @pytest.mark.parametrize("schema", [None, [], "object", 5, True], ids=str)
    def test_of_a_schema_that_is_none_are_told(self, schema: Any) -> None:
        with pytest.raises(InputError, match="SCHEMA of stream 'people' is no object"):
            read(schema)


class TestOpenness:
    @pytest.mark.parametrize("body", [{}, {"properties": {}}, {"properties": None}], ids=str)
    def test_no_columns_at_all_means_any(self, body: dict[str, Any]) -> None:
        schema = read({"type": "object", **body}, key_properties=["_id"])
        assert is_open(schema.body)
        assert schema.body["properties"] == {"_id": {}}

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"additionalProperties": True}, True),
            ({"additionalProperties": {"type": "string"}}, True),
            ({"additionalProperties": {}}, True),
            ({"patternProperties": {"^x_": {}}}, True),
            ({"patternProperties": {}}, False),
            ({"additionalProperties": False}, False),
            ({"additionalProperties": None}, False),
            ({}, False),
        ],
        ids=str,
    )
    def test_or_what_the_schema_says_of_others(self, more: dict[str, Any], expected: bool) -> None:
        assert is_open(read({"properties": {"id": TEXT}, **more}).body) is expected

    def test_a_schema_that_says_there_is_nothing_is_closed(self) -> None:
        assert not is_open(read({"additionalProperties": False}).body)


class TestObstacles:
    @pytest.mark.parametrize(
        "schema",
        [
            {},
            True,
            {"type": "object"},
            {"type": ["null", "object"], "properties": {}},
            {"type": ["null", "object", "array", "string"]},
            {"type": "object", "properties": {"email": TEXT}},
            {"type": "object", "properties": {"x": TEXT}, "additionalProperties": True},
            {"type": "object", "properties": {"x": TEXT}, "patternProperties": {"e": TEXT}},
            {"anyOf": [{"type": "null"}, {"type": "object"}]},
            {"anyOf": [{"type": "string"}, {}]},
            {"oneOf": [TEXT, {"$ref": "#/x"}]},
            {"$ref": "#/definitions/profile"},
            {"type": "variant"},
            {"type": "null"},
            {"type": []},
        ],
        ids=str,
    )
    def test_what_may_hold_it_is_none(self, schema: Any) -> None:
        assert obstacle("profile", schema, ["email"]) is None

    @pytest.mark.parametrize(
        ("schema", "kinds"),
        [
            (TEXT, "string"),
            ({"type": "array"}, "array"),
            ({"type": ["integer", "null", "boolean"]}, "boolean or integer"),
            ({"anyOf": [{"type": "string", "format": "date"}, TEXT]}, "string"),
            ({"oneOf": [{"type": "number"}, {"type": "null"}]}, "number"),
        ],
        ids=str,
    )
    def test_what_can_t_is_said_with_what_it_is(self, schema: Any, kinds: str) -> None:
        said = obstacle("profile", schema, ["email"])
        assert said == f"reaches into column 'profile', which is {kinds} by its SCHEMA, no object"

    def test_what_lies_deeper_is_said_by_its_whole_name(self) -> None:
        schema = {"type": "object", "properties": {"mails": {"type": "array"}}}
        said = obstacle("profile", schema, ["mails", "0"])
        assert said is not None
        assert "'profile.mails', which is array" in said
        assert obstacle("profile", schema, ["mail"]) == (
            "names column 'profile.mail', which its SCHEMA does not have"
        )
