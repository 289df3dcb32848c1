"""What goes wrong in a night, drawn. Pure."""

from __future__ import annotations

import random
import signal
from dataclasses import replace
from typing import Any

from target_spotzee.sandbox import Fault
from tests.chaos.scenario import PAST, ROWS, Kind, Scenario, Trouble

_BY_NAME = {row.name: row for row in ROWS}
_REFUSALS = ("items refused", "batch refused, guilty named", "batch refused, nobody named")
_UNKEYED = ("the same, keys not enforced", "the same, keys not enforced yet")
_FATAL = ("redirect", "402 quota")
_FROM_OUTSIDE: tuple[Kind, ...] = ("refuse", "stdin cut", "stdout closed", "disk full")
_STOPPING = (signal.SIGTERM, signal.SIGINT)


def befall(rng: random.Random, scenario: Scenario, *, may_reject: bool) -> None:
    """Let things go wrong in a night.

    Args:
        rng: The dice.
        scenario: The night's; faults and troubles are added to it.
        may_reject: Whether Spotzee may refuse users that are all right.
    """

    def draw(*names: str) -> None:
        fits = [name for name in names if scenario.delivery in _BY_NAME[name].deliveries]
        _BY_NAME[rng.choice(fits)].draw(rng, scenario)

    for _ in range(rng.choice([0, 1, 1, 2])):
        draw(*(row.name for row in ROWS if row.mends))
    if rng.random() < 0.5:
        scenario.faults += [_on_removal(rng), _on_reading(rng)]
    if rng.random() < 0.1:
        draw(*_UNKEYED)
    if may_reject and scenario.feed.owners and rng.random() < 0.15:
        draw(*_REFUSALS)
    if rng.random() < 0.15:
        if rng.random() < 0.5:
            draw(*_FATAL)
        else:
            _refuse_key(rng, scenario)
    if rng.random() < 0.5:
        scenario.troubles += [_trouble(rng) for _ in range(rng.randint(1, 2))]
    # Several at once would hit the same request until its budget of retries is spent.
    scenario.faults = [
        replace(fault, probability=fault.probability / len(scenario.faults))
        if fault.probability
        else fault
        for fault in scenario.faults
    ]


def kill_sending(rng: random.Random, scenario: Scenario) -> None:
    """Have a night's first process killed once it has sent users, and before it knows their fate.

    Args:
        rng: The dice.
        scenario: The night's, whose other troubles are dropped.
    """
    scenario.faults = [fault for fault in scenario.faults if fault not in scenario.fatal]
    scenario.fatal = []
    method = "POST" if scenario.delivery == "sync" else "PATCH"
    milliseconds = rng.choice([0, 0, rng.randint(1, 20)])
    kill = Trouble("signal", requests=rng.randint(1, 3), method=method, milliseconds=milliseconds)
    scenario.troubles = [kill]


def _on_removal(rng: random.Random) -> Fault:
    effect: Any = rng.choice(
        ["reset_before", "reset_after", "stall_after", "late", "status", "rate_limited", "garbage"]
    )
    seconds = rng.choice([0.1, 0.4, 0.8]) if effect == "late" else 20
    return Fault(
        effect=effect,
        method="DELETE",
        probability=rng.choice([0.3, 1.0]),
        times=2,
        status=503 if effect == "status" else None,
        retry_after=rng.choice([None, 1, PAST]),
        seconds=seconds,
    )


def _on_reading(rng: random.Random) -> Fault:
    effect: Any = rng.choice(
        ["reset_before", "reset_after", "stall", "status", "rate_limited", "garbage", "truncated"]
    )
    return Fault(
        effect=effect,
        method="GET",
        probability=rng.choice([0.1, 0.3]),
        times=3,
        status=rng.choice([500, 502, 503]) if effect == "status" else None,
        seconds=20,
    )


def _refuse_key(rng: random.Random, scenario: Scenario) -> None:
    # No 404 here: said of a user, it means that the user is gone.
    fault = Fault(effect="status", status=rng.choice([401, 403]), nth=[rng.randint(1, 12)], times=1)
    scenario.faults.insert(0, fault)
    scenario.fatal.append(fault)


def _trouble(rng: random.Random) -> Trouble:
    """Return a signal at any moment, or something else from outside.

    Many moments are short: the start, with the snapshot being opened; a removal under way; the end.
    """
    if rng.random() < 0.25:
        kind = rng.choice(_FROM_OUTSIDE)
        states, requests = rng.choice([(rng.randint(1, 3), 0), (0, rng.randint(1, 9))])
        return Trouble(
            kind,
            states=rng.randint(1, 3) if kind == "stdout closed" else states,
            requests=requests,
            share=rng.random(),
            bytes=rng.choice([rng.randint(1, 4000), rng.randint(4000, 120_000)]),
        )
    killed = rng.random() < 0.6
    signum = signal.SIGKILL if killed else rng.choice(_STOPPING)
    milliseconds = rng.choice([0, rng.randint(1, 30), rng.randint(1, 300)])
    match rng.choice(["start" if killed else "states", "states", "requests", "removal"]):
        case "start":
            return Trouble("signal", milliseconds=rng.randint(300, 1500))
        case "states":
            states = rng.randint(1, 6)
            return Trouble("signal", states=states, signum=signum, milliseconds=milliseconds)
        case "requests":
            requests = rng.randint(1, 8)
            return Trouble("signal", requests=requests, signum=signum, milliseconds=milliseconds)
    return Trouble(
        "signal",
        requests=rng.randint(1, 3),
        method=rng.choice(["DELETE", "GET"]),
        signum=signum,
        milliseconds=milliseconds,
    )
