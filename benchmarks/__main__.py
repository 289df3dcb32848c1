"""The bench: `python -m benchmarks`, or ``--quick`` for a rough idea.

Prints its results as Markdown; a full bench also renews them, and the picture, in this folder.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from benchmarks.plot import panels, svg
from benchmarks.processes import FailedError, Usage
from benchmarks.results import Results, markdown
from benchmarks.runs import Bench, Run, median
from benchmarks.streams import Shape

FOLDER = Path(__file__).parent
OURS, CANONICAL = "target-spotzee", "canonical"
MARKS = "<!-- results -->\n", "<!-- end of results -->\n"
EXTRA_COLUMNS = 44


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        rounds: Everything that is compared runs so often, in turn.
        records: Of an ordinary stream.
        long: Records of the longest one.
        long_rounds: As rounds, for the longest one.
        canonical: Records for the canonical target by latency; it sends them one batch at a time.
        at_limit: Users for the run at the limit.
        pressed: Users for the choice of how many in flight.
        updates: Streams of updates: records and users.
    """

    rounds: int
    records: int
    long: int
    long_rounds: int
    canonical: dict[int, int]
    at_limit: int
    pressed: int
    updates: tuple[tuple[int, int], ...]


FULL = Plan(
    rounds=3,
    records=100_000,
    long=1_000_000,
    long_rounds=2,
    canonical={0: 100_000, 20: 30_000, 100: 20_000, 300: 6_000},
    at_limit=300_000,
    pressed=200_000,
    updates=((6_000, 400), (100_000, 2_000)),
)
QUICK = Plan(
    rounds=1,
    records=20_000,
    long=100_000,
    long_rounds=1,
    canonical={0: 20_000, 20: 5_000, 100: 3_000, 300: 1_000},
    at_limit=200_000,
    pressed=120_000,
    updates=((6_000, 400),),
)


def main() -> int:
    """Run the bench; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="a rough idea in three minutes")
    quick = parser.parse_args().quick
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            results = measure(Bench(Path(folder)), QUICK if quick else FULL)
        except FailedError as error:
            print(error, file=sys.stderr)
            return 1
    text = markdown(results, time.perf_counter() - began)
    print(text)
    if not quick:
        keep(text, results)
    return 0


def measure(bench: Bench, plan: Plan) -> Results:
    """Make all runs."""
    results = Results()
    compared: dict[tuple[str, int], list[Run]] = {}
    start_ups: dict[str, list[Usage]] = {}
    tell("side by side")
    for _ in range(plan.rounds):
        for name, latency, make in _compare(bench, plan):
            compared.setdefault((name, latency), []).append(make())
        for name, usage in bench.start_ups().items():
            start_ups.setdefault(name, []).append(usage)
    medians = {key: median(runs) for key, runs in compared.items()}
    results.ours = {latency: medians[OURS, latency] for latency in plan.canonical}
    results.floor, results.wide = medians["floor", 0], medians["wide", 0]
    results.wide_floor = medians["wide floor", 0]
    results.bytes_ratio = bench.bytes_ratio(results.wide.shape, results.floor.shape)
    results.start_ups = {name: _typical(usages) for name, usages in start_ups.items()}
    results.canonical = {
        latency: medians[CANONICAL, latency]
        if records == plan.records
        else medians[CANONICAL, latency].without(results.start_ups["canonical, empty run"])
        for latency, records in plan.canonical.items()
    }
    tell("the longest stream")
    longest = customers(plan.long)
    in_turn = [
        (bench.target(CANONICAL, longest), bench.target(OURS, longest), bench.floor(longest))
        for _ in range(plan.long_rounds)
    ]
    results.canonical_long, results.long, results.floor_long = map(
        median, zip(*in_turn, strict=True)
    )
    tell("at the limit")
    results.at_limit = bench.target(OURS, customers(plan.at_limit), 100, limits=True)
    for in_flight in (16, 32, 64):
        shape, latency = customers(plan.pressed), max(plan.canonical)
        results.pressed[in_flight] = bench.target(
            OURS,
            shape,
            latency,
            limits=True,
            in_flight=in_flight,
        )
    tell("updates to few users")
    for records, users in plan.updates:
        for in_flight in (1, 16, 32) if records <= plan.records // 10 else (16, 32):
            shape = Shape(f"updates-{records}", records, users)
            run = bench.target(OURS, shape, 100, in_flight=in_flight)
            results.updates.append((in_flight, run))
    return results


def _compare(bench: Bench, plan: Plan) -> Iterator[tuple[str, int, Callable[[], Run]]]:
    """Yield the runs of one round: a name, a latency, and how to make the run."""
    narrow, wide = customers(plan.records), customers(plan.records, EXTRA_COLUMNS)

    for latency, records in plan.canonical.items():
        yield CANONICAL, latency, partial(bench.target, CANONICAL, customers(records), latency)
        yield OURS, latency, partial(bench.target, OURS, narrow, latency)
    yield "floor", 0, partial(bench.floor, narrow)
    yield "wide", 0, partial(bench.target, OURS, wide)
    yield "wide floor", 0, partial(bench.floor, wide)


def customers(records: int, extra: int = 0) -> Shape:
    """Return a stream in which nobody comes twice."""
    return Shape(f"customers-{records}-{16 + extra}", records, records, extra)


def _typical(usages: list[Usage]) -> Usage:
    return Usage(
        *(statistics.median(getattr(u, field.name) for u in usages) for field in fields(Usage)),
    )


def tell(what: str) -> None:
    """Say what comes now."""
    print(f"bench: {what}", file=sys.stderr, flush=True)


def keep(text: str, results: Results) -> None:
    """Put the results into the README of this folder, and the picture beside it."""
    (FOLDER / "results.svg").write_text(svg(panels(results)), encoding="utf-8")
    readme = FOLDER / "README.md"
    first, last = MARKS
    pattern = re.escape(first) + ".*" + re.escape(last)
    fresh = f"{first}\n{text}\n{last}"
    old = readme.read_text(encoding="utf-8")
    readme.write_text(re.sub(pattern, lambda _: fresh, old, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
