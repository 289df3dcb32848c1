"""A kind that is as unlike users as can be goes the same way, by a row of the table and a field.

Events are queued, never folded, supersede nothing, and sending one twice would make it two. No
setting says yet that a stream holds them, so here their row stands where `Run` takes that of users.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.api import waits
from target_spotzee.fields import FIELDS, Field
from target_spotzee.objects.kinds import KINDS, Answered, Kind
from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.played import SECRET, Ended, Played
from tests.process import assert_adds_up

EVENTS = Kind(
    name="events",
    method="POST",
    path="/events",
    fields=("name",),
    answered=Answered.QUEUED,
    fold=None,
    repeats_harmlessly=False,
    supersedes=False,
)
SCHEMA = tap.schema("events", ["external_id", "name", "n"], ["external_id"])


def name_of(value: Any, _region: str | None) -> str:
    if not isinstance(value, str):
        raise ValueError("is not a name")  # noqa: TRY004 - as every field does
    return value


@pytest.fixture
def played(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Played]:
    monkeypatch.setitem(KINDS, ("users", "async"), EVENTS)
    monkeypatch.setitem(FIELDS, "name", Field(str.isidentifier, name_of))
    monkeypatch.setattr(waits, "_FIRST_BACKOFF_SECONDS", 0.01)
    with Sandbox(keys={SECRET: "editor"}) as sandbox:
        yield Played(sandbox, tmp_path, capsys)


def line(user: str, name: str | None, number: int) -> str:
    return tap.record("events", external_id=user, name=name, n=number)


def event(user: str, name: str, number: int) -> dict[str, Any]:
    return {"external_id": user, "name": name, "data": {"n": number}}


def load(played: Played, *lines: str, **config: Any) -> Ended:
    given = {"delivery": "async", "timeout_seconds": 1, "max_retry_seconds": 60, **config}
    ended = played.run([SCHEMA, *lines, tap.state({"seen": len(lines)})], **given)
    assert_adds_up(ended.summary)
    played.sandbox.settle()
    return ended


def rejects(path: Path) -> list[dict[str, Any]]:
    messages = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [message["reject"] for message in messages if message["type"] == "RECORD"]


def carried(sandbox: Sandbox) -> set[tuple[str, str, str | None, bytes]]:
    """What was sent, however often it was."""
    return {
        (request.method, request.path, request.idempotency_key, request.body)
        for request in sandbox.requests
    }


def test_each_record_arrives_once_and_those_of_a_user_in_order(played: Played) -> None:
    sent = [(f"u{number % 5}", "seen" if number % 2 else "bought", number) for number in range(40)]
    sent += [("u0", "same", 1), ("u0", "same", 1)]
    ended = load(played, *(line(*each) for each in sent), batch_size_rows=7)
    assert (ended.code, ended.out) == (0, '{"seen": 42}\n')
    records = {name: count for name, count in ended.summary["records"].items() if count}
    assert records == {"read": 42, "accepted": 42}
    for user in {user for user, _, _ in sent}:
        arrived = [each for each in played.sandbox.events if each["external_id"] == user]
        assert arrived == [event(*each) for each in sent if each[0] == user]
    assert {(method, path) for method, path, _, _ in carried(played.sandbox)} == {
        ("POST", "/api/client/events")
    }
    assert played.sandbox.overlaps == []


def test_a_newer_event_leaves_an_older_reject_open(played: Played) -> None:
    ended = load(played, line("a", None, 1), line("a", "bought", 2))
    assert ended.code == 3
    assert ended.out == '{"seen": 2}\n'
    (reject,) = rejects(played.rejects_path)
    assert (reject["done"], reject["code"], reject["field"]) == (False, "parameter_missing", "name")
    assert played.sandbox.events == [event("a", "bought", 2)]


def test_a_reject_is_kept_and_arrives_when_it_is_mended_and_sent_again(played: Played) -> None:
    users = [f"u{number}" for number in range(10)]
    lines = [line(user, None if user == "u3" else "seen", 1) for user in users]
    assert load(played, *lines).code == 3
    others = [event(user, "seen", 1) for user in users if user != "u3"]
    assert played.sandbox.events == others
    text = played.rejects_path.read_text(encoding="utf-8")
    played.rejects_path.unlink()
    mended = text.replace('"name":null', '"name":"seen"').splitlines(keepends=True)
    assert load(played, *mended).code == 0
    assert played.sandbox.events == [*others, event("u3", "seen", 1)]


@pytest.mark.parametrize(
    "faults",
    [
        ["status"],
        ["rate_limited"],
        ["in_progress"],
        ["reset_before"],
        ["reset_after"],
        ["stall_after"],
        ["late"],
        ["garbage"],
        ["empty"],
        ["reset_after", "status", "rate_limited", "reset_after"],
    ],
    ids=" then ".join,
)
def test_after_a_lost_answer_the_same_bytes_go_again_under_the_same_key(
    played: Played, faults: list[Any]
) -> None:
    for place, effect in enumerate(faults, 1):
        status = 503 if effect == "status" else None
        fault = Fault(effect=effect, nth=[place], status=status, retry_after="0", seconds=1.2)
        played.sandbox.faults.add(fault)
    ended = load(played, line("a", "seen", 1), line("b", "seen", 2))
    assert ended.code == 0
    hits = [request.fault for request in played.sandbox.requests]
    assert [effect for effect in hits if effect] == faults
    assert hits[-1] is None
    assert len(carried(played.sandbox)) == 1
    assert played.sandbox.events == [event("a", "seen", 1), event("b", "seen", 2)]
    assert ended.summary["records"]["accepted"] == 2


def test_the_next_event_of_a_user_waits_for_one_of_unknown_fate(played: Played) -> None:
    played.sandbox.faults.add(Fault(effect="reset_after", times=1))
    lines = [line("a", "first", 1), line("a", "second", 2), line("a", "third", 3)]
    assert load(played, *lines).code == 0
    assert [each["name"] for each in played.sandbox.events] == ["first", "second", "third"]
    assert len(carried(played.sandbox)) == 3


def test_an_answer_from_memory_to_the_first_attempt_is_proof_enough(played: Played) -> None:
    """The run that first sent it died before it knew; this one has its id, and so its keys."""
    lines = [line("a", "seen", 1), line("b", "seen", 2), line("a", "bought", 3)]
    for _ in range(2):
        ended = load(played, *lines, run_id="nightly-17")
        assert ended.code == 0
        assert ended.summary["records"]["accepted"] == 3
        assert ended.out == '{"seen": 3}\n'
    assert [request.replayed for request in played.sandbox.requests] == [False] * 2 + [True] * 2
    assert len(carried(played.sandbox)) == 2
    assert len(played.sandbox.events) == 3


def test_a_key_that_is_bound_to_other_bytes_is_given_up_since_these_can_t_have_arrived(
    played: Played,
) -> None:
    played.sandbox.faults.add(Fault(effect="mismatch", times=1))
    assert load(played, line("a", "seen", 1)).code == 0
    first, second = played.sandbox.requests
    assert first.idempotency_key != second.idempotency_key
    assert played.sandbox.events == [event("a", "seen", 1)]


def test_a_check_proves_that_they_may_be_written(played: Played) -> None:
    run = played.target(delivery="async").run
    facts, wrong = run.check()
    run.close()
    assert (facts[-1], wrong) == ("its role may write events", None)
    assert played.sandbox.events == []


def test_a_role_that_may_not_write_them_is_told_so(played: Played) -> None:
    played.sandbox.faults.add(Fault(effect="status", status=403, code="permission_denied"))
    ended = load(played, line("a", "seen", 1))
    assert ended.code == 1
    assert "the key's role may not write events" in ended.summary["state"]["why"]
