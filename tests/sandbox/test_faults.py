from __future__ import annotations

from typing import Any

import pytest

from target_spotzee.sandbox.faults import EFFECTS, Fault, Faults


def hits(count: int, *faults: Fault, path: str = "/users/batch") -> list[int]:
    """The numbers of the requests, out of ``count``, that are hit."""
    chooser = Faults(seed=1)
    chooser.replace(faults)
    return [n for n in range(1, count + 1) if chooser.choose("POST", path, ["ada"])]


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"first": 2}, [1, 2]),
        ({"nth": [2, 5]}, [2, 5]),
        ({"every": 3}, [3, 6]),
        ({"times": 1}, [1]),
        ({"every": 2, "times": 2}, [2, 4]),
        ({"method": "POST", "path": "/users/batch"}, [1, 2, 3, 4, 5, 6]),
        ({"method": "PATCH"}, []),
        ({"path": "/users"}, []),
        ({"external_id": "ada"}, [1, 2, 3, 4, 5, 6]),
        ({"external_id": ["bob", "ada"]}, [1, 2, 3, 4, 5, 6]),
        ({"external_id": "bob"}, []),
        ({"probability": 0.0}, []),
        ({"probability": 1.0, "first": 1}, [1]),
    ],
)
def test_a_rule_hits_what_meets_all_its_matchers(
    matchers: dict[str, Any], expected: list[int]
) -> None:
    assert hits(6, Fault(effect="status", **matchers)) == expected


def test_chance_is_the_same_for_the_same_seed() -> None:
    fault = Fault(effect="status", probability=0.3)

    assert hits(1000, fault) == hits(1000, fault)
    assert 200 < len(hits(1000, fault)) < 400


def test_a_rule_counts_only_the_requests_it_is_for() -> None:
    faults = Faults()
    faults.add(Fault(effect="status", path="/users", nth=[2]))

    chosen = [
        bool(faults.choose("POST", path, ()))
        for path in ("/users", "/users/batch", "/users/batch", "/users")
    ]

    assert chosen == [False, False, False, True]


def test_the_first_rule_that_strikes_wins() -> None:
    first, second = Fault(effect="stall", nth=[2]), Fault(effect="status")
    faults = Faults()
    faults.add(first, second)

    assert [faults.choose("POST", "/users", ()) for _ in range(3)] == [[second], [first], [second]]
    assert (faults.hits(first), faults.hits(second)) == (1, 2)


def test_item_errors_add_up() -> None:
    ada = Fault(effect="item_error", external_id="ada", code="rate_limited")
    bob = Fault(effect="item_error", external_id="bob")
    faults = Faults()
    faults.add(ada, Fault(effect="status", nth=[2]), bob)

    assert faults.choose("POST", "/users", ["ada", "bob", "eve"]) == [ada, bob]


def test_rules_can_be_replaced() -> None:
    faults = Faults()
    faults.add(Fault(effect="stall"))
    faults.replace()

    assert faults.choose("POST", "/users", ()) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"effect": "nonsense"},
        {"effect": "item_error"},
        {"effect": "refuse_batch"},
        {"effect": "stall", "unheard_of": 1},
        {},
    ],
)
def test_a_wrong_rule_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"effect|needs|fault"):
        Fault.from_json(rule)


def test_a_rule_from_json_is_the_same_rule() -> None:
    assert Fault.from_json({"effect": "status", "nth": [1]}) == Fault(effect="status", nth=[1])
    assert len(EFFECTS) == 23
