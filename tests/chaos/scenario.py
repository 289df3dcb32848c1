"""A run drawn from its seed: who sends what, what goes wrong, and when. Pure."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from target_spotzee.sandbox import Fault
from tests.chaos.feed import Feed, draw

Kind = Literal[
    "signal",
    "refuse",
    "stdin cut",
    "stdout closed",
    "disk full",
    "no TLS",
    "unknown certificate",
    "no host",
]

Cell = tuple[str, str, int]
"""A line of the table: the fault, the delivery, how many are in flight."""

DELIVERIES = ("sync", "async")
IN_FLIGHT = (1, 8)
PAST = "Wed, 21 Oct 2015 07:28:00 GMT"


@dataclass(frozen=True)
class Trouble:
    """What befalls one process from outside.

    Attributes:
        kind: What it is.
        states: It comes once so many states were printed in this process's life.
        requests: Or once Spotzee has got so many more requests.
        method: If not any requests count: only those of this method.
        milliseconds: It comes so much later than that.
        signum: For ``signal``.
        share: For ``stdin cut``: how much of the input arrives.
        bytes: For ``disk full``: how large a file may get.
    """

    kind: Kind
    states: int = 0
    requests: int = 0
    method: str | None = None
    milliseconds: int = 0
    signum: signal.Signals = signal.SIGKILL
    share: float = 1.0
    bytes: int = 0


@dataclass
class Scenario:
    """One run, from the first process to the end of the input.

    Attributes:
        seed: What it was drawn from.
        row: Its line of the table: the fault it is about.
        delivery: ``sync`` or ``async``.
        in_flight: Requests under way at once.
        feed: What the tap sends.
        faults: What Spotzee does, first match wins.
        fatal: Those among them that have to end the process.
        troubles: What befalls the first process, the second, …; later ones are left alone.
        sandbox: Options of the local Spotzee.
        settings: Of the target.
        suspects: Records that may be rejected; ``None``: any.
        ordered: Whether Spotzee applies what it queued in order; if it doesn't, an older value is
            no fault of the target's.
        clock: Whether the wall clock jumps about.
        replay: Whether the rejects are sent again at the end, with their cause mended.
    """

    seed: int
    row: str
    delivery: str
    in_flight: int
    feed: Feed
    faults: list[Fault] = field(default_factory=list)
    fatal: list[Fault] = field(default_factory=list)
    troubles: list[Trouble | None] = field(default_factory=list)
    sandbox: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    suspects: frozenset[int] | None = frozenset()
    ordered: bool = True
    clock: bool = False
    replay: bool = False

    @property
    def cell(self) -> Cell:
        """Its place in the table."""
        return self.row, self.delivery, self.in_flight

    def suspect(self, records: frozenset[int]) -> None:
        """Let more records be ones that may be rejected."""
        if self.suspects is not None:
            self.suspects |= records


Draw = Callable[[random.Random, Scenario], None]


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: The fault in a few words.
        draw: Puts it into a scenario.
        deliveries: Where it can happen.
        alone: No other fault joins it, since what is promised would be hard to say.
        mends: The moment's fault: it may join others.
        few: Few users change all the time, so that their records fold.
    """

    name: str
    draw: Draw
    deliveries: tuple[str, ...] = DELIVERIES
    alone: bool = False
    mends: bool = False
    few: bool = False


def _status(status: int, **more: Any) -> Draw:
    def draw_it(rng: random.Random, scenario: Scenario) -> None:
        scenario.faults.append(_sometimes(rng, "status", status=status, **more))

    return draw_it


def _effect(effect: str, times: int = 2, **more: Any) -> Draw:
    def draw_it(rng: random.Random, scenario: Scenario) -> None:
        scenario.faults.append(_sometimes(rng, effect, times=times, **more))

    return draw_it


def _sometimes(rng: random.Random, effect: Any, *, times: int = 2, **more: Any) -> Fault:
    return Fault(effect=effect, probability=rng.choice([0.1, 0.3, 1.0]), times=times, **more)


def _unavailable(rng: random.Random, scenario: Scenario) -> None:
    retry_after = rng.choice([None, 1, PAST])
    scenario.faults.append(_sometimes(rng, "status", status=503, retry_after=retry_after))


def _limited(retry_after: int | str | None) -> Draw:
    return _effect("rate_limited", times=2, retry_after=retry_after)


def _results(rng: random.Random, scenario: Scenario) -> None:
    scenario.faults += [
        _sometimes(rng, effect) for effect in ("results_short", "results_doubled", "empty")
    ]


def _harmless_results(rng: random.Random, scenario: Scenario) -> None:
    scenario.faults += [
        _sometimes(rng, effect, times=20)
        for effect in ("results_shuffled", "results_no_ids", "results_key")
    ]


def _unknown_code(rng: random.Random, scenario: Scenario) -> None:
    # The user was written, and then called an error that nobody knows: it can only be rejected.
    scenario.faults.append(_sometimes(rng, "results_unknown_code", times=3))
    scenario.suspects = None


