"""Which loads are made, and in which order."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.mirror.results import Passes, Results
from benchmarks.mirror.runs import Bench, Load, deleting, median
from benchmarks.mirror.tap import STAMP, Order

AT_LIMIT = 300_000
"""Users at the limit: twenty thousand requests more would say nothing new."""
_FEWEST_AT_LIMIT = 150_000  # the rate is looked at behind the first thousand requests
_HUNDREDTH = 100
_DURABILITIES = (("wal", "full"), ("wal", "normal"), ("delete", "full"))
_WRITES = 50


def measure(bench: Bench, *, users: int, many: int, rounds: int) -> Results:
    """Make all loads.

    Args:
        bench: Makes them.
        users: For most.
        many: For what must not depend on the number of users; 0: only with as many as the others.
        rounds: Everything that is compared runs so often, in turn.

    Raises:
        FailedError: One failed.
    """
    results = Results(users, many, rounds, fsync_ms=_fsync_ms(bench.folder))
    found: dict[str, list[Load]] = {}
    for number in range(rounds):
        tell(f"side by side, round {number + 1} of {rounds}")
        for name, load in _round(bench, users).items():
            found.setdefault(name, []).append(load)
    results.loads = {name: median(loads) for name, loads in found.items()}
    if users >= _FEWEST_AT_LIMIT:
        tell("at the limit")
        before, order = Order(AT_LIMIT), Order(AT_LIMIT, edition=1, changed_every=1)
        results.limited = {
            "off": bench.at_limit("all changed, at the limit, off", order, None, before),
            "on": bench.at_limit(
                "all changed, at the limit, on",
                order,
                bench.snapshot("limited"),
                before,
            ),
        }
    tell("other tables")
    results.others = {
        "uuids": _twice(bench, "ids that are UUIDs", Order(users, uuids=True)),
        "stamped": _twice(bench, f"records with a new {STAMP}", Order(users, stamped=True)),
    }
    tell("what a power cut may cost")
    results.durabilities = _durabilities(bench, users, rounds)
    for count in (users, many) if many else (users,):
        tell(f"the end of a pass over {count:,} users")
        results.passes[count] = _passes(bench, count)
    return results


def _round(bench: Bench, users: int) -> Mapping[str, Load]:
    """Load the same users again and again, as a table is loaded every night."""
    same, snapshot = Order(users), bench.snapshot("nightly")
    few = Order(users, edition=1, changed_every=_HUNDREDTH)
    loads = {
        "empty, off": bench.load("empty run, off", Order(0)),
        "off": bench.load("sent, off", same),
        "first": bench.load("first load, everything new", same, snapshot),
        "unchanged": bench.load(
            "everything unchanged", same, snapshot, known=users, unchanged=users
        ),
        "few": bench.load(
            "1 % changed",
            few,
            snapshot,
            known=users,
            unchanged=users - few.changed,
        ),
        "all": bench.load(
            "everything changed",
            Order(users, edition=2, changed_every=1),
            snapshot,
            known=users,
        ),
    }
    loads["empty, on"] = bench.load("empty run, on", Order(0), snapshot, known=users)
    return loads


def _twice(bench: Bench, what: str, order: Order) -> list[Load]:
    """Load another table than the nightly one, twice."""
    users, snapshot = order.users, bench.snapshot("other")
    return [
        bench.load(f"{what}: everything new", order, snapshot),
        bench.load(
            f"{what}: everything unchanged",
            order,
            snapshot,
            known=users,
            unchanged=users,
        ),
    ]


def _durabilities(bench: Bench, users: int, rounds: int) -> Mapping[str, Load]:
    """Make first loads with other choices of SQLite's journal, in turn."""
    found: dict[str, list[Load]] = {}
    for _ in range(rounds):
        for choice in _DURABILITIES:
            name = " ".join(choice)
            load = bench.load(
                f"first load, {name}",
                Order(users),
                bench.snapshot("durability"),
                durability=choice,
            )
            found.setdefault(name, []).append(load)
    return {name: median(loads) for name, loads in found.items()}


def _passes(bench: Bench, users: int) -> Passes:
    """Load a whole table, version by version; at the end some users are missing."""
    snapshot, version = bench.snapshot(f"passes-{users}"), int(time.time())
    less = Order(users, missing_every=_HUNDREDTH)
    still_there = less.records
    delete = deleting(10)

    def whole(number: int, missing_every: int = 0) -> Order:
        return Order(users, missing_every=missing_every, version=version + number)

    first = bench.load("first load", Order(users), snapshot)
    unchanged = bench.load("unchanged", Order(users), snapshot, known=users, unchanged=users)
    return Passes(
        first,
        unchanged,
        bench.load(f"empty run, on, {users:,} known", Order(0), snapshot, known=users),
        [
            bench.load(
                "first version, nobody missing",
                whole(1),
                snapshot,
                known=users,
                unchanged=users,
                settings=delete,
            ),
            bench.load(
                "next version, nobody missing",
                whole(2),
                snapshot,
                known=users,
                unchanged=users,
                settings=delete,
            ),
            bench.load(
                "1 % missing, held back",
                whole(3, _HUNDREDTH),
                snapshot,
                known=users,
                unchanged=still_there,
                settings=deleting(0),
                codes=(4,),
            ),
            bench.load(
                "1 % missing, deleted",
                whole(4, _HUNDREDTH),
                snapshot,
                known=users,
                unchanged=still_there,
                settings=delete,
            ),
        ],
    )


def _fsync_ms(folder: Path) -> float:
    """Return what it takes here to make a page durable: SQLite waits for that."""
    seconds = []
    with (folder / "page").open("wb", buffering=0) as file:
        for _ in range(_WRITES):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


def tell(what: str) -> None:
    """Say what comes now."""
    print(f"mirror: {what}", file=sys.stderr, flush=True)
