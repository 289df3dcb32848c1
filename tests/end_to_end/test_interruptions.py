"""Killed and resumed: nothing missing, states never ahead, gone in time."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from pathlib import Path

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Target, read_until

RECORDS = 3000
EVERY = 50


def stream_from(position: int) -> bytes:
    """Return what a tap with this bookmark sends."""
    lines = [tap.schema(properties=["id", "plan"])]
    for number in range(position + 1, RECORDS + 1):
        lines.append(tap.record(id=number % 1700, plan=number))
        if number % EVERY == 0:
            lines.append(tap.state({"read": number}))
    return "".join(lines).encode()


def plans_after(position: int) -> dict[str, int]:
    return {str(number % 1700): number for number in range(1, position + 1)}


def read_states(process: subprocess.Popen[bytes], count: int) -> list[bytes]:
    """Return the first states a process prints, as soon as it has."""
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_at_a_random_moment_and_resumed(
    tmp_path: Path,
    signum: signal.Signals,
    seed: int,
) -> None:
    rng = random.Random(seed)
    position = 0
    input_path = tmp_path / "input.singer"
    with Sandbox(latency_ms=4) as sandbox:
        target = Target(tmp_path, sandbox.api_url, sandbox.key)
        for _ in range(2):
            input_path.write_bytes(stream_from(position))
            with input_path.open("rb") as stdin:
                process = target.start(
                    stdin=stdin,
                    batch_size_rows=20,
                    max_in_flight=rng.choice([1, 3, 8]),
                    run_id="same",
                )
                states = read_states(process, rng.randrange(1, 6))
                process.send_signal(signum)
                out, err = process.communicate()
            result = target.result(process, b"".join(states) + out, err)
            expected = -signum if signum == signal.SIGKILL else 128 + signum
            assert result.exit_code in (expected, 0)
            position = result.states[-1]["read"]
            behind = plans_after(position)
            assert {id_ for id_ in behind if id_ not in sandbox.users} == set()
            assert all(
                sandbox.users[id_]["data"]["plan"] >= plan for id_, plan in behind.items()
            ), "a printed state was ahead of Spotzee"
        last = target.run(stream_from(position))
        assert last.exit_code == 0
        plans = {id_: user["data"]["plan"] for id_, user in sandbox.users.items()}
    assert plans == plans_after(RECORDS)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_under_way_end_and_starts_none(
    tmp_path: Path,
    signum: signal.Signals,
) -> None:
    with Sandbox(latency_ms=300) as sandbox:
        target = Target(tmp_path, sandbox.api_url, sandbox.key)
        process = target.start(batch_size_rows=10, max_in_flight=2)
        assert process.stdin is not None
        process.stdin.write(stream_from(RECORDS - 200))
        process.stdin.flush()
        read_states(process, 1)  # so some are confirmed, and two are under way
        process.send_signal(signum)
        out, err = process.communicate()
        result = target.result(process, out, err)
        assert result.exit_code == 128 + signum
        assert f"stopped by {signum.name}" in result.stderr
        assert all(request.status == 200 for request in sandbox.requests)
        assert result.summary["records"]["confirmed"] == len(sandbox.users)
        assert result.summary["records"]["unsettled"] > 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="rate_limited", retry_after=3600),
        Fault(effect="status", status=503, retry_after=3600),
        Fault(effect="status", status=500),
    ],
    ids=["pause", "asked wait", "backoff"],
)
def test_a_signal_ends_every_wait(target: Target, sandbox: Sandbox, fault: Fault) -> None:
    sandbox.faults.add(fault)
    process = target.start()
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("".join([tap.schema(), tap.record(id=1)]).encode())
    process.stdin.close()
    read_until(process, b"trying again", b"everybody waits")
    process.terminate()
    assert process.wait() == 143
    assert process.stdout is not None
    assert process.stdout.read() == b""
    for pipe in (process.stdout, process.stderr):
        pipe.close()
    assert len(sandbox.requests) < 5


def test_a_second_signal_does_not_wait_for_a_request_that_hangs(
    target: Target,
    sandbox: Sandbox,
) -> None:
    sandbox.faults.add(Fault(effect="stall", seconds=60))
    process = target.start()
    assert process.stdin is not None
    lines = [tap.schema()] + [tap.record(id=number) for number in range(100)]
    process.stdin.write("".join(lines).encode())
    process.stdin.flush()
    sandbox.wait_until(lambda running: running.in_flight > 0)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    result = target.result(process, out, err)
    assert result.exit_code in (143, 130)
    assert result.summary["records"]["unsettled"] == 100


def test_rejects_are_written_and_their_state_printed_after_a_signal(
    target: Target,
    sandbox: Sandbox,
) -> None:
    sandbox.options.latency_ms = 200
    sandbox.faults.add(Fault(effect="item_error", external_id="1"))
    process = target.start(batch_size_rows=2)
    assert process.stdin is not None
    lines = [tap.schema(), tap.record(id=1), tap.record(id=2), tap.state({"read": 2})]
    process.stdin.write("".join(lines).encode())
    process.stdin.flush()
    sandbox.wait_until(lambda running: running.in_flight > 0)
    process.terminate()
    out, err = process.communicate()
    result = target.result(process, out, err)
    assert result.exit_code == 143
    assert result.states == [{"read": 2}]
    reject = json.loads(target.rejects_path.read_text().splitlines()[-1])
    assert reject["record"] == {"id": 1}
    assert reject["reject"]["code"] == "validation_failed"


def test_a_reader_that_does_not_read_holds_up_no_signal(target: Target) -> None:
    process = target.start()
    assert process.stdin is not None
    lines = [tap.schema()]
    for number in range(1, 9):
        lines += [tap.record(id=number), tap.state({"read": number, "more": "x" * 40_000})]
    process.stdin.write("".join(lines).encode())
    process.stdin.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait() in (1, 143)
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
