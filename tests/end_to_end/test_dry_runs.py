"""Before the first real run: a check, a dry run, a canary."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from target_spotzee.sandbox import Sandbox
from tests import tap
from tests.process import Target

ROW = {
    "id": 1,
    "email_address": "ada@example.test",
    "seats": 3,
    "subscription": {"plan": "pro"},
    "secret": "x",
}
STREAMS = {
    "customers": {
        "mapping": {"email": "email_address", "data.plan": "subscription.plan"},
        "exclude": ["secret"],
    },
}
LINES = [
    tap.schema(properties=[*ROW]),
    tap.record(**ROW),
    tap.record(**{**ROW, "seats": 4}),
    tap.record(**{**ROW, "id": None}),
    tap.state({"read": 3}),
]


class TestCheck:
    def test_what_is_right_is_listed_and_nothing_is_written(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        done = target.command(["--config", str(target.configure()), "--check"])
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "ok     settings",
            "ok     rejects_path can be written",
            "ok     summary_path can be written",
            "ok     api_url answers",
            "ok     api_key is accepted",
            "ok     its role may write users",
        ]
        assert sandbox.users == {}
        assert [path.name for path in target.folder.iterdir()] == ["config.json"]

    @pytest.mark.parametrize(
        ("key", "words"),
        [("sk_wrong", "does not accept the key"), ("sk_support", "role editor")],
    )
    def test_a_key_or_role_that_will_not_do(self, tmp_path: Path, key: str, words: str) -> None:
        with Sandbox(keys={"sk_support": "support"}) as sandbox:
            target = Target(tmp_path, sandbox.api_url, key)
            done = target.command(["--config", str(target.configure()), "--check"])
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1].startswith("wrong  Request req_")
        assert words in done.stdout

    def test_an_address_where_nobody_is(self, target: Target) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            config = str(target.configure(api_url=url))
            done = target.command(["--config", config, "--check"])
        assert done.returncode == 1
        assert "can't be reached: connection refused" in done.stdout

    def test_settings_that_are_wrong(self, target: Target) -> None:
        rejects_path = str(target.folder / "nowhere" / "rejects.singer")
        config = str(target.configure(rejects_path=rejects_path))
        done = target.command(["--config", config, "--check"])
        assert done.returncode == 2
        assert "rejects_path" in done.stderr

    @pytest.mark.parametrize("option", ["--check", "--dry-run"])
    def test_settings_that_are_wrong_are_told_and_no_summary_is_written(
        self,
        target: Target,
        option: str,
    ) -> None:
        config = str(target.configure(api_key=None, batch_size_rows=0))
        done = target.command(["--config", config, option])
        assert done.returncode == 2
        assert "batch_size_rows" in done.stderr
        assert not target.summary_path.exists()

    def test_a_summary_s_file_keeps_what_it_holds(self, target: Target) -> None:
        target.summary_path.write_text("of the last run")
        done = target.command(["--config", str(target.configure()), "--check"])
        assert done.returncode == 0, done.stderr
        assert target.summary_path.read_text() == "of the last run"


class TestDryRun:
    def test_shows_the_mapping_by_type_and_sends_nothing(self, target: Target) -> None:
        """It needs neither a key nor a network."""
        config = target.folder / "dry.json"
        config.write_text(json.dumps({"streams": STREAMS}))
        done = target.command(["--config", str(config), "--dry-run"], stdin="".join(LINES))
        assert done.returncode == 3, done.stderr
        rows = [line.split() for line in done.stdout.splitlines()]
        assert rows == [
            ["stream", "customers"],
            ["column", "field", "type"],
            ["id", "external_id", "string"],
            ["email_address", "email", "string"],
            ["subscription.plan", "data.plan", "string"],
            ["seats", "data.seats", "integer"],
            ["subscription", "data.subscription", "object"],
            ["secret", "(not", "sent)"],
        ]
        assert "ada@example.test" not in done.stdout + done.stderr
        words = "3 read, 1 would be sent, 1 would be folded, 1 would be rejected"
        assert words in done.stderr
        assert "requests  1 would be made" in done.stderr
        for untrue in ("confirmed", "1 sent", "states", '"http_request'):
            assert untrue not in done.stderr
        assert "identity_missing" in done.stderr

    def test_shows_values_and_the_first_request_when_asked(self, target: Target) -> None:
        config = target.folder / "dry.json"
        config.write_text(json.dumps({"streams": STREAMS}))
        arguments = ["--config", str(config), "--dry-run", "--show-values"]
        done = target.command(arguments, stdin="".join(LINES[:2]))
        assert done.returncode == 0, done.stderr
        body = json.loads(done.stdout.splitlines()[-1])
        assert body == [
            {
                "external_id": "1",
                "email": "ada@example.test",
                "data": {"seats": 3, "subscription": {"plan": "pro"}, "plan": "pro"},
            },
        ]
        assert "email_address      email              ada@example.test" in done.stdout

    def test_a_mapping_that_does_not_fit_is_refused_as_in_a_run(self, target: Target) -> None:
        config = target.folder / "dry.json"
        config.write_text('{"streams": {"customers": {"mapping": {"email": "mail"}}}}')
        done = target.command(["--config", str(config), "--dry-run"], stdin="".join(LINES))
        assert done.returncode == 2
        assert "'mail'" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--show-values"], "--show-values: goes with --dry-run only"),
        (["--show-values", "--limit", "2"], "--show-values: goes with --dry-run only"),
        (["--check", "--dry-run"], "--check: reads no input"),
        (["--check", "--limit", "2"], "--check: reads no input"),
        (["--check", "--show-values"], "--check: reads no input"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    target: Target, sandbox: Sandbox, options: list[str], words: str
) -> None:
    done = target.command(["--config", str(target.configure()), *options], stdin="".join(LINES))
    assert done.returncode == 2
    (error,) = [line for line in done.stderr.splitlines() if "| ERROR" in line]
    assert words in error
    assert done.stdout == ""
    assert sandbox.requests == []


def test_a_canary_sends_the_first_records_and_prints_no_state(
    target: Target,
    sandbox: Sandbox,
) -> None:
    lines = [tap.schema()]
    for number in range(250):
        lines += [tap.record(id=number), tap.state({"read": number})]
    config = str(target.configure())
    done = target.command(["--config", config, "--limit", "7"], stdin="".join(lines))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert sorted(sandbox.users) == [str(number) for number in range(7)]
    assert "7 read, 7 confirmed" in done.stderr
    assert "states    0 printed" in done.stderr
    assert "--limit: reached; what follows was not read" in done.stderr