def _some_users(rng: random.Random, scenario: Scenario) -> list[str]:
    owners = sorted(set(scenario.feed.owners))
    return rng.sample(owners, min(len(owners), rng.randint(1, 6)))


def _item_again(rng: random.Random, scenario: Scenario) -> None:
    code = rng.choice(["rate_limited", "service_unavailable", "internal_error"])
    users = _some_users(rng, scenario)
    scenario.faults.append(Fault(effect="item_error", code=code, external_id=users, times=3))


def _poison(rng: random.Random, scenario: Scenario) -> list[str]:
    users = _some_users(rng, scenario)
    scenario.suspect(scenario.feed.of(users))
    return users


def _item_refused(rng: random.Random, scenario: Scenario) -> None:
    code = rng.choice([None, "state_conflict"])
    users = _poison(rng, scenario)
    scenario.faults.append(Fault(effect="item_error", code=code, external_id=users))


def _batch_refused(*, named: bool) -> Draw:
    def draw_it(rng: random.Random, scenario: Scenario) -> None:
        status = rng.choice([400, 422] if named else [400, 413, 422])
        users = _poison(rng, scenario)
        scenario.faults.append(
            Fault(effect="refuse_batch", status=status, external_id=users, named=named),
        )
        scenario.sandbox["param_style"] = rng.choice(["dot", "bracket", "pointer"])

    return draw_it


def _lost(rng: random.Random, scenario: Scenario) -> None:
    scenario.faults.append(_sometimes(rng, "late", seconds=rng.choice([0.1, 0.4, 0.8])))


def _late_unkeyed(rng: random.Random, scenario: Scenario) -> None:
    # Applied within timeout_seconds of the attempt, for which the fence stays closed.
    _lost(rng, scenario)
    scenario.sandbox["idempotency"] = False


def _lost_unkeyed(rng: random.Random, scenario: Scenario) -> None:
    scenario.faults.append(_sometimes(rng, "reset_after"))
    scenario.sandbox["idempotency"] = False


def _apart_unkeyed(rng: random.Random, scenario: Scenario) -> None:
    # Refused while folded, then one record at a time, each of which may land after the next.
    users = _poison(rng, scenario)
    scenario.faults.append(Fault(effect="item_error", external_id=users, times=rng.randint(1, 3)))
    _late_unkeyed(rng, scenario)


def _mismatch(rng: random.Random, scenario: Scenario) -> None:
    scenario.faults.append(Fault(effect="mismatch", nth=[rng.randint(1, 9)]))


def _fatal(effect: Any, **more: Any) -> Draw:
    def draw_it(rng: random.Random, scenario: Scenario) -> None:
        fault = Fault(effect=effect, nth=[rng.randint(1, 12)], times=1, **more)
        scenario.faults.insert(0, fault)
        scenario.fatal.append(fault)

    return draw_it


def _refused_key(rng: random.Random, scenario: Scenario) -> None:
    _fatal("status", status=rng.choice([401, 403, 404]))(rng, scenario)


def _some_moment(rng: random.Random, kind: Kind, signum: signal.Signals) -> Trouble:
    if rng.random() < 0.5:
        return Trouble(kind, states=rng.randint(1, 4), signum=signum)
    return Trouble(kind, requests=rng.randint(1, 15), signum=signum)


def _signals(*signums: signal.Signals) -> Draw:
    def draw_it(rng: random.Random, scenario: Scenario) -> None:
        scenario.troubles += [
            _some_moment(rng, "signal", rng.choice(signums)) for _ in range(rng.randint(1, 3))
        ]
        scenario.sandbox.setdefault("latency_ms", 4)

    return draw_it


def _trouble(kind: Kind) -> Draw:
    def draw_it(rng: random.Random, scenario: Scenario) -> None:
        trouble = Trouble(kind, share=rng.random(), states=rng.randint(1, 3))
        scenario.troubles.append(trouble)

    return draw_it


def _refused_connections(rng: random.Random, scenario: Scenario) -> None:
    scenario.troubles.append(_some_moment(rng, "refuse", signal.SIGKILL))


def _disk_full(rng: random.Random, scenario: Scenario) -> None:
    _item_refused(rng, scenario)
    scenario.troubles.append(Trouble("disk full", bytes=rng.randint(1, 1500)))


def _clock(rng: random.Random, scenario: Scenario) -> None:
    scenario.clock = True
    _limited(PAST)(rng, scenario)
    _unavailable(rng, scenario)


def _replay(rng: random.Random, scenario: Scenario) -> None:
    # Refused for some requests only, so that newer records of the same users arrive.
    users = _poison(rng, scenario)
    times = rng.randint(1, 8)
    scenario.faults.append(Fault(effect="item_error", external_id=users, times=times))
    scenario.replay = True


def _nothing(rng: random.Random, scenario: Scenario) -> None:
    """Let all be well."""


def _shuffled(rng: random.Random, scenario: Scenario) -> None:
    scenario.sandbox |= {"shuffle_queue": True, "queue_delay": rng.choice([0.05, 0.2])}
    scenario.ordered = False


