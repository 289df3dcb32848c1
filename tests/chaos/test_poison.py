"""A batch refused whole: only the guilty are rejected, and few requests tell who they are."""

from __future__ import annotations

import json
from math import ceil, log2

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from target_spotzee.sandbox.problems import ParamStyle
from tests import tap
from tests.process import Target

USERS = 100


@pytest.mark.parametrize(
    ("guilty", "status"),
    [
        pytest.param([0], 422, id="first"),
        pytest.param([50], 422, id="middle"),
        pytest.param([99], 413, id="last, too large"),
        pytest.param([0, 99], 422, id="both ends"),
        pytest.param([12, 13, 61], 400, id="three"),
        pytest.param([*range(0, USERS, 9)], 422, id="each ninth"),
        pytest.param([*range(USERS)], 422, id="all"),
    ],
)
def test_only_the_guilty_are_rejected_when_nobody_is_named(
    target: Target,
    sandbox: Sandbox,
    guilty: list[int],
    status: int,
) -> None:
    users = [str(number) for number in guilty]
    fault = Fault(effect="refuse_batch", external_id=users, status=status, named=False)
    sandbox.faults.add(fault)
    assert_only_rejected(target, sandbox, guilty)
    assert len(sandbox.requests) <= 2 * len(guilty) * ceil(log2(USERS)) + 1


@pytest.mark.parametrize(
    ("guilty", "style"),
    [([0], "dot"), ([12, 13, 99], "bracket"), ([*range(USERS)], "pointer")],
    ids=["one", "three", "all"],
)
def test_two_requests_do_when_the_guilty_are_named(
    target: Target,
    sandbox: Sandbox,
    guilty: list[int],
    style: ParamStyle,
) -> None:
    sandbox.options.param_style = style
    users = [str(number) for number in guilty]
    sandbox.faults.add(Fault(effect="refuse_batch", external_id=users))
    assert_only_rejected(target, sandbox, guilty)
    assert len(sandbox.requests) <= 2


def assert_only_rejected(target: Target, sandbox: Sandbox, guilty: list[int]) -> None:
    """Load a hundred users and check who arrived and who was kept."""
    lines = [tap.schema(), *(tap.record(id=number) for number in range(USERS))]
    result = target.run([*lines, tap.state({"read": USERS})])
    assert result.exit_code == 3, result.stderr
    assert result.states == [{"read": USERS}]
    assert set(sandbox.users) == {str(n) for n in range(USERS) if n not in guilty}
    kept = [json.loads(line) for line in target.rejects_path.read_text().splitlines()]
    rejected = [message["record"]["id"] for message in kept if message["type"] == "RECORD"]
    assert sorted(rejected) == guilty
