"""What was measured, judged and set out as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.processes import Usage
from benchmarks.runs import Run

BUSY_CORE = 0.85


@dataclass
class Results:
    """Everything that one bench measured.

    Attributes:
        canonical: The canonical target, by latency.
        ours: This target at the same latencies.
        floor: The bare loop.
        wide: This target over many columns.
        wide_floor: The bare loop over the same.
        bytes_ratio: How many times larger the wide stream's records are.
        canonical_long: The canonical target over the longest stream.
        long: This target over the same.
        floor_long: The bare loop over the same.
        at_limit: This target with Spotzee's limits on and default settings.
        pressed: With limits on at the longest latency, by the number in flight.
        updates: Over updates to few users, with the number in flight.
        start_ups: Of commands that have nothing to do.
    """

    canonical: dict[int, Run] = field(default_factory=dict)
    ours: dict[int, Run] = field(default_factory=dict)
    floor: Run = field(init=False)
    wide: Run = field(init=False)
    wide_floor: Run = field(init=False)
    bytes_ratio: float = 0.0
    canonical_long: Run = field(init=False)
    long: Run = field(init=False)
    floor_long: Run = field(init=False)
    at_limit: Run = field(init=False)
    pressed: dict[int, Run] = field(default_factory=dict)
    updates: list[tuple[int, Run]] = field(default_factory=list)
    start_ups: dict[str, Usage] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One promise of the project and what became of it; no ``stretched`` where none is set."""

    figure: str
    bar: str
    stretch: str
    measured: str
    met: bool
    stretched: bool | None = None

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.met:
            return "**not met**"
        return {None: "met", True: "met, stretch too", False: "met, stretch not"}[self.stretched]


def rows(results: Results) -> list[Row]:
    """Hold what was measured against what was promised."""
    return [*_cpu(results), *_pace(results), *_size(results)]


def _cpu(results: Results) -> Iterable[Row]:
    compared = (
        (results.canonical[0], results.ours[0], results.floor),
        (results.canonical_long, results.long, results.floor_long),
    )
    for canonical, ours, _ in compared:
        ratio = canonical.us_per_record / ours.us_per_record
        yield Row(
            f"CPU a record, {_columns(ours)} columns, 3 of them dates, whole process, no latency,"
            f" {ours.shape.records:,} records",
            "≤ canonical / 6",
            "≤ 20 µs, canonical / 10",
            f"{ours.us_per_record:.1f} µs, canonical {canonical.us_per_record:.0f} µs"
            f" / {ratio:.1f}",
            ratio >= 6,
            ratio >= 10 and ours.us_per_record <= 20,
        )
    for _, ours, floor in compared:
        ratio = ours.us_per_record / floor.us_per_record
        yield Row(
            f"CPU a record vs the bare loop, {ours.shape.records:,} records",
            "≤ 7 ×",
            "≤ 4 ×",
            f"{ratio:.1f} × {floor.us_per_record:.1f} µs",
            ratio <= 7,
            ratio <= 4,
        )


def _pace(results: Results) -> Iterable[Row]:
    ours, canonical = results.ours[100], results.canonical[100]
    ratio = ours.per_second / canonical.per_second
    yield Row(
        "users/s at 100 ms, 32 in flight, no limit",
        "≥ 25 × canonical",
        "limited by CPU alone",
        f"{ours.per_second:,.0f}/s, {ratio:.1f} × {canonical.per_second:,.0f}/s,"
        f" {ours.core:.0%} of a core busy",
        ratio >= 25,
        ours.core >= BUSY_CORE,
    )
    run = results.at_limit
    rate = min(run.steady_users_per_second, run.per_second)  # the first window lets more through
    yield Row(
        f"at the limit (1,000 per 10 s), 100 ms, {run.shape.records:,} users",
        "≥ 98 % of 10,000/s, no 429, ≤ 40 % of a core",
        "≤ 25 % of a core",
        f"{rate / 10_000:.1%} ({run.per_second:,.0f}/s from start to exit), {run.limited} × 429,"
        f" {run.core:.0%} of a core",
        rate >= 9_800 and not run.limited and run.core <= 0.40,
        run.core <= 0.25,
    )


def _size(results: Results) -> Iterable[Row]:
    short, long = results.ours[0], results.long
    growth = long.peak_mb / short.peak_mb - 1
    yield Row(
        f"peak memory, {short.shape.records:,} vs {long.shape.records:,} records",
        "same within 5 %, ≤ 90 MB",
        "≤ 65 MB",
        f"{short.peak_mb:.0f} and {long.peak_mb:.0f} MB ({growth:+.1%})",
        growth <= 0.05 and max(short.peak_mb, long.peak_mb) <= 90,
        max(short.peak_mb, long.peak_mb) <= 65,
    )
    (_, base), (_, version), (_, empty), *_ = results.start_ups.items()
    yield Row(
        "start-up of an empty run",
        '≤ 1.3 × `python -c "import singer_sdk.target_base"`',
        "",
        f"{empty.seconds / base.seconds:.2f} × {base.seconds:.2f} s"
        f" (`--version`: {version.seconds / base.seconds:.2f} ×)",
        empty.seconds <= 1.3 * base.seconds,
    )
    narrow, wide = (
        run.cpu_seconds / run.shape.records - empty.cpu_seconds / run.shape.records
        for run in (short, results.wide)
    )
    yield Row(
        f"{_columns(results.wide)} columns",
        "µs a record grows no faster than the bytes do",
        "",
        f"{wide / narrow:.2f} × the CPU (start-up apart) for {results.bytes_ratio:.2f} × the bytes",
        wide / narrow <= results.bytes_ratio,
    )


