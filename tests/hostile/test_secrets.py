"""Canaries: the key and people's data are where they belong, and nowhere else."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Result, Target

KEY = "sk_canary_5f2c9d"
PEOPLE = ("canary.ada@private.example", "+61400987654", "canary-street 7", "canary-id-1")
EMAIL, PHONE, STREET, ID = PEOPLE

COLUMNS = ["id", "email", "phone", "street"]
RECORD = tap.record(id=ID, email=EMAIL, phone=PHONE, street=STREET)
SCHEMA = tap.schema(properties=COLUMNS)
STATE = tap.state({"read": 1})


def found_in(text: str, canaries: Iterable[str] = (KEY, *PEOPLE)) -> list[str]:
    return [canary for canary in canaries if canary in text]


@pytest.fixture
def sandbox() -> Iterable[Sandbox]:
    with Sandbox(keys={KEY: "editor"}) as running:
        yield running


@pytest.fixture
def target(sandbox: Sandbox, tmp_path: Path) -> Target:
    (tmp_path / "tmp").mkdir()
    return Target(tmp_path, sandbox.api_url, KEY)


def run(target: Target, *lines: str, env: dict[str, str] | None = None, **settings: Any) -> Result:
    env = {"TMPDIR": str(target.folder / "tmp"), **(env or {})}
    return target.run([SCHEMA, *lines], env=env, **settings)


def assert_kept(target: Target, result: Result, *, rejects: bool) -> None:
    """Check everything that a run leaves behind; only the rejects file may hold people's data."""
    assert found_in(result.stdout) == []
    assert found_in(result.stderr) == []
    assert found_in(target.summary_path.read_text(encoding="utf-8")) == []
    known = {target.folder / "config.json", target.rejects_path, target.summary_path}
    files = {path for path in target.folder.rglob("*") if path.is_file()}
    assert files <= known, "something else was left behind"
    assert target.rejects_path.exists() == rejects
    if rejects:
        content = target.rejects_path.read_text(encoding="utf-8")
        assert found_in(content, [KEY]) == []
        assert stat.S_IMODE(target.rejects_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.summary_path.stat().st_mode) == 0o600


def status(number: int, **more: Any) -> Fault:
    """Return a fault whose message repeats a person's data, as a server's may."""
    return Fault(effect="status", status=number, message=f"{EMAIL} {PHONE}", **more)


def named(fault: Fault) -> str:
    return f"{fault.effect} {fault.status or ''}{' with a code' if fault.code else ''}"


@pytest.mark.parametrize(
    ("fault", "exit_code"),
    [
        (status(500, times=1), 0),
        (status(503, retry_after=0, times=1), 0),
        (status(409, code="idempotency_in_progress", retry_after=0, times=1), 0),
        (status(400), 3),
        (status(413), 3),
        (status(422), 3),
        (status(422, code=EMAIL), 3),
        (status(401), 1),
        (status(402), 1),
        (status(403), 1),
        (status(404), 1),
        (status(418, html=True), 1),
        (Fault(effect="item_error", external_id=ID, message=f"{EMAIL} is taken"), 3),
        (Fault(effect="item_error", external_id=ID, code=f"x {EMAIL}", message="no"), 3),
        (Fault(effect="refuse_batch", external_id=ID, message=f"{PHONE} is no phone"), 3),
        (Fault(effect="results_unknown_code", code=PHONE, message=STREET), 3),
        (Fault(effect="redirect", location=f"https://elsewhere.example/{EMAIL}"), 1),
        (Fault(effect="garbage", times=1), 0),
        (Fault(effect="truncated", times=1), 0),
        (Fault(effect="reset_after", times=1), 0),
    ],
    ids=lambda value: named(value) if isinstance(value, Fault) else str(value),
)
def test_whatever_spotzee_answers(
    target: Target,
    sandbox: Sandbox,
    fault: Fault,
    exit_code: int,
) -> None:
    sandbox.faults.add(fault)
    result = run(target, RECORD, STATE)
    assert result.exit_code == exit_code, result.stderr
    assert_kept(target, result, rejects=exit_code == 3)


