"""Lets the nights happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from target_spotzee.sandbox import Sandbox
from target_spotzee.sandbox.subscriptions import Moment
from tests.chaos.consent.scenario import Consent
from tests.chaos.consent.source import lines
from tests.chaos.run import Leg, Stage, Users
from tests.process import Target

States = dict[str, dict[int, int]]


@dataclass
class Played:
    """How a night went.

    Attributes:
        legs: Its processes.
        before: The states that Spotzee had when it began.
        moments: How users could be reached, from each change on.
    """

    legs: list[Leg]
    before: States
    moments: list[Moment]

    @property
    def well(self) -> bool:
        """Whether its last process came to its end."""
        return self.legs[-1].exit_code in (0, 3, 4)


@dataclass
class Outcome:
    """How all nights went.

    Attributes:
        nights: Each night.
        users: What Spotzee holds in the end.
        states: What users are subscribed to in the end.
        overlaps: Users that two requests carried at once.
    """

    nights: list[Played] = field(default_factory=list)
    users: Users = field(default_factory=dict)
    states: States = field(default_factory=dict)
    overlaps: list[str] = field(default_factory=list)


def play(consent: Consent, folder: Path) -> Outcome:
    """Let the nights happen; their files are in the folder afterwards."""
    outcome = Outcome()
    with Sandbox(**consent.scenarios[0].sandbox) as sandbox:
        target = Target(folder, sandbox.api_url, sandbox.key)
        if consent.remembers:
            target.config["snapshot_path"] = str(folder / "snapshot.sqlite")
        for number, night in enumerate(consent.nights):
            for user in night.erased:
                sandbox._ask(lambda user=user: sandbox._project.delete(user))  # type: ignore[misc]
            there = sandbox.users
            for user, type_ in night.said:
                if user in there:
                    sandbox.say(user, type_, 0)
            sandbox.faults.replace(consent.scenarios[number].faults)
            before, looked_at = sandbox.subscriptions, len(sandbox.moments)
            stage = Stage(consent.scenarios[number], sandbox, target)
            legs = _night(consent, number, stage)
            outcome.nights.append(Played(legs, before, sandbox.moments[looked_at:]))
        outcome.users, outcome.states = sandbox.users, sandbox.subscriptions
        outcome.overlaps = sandbox.overlaps
    return outcome


def _night(consent: Consent, number: int, stage: Stage) -> list[Leg]:
    scenario, rows = consent.scenarios[number], consent.nights[number].rows
    first = consent.first(number)
    position = first
    legs: list[Leg] = []
    for attempt in range(len(scenario.troubles) + len(scenario.fatal) + 2):
        trouble = scenario.troubles[attempt] if attempt < len(scenario.troubles) else None
        leg = stage.leg(trouble, lines(rows, first, position, consent.states[number]))
        legs.append(leg)
        if leg.looks:
            position = leg.looks[-1].position
        stage.settle()
        unheard = trouble is not None and trouble.kind == "stdout closed"
        if leg.exit_code in (0, 3, 4) and not unheard:
            break
    return legs
