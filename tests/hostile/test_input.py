"""Broken and hostile input: a clear line, the promised exit code, bounded memory; never a hang."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from target_spotzee.sandbox import Sandbox
from tests import tap
from tests.process import PROGRAM, Result, Target

CANARY = "canary@private.example"
MEGABYTE = 1_000_000

MANY_BYTES = 200 * MEGABYTE
PEAK_BYTES = 350 * MEGABYTE
"""A process of this target needs some 50 MB before its first line."""


def record(text: str) -> str:
    """Return a RECORD of which one column is written out as JSON, right or wrong."""
    return f'{{"type":"RECORD","stream":"customers","record":{{"id":1,"odd":{text}}}}}\n'


def run(target: Target, *lines: str | bytes, **settings: Any) -> Result:
    encoded = (line.encode() if isinstance(line, str) else line for line in lines)
    return target.run(b"".join([tap.schema().encode(), *encoded]), **settings)


def assert_told(result: Result, exit_code: int, *words: str) -> None:
    """Check that a run ended with one clear line."""
    assert result.exit_code == exit_code, result.stderr
    (error,) = [line for line in result.stderr.splitlines() if "| ERROR" in line]
    for word in words:
        assert word in error
    assert "bug" not in error


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(record('"cut').encode()[:-4], id="cut inside a string"),
        pytest.param(record("nan").encode(), id="nan"),
        pytest.param(record("01").encode(), id="leading zero"),
        pytest.param(record('"\ud800"').encode(errors="surrogatepass"), id="lone surrogate"),
        pytest.param(record('"\xff"').encode("latin-1"), id="Latin-1"),
        pytest.param(record("1").encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + record("1").encode(), id="byte order mark"),
        pytest.param(record('"a\0b"').encode(), id="NUL in a string"),
        pytest.param(b"\0" * 4096 + b"\n", id="NULs"),
        pytest.param(record("[" * 10_000 + "]" * 9_999).encode(), id="10,000 deep, cut"),
        pytest.param(b"[" * MEGABYTE + b"\n", id="a million brackets"),
        pytest.param(b'"a string"\n', id="no object"),
        pytest.param(b"Fetched 10 rows of canary@private.example\n", id="a log line"),
        pytest.param(b'{"type":"RECORD","stream":["customers"],"record":{}}\n', id="stream a list"),
        pytest.param(b'{"type":"SCHEMA","stream":{},"schema":{}}\n', id="stream an object"),
    ],
)
def test_a_line_that_is_no_message_ends_the_run_and_is_never_shown(
    target: Target,
    sandbox: Sandbox,
    line: bytes,
) -> None:
    before = tap.record(id=2) + tap.state({"read": 2})
    result = run(target, before, line, tap.record(id=3), tap.state({"read": 3}))
    assert_told(result, 1)
    assert result.states == [{"read": 2}]
    assert CANARY not in result.stderr
    assert set(sandbox.users) == {"2"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\u0000"', "\0"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\u2028\\r\\n\\t"', "\u2028\r\n\t"),
        ("[" * 200 + "]" * 200, json.loads("[" * 200 + "]" * 200)),
        ('{"":{"":null}}', {"": {"": None}}),
        ("-0.0", 0.0),
        ('{"a":1,"a":2}', {"a": 2}),
    ],
    ids=["NUL", "surrogate pair", "line ends", "200 deep", "empty names", "-0", "doubled name"],
)
def test_what_is_odd_but_right_arrives(
    target: Target,
    sandbox: Sandbox,
    text: str,
    value: object,
) -> None:
    result = run(target, record(text))
    assert result.exit_code == 0, result.stderr
    assert sandbox.users["1"]["data"] == {"odd": value}


HALF = '"\\ud83d"'
"""A pair of surrogates that was cut in two: JSON, but no text."""


class TestHalfOfASurrogatePair:
    @pytest.mark.parametrize(
        "odd",
        [HALF, f'{{"a":[{HALF}]}}', f"{{{HALF}:1}}", f'1,"email":"ada@example.com",{HALF}:2'],
        ids=["value", "value within", "name within", "column"],
    )
    def test_costs_its_record_only(self, target: Target, sandbox: Sandbox, odd: str) -> None:
        lines = [tap.record(id=2), record(odd), tap.record(id=3), tap.state({"read": 3})]
        result = run(target, *lines)
        assert result.exit_code == 3, result.stderr
        assert sorted(sandbox.users) == ["2", "3"]
        assert result.states == [{"read": 3}]
        assert list(result.summary["rejects"]) == ["text_invalid"]
        assert result.records == {"read": 3, "confirmed": 2, "rejected": 1}

    def test_is_kept_as_it_came_and_replayed_without_growing(self, target: Target) -> None:
        odd = f'{HALF},"spent":1.50,"big":{10**30},"deep":{{"b":[],"a":{{}}}}'
        run(target, record(odd))
        kept = target.rejects_path.read_bytes()
        for number in range(3):
            run(target, record(odd))  # the tap sends it again
            assert target.rejects_path.read_bytes() == kept
            again = target.folder / f"again-{number}.singer"
            target.rejects_path.rename(again)
            with again.open("rb") as stdin:
                process = target.start(stdin=stdin)
                result = target.result(process, *process.communicate())
            assert result.exit_code == 3
            assert b'"done":true' in again.read_bytes()
            kept = target.rejects_path.read_bytes()
            assert kept.count(b"\n") == 2
            _, line = kept.splitlines()
            assert f'"record":{{"id":1,"odd":{odd}}}'.encode() in line.replace(b'", ', b'",')

    def test_in_a_column_that_is_not_sent_costs_nothing(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        streams = {"customers": {"exclude": ["odd"]}}
        assert run(target, record(HALF), streams=streams).exit_code == 0
        assert list(sandbox.users) == ["1"]

    @pytest.mark.parametrize("field", ["email", "timezone", "locale"])
    def test_in_a_field_is_one_more_value_that_can_t_be_right(
        self,
        target: Target,
        sandbox: Sandbox,
        field: str,
    ) -> None:
        lines = tap.schema(properties=["id", field]), tap.record(id=1, **{field: "\ud83d"})
        result = run(target, *lines)
        assert result.exit_code == 0, result.stderr
        assert result.summary["invalid_fields"] == {field: 1}
        assert list(sandbox.users) == ["1"]

    def test_in_an_id_costs_its_record_only(self, target: Target, sandbox: Sandbox) -> None:
        result = run(target, tap.record(id="a\ud83d"), tap.record(id="a"))
        assert result.records == {"read": 2, "confirmed": 1, "rejected": 1}
        assert list(sandbox.users) == ["a"]

    def test_in_a_state_goes_through_to_the_letter(self, target: Target) -> None:
        state = f'{{"a": {HALF} , "n":1.50}}'
        result = run(target, record("1"), f'{{"type":"STATE","value":{state}}}\n')
        assert result.exit_code == 0, result.stderr
        assert result.stdout == state + "\n"

    def test_in_a_schema_ends_the_run(self, target: Target, sandbox: Sandbox) -> None:
        result = run(target, tap.record(id=2), tap.schema(properties=["id", "\ud83d"]))
        assert_told(result, 1, "line 3", "half of a surrogate pair")
        assert set(sandbox.users) <= {"2"}

    def test_in_a_stream_s_name_ends_the_run(self, target: Target) -> None:
        result = run(target, f'{{"type":"RECORD","stream":{HALF},"record":{{}}}}\n')
        assert_told(result, 1, "before its SCHEMA")


def test_of_a_doubled_column_the_last_counts(target: Target, sandbox: Sandbox) -> None:
    run(target, '{"type":"RECORD","stream":"customers","record":{"id":1,"id":2,"a":1,"a":3}}\n')
    assert {id_: user["data"] for id_, user in sandbox.users.items()} == {"2": {"a": 3}}


@pytest.mark.parametrize(
    "external_id",
    ["a,b", "a/b/../c", "a\nb", "a\r\nX-Evil: 1", "%2e%2e", "😀", "x" * 255, "two  spaces", '"'],
    ids=lambda text: repr(text[:12]),
)
def test_an_id_may_hold_anything(target: Target, sandbox: Sandbox, external_id: str) -> None:
    result = run(target, tap.record(id=external_id), tap.state({"read": 1}))
    assert result.exit_code == 0, result.stderr
    assert list(sandbox.users) == [external_id]
    assert result.states == [{"read": 1}]


def test_a_record_too_large_for_a_request_is_rejected_alone(
    target: Target,
    sandbox: Sandbox,
) -> None:
    large = tap.record(id=1, text="x" * (2 * MEGABYTE))
    fits = tap.record(id=2, text="x" * (MEGABYTE - 100))
    result = run(target, large, fits, tap.record(id=3), tap.state({"read": 3}))
    assert result.exit_code == 3
    assert list(result.summary["rejects"]) == ["record_too_large"]
    assert sorted(sandbox.users) == ["2", "3"]
    assert result.states == [{"read": 3}]


def test_a_million_columns_are_rejected_alone(target: Target, sandbox: Sandbox) -> None:
    columns = {f"column_{number}": None for number in range(MEGABYTE)}
    result = run(target, tap.record(id=1, **columns), tap.record(id=2))
    assert result.exit_code == 3
    assert list(sandbox.users) == ["2"]


def endless(first: bytes) -> Iterator[bytes]:
    """Yield a line of `MANY_BYTES` that has no end."""
    yield first
    for _ in range(MANY_BYTES // MEGABYTE):
        yield b"x" * MEGABYTE


def start_limited(target: Target, stdin: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start a target that gets a MemoryError once it wants more than `PEAK_BYTES`."""
    limit = f"import resource as r; r.setrlimit(r.RLIMIT_DATA, ({PEAK_BYTES}, {PEAK_BYTES})); "
    return subprocess.Popen(
        [sys.executable, "-c", limit + PROGRAM, "--config", str(target.configure())],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    "first",
    [b"", b'{"type":"RECORD","stream":"customers","record":{"id":1,"text":"'],
    ids=["of nothing", "of a record"],
)
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    target: Target,
    first: bytes,
) -> None:
    process = start_limited(target, subprocess.PIPE)
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # once it has read enough
        process.stdin.write(tap.schema().encode())
        for piece in endless(first):
            process.stdin.write(piece)
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.stdin = None
    out, err = process.communicate()
    result = target.result(process, out, err)
    assert_told(result, 1, "line 2")
    assert "xxxx" not in result.stderr


def wide(number: int) -> list[str]:
    return [f"column_{number}_{place}_{'x' * 100}" for place in range(200)]


def test_schemas_without_number_do_not_add_up(target: Target, tmp_path: Path) -> None:
    """A tap that sends a new SCHEMA before every record must not cost memory for each."""
    path = tmp_path / "input.singer"
    with path.open("w", encoding="utf-8") as file:
        for number in range(5000):
            file.write(tap.schema(properties=["id", *wide(number)]))
            file.write(tap.record(id=number % 10))
    with path.open("rb") as stdin:
        process = start_limited(target, stdin)
        out, err = process.communicate()
    assert target.result(process, out, err).exit_code == 0
