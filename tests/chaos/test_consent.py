"""Nights of yes and no: a judge that misses nothing, and a short run of the harness."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from target_spotzee.sandbox.subscriptions import Moment
from tests.chaos.consent.finding import find
from tests.chaos.consent.run import Outcome, Played
from tests.chaos.consent.scenario import CELLS, Cell, Consent, consent
from tests.chaos.consent.source import NIGHTS, Night, Row
from tests.chaos.consent.verdict import judge
from tests.chaos.run import Leg
from tests.consents import EMAIL, TEXT

SEEDS = (0, 7, 9, 14, 20)
"""A few lines of the table: each policy, both deliveries, with and without a snapshot."""

SAID = {"id": "ada", "email": "ada@example.test", "phone": "+61400000001", "number": 1}
OUT, REACHED = Moment("ada", None, {EMAIL: 0}, frozenset()), frozenset({EMAIL})


def test_nights_across_the_table_keep_every_promise() -> None:
    with ThreadPoolExecutor(2) as pool:
        findings = list(pool.map(find, SEEDS))
    broken = [
        f"{problem.kind}: {problem.text}; again: tests.chaos --consent --seed {found.seed}"
        for found in findings
        for problem in found.problems
    ]
    assert broken == []


def test_seeds_draw_the_same_nights_each_time_and_go_round_all_lines() -> None:
    assert [consent(seed) for seed in range(20)] == [consent(seed) for seed in range(20)]
    assert {consent(seed).cell for seed in range(len(CELLS))} == set(CELLS)


def drawn(policy: str = "never", *, word: bool | None = False) -> Consent:
    words = {("ada", EMAIL): word, ("ada", TEXT): None}
    nights = [Night([Row("customers", "ada", SAID)], words) for _ in range(NIGHTS)]
    cell: Cell = (policy, "sync", "snapshot", 1)
    return Consent(0, cell, nights, [], [])


def played(*moments: Moment, state: int = 0, email: str | None = SAID["email"]) -> Outcome:  # type: ignore[assignment]
    """Return nights of which the first had these moments."""
    legs = [Leg(None, exit_code=0)]
    nights = [Played(legs, {}, [*moments])]
    nights += [Played(legs, {"ada": {EMAIL: state}}, []) for _ in range(NIGHTS - 1)]
    return Outcome(nights, {"ada": {**SAID, "email": email}}, {"ada": {EMAIL: state}})


def kinds(consent: Consent, outcome: Outcome) -> set[str]:
    return {problem.kind for problem in judge(consent, outcome)}


def test_a_run_that_kept_every_promise_has_no_problems() -> None:
    assert kinds(drawn(), played(OUT)) == set()


@pytest.mark.parametrize("policy", ["never", "unless_opted_out", "follow"])
def test_who_said_no_and_could_be_reached_for_a_moment(policy: str) -> None:
    reached = Moment("ADA", None, {}, REACHED)
    assert kinds(drawn(policy), played(reached, OUT)) == {"reached"}


def test_who_was_subscribed_again() -> None:
    again = Moment("ada", None, {EMAIL: 1}, REACHED)
    assert kinds(drawn(word=True), played(OUT, again, state=1)) == {"reached", "resubscribed"}
    assert kinds(drawn("follow", word=True), played(OUT, again, state=1)) == set()


def test_what_is_missing_in_the_end() -> None:
    assert kinds(drawn(), played(OUT, state=1)) == {"no opt-out"}
    assert kinds(drawn(), played(OUT, email=None)) == {"no address"}
