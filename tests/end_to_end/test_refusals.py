"""What can't be run is refused: one clear line, the promised exit code, nothing sent or told."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import COMMAND, PROGRAM, Result, Target

CANARY = "canary@private.example"


def stream(**columns: Any) -> list[str]:
    row = {"id": 1, "email": CANARY, **columns}
    return [tap.schema(properties=[*row]), tap.record(**row), tap.state({"read": 1})]


def refused(result: Result, code: int, *words: str) -> None:
    """Check that a run ended before anything was confirmed, with one clear line."""
    assert result.exit_code == code, result.stderr
    errors = [line for line in result.stderr.splitlines() if "| ERROR" in line]
    assert len(errors) == 1, result.stderr
    for word in words:
        assert word in errors[0]
    assert CANARY not in result.stderr
    assert result.stdout == ""


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"api_key": None}, ["api_key", "required"]),
            ({"api_key": "pk_live_zzz"}, ["api_key", "publishable"]),
            ({"api_key": "ok_live_zzz"}, ["api_key", "organisation"]),
            ({"api_key": "zzz"}, ["api_key", "sk_"]),
            ({"api_key": "sk_a\r\nX-Evil: 1"}, ["api_key", "line breaks"]),
            ({"batch_size_rows": 101}, ["batch_size_rows", "at most 100"]),
            ({"batch_size_rows": "many"}, ["batch_size_rows", "integer"]),
            ({"max_in_flight": 65}, ["max_in_flight", "at most 64"]),
            ({"delivery": "soon"}, ["delivery", "sync, async"]),
            ({"api_url": "http://spotzee.example"}, ["api_url", "https"]),
            ({"api_url": "https://u:p@spotzee.example"}, ["api_url", "plain address"]),
            ({"phone_region": "Australia"}, ["phone_region", "ISO country"]),
            ({"rejects_path": "/nowhere/at/all"}, ["rejects_path", "can't be opened"]),
            ({"summary_path": "/nowhere/at/all"}, ["summary_path", "can't be written"]),
            ({"summary_path": "/"}, ["summary_path", "can't be written"]),
            ({"summary_path": "zzz\0"}, ["summary_path", "is not a path"]),
            ({"streams": {"customers": {"maping": "x"}}}, ["streams.customers", "maping"]),
            ({"streams": {"customers": {"exclude": "id"}}}, ["exclude", "list"]),
            ({"streams": {"customers": {"exclud": ["id"]}}}, ["did you mean 'exclude'?"]),
            ({"stream": {"customers": {"exclude": ["id"]}}}, ["did you mean streams?"]),
            ({"streams.customers.exclude": ["id"]}, ['{"streams": {"customers": {"exclude": …}}}']),
            ({"apiKey": "zzz", "api_key": None}, ["did you mean api_key?", "is required"]),
            ({"stream_maps": {"customers": {"__else__": "x"}}}, ["stream_maps"]),
        ],
        ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else None,
    )
    def test_wrong_settings_are_told_without_their_value(
        self,
        target: Target,
        sandbox: Sandbox,
        settings: dict[str, Any],
        words: list[str],
    ) -> None:
        result = target.run(stream(), **settings)
        refused(result, 2, *words)
        assert "zzz" not in result.stderr
        assert "X-Evil" not in result.stderr
        assert "many" not in result.stderr
        assert sandbox.requests == []

    def test_a_configuration_that_is_no_json(self, target: Target) -> None:
        (target.folder / "config.json").write_text("{'api_key': 'sk_zzz'}")
        done = target.command(["--config", "config.json"])
        assert done.returncode == 2
        assert "config.json can't be read" in done.stderr
        assert "sk_zzz" not in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_configuration_that_is_not_there(self, target: Target) -> None:
        done = target.command(["--config", "missing.json"])
        assert done.returncode == 2
        assert "missing.json can't be read" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("content", ["[]", "null", '""', "[" * 100_000, '{"a":1,"a":2}'])
    def test_a_configuration_that_is_no_json_object(self, target: Target, content: str) -> None:
        (target.folder / "config.json").write_text(content)
        done = target.command(["--config", "config.json"])
        assert done.returncode == 2
        (error,) = done.stderr.splitlines()
        assert "--config: config.json can't be read: it is not a JSON object" in error

    def test_a_configuration_that_comes_by_a_pipe(self, target: Target, sandbox: Sandbox) -> None:
        """Such as ``--config <(vault …)``: it can be read once."""
        reader, writer = os.pipe()
        os.write(writer, target.configure().read_bytes())
        os.close(writer)
        done = subprocess.run(
            [*COMMAND, "--config", f"/dev/fd/{reader}"],
            input="".join(stream()).encode(),
            capture_output=True,
            check=False,
            pass_fds=[reader],
        )
        os.close(reader)
        assert done.returncode == 0, done.stderr
        assert list(sandbox.users) == ["1"]

    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            ("VALIDATE_RECORDS", "maybe", "must be true or false"),
            ("FLATTENING_ENABLED", "2", "must be true or false"),
            ("STREAM", "{}", "did you mean TARGET_SPOTZEE_STREAMS?"),
            ("STREAMS_CUSTOMERS_EXCLUDE", "[]", "did you mean TARGET_SPOTZEE_STREAMS?"),
        ],
    )
    def test_a_variable_that_is_wrong_is_named_in_the_summary_too(
        self, target: Target, name: str, text: str, words: str
    ) -> None:
        variable = f"TARGET_SPOTZEE_{name}"
        done = target.command(
            ["--config", "ENV"],
            env={
                "TARGET_SPOTZEE_API_KEY": "sk_zzz",
                "TARGET_SPOTZEE_SUMMARY_PATH": str(target.summary_path),
                variable: text,
            },
        )
        assert done.returncode == 2
        why = json.loads(target.summary_path.read_text())["state"]["why"]
        assert why.startswith(f"{variable}: ")
        assert why.endswith(words)
        assert why in done.stderr

    def test_a_boolean_of_the_environment_counts(self, target: Target) -> None:
        """A record without its required column would else be sent."""
        body = {"type": "object", "properties": {"id": {}, "plan": {}}, "required": ["plan"]}
        message = {"type": "SCHEMA", "stream": "s", "schema": body, "key_properties": ["id"]}
        done = target.command(
            ["--config", str(target.configure()), "--config", "ENV"],
            env={"TARGET_SPOTZEE_VALIDATE_RECORDS": "y"},
            stdin=tap.line(message) + tap.record("s", id=1),
        )
        assert done.returncode == 3, done.stderr

    def test_a_variable_that_is_far_from_any_setting_is_told_only(self, target: Target) -> None:
        done = target.command(
            ["--config", str(target.configure()), "--config", "ENV"],
            env={"TARGET_SPOTZEE_SERVICE_HOST": "zzz", "TARGET_SPOTZEE_RUN_ID": ""},
        )
        assert done.returncode == 0, done.stderr
        assert "TARGET_SPOTZEE_SERVICE_HOST: is no setting of this target" in done.stderr
        assert "zzz" not in done.stderr

    @pytest.mark.parametrize("content", [b"\xff", b"LOGLEVEL='a\0b'"])
    def test_a_dotenv_file_that_can_t_be_read(self, target: Target, content: bytes) -> None:
        (target.folder / ".env").write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "--config", "ENV"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=target.folder,
        )
        assert done.returncode == 2
        assert ".env: can't be read" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("content", ["[", "version: 7", None])
    def test_a_log_configuration_that_can_t_be_used(
        self, target: Target, content: str | None
    ) -> None:
        path = target.folder
        if content is not None:
            path = target.folder / "log.yaml"
            path.write_text(content)
        done = target.command(["--version"], env={"SINGER_SDK_LOG_CONFIG": str(path)})
        assert (done.returncode, done.stderr) == (2, "SINGER_SDK_LOG_CONFIG: can't be used\n")

    @pytest.mark.parametrize("name", ["MAX_IN_FLIGHT", "STREAMS", "FLATTENING_MAX_DEPTH"])
    def test_a_variable_that_can_t_be_read_is_named(self, target: Target, name: str) -> None:
        variable = f"TARGET_SPOTZEE_{name}"
        done = target.command(
            ["--config", "ENV"],
            env={"TARGET_SPOTZEE_API_KEY": "sk_zzz", variable: "zzz"},
        )
        assert done.returncode == 2
        assert f"{variable}: is not of its setting's type" in done.stderr
        assert "zzz" not in done.stderr
        assert "Traceback" not in done.stderr

    def test_the_rejects_file_as_input(self, target: Target) -> None:
        target.run(stream(id=None))
        kept = target.rejects_path.read_text()
        with target.rejects_path.open("rb") as stdin:
            process = target.start(stdin=stdin)
            out, err = process.communicate()
        result = target.result(process, out, err)
        refused(result, 2, "rejects_path", "the file being read")
        assert target.rejects_path.read_text() == kept

    def test_a_rejects_path_that_holds_something_else(self, target: Target) -> None:
        target.rejects_path.write_text('{"precious": 1}')
        refused(target.run(stream()), 2, "rejects_path", "something else")
        assert target.rejects_path.read_text() == '{"precious": 1}'

    def test_a_rejects_file_is_not_replaced_by_the_summary_of_a_refusal(
        self,
        target: Target,
    ) -> None:
        target.run(stream(id=None))
        kept = target.rejects_path.read_text()
        config = target.configure(summary_path=str(target.rejects_path))
        done = target.command(["--config", str(config)])
        assert done.returncode == 2
        assert "must be two files" in done.stderr
        assert target.rejects_path.read_text() == kept

    def test_an_unknown_setting_is_told_but_no_reason_to_stop(self, target: Target) -> None:
        result = target.run(stream(), colour="x")
        assert result.exit_code == 0
        assert "colour" in result.stderr


class TestStreams:
    """Said when the SCHEMA comes, before anything of that stream is sent."""

    @pytest.mark.parametrize(
        ("streams", "words"),
        [
            ({"customers": {"mapping": {"email": "mail"}}}, ["'customers'", "'mail'"]),
            ({"customers": {"mapping": {"nickname": "id"}}}, ["no field 'nickname'"]),
            ({"customers": {"mapping": {"external_id": ""}}}, ["no way to an identity"]),
            ({"customers": {"exclude": ["id"], "mapping": {"external_id": "id"}}}, ["excluded"]),
            ({"orders": {}}, ["'customers'", "no entry", "unlisted_streams"]),
        ],
        ids=["missing column", "unknown field", "no identity", "excluded", "unlisted"],
    )
    def test_what_cannot_be_mapped_is_refused_and_earlier_streams_settle(
        self,
        target: Target,
        sandbox: Sandbox,
        streams: dict[str, Any],
        words: list[str],
    ) -> None:
        before = [
            tap.schema("people", ["id"]),
            tap.record("people", id="earlier"),
            tap.state({"people": 1}),
        ]
        result = target.run([*before, *stream()], streams={"people": {}, **streams})
        assert result.exit_code == 2
        (error,) = [line for line in result.stderr.splitlines() if "| ERROR" in line]
        for word in words:
            assert word in error
        assert list(sandbox.users) == ["earlier"]
        assert result.states == [{"people": 1}]
        assert CANARY not in result.stderr

    def test_an_unlisted_stream_can_be_ignored(self, target: Target, sandbox: Sandbox) -> None:
        result = target.run(stream(), streams={"orders": {}}, unlisted_streams="ignore")
        assert result.exit_code == 0
        assert result.records == {"read": 1, "ignored": 1}
        assert result.states == [{"read": 1}]
        assert sandbox.requests == []


class TestSpotzeeRefuses:
    @pytest.mark.parametrize(
        ("key", "words"),
        [("sk_wrong", ["api_key"]), ("sk_support", ["role editor"])],
    )
    def test_a_key_that_may_not_write(self, tmp_path: Path, key: str, words: list[str]) -> None:
        with Sandbox(keys={"sk_sandbox": "editor", "sk_support": "support"}) as sandbox:
            target = Target(tmp_path, sandbox.api_url, key)
            result = target.run(stream())
            refused(result, 1, "Request req_", *words)
            assert len(sandbox.requests) == 1

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (Fault(effect="quota"), ["quota"]),
            (Fault(effect="redirect", location="https://evil.example/"), ["redirects elsewhere"]),
            (Fault(effect="status", status=400, code="version_unsupported"), ["api_version"]),
            (Fault(effect="status", status=418), ["HTTP 418"]),
        ],
        ids=["402", "redirect", "version", "unknown status"],
    )
    def test_an_answer_that_no_retry_can_change(
        self,
        target: Target,
        sandbox: Sandbox,
        fault: Fault,
        words: list[str],
    ) -> None:
        sandbox.faults.add(fault)
        refused(target.run(stream()), 1, *words)
        assert len(sandbox.requests) == 1

    def test_an_unknown_version(self, target: Target) -> None:
        refused(target.run(stream(), api_version="2020-01-01"), 1, "api_version")


class TestAddresses:
    def test_a_path_that_is_not_the_api(self, target: Target, sandbox: Sandbox) -> None:
        refused(target.run(stream(), api_url=f"{sandbox.url}/v2"), 1, "check api_url")

    def test_a_host_that_does_not_exist(self, target: Target) -> None:
        result = target.run(stream(), api_url="https://spotzee.invalid/api", max_retry_seconds=0)
        refused(result, 1, "api_url" if "does not exist" in result.stderr else "host name")

    def test_nobody_listens(self, target: Target) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            result = target.run(stream(), api_url=url, max_retry_seconds=0)
        refused(result, 1, "connection refused")

    def test_a_server_that_does_not_speak_tls(self, target: Target, sandbox: Sandbox) -> None:
        url = sandbox.api_url.replace("http:", "https:")
        refused(target.run(stream(), api_url=url, max_retry_seconds=0), 1, "TLS")

    def test_any_other_web_server(self, target: Target, web_server: str) -> None:
        """One that answers everything with 200 and a page has confirmed nothing."""
        for delivery in ("sync", "async"):
            result = target.run(
                stream(), api_url=web_server, delivery=delivery, max_retry_seconds=0
            )
            refused(result, 1, "HTTP 200")


class TestInput:
    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            ([f"Hello, {CANARY}\n"], ["line 1 of the input", "is no message"]),
            ([f'["{CANARY}"]\n'], ["line 1 of the input"]),
            ([f'{{"email": "{CANARY}"}}\n'], ["has no type"]),
            ([f'{{"type": "RECORD", "record": {{"email": "{CANARY}"}}}}\n'], ["lacks stream"]),
            ([tap.record(id=1, email=CANARY)], ["before its SCHEMA"]),
            (
                [*stream()[:1], '{"type": "RECORD", "stream": "customers", "record": 1}\n'],
                ["object"],
            ),
            ([*stream()[:1], stream()[1][:-20]], ["line 2 of the input", "cut off"]),
            (['{"type": "SCHEMA", "stream": "a", "schema": {"properties": []}}\n'], ["properties"]),
            (["\n", "[" * 10_000 + "\n"], ["line 2"]),
        ],
        ids=["text", "list", "no type", "no stream", "no schema", "scalar", "cut", "bare", "deep"],
    )
    def test_a_broken_tap_is_told_by_line_and_never_shown(
        self,
        target: Target,
        sandbox: Sandbox,
        lines: list[str],
        words: list[str],
    ) -> None:
        refused(target.run(lines), 1, *words)
        assert sandbox.users == {}

    def test_blank_lines_are_nothing(self, target: Target, sandbox: Sandbox) -> None:
        assert target.run(["\n", *stream(), "  \n"]).exit_code == 0
        assert len(sandbox.users) == 1

    def test_a_message_of_an_unknown_type_is_passed_over(self, target: Target) -> None:
        result = target.run([tap.line({"type": "HEARTBEAT", "a": CANARY}), *stream()])
        assert result.exit_code == 0
        assert "HEARTBEAT" in result.stderr
        assert CANARY not in result.stderr

    def test_an_empty_input_is_a_run(self, target: Target) -> None:
        result = target.run([])
        assert result.exit_code == 0
        assert result.records == {}


@pytest.mark.parametrize("reject", [True, False])
def test_nobody_s_data_and_no_key_is_told_at_any_log_level(
    target: Target,
    sandbox: Sandbox,
    *,
    reject: bool,
) -> None:
    """Canaries in every field, rejected by us and by Spotzee, at DEBUG; `result` checks the key."""
    canaries = {"id": "id-canary", "email": CANARY, "phone": "+61499canary", "name": "Zoë Canary"}
    lines = [tap.schema(properties=["id", "email", "phone", "name", "locale"])]
    lines += [tap.record(**canaries, locale="canary locale")]
    lines += [tap.record(**{**canaries, "id": None}), tap.record(**{**canaries, "id": True})]
    lines += [tap.record(name="Canary")]
    fault = Fault(effect="item_error", external_id="id-canary", message=f"{CANARY} is taken")
    sandbox.faults.add(fault)
    policies: dict[str, Any] = {
        "invalid_fields": "reject" if reject else "drop",
        "phone_region": "AU",
    }
    result = target.run(lines, **policies, validate_records=reject)
    assert result.exit_code == 3
    assert result.records == {"read": 4, "rejected": 4}
    for text in (result.stderr, result.stdout, json.dumps(result.summary)):
        assert "canary" not in text.lower().replace("test_", "")
    assert CANARY in target.rejects_path.read_text(encoding="utf-8")
    assert target.rejects_path.stat().st_mode & 0o777 == 0o600


class Page(BaseHTTPRequestHandler):
    """Answers anything with a page."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<html>Welcome!</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PATCH = do_POST  # noqa: N815 - the base class's convention

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
