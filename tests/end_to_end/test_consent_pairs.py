"""The nine pairs: what the source says, and what Spotzee has, under each policy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.consents import EMAIL, TEXT, Consenting, customer
from tests.nights import counts

NONE = None
AFTER: dict[tuple[bool | None, int | None], dict[str, int | None]] = {
    # What the source says, and the state before: the state after, by policy.
    (True, 1): {"never": 1, "unless_opted_out": 1, "follow": 1},
    (True, 0): {"never": 0, "unless_opted_out": 0, "follow": 1},
    (True, NONE): {"never": NONE, "unless_opted_out": 1, "follow": 1},
    (False, 1): {"never": 0, "unless_opted_out": 0, "follow": 0},
    (False, 0): {"never": 0, "unless_opted_out": 0, "follow": 0},
    (False, NONE): {"never": 0, "unless_opted_out": 0, "follow": 0},
    (None, 1): {"never": 1, "unless_opted_out": 1, "follow": 1},
    (None, 0): {"never": 0, "unless_opted_out": 0, "follow": 0},
    (None, NONE): {"never": NONE, "unless_opted_out": NONE, "follow": NONE},
}
POLICIES = ("never", "unless_opted_out", "follow")


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("delivery", ["sync", "async"])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("says", "before"), AFTER)
def test_pair(
    source: Consenting,
    says: bool | None,
    before: int | None,
    policy: str,
    delivery: str,
    remembers: bool,
) -> None:
    source.there("u", {} if before is None else {EMAIL: before, TEXT: before})
    config: dict[str, Any] = {"delivery": delivery}
    if not remembers:
        config["snapshot_path"] = None
    no = None if says is None else not says
    for night in range(2):
        ended = source.give(
            customer("u", wants_mail=says, no_texts=no, plan=night), opt_in=policy, **config
        )
        assert ended.code == 0
        after = AFTER[says, before][policy]
        states = source.states["u"]
        assert (states.get(EMAIL), states.get(TEXT)) == (after, after)
        assert source.users["u"]["email"] == "u@example.test"
        assert source.users["u"]["data"]["plan"] == night
        assert not {"wants_mail", "no_texts"} & source.users["u"]["data"].keys()
        assert sum(counts(ended).values()) == 2
    assert policy == "follow" or source.resubscribed() == []
    if remembers and delivery == "sync":
        again = source.give(customer("u", wants_mail=says, no_texts=no, plan=1), opt_in=policy)
        assert counts(again) == {"read": 1, "unchanged": 1}


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("delivery", ["sync", "async"])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("says", [True, False, None])
def test_a_user_that_is_new(
    source: Consenting, says: bool | None, policy: str, delivery: str, remembers: bool
) -> None:
    config: dict[str, Any] = {"delivery": delivery}
    if not remembers:
        config["snapshot_path"] = None
    no = None if says is None else not says
    ended = source.give(customer("u", wants_mail=says, no_texts=no), opt_in=policy, **config)
    state = 0 if says is False else 1  # Spotzee subscribes whom it creates
    assert ended.code == 0
    assert source.states["u"] == {EMAIL: state, TEXT: state}
    assert (source.users["u"]["email"], source.users["u"]["phone"]) == (
        "u@example.test",
        "+61400123456",
    )
    assert source.reached("u") == source.reached("u", TEXT) == (says is not False)
