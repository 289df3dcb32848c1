"""Nights drawn from a seed: what the source says, and what befalls each of them. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.consent.source import BUSY_NIGHTS, Night, draw
from tests.chaos.feed import Feed
from tests.chaos.mirror.befall import befall, kill_sending
from tests.chaos.scenario import Scenario, usual_settings
from tests.consents import HABITS, TYPES

POLICIES = ("never", "unless_opted_out", "follow")
Cell = tuple[str, str, str, int]
"""A line of the table: the policy, the delivery, with or without snapshot, how many in flight."""
CELLS: tuple[Cell, ...] = tuple(
    (policy, delivery, memory, in_flight)
    for policy in POLICIES
    for delivery in ("sync", "async")
    for memory in ("snapshot", "none")
    for in_flight in (1, 8)
)


@dataclass
class Consent:
    """Some nights.

    Attributes:
        seed: What they were drawn from.
        cell: Their place in the table.
        nights: What the source says.
        scenarios: What befalls each of them.
        states: After which of its rows each night has a STATE.
    """

    seed: int
    cell: Cell
    nights: list[Night]
    scenarios: list[Scenario]
    states: list[frozenset[int]]

    @property
    def follows(self) -> bool:
        """Whether a yes is sent over whatever was said in Spotzee."""
        return self.cell[0] == "follow"

    @property
    def remembers(self) -> bool:
        """Whether there is a snapshot."""
        return self.cell[2] == "snapshot"

    def first(self, night: int) -> int:
        """Return how many rows came before a night."""
        return sum(len(each.rows) for each in self.nights[:night])


def consent(seed: int) -> Consent:
    """Draw the nights of a seed; seeds in a row go round all the table's cells."""
    cell = CELLS[seed % len(CELLS)]
    policy, delivery, memory, in_flight = cell
    rng = random.Random(f"consent {seed}")
    remembers = memory == "snapshot"
    deletes = remembers and delivery == "sync" and rng.random() < 0.6
    nights = draw(rng, remembers=remembers, deletes=deletes)
    sandbox = {
        "seed": seed,
        "latency_ms": rng.choice([0, 0, 3]),
        "queue_delay": rng.choice([0, 0.05, 0.2]),
        "delete_delay": rng.choice([0, 0.1]),
        "subscription_types": TYPES,
        "watch": True,
        **HABITS,
    }
    entry = {
        "mapping": {"external_id": "id"},
        "subscriptions": {"Newsletter": "wants_mail", "2": "!no_texts"},
        "opt_in": policy,
    }
    settings: dict[str, Any] = {
        **usual_settings(rng, delivery, in_flight),
        "streams": {"customers": entry, "contacts": {"mapping": {"external_id": "id"}}},
        "removed_users": "delete" if deletes else None,
        "resend_after_days": rng.choice([30, 30, 0]),
    }
    scenarios = []
    for number, night in enumerate(nights):
        feed = _records(night)
        scenario = Scenario(seed, "", delivery, in_flight, feed, sandbox=sandbox, settings=settings)
        if number < BUSY_NIGHTS:
            befall(rng, scenario, may_reject=True)
            if rng.random() < 0.3:
                kill_sending(rng, scenario)
        # A list of states that lacks one can't be told from a user who has none.
        scenario.faults = [
            replace(fault, method="POST")
            if fault.effect.startswith("results") and fault.method is None
            else fault
            for fault in scenario.faults
        ]
        scenarios.append(scenario)
    states = [
        frozenset(place for place in range(len(night.rows)) if rng.random() < 0.1)
        for night in nights
    ]
    return Consent(seed, cell, nights, scenarios, states)


def _records(night: Night) -> Feed:
    """Return a night's rows as those who draw faults want them."""
    rows = night.rows
    return Feed(
        [row.user for row in rows],
        [row.columns for row in rows],
        [row.stream for row in rows],
        frozenset(),
        frozenset(),
    )