@pytest.mark.parametrize(
    ("lines", "settings", "exit_code"),
    [
        ([RECORD[:-20]], {}, 1),
        ([f"{EMAIL} {PHONE} {KEY}\n"], {}, 1),
        ([json.dumps({"type": f"oh {EMAIL}"[:8], "x": EMAIL}) + "\n"], {}, 0),
        ([tap.record(id=None, email=EMAIL)], {}, 3),
        ([tap.record(id=[EMAIL])], {}, 3),
        ([tap.record(email=EMAIL)], {"validate_records": True}, 3),
        ([tap.record(id=1, email=f"{EMAIL} {PHONE}")], {"invalid_fields": "reject"}, 3),
        ([RECORD], {"stream_maps": {"customers": {"email": f"int('{EMAIL}')"}}}, 3),
        ([RECORD], {"stream_maps": {"customers": {"x": "1 / int(street[:0] or 0)"}}}, 3),
        ([tap.record("others", id=ID, email=EMAIL)], {}, 1),
        ([tap.record(id=ID, text="x" * 1_100_000, email=EMAIL)], {}, 3),
    ],
    ids=[
        "cut line",
        "log line",
        "unknown message",
        "no id",
        "id a list",
        "key missing",
        "invalid e-mail",
        "map fails on a constant",
        "map fails on a record",
        "no SCHEMA",
        "too large",
    ],
)
def test_whatever_the_tap_sends(
    target: Target,
    lines: list[str],
    settings: dict[str, Any],
    exit_code: int,
) -> None:
    result = run(target, *lines, **settings)
    assert result.exit_code == exit_code, result.stderr
    assert_kept(target, result, rejects=exit_code == 3)


@pytest.mark.parametrize("name", ["api_key", "run_id", "streams"])
@pytest.mark.parametrize(
    "value", [f"{KEY}\r\nX-Evil: 1", [KEY], {"a": KEY}], ids=["text", "list", "object"]
)
def test_whatever_a_setting_is(target: Target, name: str, value: object) -> None:
    if name == "run_id" and isinstance(value, str):
        value = 7
    settings: dict[str, Any] = {name: value}
    result = run(target, RECORD, **settings)
    assert result.exit_code == 2, result.stderr
    assert_kept(target, result, rejects=False)


def test_excluded_columns_are_not_even_in_the_rejects(target: Target, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(effect="item_error", external_id=ID))
    streams = {"customers": {"exclude": ["street", "pho*"]}}
    result = run(target, RECORD, streams=streams)
    assert result.exit_code == 3
    kept = target.rejects_path.read_text(encoding="utf-8")
    assert found_in(kept) == [EMAIL, ID]
    assert found_in(str(sandbox.users), [PHONE, STREET]) == []


def test_a_message_of_spotzee_s_is_in_the_rejects_only(target: Target, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(effect="item_error", external_id=ID, message=f"{EMAIL} is taken"))
    result = run(target, RECORD)
    assert_kept(target, result, rejects=True)
    reject = json.loads(target.rejects_path.read_text(encoding="utf-8").splitlines()[-1])["reject"]
    assert reject["message"] == f"{EMAIL} is taken"


@pytest.fixture
def waiting(target: Target, sandbox: Sandbox) -> Iterable[subprocess.Popen[bytes]]:
    """A target in the middle of a request."""
    sandbox.faults.add(Fault(effect="stall", seconds=60))
    process = target.start(env={"TMPDIR": str(target.folder / "tmp")}, batch_size_rows=1)
    assert process.stdin is not None
    process.stdin.write((SCHEMA + RECORD).encode())
    process.stdin.flush()
    sandbox.wait_until(lambda running: running.in_flight > 0)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="only Linux lists a process's files in /proc"
)
def test_neither_the_process_list_nor_another_file_tells(
    target: Target,
    waiting: subprocess.Popen[bytes],
) -> None:
    folder = Path("/proc") / str(waiting.pid)
    assert found_in((folder / "cmdline").read_bytes().decode()) == []
    assert found_in((folder / "comm").read_text()) == []
    opened = {str(link.readlink()) for link in (folder / "fd").iterdir()}
    files = {path for path in opened if path.startswith("/") and not path.startswith("/dev/")}
    assert files <= {str(target.rejects_path)}
    assert list((target.folder / "tmp").iterdir()) == []


def test_a_link_in_place_of_the_summary_is_not_followed(target: Target, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    link = tmp_path / "link.json"
    link.symlink_to(victim)
    result = run(target, RECORD, summary_path=str(link))
    assert result.exit_code == 0
    assert victim.read_text(encoding="utf-8") == "mine"
    assert json.loads(link.read_text(encoding="utf-8"))["exit_code"] == 0


def test_the_key_from_the_environment_is_told_no_more_than_one_from_a_file(
    target: Target,
    sandbox: Sandbox,
) -> None:
    environment = {"TARGET_SPOTZEE_API_KEY": KEY, "TARGET_SPOTZEE_API_URL": sandbox.api_url}
    done = target.command(
        ["--config", "ENV"],
        env={**environment, "TARGET_SPOTZEE_LOGLEVEL": "DEBUG"},
        stdin=SCHEMA + RECORD,
    )
    assert done.returncode == 0, done.stderr
    assert found_in(done.stdout + done.stderr) == []


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_configuration_that_others_can_read_is_warned_of(
    target: Target,
    mode: int,
    *,
    warned: bool,
) -> None:
    path = target.configure()
    path.chmod(mode)
    done = target.command(["--config", str(path)], stdin=SCHEMA + RECORD)
    assert done.returncode == 0
    assert ("can be read by others" in done.stderr) == warned
