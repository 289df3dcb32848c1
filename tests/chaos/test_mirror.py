"""Several nights with a snapshot: a judge that misses nothing, and a short run of the harness."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from target_spotzee.sandbox.journal import Request
from tests.chaos.feed import Feed as Records
from tests.chaos.mirror.feed import Feed, Pass, Signal, Step
from tests.chaos.mirror.finding import find
from tests.chaos.mirror.run import STRANGERS, Outcome, Process
from tests.chaos.mirror.scenario import CELLS, Cell, Mirror, Night, mirror
from tests.chaos.mirror.verdict import judge
from tests.chaos.run import Leg, Look, Users
from tests.chaos.scenario import Scenario

SEEDS = (13, 18, 144, 152, 196, 206)
"""A few lines of the table: each signal, both deliveries, deletions and marks."""

RECORDS = dict.fromkeys(
    ("confirmed", "accepted", "folded", "unchanged", "ignored", "filtered", "rejected"), 0
)


def test_nights_across_the_table_keep_every_promise() -> None:
    with ThreadPoolExecutor(4) as pool:
        findings = list(pool.map(find, SEEDS))
    broken = [
        f"{problem.kind}: {problem.text}; again: python -m tests.chaos --mirror --seed {found.seed}"
        for found in findings
        for problem in found.problems
    ]
    assert broken == []


def test_a_seed_draws_the_same_nights_each_time() -> None:
    assert [mirror(seed) for seed in range(20)] == [mirror(seed) for seed in range(20)]


def test_seeds_in_a_row_go_round_all_lines() -> None:
    assert {mirror(seed).cell for seed in range(len(CELLS))} == set(CELLS)


def row(user: str, number: int) -> Step:
    values = {"external_id": user, "number": number, "plan": f"plan {number}"}
    return Step("row", "customers", user, values, state=True)


ACTIVATE = Step("activate", "customers", state=True)
NIGHTS = (
    (row("ada", 1), row("bob", 2), row("cyd", 3), ACTIVATE),
    (row("ada", 1), row("bob", 4), ACTIVATE),
    (row("ada", 1), row("bob", 4), ACTIVATE),
)
"""Bob changes in the second night, and Cyd has left."""


def user(number: int) -> dict[str, Any]:
    return {"email": None, "data": {"number": number, "plan": f"plan {number}"}}


def upsert(*users: tuple[str, int], **data: Any) -> Request:
    sent = [
        {"external_id": name, "data": data or {**user(number)["data"]}} for name, number in users
    ]
    ids = tuple(name for name, _ in users)
    return _request("POST", "/users/batch", ids, 200, json.dumps(sent).encode())


def read(name: str, status: int = 200) -> Request:
    return _request("GET", f"/users/{name}", (name,), status)


def delete(*names: str) -> Request:
    return _request("DELETE", "/users", names, 204)


def _request(
    method: str, path: str, ids: tuple[str, ...], status: int, body: bytes = b""
) -> Request:
    return Request(
        number=1,
        at=0.0,
        wall="",
        request_id="req_1",
        method=method,
        path=f"/api/client{path}",
        external_ids=ids,
        body=body,
        status=status,
    )


def summary(read_: int, sent: int, **removed: Any) -> dict[str, Any]:
    counts = {**RECORDS, "read": read_, "confirmed": sent, "unchanged": read_ - sent}
    told = {"deleted": 0, "marked": 0, "held_back": 0, "why": None, **removed}
    return {"exit_code": 0, "records": counts, "streams": {}, "removed": told}


def made_up(
    nights: tuple[tuple[Step, ...], ...] = NIGHTS,
    *,
    told: Signal = "version after",
    removed: str = "delete",
) -> tuple[Mirror, Outcome]:
    """Return a run in which every promise was kept."""
    cell: Cell = (told, removed, "sync", 1)
    feed = Feed({"customers": told}, nights)
    settings = {"max_removed_percent": 100, "resend_after_days": 30}
    nobody = Records([], [], [], frozenset(), frozenset())
    befalls = [Night(Scenario(0, "", "sync", 1, nobody)) for _ in nights]
    drawn = Mirror(0, cell, feed, befalls, {}, settings)
    before = {**STRANGERS, "ada": user(1), "bob": user(2), "cyd": user(3)}
    after = {**STRANGERS, "ada": user(1), "bob": user(4)}
    gone = [read("cyd"), delete("cyd"), read("cyd", 404)]
    outcome = Outcome(
        [
            process(feed, 0, before, [upsert(("ada", 1), ("bob", 2), ("cyd", 3))], summary(3, 3)),
            process(feed, 1, after, [upsert(("bob", 4)), *gone], summary(2, 1, deleted=1)),
            process(feed, 2, after, [], summary(2, 0)),
        ],
        {0: before, 1: after, 2: after},
    )
    return drawn, outcome


def process(
    feed: Feed, night: int, users: Users, requests: list[Request], told: dict[str, Any]
) -> Process:
    """Return a process that came to its end at once."""
    given = feed.given(night, Pass(night, feed.first(night), 0))
    end = feed.first(night + 1)
    out = [json.dumps({"read": end}).encode() + b"\n"]
    looks = [Look(end, users, frozenset())]
    leg = Leg(None, exit_code=0, out=out, looks=looks, summary=told)
    return Process(leg, night, given, end, requests)


def test_where_all_is_well_nothing_is_found() -> None:
    assert judge(*made_up()) == []


def lose_a_user(outcome: Outcome) -> None:
    outcome.ends[1] = {name: user for name, user in outcome.ends[1].items() if name != "ada"}


def lose_a_sent_user(outcome: Outcome) -> None:
    outcome.ends[1] = {name: user for name, user in outcome.ends[1].items() if name != "bob"}


def send_in_vain(outcome: Outcome) -> None:
    outcome.ends[1] = {**outcome.ends[1], "bob": user(2)}


def skip_a_change(outcome: Outcome) -> None:
    send_in_vain(outcome)
    del outcome.processes[1].requests[0]  # type: ignore[attr-defined]


def delete_whom_the_source_has(outcome: Outcome) -> None:
    outcome.processes[1].requests = [read("ada"), delete("ada"), read("ada", 404)]


def delete_before_the_pass_is_done(outcome: Outcome) -> None:
    outcome.processes[1].given = outcome.processes[1].given[:-1]


def mark_a_stranger(outcome: Outcome) -> None:
    outcome.processes[1].requests = [upsert(("stranger-0", 0), removed_at="2026-11-25")]


def touch_a_stranger(outcome: Outcome) -> None:
    outcome.ends[1] = {name: u for name, u in outcome.ends[1].items() if name != "stranger-0"}


def leave_behind(outcome: Outcome) -> None:
    outcome.ends[2] = {**outcome.ends[2], "cyd": user(3)}


def print_too_early(outcome: Outcome) -> None:
    leg = outcome.processes[1].leg
    leg.looks = [Look(leg.looks[0].position, outcome.ends[0], frozenset())]


def end_with_four(outcome: Outcome) -> None:
    outcome.processes[1].leg.exit_code = 4


def hold_back_with_zero(outcome: Outcome) -> None:
    outcome.processes[1].leg.summary = summary(2, 1, held_back=1, why="too many")


def damage_the_snapshot(outcome: Outcome) -> None:
    outcome.processes[0].damage = "row 1 missing from index"


def keep_an_email(outcome: Outcome) -> None:
    outcome.snapshot = b"a1@example.test"


def write_for_nothing(outcome: Outcome) -> None:
    outcome.processes[2].requests = [upsert(("ada", 1))]


def delete_unread(outcome: Outcome) -> None:
    outcome.processes[1].requests = [delete("cyd"), read("cyd", 404)]


def send_before_it_is_gone(outcome: Outcome) -> None:
    outcome.processes[1].requests = [read("cyd"), delete("cyd"), upsert(("cyd", 3))]


def bring_back_marked(outcome: Outcome) -> None:
    ada = user(1)
    ada["data"]["removed_at"] = "2026-11-25"
    outcome.ends[1] = {**outcome.ends[1], "ada": ada}


@pytest.mark.parametrize(
    ("break_it", "kind"),
    [
        (lose_a_user, "wrongly skipped"),
        (lose_a_sent_user, "missing"),
        (send_in_vain, "stale"),
        (bring_back_marked, "stale"),
        (skip_a_change, "wrongly skipped"),
        (delete_whom_the_source_has, "wrongly removed"),
        (delete_before_the_pass_is_done, "wrongly removed"),
        (mark_a_stranger, "wrongly removed"),
        (touch_a_stranger, "wrongly removed"),
        (leave_behind, "left behind"),
        (print_too_early, "ahead"),
        (end_with_four, "exit"),
        (hold_back_with_zero, "exit"),
        (damage_the_snapshot, "other"),
        (keep_an_email, "other"),
        (write_for_nothing, "other"),
        (delete_unread, "other"),
        (send_before_it_is_gone, "other"),
    ],
)
def test_each_broken_promise_is_found(break_it: Callable[[Outcome], None], kind: str) -> None:
    drawn, outcome = made_up()
    break_it(outcome)
    assert kind in {problem.kind for problem in judge(drawn, outcome)}


def removed_wrongly(drawn: Mirror, outcome: Outcome) -> bool:
    return "wrongly removed" in {problem.kind for problem in judge(drawn, outcome)}


ROWS_ONLY = tuple(tuple(step for step in night if step.what == "row") for night in NIGHTS)
MARK = [read("cyd"), upsert(("cyd", 3), removed_at="2026-11-25")]
DELETE = [read("cyd"), delete("cyd"), read("cyd", 404)]


@pytest.mark.parametrize(
    ("night", "requests", "confirms", "wrong"),
    [
        (1, MARK, False, True),  # missing from one pass only
        (1, DELETE, True, True),
        (2, MARK, False, False),
        (2, DELETE, False, True),  # both passes ended with Bob: one tap that dies there?
        (2, DELETE, True, False),
    ],
)
def test_who_is_missing_from_two_passes_may_be_marked(
    night: int, requests: list[Request], *, confirms: bool, wrong: bool
) -> None:
    drawn, outcome = made_up(ROWS_ONLY, told="complete pass")
    outcome.processes[1].requests = outcome.processes[2].requests = []
    outcome.processes[night].requests = requests
    outcome.processes[night].confirms = confirms
    assert removed_wrongly(drawn, outcome) == wrong


def test_a_second_pass_that_read_on_past_the_first_proves_a_living_tap() -> None:
    nights = (*ROWS_ONLY[:2], (*ROWS_ONLY[2], row("dan", 5)))
    drawn, outcome = made_up(nights, told="complete pass")
    outcome.processes[1].requests, outcome.processes[2].requests = [], DELETE
    assert not removed_wrongly(drawn, outcome)


def test_a_version_activated_before_its_rows_removes_nobody_at_once() -> None:
    nights = tuple((ACTIVATE, *night) for night in ROWS_ONLY)
    assert removed_wrongly(*made_up(nights, told="version before"))


@pytest.mark.parametrize("confirms", [False, True])
def test_more_than_may_be_removed_at_once_are_held_back(*, confirms: bool) -> None:
    drawn, outcome = made_up()
    drawn.settings["max_removed_percent"] = 10
    outcome.processes[1].confirms = confirms
    assert removed_wrongly(drawn, outcome) != confirms


def test_a_row_without_identity_proves_nothing() -> None:
    nobody = Step("row", "customers", "", {"external_id": None, "number": 9}, state=True)
    nights = (NIGHTS[0], (nobody, *NIGHTS[1]), NIGHTS[2])
    assert removed_wrongly(*made_up(nights))


@pytest.mark.parametrize(("back_first", "wrong"), [(False, False), (True, True)])
def test_a_user_that_the_log_brought_back_stays(*, back_first: bool, wrong: bool) -> None:
    gone = Step("deleted", "customers", "cyd", {"external_id": "cyd"}, state=True)
    nights = (ROWS_ONLY[0], (gone, row("cyd", 5)), ())
    drawn, outcome = made_up(nights, told="deleted rows")
    back = [upsert(("cyd", 5))]
    outcome.processes[1].requests = [*back, *DELETE] if back_first else [*DELETE, *back]
    assert removed_wrongly(drawn, outcome) == wrong


def test_a_user_that_another_stream_feeds_stays() -> None:
    drawn, outcome = made_up()
    contact = {"external_id": "cyd", "number": 7, "city": "Perth"}
    drawn.feed = Feed({"customers": "version after", "contacts": "deleted rows"}, NIGHTS)
    step = Step("row", "contacts", "cyd", contact)
    outcome.processes[0].given = [*outcome.processes[0].given, (1, step)]
    assert removed_wrongly(drawn, outcome)