def markdown(results: Results, seconds: float) -> str:
    """Set everything out."""
    compared = [
        run
        for latency in results.ours
        for run in (results.canonical[latency], results.ours[latency])
    ]
    sizes = [
        *(results.floor, results.wide, results.wide_floor),
        *(results.canonical_long, results.long, results.floor_long, results.at_limit),
    ]
    blocks = [
        _machine(seconds, results.floor),
        "### Promised and measured",
        table(
            ("figure", "bar", "stretch", "measured", ""),
            [(r.figure, r.bar, r.stretch, r.measured, r.verdict) for r in rows(results)],
        ),
        "### The runs",
        table(
            (
                *("target", "columns", "records", "latency", "CPU s", "µs CPU a record"),
                *("records/s", "of a core", "peak MB", "requests", "429", "sandbox's core"),
            ),
            [_cells(run) for run in (*compared, *sizes)],
        ),
        _further(results),
        _sandbox(results),
        "### Ratios",
        table(
            ("latency", "canonical records/s", "target-spotzee records/s", "faster", "CPU less"),
            [_ratio(results, latency) for latency in results.ours],
        ),
        "### In flight at the limit",
        table(
            ("in flight", "latency", "users/s once steady", "of a core", "429", "peak MB"),
            [
                (
                    str(in_flight),
                    f"{run.latency_ms} ms",
                    f"{run.steady_users_per_second:,.0f}",
                    f"{run.core:.0%}",
                    str(run.limited),
                    f"{run.peak_mb:.0f}",
                )
                for in_flight, run in results.pressed.items()
            ],
        ),
        "### Updates to few users",
        table(
            ("updates", "users", "in flight", "latency", "records/s", "requests"),
            [
                (
                    f"{run.shape.records:,}",
                    f"{run.shape.users:,}",
                    str(in_flight),
                    f"{run.latency_ms} ms",
                    f"{run.per_second:,.0f}",
                    f"{run.requests:,}",
                )
                for in_flight, run in results.updates
            ],
        ),
        "### Start-up",
        table(
            ("command", "seconds", "CPU seconds", "peak MB"),
            [
                (f"`{name}`", f"{u.seconds:.2f}", f"{u.cpu_seconds:.2f}", f"{u.peak_mb:.0f}")
                for name, u in results.start_ups.items()
            ],
        ),
    ]
    return "\n\n".join(blocks) + "\n"


def _machine(seconds: float, floor: Run) -> str:
    """Say on what this was measured, and whether other work was in the way."""
    text = (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python"
        f" {platform.python_version()}; the whole bench took {seconds / 60:.0f} minutes."
    )
    if floor.core < BUSY_CORE:
        text += (
            f" **The machine was busy with other work**: the bare loop, which waits for nothing,"
            f" got {floor.core:.0%} of a core. CPU is right all the same; seconds, and what is"
            " reckoned from them, are not."
        )
    return text


def _further(results: Results) -> str:
    short, long = results.ours[0], results.long
    cpu_seconds = long.cpu_seconds - short.cpu_seconds
    records = long.shape.records - short.shape.records
    return (
        "Start-up is in these figures, but for the canonical target's shorter runs, which it would"
        f" wrong. Each record after the first {short.shape.records:,} took"
        f" {1e6 * cpu_seconds / records:.1f} µs; {long.shape.records:,} records took"
        f" {long.us_per_record:.1f} µs each, all told."
    )


def _sandbox(results: Results) -> str:
    """Say whether the sandbox was what was measured."""
    rated = [*(run for latency, run in results.ours.items() if latency), results.at_limit]
    at_once = [results.ours[0], results.wide, results.long]
    seconds = sum(run.sandbox_cpu_seconds for run in (*rated, *at_once))
    capacity = sum(run.requests for run in (*rated, *at_once)) / seconds if seconds else 0
    busiest, busiest_at_once = (max(run.sandbox_core for run in runs) for runs in (rated, at_once))
    return (
        f"The sandbox answers about {capacity:,.0f} requests per second of its CPU. Where seconds"
        f" are judged, at a latency, it was busy for at most {busiest:.0%} of a core of its own: it"
        f" was {'not ' if busiest < BUSY_CORE else ''}the bottleneck. Without latency, where only"
        f" CPU is judged, it was busy for at most {busiest_at_once:.0%}."
    )


def _cells(run: Run) -> tuple[str, ...]:
    served = bool(run.requests)
    return (
        run.what + (", limits on" if run.steady_users_per_second else ""),
        str(_columns(run)),
        f"{run.shape.records:,}",
        f"{run.latency_ms} ms" if served else "",
        f"{run.cpu_seconds:.2f}",
        f"{run.us_per_record:.1f}",
        f"{run.per_second:,.0f}",
        f"{run.core:.0%}",
        f"{run.peak_mb:.0f}",
        f"{run.requests:,.0f}" if served else "",
        f"{run.limited:.0f}" if served else "",
        f"{run.sandbox_core:.0%}" if served else "",
    )


def _ratio(results: Results, latency: int) -> tuple[str, ...]:
    ours, canonical = results.ours[latency], results.canonical[latency]
    return (
        f"{latency} ms",
        f"{canonical.per_second:,.0f}",
        f"{ours.per_second:,.0f}",
        f"{ours.per_second / canonical.per_second:.1f} ×",
        f"{canonical.us_per_record / ours.us_per_record:.1f} ×",
    )


def _columns(run: Run) -> int:
    return 16 + run.shape.extra


def table(head: tuple[str, ...], body: Iterable[tuple[str, ...]]) -> str:
    """Return a table."""
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
