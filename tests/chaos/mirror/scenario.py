"""A run over several nights drawn from its seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.feed import Feed as Records
from tests.chaos.mirror import feed
from tests.chaos.mirror.befall import befall, kill_sending
from tests.chaos.mirror.feed import SIGNALS, Feed, Signal
from tests.chaos.mirror.nights import QUIET_NIGHTS, draw_feed
from tests.chaos.mirror.source import MAIN, SECOND, Habits
from tests.chaos.scenario import Scenario, usual_settings

REMOVED = ("delete", "mark", "keep")
Cell = tuple[str, str, str, int]
"""A line of the table: the signal, ``removed_users``, the delivery, how many are in flight."""

CELLS: tuple[Cell, ...] = tuple(
    (signal, removed, delivery, in_flight)
    for removed in REMOVED
    for signal in SIGNALS
    for delivery in ("sync", "async")
    for in_flight in (1, 8)
)


@dataclass
class Night:
    """What befalls one night.

    Attributes:
        scenario: Spotzee's faults, the troubles of processes, and the settings.
        quiet: Whether nothing fails and nothing has changed.
        confirms: Whether removals are confirmed by the option.
        gives_up: Whether nobody starts the run again that night when it has failed.
    """

    scenario: Scenario
    quiet: bool = False
    confirms: bool = False
    gives_up: bool = False

    @property
    def suspects(self) -> frozenset[str]:
        """The users whose records may be rejected."""
        owners = self.scenario.feed.owners
        return frozenset(owners[number - 1] for number in self.scenario.suspects or ())


@dataclass
class Mirror:
    """A run over several nights.

    Attributes:
        seed: What it was drawn from.
        cell: Its place in the table.
        feed: What the tap prints.
        nights: What befalls each night.
        sandbox: Options of the local Spotzee.
        settings: Of the target, less the path of the snapshot.
        habits: What the source is like.
    """

    seed: int
    cell: Cell
    feed: Feed
    nights: list[Night]
    sandbox: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    habits: Habits = field(default_factory=Habits)

    @property
    def removed(self) -> str:
        """What becomes of users that left."""
        return self.cell[1]

    @property
    def is_sync(self) -> bool:
        """Whether each write is confirmed."""
        return self.cell[2] == "sync"

    @property
    def skips(self) -> bool:
        """Whether records that did not change are not sent."""
        return self.is_sync and self.settings.get("resend_after_days") != 0

    @property
    def shows_at_once(self) -> bool:
        """Whether what Spotzee has accepted can be seen at once."""
        return self.is_sync or not self.sandbox.get("queue_delay")

    @property
    def most_percent(self) -> int:
        """The share of a stream's users that may be removed at once."""
        return int(self.settings["max_removed_percent"])


def mirror(seed: int) -> Mirror:
    """Draw the run of a seed; seeds in a row go round all the table's cells."""
    cell = CELLS[seed % len(CELLS)]
    rng = random.Random(f"mirror {seed}")
    signals = _signals(rng, cell[0])
    sandbox = _sandbox(rng, seed)
    logs = {signal == "deleted rows" for signal in signals.values()}
    habits = Habits(
        leaves=rng.choice([0.02, 0.05, 0.1]),
        joins=rng.choice([0.0, 0.03, 0.08]),
        at_the_end=rng.random() < 0.5,
        sparse=rng.random() < 0.2,
        phones=rng.random() < 0.3,
        claims=cell[2] == "sync" and rng.random() < 0.15,
        respells=sandbox["case_blind"] and logs == {False} and rng.random() < 0.6,
        # A table that is read anew beside a log would write the attribute in another order.
        overlap=len(logs) == 1 and rng.random() < 0.3,
    )
    drawn = draw_feed(rng, signals, habits)
    settings = _settings(rng, cell, signals)
    confirms = settings["max_removed_percent"] < 100 or rng.random() < 0.4
    nights = []
    for number in range(len(drawn.nights)):
        records = _records(drawn, number)
        # They share the settings, and the Spotzee: a fault may have its way of being drawn there.
        scenario = Scenario(seed, "", cell[2], cell[3], records, sandbox=sandbox, settings=settings)
        quiet = number >= len(drawn.nights) - QUIET_NIGHTS
        night = Night(scenario, quiet, confirms if quiet else rng.random() < 0.15)
        if not quiet:
            # Rows that lack columns, or that a log tells once, don't mend what was rejected.
            mends = not habits.sparse and logs == {False}
            befall(rng, scenario, may_reject=mends)
            fails = bool(scenario.troubles or scenario.fatal)
            # What half a pass has written is known only where the next one writes it all anew.
            night.gives_up = fails and not habits.sparse and rng.random() < 0.4
        nights.append(night)
    if not habits.sparse and rng.random() < 0.5:
        # What is sent then may be taken back by the next night: who trusts that it was not applied,
        # or that it was, is wrong.
        night = nights[rng.randrange(1, len(nights) - QUIET_NIGHTS)]
        kill_sending(rng, night.scenario)
        night.gives_up = True
    return Mirror(seed, cell, drawn, nights, sandbox, settings, habits)


def _signals(rng: random.Random, main: str) -> dict[str, Signal]:
    signals: dict[str, Signal] = {MAIN: next(signal for signal in SIGNALS if signal == main)}
    if rng.random() < 0.5:
        signals[SECOND] = signals[MAIN] if rng.random() < 0.6 else rng.choice(SIGNALS)
    return signals


def _sandbox(rng: random.Random, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "latency_ms": rng.choice([0, 0, 3]),
        "case_blind": rng.random() < 0.4,
        "phone_attributes": rng.random() < 0.3,
        "phone_wipes": rng.random() < 0.3,
        "doubles": rng.random() < 0.3,
        "queue_delay": rng.choice([0, 0, 0.05, 0.2]),
        "delete_delay": rng.choice([0, 0, 0.1, 0.4]),
    }


def _settings(rng: random.Random, cell: Cell, signals: dict[str, Signal]) -> dict[str, Any]:
    _, removed, delivery, in_flight = cell
    entries = {stream: feed.mapping(stream) for stream in signals}
    everywhere = rng.random() < 0.5
    for stream, signal in signals.items():
        if signal == "complete pass":
            entries[stream]["complete_pass"] = True
        if not everywhere:
            entries[stream]["removed_users"] = removed
    return {
        **usual_settings(rng, delivery, in_flight),
        "streams": entries,
        "removed_users": removed if everywhere else None,
        "max_removed_percent": rng.choice([100, 100, 10, 3]),
        "resend_after_days": rng.choice([30, 30, 30, 0]),
    }


def _records(drawn: Feed, night: int) -> Records:
    """Return a night's records as those who draw faults want them."""
    rows = [step for step in drawn.nights[night] if step.what == "row" and step.user]
    return Records(
        [step.user for step in rows],
        [step.row or {} for step in rows],
        [step.stream for step in rows],
        frozenset(),
        frozenset(),
    )
