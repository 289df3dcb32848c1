"""Whole runs in this process, over input that Hypothesis makes up."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import simplejson  # type: ignore[import-untyped]  # the SDK's own
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import ConfigValidationError

from target_spotzee.exceptions import SettingsError
from target_spotzee.sandbox import Sandbox
from tests import strategies
from tests.played import SECRET, Played
from tests.process import assert_adds_up

names = st.sampled_from(
    ["id", "external_id", "anonymous_id", "email", "phone", "timezone", "locale", "data", "x", ""],
)
columns = names | strategies.texts
values = strategies.json_values | st.sampled_from(
    ["a@b.example", "Ada <a@b.example>", "+61 400 123 456", "en_au", "Mars/Base", " ", "1", 1.5],
)
records = st.dictionaries(columns, values, max_size=6)
streams = st.sampled_from(["customers", "crm.contacts", "*", ""])

schemas = st.builds(
    lambda stream, properties, keys: {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": properties},
        "key_properties": keys,
    },
    streams,
    st.dictionaries(columns, st.sampled_from([{}, {"type": ["null", "string"]}]), max_size=6),
    st.lists(names, max_size=2),
)
right_messages = (
    st.builds(lambda s, r: {"type": "RECORD", "stream": s, "record": r}, streams, records)
    | schemas
    | st.builds(lambda value: {"type": "STATE", "value": value}, strategies.json_values)
    | st.builds(lambda s: {"type": "ACTIVATE_VERSION", "stream": s, "version": 1}, streams)
)
kinds = st.sampled_from(["RECORD", "SCHEMA", "STATE", "BATCH", "ACTIVATE_VERSION", "record", None])
wrong_messages = st.builds(
    lambda kind, rest: {"type": kind, **rest},
    kinds | strategies.json_values,
    st.dictionaries(
        st.sampled_from(["stream", "schema", "record", "value", "key_properties", "manifest"]),
        strategies.json_values | records,
        max_size=4,
    ),
)


@pytest.fixture
def played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    with Sandbox(keys={SECRET: "editor"}, keep_requests=10) as sandbox:
        yield Played(sandbox, tmp_path, capsys)


FEW = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def as_json(value: Any) -> str:
    """Return JSON that keeps every digit, and what is none of it as taps print it."""
    text: str = simplejson.dumps(value, use_decimal=True, allow_nan=True)
    return text


def check(played: Played, messages: list[dict[str, Any]], **config: Any) -> None:
    """Check what holds whatever the tap sends."""
    lines = [as_json(message) + "\n" for message in messages]
    code, out, err, summary = played.run(lines, **config)
    assert code in (0, 1, 2, 3)
    assert "this is a bug" not in str(summary["state"]["why"]), summary
    assert SECRET not in out + err
    assert summary["exit_code"] == code
    assert_adds_up(summary)
    states = {as_json(message.get("value")) for message in messages}
    assert set(out.split("\n")) <= {"", *states}


@FEW
@given(
    messages=st.lists(right_messages, max_size=12),
    null_values=st.sampled_from(["send", "omit"]),
    invalid_fields=st.sampled_from(["drop", "null", "reject"]),
    delivery=st.sampled_from(["sync", "async"]),
)
def test_messages_that_are_right_one_by_one(
    played: Played,
    messages: list[dict[str, Any]],
    **config: Any,
) -> None:
    first = {
        "type": "SCHEMA",
        "stream": "customers",
        "schema": {"properties": {"id": {}}},
        "key_properties": ["id"],
    }
    check(played, [first, *messages], **config)


@FEW
@given(
    messages=st.lists(right_messages | wrong_messages, max_size=12),
    validate_records=st.booleans(),
    reject_mode=st.sampled_from(["fail", "fail_fast", "skip"]),
)
def test_messages_of_any_shape(
    played: Played,
    messages: list[dict[str, Any]],
    **config: Any,
) -> None:
    check(played, messages, **config)


entries = st.dictionaries(
    st.sampled_from(["customers", "crm.contacts", "crm", "*", "c*"]),
    st.dictionaries(
        st.sampled_from(
            ["mapping", "unmapped", "exclude", "null_values", "data.x", "phone_region"]
        ),
        strategies.json_values
        | st.dictionaries(names | st.just("data.plan"), columns | st.just({"x": "y"}), max_size=4)
        | st.lists(columns, max_size=3)
        | st.sampled_from(["data", "ignore", "send", "AU"]),
        max_size=4,
    )
    | strategies.json_values,
    max_size=3,
)


@FEW
@given(entries=entries, messages=st.lists(right_messages, max_size=6))
def test_streams_settings_of_any_shape(
    played: Played,
    entries: dict[str, Any],
    messages: list[dict[str, Any]],
) -> None:
    with suppress(SettingsError, ConfigValidationError):
        check(played, messages, streams=entries)


odd_values = st.recursive(
    strategies.json_values | st.sampled_from([float("nan"), float("inf"), -float("inf"), "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(columns, inner, max_size=2),
    max_leaves=4,
)
odd_columns = st.sampled_from(
    [
        {"type": "string"},
        {"type": ["null", "object"], "properties": {"x": {"type": "string"}}},
        {"type": ["null", "object"], "properties": {"x": True}},
        {"type": "object", "properties": ["x"]},
        {"type": "array"},
        {"anyOf": [{"type": "object"}, {}]},
        {"$ref": "#/nowhere"},
        {"exclusiveMaximum": True, "maximum": 5},
        True,
        False,
        None,
    ]
)
odd_schemas = st.builds(
    lambda stream, schema, keys: {
        "type": "SCHEMA",
        "stream": stream,
        "schema": schema,
        "key_properties": keys,
    },
    streams,
    st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(columns, odd_columns | odd_values, max_size=4)
            | odd_values,
            "additionalProperties": st.booleans() | odd_values,
            "patternProperties": st.just({"^x": {}}) | odd_values,
            "required": st.lists(names, max_size=2) | odd_values,
            "type": st.just("object") | odd_values,
        },
    )
    | odd_values,
    st.lists(names, max_size=2) | odd_values,
)
odd_records = st.builds(
    lambda s, r: {"type": "RECORD", "stream": s, "record": r},
    streams,
    st.dictionaries(columns, odd_values, max_size=5),
)


@FEW
@given(
    messages=st.lists(odd_schemas | odd_records, max_size=10),
    flattening_enabled=st.booleans(),
    validate_records=st.booleans(),
    invalid_fields=st.sampled_from(["drop", "null", "reject"]),
    streams=st.sampled_from(
        [{}, {"*": {"mapping": {"external_id": "id", "email": "data.x", "data": {"y": "x.x"}}}}]
    ),
    stream_maps=st.sampled_from(
        [
            {},
            {"*": {"made": "x", "other": "float('nan')"}},
            {"*": {"__filter__": "id", "x": None}},
            {"*": {"made": "record"}},
        ]
    ),
)
def test_schemas_and_values_of_any_shape(
    played: Played, messages: list[dict[str, Any]], **config: Any
) -> None:
    first = {
        "type": "SCHEMA",
        "stream": "customers",
        "schema": {"properties": {"id": {}}, "additionalProperties": True},
        "key_properties": ["id"],
    }
    check(played, [first, *messages], flattening_max_depth=2, **config)


ROWS = b'{"id": 1, "x": NaN}\n{"id": 2}\n\n{"id": {"deep": [1]}, "x": 5}\n'
contents = st.sampled_from(
    [ROWS, gzip.compress(ROWS), gzip.compress(ROWS)[:-9], ROWS[:-9], b"", b"\xff\n", b"[1]\n"]
) | st.binary(max_size=40)


@FEW
@given(
    content=contents,
    encoding=st.fixed_dictionaries(
        {},
        optional={
            "format": st.sampled_from(["jsonl", "parquet", "csv"]) | odd_values,
            "compression": st.sampled_from(["gzip", "none", "zip"]) | odd_values,
        },
    )
    | odd_values,
    manifest=st.lists(
        st.sampled_from(["FILE", "file://FILE", "/nowhere/x", "s3://a/b", "x://", ""]) | odd_values,
        max_size=2,
    )
    | odd_values,
    more=st.dictionaries(st.just("batch_size"), odd_values | st.integers(-1, 3)),
    unlisted=st.booleans(),
)
def test_batches_of_any_shape(
    played: Played,
    tmp_path: Path,
    content: bytes,
    encoding: Any,
    manifest: Any,
    more: dict[str, Any],
    unlisted: bool,
) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    if isinstance(manifest, list):
        manifest = [
            url.replace("FILE", str(path)) if isinstance(url, str) else url for url in manifest
        ]
    schema = {"type": "SCHEMA", "stream": "customers", "schema": {"properties": {"id": {}}}}
    batch = {"type": "BATCH", "stream": "customers", "encoding": encoding, "manifest": manifest}
    config: dict[str, Any] = {"streams": {"customers": {"mapping": {"external_id": "id"}}}}
    if unlisted:
        config = {"streams": {"x": {}}, "unlisted_streams": "ignore"}
    check(played, [schema, {**batch, **more}], **config)
