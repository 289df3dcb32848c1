"""STATE: in order, soon, never ahead, to the letter, and alone on stdout."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from singer_sdk.testing import target_test_streams

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Target


def checkpoints(records: int, every: int) -> list[str]:
    lines = [tap.schema(properties=["id", "plan"])]
    for number in range(1, records + 1):
        lines.append(tap.record(id=number, plan="pro"))
        if number % every == 0:
            lines.append(tap.state({"read": number}))
    return lines


def test_states_leave_as_batches_settle(tmp_path: Path) -> None:
    """100 checkpoints over 10,000 records at 16 in flight: many states, in order, the last last."""
    with Sandbox(latency_ms=20) as sandbox:
        target = Target(tmp_path, sandbox.api_url, sandbox.key)
        result = target.run(checkpoints(10_000, every=100), max_in_flight=16)
    read = [state["read"] for state in result.states]
    assert len(read) >= 7  # one for each time that 16 requests came back
    assert read == sorted(set(read))
    assert read[-1] == 10_000
    assert result.summary["state"]["printed"] == len(read)


def test_a_state_waits_for_every_record_before_it(target: Target, sandbox: Sandbox) -> None:
    """The first batch hangs; the others arrive; no state passes it, and none is lost after it."""
    sandbox.faults.add(Fault(effect="stall", seconds=0.5, external_id="1", first=1))
    process = target.start(timeout_seconds=10)
    assert process.stdin is not None
    process.stdin.write("".join(checkpoints(1000, every=100)).encode())
    process.stdin.close()
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    delivered = set(sandbox.users)
    assert {str(number) for number in range(1, first["read"] + 1)} <= delivered
    rest = process.stdout.read().splitlines()
    assert process.wait() == 0
    assert json.loads(rest[-1] if rest else json.dumps(first)) == {"read": 1000}
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()


def test_a_silent_tap_s_records_leave_and_their_state_is_printed(
    target: Target,
    sandbox: Sandbox,
) -> None:
    """The tap says nothing more, and does not end: neither records nor state wait for it."""
    process = target.start(batch_wait_limit_seconds=1)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(checkpoints(5, every=5)).encode())
    process.stdin.flush()

    assert json.loads(process.stdout.readline()) == {"read": 5}
    assert len(sandbox.users) == 5
    assert process.poll() is None

    out, err = process.communicate()
    assert target.result(process, out, err).exit_code == 0


def test_a_state_goes_through_to_the_letter(target: Target) -> None:
    value = '{"a": 1.50, "b":[1e3,  0.1],"c": 12345678901234567890.123, "d": "\\u00e9é"}'
    lines = [tap.schema(), tap.record(id=1), f'{{"type": "STATE", "value": {value}}}\n']
    result = target.run(lines)
    assert result.stdout == value + "\n"


def test_a_state_without_records_is_printed_and_an_empty_one_is_not(target: Target) -> None:
    result = target.run([tap.state({}), tap.state({"a": 1}), tap.state({})])
    assert result.states == [{"a": 1}]


def test_the_same_state_twice_is_printed_once(target: Target) -> None:
    lines = [tap.schema(), tap.record(id=1)]
    lines += [tap.state({"a": 1}), tap.state({"a": 1}), tap.record(id=2)]
    lines += [tap.state({"a": 1})]
    assert target.run(lines).states == [{"a": 1}]


def test_the_sdk_s_own_stream_of_states(target: Target) -> None:
    """The test that the SDK leaves out of its suite because it can't pass it."""
    stream = resources.files(target_test_streams) / "multiple_state_messages.singer"
    result = target.run(stream.read_bytes(), batch_size_rows=1, max_in_flight=1)
    assert result.states[-1] == {
        "test_multiple_state_messages_a": 5,
        "test_multiple_state_messages_b": 6,
    }


def test_nothing_else_is_ever_on_stdout(target: Target, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(effect="status", status=503, first=1))
    result = target.run(checkpoints(200, every=50))
    assert all("read" in state for state in result.states)


def test_a_reader_that_went_away_ends_the_run(target: Target) -> None:
    process = target.start()
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write("".join(checkpoints(500, every=100)).encode())
    process.stdin.close()
    stderr = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 1
    assert "nobody reads stdout" in stderr
    assert "Traceback" not in stderr
    assert "BrokenPipe" not in stderr
