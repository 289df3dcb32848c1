"""What broken, odd and dying taps do: their fault ends the input, and never our duty."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Result, Target

CANARY = "canary@private.example"
READ = 180
FLATTENED: dict[str, Any] = {"flattening_enabled": True, "flattening_max_depth": 1}


def before() -> list[str]:
    """Return 180 good records with their states, as a tap prints them before its fault."""
    lines = [tap.schema(properties=["id", "n"])]
    for number in range(READ):
        lines += [tap.record(id=number, n=number), tap.state({"read": number + 1})]
    return lines


def assert_told(result: Result, exit_code: int, *words: str) -> str:
    """Check that a run ended with one clear line; return it."""
    assert result.exit_code == exit_code, result.stderr
    (error,) = [line for line in result.stderr.splitlines() if "| ERROR" in line]
    for word in words:
        assert word in error
    assert "bug" not in result.stderr
    assert CANARY not in result.stderr
    return error


def batch(manifest: Any, encoding: Any = None, stream: str = "customers") -> str:
    encoding = {"format": "jsonl"} if encoding is None else encoding
    return tap.line({"type": "BATCH", "stream": stream, "encoding": encoding, "manifest": manifest})


FAULTS = {
    "cut record": (tap.record(id=1, email=CANARY)[:-20], ["line 362", "no message"]),
    "no schema": (tap.record("orders", id=1, email=CANARY), ["'orders'", "before its SCHEMA"]),
    "log line": (f"Fetched 1 row of {CANARY}\n", ["line 362", "no message"]),
    "no object": ('{"type":"RECORD","stream":"customers","record":5}\n', ["no object"]),
    "no record": ('{"type":"RECORD","stream":"customers"}\n', ["lacks record"]),
    "no stream": ('{"type":"RECORD","stream":5,"record":{}}\n', ["stream that is no text"]),
    "no value": ('{"type":"STATE"}\n', ["lacks value"]),
    "no type": ('{"stream":"customers"}\n', ["has no type"]),
    "bare schema": ('{"type":"SCHEMA","stream":"customers"}\n', ["lacks schema"]),
    "odd schema": ('{"type":"SCHEMA","stream":"a","schema":[]}\n', ["'a'", "no object"]),
    "no file": (batch(["/nowhere/gone.jsonl"]), ["gone.jsonl", "No such file"]),
    "no manifest": (batch("/nowhere/gone.jsonl"), ["manifest"]),
    "parquet": (batch(["/nowhere/a"], {"format": "parquet"}), ["'parquet'", "jsonl"]),
    "no encoding": (batch([], []), ["encoding"]),
    "null encoding": (batch([]).replace('{"format": "jsonl"}', "null"), ["encoding"]),
    "batch, no schema": (batch([], stream="orders"), ["'orders'", "before its SCHEMA"]),
}


class TestFaultsThatEndTheInput:
    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("delivery", ["sync", "async"])
    def test_leave_what_was_read_before_delivered_and_its_states_printed(
        self, target: Target, sandbox: Sandbox, fault: str, delivery: str
    ) -> None:
        line, words = FAULTS[fault]
        after = [tap.record(id="late"), tap.state({"read": "late"})]
        result = target.run([*before(), line, *after], delivery=delivery)
        assert_told(result, 1, *words)
        assert len(sandbox.users) == READ
        assert result.states[-1] == {"read": READ}
        assert result.summary["records"]["read"] == READ

    def test_leave_rejects_kept_and_the_exit_code_1(self, target: Target, sandbox: Sandbox) -> None:
        lines = [*before(), tap.record(id=None), tap.state({"read": "bad"}), "cut"]
        result = target.run(lines)
        assert_told(result, 1, "line 364")
        assert result.states[-1] == {"read": "bad"}
        assert "identity_missing" in target.rejects_path.read_text(encoding="utf-8")
        assert len(sandbox.users) == READ

    def test_wait_for_a_spotzee_that_is_down_for_a_moment(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        sandbox.faults.replace([Fault(effect="status", status=503, first=2)])
        result = target.run([*before(), "cut"])
        assert_told(result, 1, "line 362")
        assert len(sandbox.users) == READ
        assert result.states[-1] == {"read": READ}

    def test_and_do_not_hide_a_fault_of_spotzee(self, target: Target, sandbox: Sandbox) -> None:
        sandbox.faults.replace([Fault(effect="status", status=403)])
        result = target.run([*before(), "cut"])
        assert result.exit_code == 1
        assert sandbox.users == {}
        assert result.states == []
        told = [line for line in result.stderr.splitlines() if "| ERROR" in line]
        assert len(told) == 2

    def test_of_a_later_schema_do_the_same_with_exit_code_2(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        result = target.run([*before(), tap.schema("orders", ["total"], keys=[])])
        assert_told(result, 2, "'orders'", "no way to an identity")
        assert len(sandbox.users) == READ
        assert result.states[-1] == {"read": READ}

    def test_of_a_batch_file_leave_its_own_first_records_delivered(
        self, target: Target, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.jsonl.gz"
        rows = [{"id": f"b{number}", "n": number} for number in range(50_000)]
        whole = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
        path.write_bytes(whole[:-1000])
        gz = {"format": "jsonl", "compression": "gzip"}
        result = target.run([*before(), batch([path.as_uri()], gz), tap.state({"read": "late"})])
        assert_told(result, 1, "rows.jsonl.gz", "cut off")
        assert READ + 10_000 < len(sandbox.users) < READ + 50_000
        assert result.states[-1] == {"read": READ}


class TestRecordsThatAreNoJson:
    """One record's fault: it is rejected, the others arrive."""

    DEEP = "[" * 5_000 + "]" * 5_000

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            ("NaN", "number_invalid"),
            ("Infinity", "number_invalid"),
            ("-Infinity", "number_invalid"),
            ('{"a": [1, NaN]}', "number_invalid"),
            ("1e99999999999999999999", "number_invalid"),
            (DEEP, "record_too_deep"),
            (f'{{"b": "{CANARY}", "a": {DEEP}}}', "record_too_deep"),
            ('{"a":' * 2_000 + "1" + "}" * 2_000, "record_too_deep"),
        ],
        ids=lambda value: str(value)[:24],
    )
    def test_are_rejected_alone(
        self, target: Target, sandbox: Sandbox, value: str, code: str
    ) -> None:
        odd = f'{{"type":"RECORD","stream":"customers","record":{{"id":"odd","n":{value}}}}}\n'
        result = target.run([*before(), odd, tap.record(id="last"), tap.state({"read": 182})])
        assert result.exit_code == 3, result.stderr
        assert list(result.summary["rejects"]) == [code]
        assert "odd" not in sandbox.users
        assert "last" in sandbox.users
        assert result.states[-1] == {"read": 182}
        assert CANARY not in result.stderr

        kept = target.rejects_path.read_text(encoding="utf-8")
        assert value.replace(" ", "") in kept.replace(" ", ""), "it is kept as it was sent"
        again = target.run(kept.encode(), rejects_path=str(target.folder / "again.singer"))
        assert list(again.summary["rejects"]) == [code]
        assert "odd" not in sandbox.users

    @pytest.mark.parametrize("value", ["NaN", "-Infinity", DEEP], ids=["NaN", "-Infinity", "deep"])
    def test_do_no_harm_in_a_column_that_is_not_sent(
        self, target: Target, sandbox: Sandbox, value: str
    ) -> None:
        odd = (
            f'{{"type":"RECORD","stream":"customers","record":{{"id":"odd","n":{value},"m":2}}}}\n'
        )
        lines = [tap.schema(properties=["id", "n", "m"]), odd]
        result = target.run(lines, streams={"customers": {"exclude": ["n"]}})
        assert result.exit_code == 0, result.stderr
        assert sandbox.users["odd"]["data"] == {"m": 2}

    def test_clear_nothing_in_a_field(self, target: Target, sandbox: Sandbox) -> None:
        lines = [
            tap.schema(properties=["id", "email"]),
            tap.record(id=1, email="a@b.example"),
        ]
        lines += ['{"type":"RECORD","stream":"customers","record":{"id":1,"email":NaN}}\n']
        result = target.run(lines)
        assert result.exit_code == 0, result.stderr
        assert sandbox.users["1"]["email"] == "a@b.example"
        assert result.summary["invalid_fields"] == {"email": 1}

    def test_become_null_where_the_settings_say_so(self, target: Target, sandbox: Sandbox) -> None:
        odd = '{"type":"RECORD","stream":"customers","record":{"id":1,"n":NaN,"m":[Infinity,1]}}\n'
        result = target.run([tap.schema(properties=["id", "n", "m"]), odd], invalid_fields="null")
        assert result.exit_code == 0, result.stderr
        assert sandbox.users["1"]["data"] == {"n": None, "m": [None, 1]}
        assert result.summary["invalid_fields"] == {"data.n": 1, "data.m": 1}

    def test_in_a_batch_file_are_the_same(
        self, target: Target, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text('{"id":1,"n":NaN}\n{"id":2,"n":2}\n{"id":3,"n":Infinity}\n', "utf-8")
        lines = [tap.schema(properties=["id", "n"]), tap.record(id=1, n=1)]
        result = target.run([*lines, batch([str(path)])])
        assert result.exit_code == 3
        assert result.summary["rejects"]["number_invalid"]["count"] == 2
        assert sandbox.users["1"]["data"] == {"n": 1}
        assert sorted(sandbox.users) == ["1", "2"]

    def test_made_by_a_stream_map_are_the_same(self, target: Target, sandbox: Sandbox) -> None:
        lines = [tap.schema(properties=["id", "n"])]
        lines += [
            tap.record(id=1, n=1),
            tap.record(id=2, n="nan"),
            tap.record(id=3, n="5"),
        ]
        result = target.run(lines, stream_maps={"customers": {"n": "float(n)"}})
        assert result.exit_code == 3
        assert result.summary["rejects"]["number_invalid"]["count"] == 1
        assert sorted(sandbox.users) == ["1", "3"]

    def test_made_of_no_json_at_all_by_a_stream_map_are_rejected(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        lines = [tap.schema(properties=["id"]), tap.record(id=1)]
        result = target.run(lines, stream_maps={"customers": {"n": "datetime"}})
        assert result.exit_code == 3, result.stderr
        assert list(result.summary["rejects"]) == ["stream_map_failed"]
        assert sandbox.users == {}


class TestOddSchemas:
    @pytest.mark.parametrize(
        "schema",
        [{}, {"type": "object"}, {"type": "object", "properties": {}}, {"properties": None}],
        ids=str,
    )
    def test_that_name_no_column_let_the_mapping_find_them(
        self, target: Target, sandbox: Sandbox, schema: dict[str, Any]
    ) -> None:
        message = {"type": "SCHEMA", "stream": "customers", "schema": schema}
        lines = [
            tap.line({**message, "key_properties": ["_id"]}),
            tap.record(_id="5f1", email="ada@example.com", profile={"plan": "pro"}),
        ]
        mapping = {"external_id": "_id", "email": "email", "data.plan": "profile.plan"}
        result = target.run(lines, streams={"customers": {"mapping": mapping}})
        assert result.exit_code == 0, result.stderr
        user = sandbox.users["5f1"]
        assert user["email"] == "ada@example.com"
        assert user["data"] == {"profile": {"plan": "pro"}, "plan": "pro"}
        assert result.stderr.count("for what its SCHEMA does not name") == 1

    def test_that_say_there_is_more_are_open_too_and_others_are_not(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        for more, code in (
            ({"additionalProperties": True}, 0),
            ({"additionalProperties": {"type": "string"}}, 0),
            ({"patternProperties": {"^e": {}}}, 0),
            ({}, 2),
            ({"additionalProperties": False}, 2),
        ):
            schema = {"type": "object", "properties": {"id": {}}, **more}
            message = {"type": "SCHEMA", "stream": "customers", "schema": schema}
            lines = [
                tap.line({**message, "key_properties": ["id"]}),
                tap.record(id=1, mail="ada@example.com"),
            ]
            result = target.run(lines, streams={"customers": {"mapping": {"email": "mail"}}})
            assert result.exit_code == code, result.stderr
        assert sandbox.users["1"]["email"] == "ada@example.com"

    def test_of_an_open_stream_are_kept_open_with_its_rejects(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        schema = {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": ["_id"]}
        streams = {"customers": {"mapping": {"external_id": "_id", "email": "mail"}}}
        lines = [tap.line(schema), tap.record(_id=None, mail="ada@example.com")]
        assert target.run(lines, streams=streams).exit_code == 3
        kept = target.rejects_path.read_bytes().replace(b'"_id":null', b'"_id":7')
        again = target.run(kept, streams=streams, rejects_path=None)
        assert again.exit_code == 0, again.stderr
        assert sandbox.users["7"]["email"] == "ada@example.com"

    @pytest.mark.parametrize(
        ("keys", "code"),
        [("id", 0), (None, 0), ([{"name": "id"}], 1), ([None], 1), ({}, 1), ([["id"]], 1)],
        ids=str,
    )
    def test_with_any_key_properties_are_read_or_told(
        self, target: Target, sandbox: Sandbox, keys: Any, code: int
    ) -> None:
        message = json.loads(tap.schema())
        message["key_properties"] = keys
        lines = [tap.line(message), tap.record(id=1)]
        mapping = {"customers": {"mapping": {"external_id": "id"}}}
        result = target.run(lines, streams=mapping)
        assert result.exit_code == code, result.stderr
        if code:
            assert_told(result, 1, "'customers'", "key_properties")
        assert len(sandbox.users) == 1 - code

    @pytest.mark.parametrize(
        ("column", "kind"),
        [
            ({"type": ["null", "string"]}, "string"),
            ({"type": "array", "items": {"type": "string"}}, "array"),
            ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string"),
            ({"type": "integer"}, "integer"),
        ],
        ids=str,
    )
    def test_that_a_path_can_t_reach_into_are_refused_before_anything_is_cleared(
        self, target: Target, sandbox: Sandbox, column: Any, kind: str
    ) -> None:
        lines = [tap.schema(properties={"id": {}, "profile": column}), tap.record(id=1)]
        for path in ("profile.email", "profile.0"):
            result = target.run(lines, streams={"customers": {"mapping": {"email": path}}})
            assert_told(result, 2, "'profile'", f"is {kind}")
        assert sandbox.users == {}

    def test_whose_columns_flatten_to_one_name_are_told(self, target: Target) -> None:
        inner = {"type": "object", "properties": {"city": {"type": "string"}}}
        lines = [tap.schema(properties={"id": {}, "address": inner, "address__city": {}})]
        result = target.run(lines, flattening_enabled=True, flattening_max_depth=1)
        assert_told(result, 2, "'customers'", "'address__city'")

    @pytest.mark.parametrize("column", [True, None, False, {}], ids=str)
    @pytest.mark.parametrize("settings", [{}, FLATTENED], ids=["plain", "flattened"])
    def test_of_true_mean_anything(
        self, target: Target, sandbox: Sandbox, column: Any, settings: dict[str, Any]
    ) -> None:
        lines = [tap.schema(properties={"id": {}, "x": column}), tap.record(id=1, x=2)]
        result = target.run(lines, **settings)
        assert result.exit_code == 0, result.stderr
        assert sandbox.users["1"]["data"] == {"x": 2}

    @pytest.mark.parametrize("column", [["string"], 5, "string"], ids=str)
    def test_of_no_sense_are_told_by_column(self, target: Target, column: Any) -> None:
        for properties in (
            {"id": {}, "x": column},
            {"id": {}, "o": {"type": "object", "properties": {"x": column}}},
        ):
            lines = [tap.schema(properties=properties), tap.record(id=1)]
            result = target.run(lines, flattening_enabled=True, flattening_max_depth=2)
            if "x" in properties:
                assert_told(result, 1, "'x'")
            elif result.exit_code:
                assert_told(result, 1, "'o'")

    @pytest.mark.parametrize("depth", [300, 900, 5_000])
    def test_that_are_nested_too_deeply_are_told(self, target: Target, depth: int) -> None:
        deep = '{"type":"object","properties":{"x":' * depth + "{}" + "}}" * depth
        line = tap.schema(properties={"id": {}, "x": "DEEP"}).replace('"DEEP"', deep)
        for settings in ({}, FLATTENED):
            result = target.run([line, tap.record(id=1)], **settings)
            if result.exit_code:
                assert_told(result, 1)

    def test_that_lack_a_column_of_the_records_are_told_once(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        lines = [tap.schema()]
        lines += [tap.record(id=number, email="ada@example.com") for number in range(300)]
        result = target.run(lines)
        assert result.exit_code == 0
        assert sandbox.users["5"]["data"] == {"email": "ada@example.com"}
        (warning,) = [line for line in result.stderr.splitlines() if "does not name" in line]
        assert "'email'" in warning
        out = target.command(
            ["--config", str(target.configure()), "--dry-run"], stdin="".join(lines)
        )
        assert "data.email" in out.stdout


class TestStreamMaps:
    @pytest.mark.parametrize(
        ("maps", "words"),
        [
            ({"full": "frist_name"}, ["'full'", "'frist_name'", "did you mean 'first_name'"]),
            ({"full": "md6(first_name)"}, ["'full'", "'md6'"]),
            ({"__filter__": "plan == 'pro'"}, ["'__filter__'", "'plan'"]),
        ],
        ids=["column", "function", "filter"],
    )
    def test_that_fail_for_every_record_are_refused_at_schema(
        self, target: Target, sandbox: Sandbox, maps: dict[str, str], words: list[str]
    ) -> None:
        lines = [tap.schema(properties=["id", "first_name"]), tap.record(id=1)]
        result = target.run(lines, stream_maps={"customers": maps})
        assert_told(result, 2, "stream 'customers'", *words)
        assert sandbox.users == {}

    def test_may_use_what_an_open_schema_does_not_name(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        schema = {"type": "object", "properties": {"id": {}}, "additionalProperties": True}
        message = {"type": "SCHEMA", "stream": "customers", "schema": schema}
        lines = [
            tap.line({**message, "key_properties": ["id"]}),
            tap.record(id=1, first_name="Ada"),
        ]
        result = target.run(lines, stream_maps={"customers": {"name": "first_name"}})
        assert result.exit_code == 0, result.stderr
        assert sandbox.users["1"]["data"]["name"] == "Ada"


class TestBatchesOfStreamsThatAreNotLoaded:
    @pytest.mark.parametrize(
        "settings",
        [
            {"streams": {"x": {}}, "unlisted_streams": "ignore"},
            {"stream_maps": {"customers": None}},
        ],
        ids=["ignored", "removed"],
    )
    def test_are_not_opened(self, target: Target, settings: dict[str, Any]) -> None:
        lines = [
            tap.schema(),
            batch(["s3://bucket/a.jsonl"]),
            batch(["/nowhere/gone.jsonl"], {"format": "parquet"}),
            tap.state({"a": 1}),
        ]
        result = target.run(lines, **settings)
        assert result.exit_code == 0, result.stderr
        assert result.states == [{"a": 1}]
        assert result.stderr.count("BATCH files are not opened") == 1

    def test_are_counted_where_they_tell_their_size(self, target: Target) -> None:
        message = {"type": "BATCH", "stream": "customers", "filepath": "a.csv", "batch_size": 250}
        lines = [tap.schema(), tap.line(message)]
        result = target.run(lines, streams={"x": {}}, unlisted_streams="ignore")
        assert result.records == {"read": 250, "ignored": 250}
        assert "not opened" not in result.stderr
