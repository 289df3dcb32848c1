"""A judge that misses nothing: each broken promise, made up, is found."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.feed import Feed
from tests.chaos.run import Leg, Look, Outcome
from tests.chaos.scenario import Scenario, Trouble
from tests.chaos.verdict import judge

FEED = Feed(
    owners=["ada", "bob", "ada"],
    records=[
        {"external_id": "ada", "email": "a1@example.test", "plan": "free"},
        {"external_id": "bob", "plan": "pro"},
        {"external_id": "ada", "plan": None},
    ],
    streams=["customers"] * 3,
    states=frozenset({2, 3}),
    schemas=frozenset(),
)
SUMMARY: dict[str, Any] = {
    "exit_code": 0,
    "records": {"read": 3, "confirmed": 3, "rejected": 0},
    "streams": {},
}


def user(email: str | None, plan: str | None) -> dict[str, Any]:
    return {"email": email, "phone": None, "timezone": None, "locale": None, "data": {"plan": plan}}


def made_up() -> tuple[Scenario, Outcome]:
    """Return a run in which every promise was kept."""
    early = {"ada": user("a1@example.test", "free"), "bob": user(None, "pro")}
    users = {**early, "ada": user("a1@example.test", None)}
    leg = Leg(
        None,
        exit_code=0,
        out=[b'{"read": 2}\n', b'{"read": 3}\n'],
        looks=[Look(2, early, frozenset()), Look(3, users, frozenset())],
        summary=SUMMARY,
    )
    return Scenario(0, "none", "sync", 1, FEED), Outcome([leg], users, frozenset(), [])


def kinds(scenario: Scenario, outcome: Outcome) -> set[str]:
    return {problem.kind for problem in judge(scenario, outcome)}


def test_where_all_is_well_nothing_is_found() -> None:
    assert judge(*made_up()) == []


def drop_user(outcome: Outcome) -> None:
    del outcome.users["bob"]


def drop_field(outcome: Outcome) -> None:
    outcome.users["ada"] = user(None, None)


def bring_back(outcome: Outcome) -> None:
    outcome.users["ada"] = user("a1@example.test", "free")


def reject_for_nothing(outcome: Outcome) -> None:
    outcome.rejected = frozenset({2})


def print_too_early(outcome: Outcome) -> None:
    outcome.legs[0].looks[0] = Look(2, {"ada": user("a1@example.test", "free")}, frozenset())


def end_with_one(outcome: Outcome) -> None:
    outcome.legs[0].exit_code = 1


def hang(outcome: Outcome) -> None:
    outcome.legs[0].exit_code = None


def end_late(outcome: Outcome) -> None:
    outcome.legs[0].seconds_to_exit = 11.0


def print_twice(outcome: Outcome) -> None:
    outcome.legs[0].looks.append(outcome.legs[0].looks[-1])
    outcome.legs[0].out.append(b'{"read": 3}\n')


def print_something_else(outcome: Outcome) -> None:
    outcome.legs[0].out.append(b"done!\n")


def forget_the_last_state(outcome: Outcome) -> None:
    outcome.legs[0].looks.pop()
    outcome.legs[0].out.pop()


def tell_the_key(outcome: Outcome) -> None:
    outcome.legs[0].err = "Bearer sk_sandbox"


def lose_count(outcome: Outcome) -> None:
    records = {"read": 3, "confirmed": 2, "rejected": 0}
    outcome.legs[0].summary = {**SUMMARY, "records": records}


def overlap(outcome: Outcome) -> None:
    outcome.overlaps.append("external_id:ada")


@pytest.mark.parametrize(
    ("break_it", "kind"),
    [
        (drop_user, "missing"),
        (drop_field, "missing"),
        (reject_for_nothing, "missing"),
        (bring_back, "stale"),
        (print_too_early, "ahead"),
        (end_with_one, "exit"),
        (hang, "exit"),
        (end_late, "exit"),
        (print_twice, "other"),
        (print_something_else, "other"),
        (forget_the_last_state, "other"),
        (tell_the_key, "other"),
        (lose_count, "other"),
        (overlap, "other"),
    ],
)
def test_each_broken_promise_is_found(break_it: Callable[[Outcome], None], kind: str) -> None:
    scenario, outcome = made_up()
    break_it(outcome)
    assert kind in kinds(scenario, outcome)


def test_what_was_rejected_need_not_be_there() -> None:
    scenario, outcome = made_up()
    scenario.suspects = frozenset({2})
    outcome.rejected = outcome.legs[0].rejected = frozenset({2})
    outcome.legs[0].looks = [
        replace(look, rejected=frozenset({2})) for look in outcome.legs[0].looks
    ]
    outcome.legs[0].exit_code = 3
    outcome.legs[0].summary = {**SUMMARY, "exit_code": 3}
    drop_user(outcome)
    del outcome.legs[0].looks[0].users["bob"]
    assert judge(scenario, outcome) == []


def test_a_signal_promises_its_own_exit_code() -> None:
    scenario, outcome = made_up()
    outcome.legs[0].trouble = Trouble("signal", signum=signal.SIGTERM)
    outcome.legs[0].struck = True
    outcome.legs[0].exit_code = 143
    outcome.legs[0].summary = {**SUMMARY, "exit_code": 143}
    assert judge(scenario, outcome) == []
    outcome.legs[0].exit_code = 130
    assert "exit" in kinds(scenario, outcome)


@pytest.mark.parametrize(
    ("first_stream", "plan", "found"),
    [
        ("customers", None, set()),  # superseded by the third record, so passed over
        ("customers", "free", {"stale"}),
        ("contacts", "free", set()),  # another stream's, so sent again
        ("contacts", None, {"stale"}),
    ],
)
def test_a_first_record_that_was_rejected_and_sent_again(
    first_stream: str, plan: str | None, found: set[str]
) -> None:
    scenario, outcome = made_up()
    scenario.feed = replace(FEED, streams=[first_stream, "customers", "customers"])
    outcome.rejected = frozenset({1})
    outcome.replays = [replace(outcome.legs[0]), replace(outcome.legs[0])]
    outcome.replayed = {**outcome.users, "ada": user("a1@example.test", plan)}
    again = [p for p in judge(scenario, outcome) if "sent again: ada" in p.text]
    assert {problem.kind for problem in again} == found