def _everything(rng: random.Random, scenario: Scenario) -> None:
    fits = [row for row in ROWS if row.mends and scenario.delivery in row.deliveries]
    for row in rng.sample(fits, 5):
        row.draw(rng, scenario)
    _signals(*_SIGNALS)(rng, scenario)


_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_SYNC = ("sync",)

ROWS = (
    Row("none", _nothing, alone=True),
    Row("429 with Retry-After", _limited(1), mends=True),
    Row("429 without", _limited(None), mends=True),
    Row("500", _status(500), mends=True),
    Row("502 in HTML", _status(502, html=True), mends=True),
    Row("503", _unavailable, mends=True),
    Row("error page of 10 MB", _effect("status", 2, status=502, html=True, huge_bytes=10_000_000)),
    Row("connection refused", _refused_connections),
    Row("reset before it was read", _effect("reset_before"), mends=True),
    Row("reset after it was applied", _effect("reset_after"), mends=True),
    Row("the same, keys not enforced", _lost_unkeyed),
    Row("truncated body", _effect("truncated"), _SYNC, mends=True),
    Row("garbage body", _effect("garbage"), mends=True),
    Row("results short, doubled, none", _results, _SYNC, mends=True),
    Row("results in another form", _harmless_results, _SYNC, mends=True),
    Row("results with unknown codes", _unknown_code, _SYNC),
    Row("items to be tried again", _item_again, _SYNC),
    Row("items refused", _item_refused, _SYNC),
    Row("batch refused, guilty named", _batch_refused(named=True)),
    Row("batch refused, nobody named", _batch_refused(named=False)),
    Row("no answer, not applied", _effect("stall", 2, seconds=20), mends=True),
    Row("no answer, applied", _effect("stall_after", 2, seconds=20), mends=True),
    Row("answer drips", _effect("drip", 2, seconds=0.3), _SYNC, mends=True),
    Row("409 in progress", _effect("in_progress", 2, retry_after=1), mends=True),
    Row("409 key mismatch", _mismatch),
    Row("applied after the answer was lost", _lost, mends=True),
    Row("the same, keys not enforced yet", _late_unkeyed),
    Row("the same, of users taken apart", _apart_unkeyed, _SYNC, few=True),
    Row("redirect", _fatal("redirect")),
    Row("401, 403, 404", _refused_key),
    Row("402 quota", _fatal("quota")),
    Row("no TLS there", _trouble("no TLS")),
    Row("certificate of nobody known", _trouble("unknown certificate")),
    Row("no such host", _trouble("no host")),
    Row("SIGKILL", _signals(signal.SIGKILL)),
    Row("SIGTERM", _signals(signal.SIGTERM)),
    Row("SIGINT", _signals(signal.SIGINT)),
    Row("rejects sent again", _replay, _SYNC, alone=True),
    Row("disk full under the rejects", _disk_full, _SYNC),
    Row("stdout closed", _trouble("stdout closed")),
    Row("stdin cut inside a line", _trouble("stdin cut")),
    Row("wall clock jumps", _clock),
    Row("queue applied in any order", _shuffled, ("async",)),
    Row("five at once and signals", _everything),
)

CELLS = tuple(
    (row, delivery, in_flight)
    for row in ROWS
    for delivery in row.deliveries
    for in_flight in IN_FLIGHT
)


def usual_settings(rng: random.Random, delivery: str, in_flight: int) -> dict[str, Any]:
    """Draw the target's settings that every run has."""
    return {
        "batch_size_rows": rng.choice([3, 10, 20]),
        "delivery": delivery,
        "max_in_flight": in_flight,
        "timeout_seconds": 1,
        "max_retry_seconds": 300,
        "run_id": rng.choice([None, "the same again"]),
    }


def scenario(seed: int) -> Scenario:
    """Draw the run of a seed; seeds in a row go round all the table's cells."""
    row, delivery, in_flight = CELLS[seed % len(CELLS)]
    rng = random.Random(seed)
    # A refused record must not be the one that links a user's two ids.
    special = rng.choice(["linked" * row.mends, "bad emails" * (delivery == "sync"), ""])
    if row.alone:
        special = ""
    feed, bad = draw(
        rng,
        linked=special == "linked",
        bad_emails=special == "bad emails",
        few=rng.random() < 0.2 or row.few,
    )
    drawn = Scenario(seed, row.name, delivery, in_flight, feed, suspects=bad)
    drawn.settings = usual_settings(rng, delivery, in_flight)
    drawn.sandbox = {"latency_ms": rng.choice([0, 0, 3]), "seed": seed}
    row.draw(rng, drawn)
    if not row.alone:
        others = [other for other in ROWS if other.mends and delivery in other.deliveries]
        for other in rng.sample(others, rng.choice([0, 0, 1, 2])):
            other.draw(rng, drawn)
        if rng.random() < 0.25:
            _signals(*_SIGNALS)(rng, drawn)
    # Several at once would hit the same batch until its budget of retries is spent.
    drawn.faults = [
        replace(fault, probability=fault.probability / len(drawn.faults))
        if fault.probability
        else fault
        for fault in drawn.faults
    ]
    return drawn
