"""Where two odd things meet: flattening and NaN, a map and an excluded column, a signal and a file.

Each is harmless alone.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Sandbox
from tests import tap
from tests.process import Result, Target, read_until

FLATTENED: dict[str, Any] = {"flattening_enabled": True, "flattening_max_depth": 1}


def raw(columns: str) -> str:
    """Return a RECORD whose columns are written out as JSON, right or wrong."""
    return f'{{"type":"RECORD","stream":"customers","record":{{{columns}}}}}\n'


def batch(*manifest: str, **more: Any) -> str:
    encoding = {"format": "jsonl"}
    message = {"type": "BATCH", "stream": "customers", "encoding": encoding, "manifest": manifest}
    return tap.line({**message, **more})


def error_of(result: Result) -> str:
    (error,) = [line for line in result.stderr.splitlines() if "| ERROR" in line]
    assert "bug" not in error
    return error


class TestNumbersThatAreNone:
    @pytest.mark.parametrize("value", ["[NaN,1]", '{"a":NaN}', "[1e99999999999999999999]"])
    def test_are_not_made_text_of_by_flattening(
        self, target: Target, sandbox: Sandbox, value: str
    ) -> None:
        lines = [tap.schema(properties=["id", "n"]), tap.record(id=1, n=5)]
        result = target.run([*lines, raw(f'"id":1,"n":{value}')], **FLATTENED)
        assert list(result.summary["rejects"]) == ["number_invalid"]
        assert sandbox.users["1"]["data"] == {"n": 5}

    def test_are_counted_where_flattening_makes_null_of_them(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        lines = [tap.schema(properties=["id", "n"]), raw('"id":1,"n":[NaN,1]')]
        result = target.run(lines, invalid_fields="null", **FLATTENED)
        assert result.exit_code == 0
        assert result.summary["invalid_fields"] == {"n": 1}
        assert sandbox.users["1"]["data"] == {"n": "[null,1]"}

    @pytest.mark.parametrize("expression", ["(float(n), 1)", "{float(n)}", "[[float(n)]]"])
    def test_are_found_in_whatever_a_stream_map_makes(
        self, target: Target, sandbox: Sandbox, expression: str
    ) -> None:
        lines = [tap.schema(properties=["id", "n"]), tap.record(id=1, n="nan")]
        result = target.run(lines, stream_maps={"customers": {"t": expression, "n": None}})
        assert list(result.summary["rejects"]) == ["number_invalid"]
        assert sandbox.users == {}

    def test_never_let_an_address_of_this_process_out(
        self, target: Target, sandbox: Sandbox
    ) -> None:
        lines = [tap.schema(properties=["id", "n"]), raw('"id":1,"n":1e99999999999999999999')]
        result = target.run(lines, stream_maps={"customers": {"t": "str(n)", "n": None}})
        assert list(result.summary["rejects"]) == ["number_invalid"]
        assert sandbox.users == {}

    @pytest.mark.parametrize(
        "value",
        ["1e400", "-1e309", "[1e5000]", "1" + 309 * "0", f"[{309 * '9'}]", "2" + 308 * "0" + ".5"],
        ids=lambda value: value[:20],
    )
    def test_for_a_store_of_doubles_are_not_sent(self, tmp_path: Path, value: str) -> None:
        with Sandbox(doubles=True) as sandbox:
            target = Target(tmp_path, sandbox.api_url, sandbox.key)
            lines = [tap.schema(properties=["id", "n"]), tap.record(id=1, n=5)]
            result = target.run([*lines, raw(f'"id":1,"n":{value}')])
            assert list(result.summary["rejects"]) == ["number_invalid"]
            assert sandbox.users["1"]["data"] == {"n": 5}

    def test_but_the_largest_doubles_are(self, target: Target, sandbox: Sandbox) -> None:
        lines = [
            tap.schema(properties=["id", "n"]),
            raw(f'"id":1,"n":[1.7e308,-1e308,1e-400,1{308 * "0"}]'),
        ]
        assert target.run(lines).exit_code == 0
        assert sandbox.users["1"]["data"]["n"][:2] == [Decimal("1.7E+308"), Decimal("-1E+308")]
        assert sandbox.users["1"]["data"]["n"][3] == 10**308


class TestFlattening:
    @pytest.mark.parametrize(
        "column",
        [
            {"anyOf": [{"type": "null"}, {"type": "string"}]},
            {"anyOf": [{"type": ["null", "string"]}, {"type": "string", "format": "email"}]},
            {"enum": ["ada@example.com", None]},
            {"oneOf": [{"type": "null"}, {"type": "string"}]},
            {"allOf": [{"type": "string"}]},
            {"$ref": "#/definitions/email"},
        ],
        ids=str,
    )
    def test_loses_no_column_however_its_type_is_said(
        self, target: Target, sandbox: Sandbox, column: dict[str, Any]
    ) -> None:
        lines = [
            tap.schema(properties={"id": {"type": "integer"}, "email": column}),
            tap.record(id=1, email="ada@example.com"),
        ]
        result = target.run(lines, **FLATTENED)
        assert result.exit_code == 0, result.stderr
        assert sandbox.users["1"]["email"] == "ada@example.com"
        assert "does not name" not in result.stderr


class TestValidation:
    @pytest.mark.parametrize(
        "settings",
        [
            FLATTENED,
            {"stream_maps": {"customers": {"twice": "n * 2", "first": "tags[0]"}}},
            {"stream_maps": {"customers": {"day": "datetime.date.today()"}}},
        ],
        ids=["flattened", "numbers", "dates"],
    )
    def test_is_by_what_the_tap_declared_and_not_by_what_is_made_of_it(
        self, target: Target, sandbox: Sandbox, settings: dict[str, Any]
    ) -> None:
        properties = {"id": {}, "n": {"type": "integer"}, "tags": {"type": "array"}}
        lines = [
            tap.schema(properties=properties),
            tap.record(id=1, n=2, tags=["a"]),
            tap.record(id=2, n="two", tags=["a"]),
        ]
        result = target.run(lines, validate_records=True, **settings)
        assert result.summary["rejects"]["schema_violated"]["keys"] == ["customers:2"]
        assert list(sandbox.users) == ["1"]

    @pytest.mark.parametrize(
        "stream_map", [{}, {"twice": "id * 2"}], ids=["as it is", "with a column more"]
    )
    def test_lets_a_newer_record_make_a_reject_needless(
        self, target: Target, sandbox: Sandbox, stream_map: dict[str, str]
    ) -> None:
        properties = {"id": {"type": "integer"}, "n": {"type": "integer"}}
        lines = [
            tap.schema(properties=properties),
            tap.record(id=1, n="odd"),
            tap.record(id=1, n=2),
        ]
        result = target.run(lines, validate_records=True, stream_maps={"customers": stream_map})
        assert list(result.summary["rejects"]) == ["schema_violated"]
        assert '"done":true' in target.rejects_path.read_text(encoding="utf-8")
        assert list(sandbox.users) == ["1"]

    def test_judges_nothing_that_a_stream_map_filters_out(self, target: Target) -> None:
        properties = {"id": {"type": "integer"}, "n": {"type": "integer"}}
        lines = [
            tap.schema(properties=properties),
            tap.record(id=1, n="odd"),
            tap.record(id=2, n=2),
        ]
        stream_maps = {"customers": {"__filter__": "n != 'odd'"}}
        result = target.run(lines, validate_records=True, stream_maps=stream_maps)
        assert result.exit_code == 0, result.stderr
        assert result.records == {"read": 2, "confirmed": 1, "filtered": 1}


class TestRejectsThatAreSentAgain:
    """A column that was excluded is not there any more."""

    def again(self, target: Target, lines: list[str], **settings: Any) -> Result:
        """Reject a record for its id, mend the id, and send the file again."""
        assert target.run(lines, **settings).exit_code == 3
        kept = target.rejects_path.read_bytes().replace(b'"id":null', b'"id":7')
        assert b"canary" not in kept
        return target.run(kept, **{**settings, "rejects_path": None})

    def test_may_lack_what_a_stream_map_is_made_of(self, target: Target) -> None:
        """Each for itself: the others of the file go on."""
        lines = [tap.schema(properties=["id", "email"]), tap.record(id=None, email="canary")]
        settings = {
            "stream_maps": {"customers": {"hash": "md5(email)"}},
            "streams": {"customers": {"exclude": ["email"]}},
        }
        result = self.again(target, lines, **settings)
        assert list(result.summary["rejects"]) == ["stream_map_failed"]

    @pytest.mark.parametrize(
        "rule",
        [
            {"anyOf": [{"required": ["ssn"]}]},
            {"minProperties": 3},
            {"dependencies": {"n": ["ssn"]}},
        ],
        ids=str,
    )
    def test_are_not_judged_by_rules_about_it(
        self, target: Target, sandbox: Sandbox, rule: dict[str, Any]
    ) -> None:
        message = json.loads(tap.schema(properties=["id", "n", "ssn"]))
        message["schema"] |= rule
        lines = [tap.line(message), tap.record(id=None, n=1, ssn="canary")]
        settings = {"validate_records": True, "streams": {"customers": {"exclude": ["ssn"]}}}
        result = self.again(target, lines, **settings)
        assert result.exit_code == 0, result.stderr
        assert list(sandbox.users) == ["7"]

    def test_are_not_missing_it_as_a_key(self, target: Target, sandbox: Sandbox) -> None:
        message = json.loads(tap.schema(properties=["id", "ssn"]))
        message["key_properties"] = "ssn"
        lines = [tap.line(message), tap.record(id=None, ssn="canary")]
        streams = {"customers": {"exclude": ["ssn"], "mapping": {"external_id": "id"}}}
        assert self.again(target, lines, streams=streams).exit_code == 0
        assert list(sandbox.users) == ["7"]


class TestBatchFiles:
    def test_that_are_pipes_are_not_waited_for(self, target: Target, tmp_path: Path) -> None:
        fifo = tmp_path / "rows"
        os.mkfifo(fifo)
        result = target.run([tap.schema(), batch(str(fifo))])
        assert result.exit_code == 1
        assert "rows" in error_of(result)

    @pytest.mark.parametrize(
        "settings",
        [
            {"stream_maps": {"customers": {"__filter__": "id == 'nobody'"}}},
            {"streams": {"customers": {"mapping": {"external_id": "", "anonymous_id": "x"}}}},
        ],
        ids=["filtered", "rejected"],
    )
    def test_are_left_at_once_on_a_signal(
        self, target: Target, tmp_path: Path, settings: dict[str, Any]
    ) -> None:
        """Though nothing of them is sent, and so nothing waits for Spotzee."""
        path = tmp_path / "rows.jsonl"
        with path.open("wb") as file:
            for _ in range(40):
                file.write(b'{"id":"somebody","x":null}\n' * 100_000)
        process = target.start(**settings)
        assert process.stdin is not None
        lines = [tap.schema(properties=["id", "x"]), batch(str(path))]
        process.stdin.write("".join(lines).encode())
        process.stdin.flush()
        read_until(process, b"Setting up", b"Initializing")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
        result = target.result(process, out, err)
        assert result.exit_code == 143, result.stderr[-500:]
        assert result.summary["records"]["read"] < 4_000_000

    def test_of_an_ignored_stream_are_counted_in_one_step(self, target: Target) -> None:
        lines = [tap.schema(), batch(batch_size=10**15)]
        result = target.run(lines, streams={"x": {}}, unlisted_streams="ignore")
        assert result.records == {"read": 10**15, "ignored": 10**15}

    def test_that_are_empty_where_gzip_was_due_are_told(
        self, target: Target, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.gz"
        path.write_bytes(b"")
        packed = {"format": "jsonl", "compression": "gzip"}
        lines = [tap.schema(), batch(str(path), encoding=packed), tap.state({"a": 1})]
        result = target.run(lines)
        assert result.exit_code == 1
        assert "no gzip file" in error_of(result)
        assert result.states == []
        path.write_bytes(gzip.compress(b""))
        assert target.run(lines).exit_code == 0

    def test_never_show_what_is_secret_in_their_address(self, target: Target) -> None:
        with Sandbox() as elsewhere:
            url = elsewhere.url.replace("http://", "http://ada:QXZJ@") + "/a.jsonl?signature=QXZJ"
            result = target.run([tap.schema(), batch(url)])
        assert result.exit_code == 1
        assert "/a.jsonl" in error_of(result)
        assert "QXZJ" not in result.stderr + str(result.summary)

    def test_with_a_line_that_could_not_be_sent_again_are_told(
        self, target: Target, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.jsonl"
        with path.open("wb") as file:
            file.write(b'{"id":1,"x":"')
            for _ in range(70):
                file.write(b"x" * 1_000_000)
            file.write(b'"}\n')
        result = target.run([tap.schema(), batch(str(path))])
        assert result.exit_code == 1
        assert "more than 64 MiB" in error_of(result)


class TestIds:
    @pytest.mark.parametrize(("one", "other"), [("José", "Jose"), ("Ü1", "u1"), ("ç", "C")])
    def test_that_differ_in_case_and_accents_only_never_share_a_moment(
        self, tmp_path: Path, one: str, other: str
    ) -> None:
        with Sandbox(case_blind=True, accent_blind=True) as sandbox:
            target = Target(tmp_path, sandbox.api_url, sandbox.key)
            lines = [tap.schema(properties=["id", "n"])]
            lines += [tap.record(id=(one, other)[number % 2], n=number) for number in range(20)]
            assert target.run(lines, batch_size_rows=2).exit_code == 0
            assert sandbox.overlaps == []
            (user,) = sandbox.users.values()
            assert user["data"] == {"n": 19}


class Firewall(BaseHTTPRequestHandler):
    """Refuses every request with a page of its own."""

    status = 400

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        page = b"<html><body>Request blocked.</body></html>"
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class TestFirewalls:
    @pytest.mark.parametrize("status", [400, 409, 422])
    def test_reject_nobody(self, target: Target, status: int) -> None:
        handler = type("Handler", (Firewall,), {"status": status})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            lines = [tap.schema(), tap.record(id=1), tap.state({"a": 1})]
            result = target.run(lines, api_url=f"http://127.0.0.1:{server.server_port}/api/client")
            server.shutdown()
            thread.join()
        assert result.exit_code == 1
        assert "firewall" in error_of(result)
        assert result.states == []
        assert result.summary["rejects"] == {}


class TestSmallThings:
    @pytest.mark.parametrize("exclude", [False, {}, "", 0], ids=str)
    def test_an_exclude_of_another_type_is_refused(self, target: Target, exclude: Any) -> None:
        lines = [tap.schema(properties=["id", "ssn"]), tap.record(id=1, ssn="x")]
        result = target.run(lines, streams={"customers": {"exclude": exclude}})
        assert result.exit_code == 2
        assert "exclude" in error_of(result)

    @pytest.mark.parametrize("expression", ["", "  ", "lambda: 1", "x = 1", "(yield)"])
    def test_an_expression_that_is_none_is_refused(self, target: Target, expression: str) -> None:
        lines = [tap.schema(), tap.record(id=1)]
        result = target.run(lines, stream_maps={"customers": {"x": expression}})
        assert result.exit_code == 2
        assert "'x'" in error_of(result)

    def test_a_type_that_is_not_in_capitals_is_no_unknown_one(self, target: Target) -> None:
        lines = [tap.schema(), tap.record(id=1).replace("RECORD", "record")]
        result = target.run([*lines, tap.state({"a": 1})])
        assert result.exit_code == 1
        assert "line 2" in error_of(result)
        assert result.states == []

    def test_a_key_that_is_named_twice_is_one(self, target: Target, sandbox: Sandbox) -> None:
        lines = [tap.schema(properties=["n"], keys=["n", "n"]), tap.record(n=1)]
        assert target.run(lines).exit_code == 0
        assert list(sandbox.users) == ["1"]
