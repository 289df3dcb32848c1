"""What was measured, judged and set out as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.mirror.runs import Load
from benchmarks.mirror.tap import STAMP
from benchmarks.results import BUSY_CORE, Row, table

_INTRODUCTION = """\
# The mirror's bench

    make bench MIRROR=1                   # with a million users: a quarter of an hour
    make bench MIRROR=1 USERS=10000000    # all of it, about an hour; renews this page

A customer table of 16 columns, three of them date-times, is loaded again and again, as every night:
with the snapshot off and on, all of it new, unchanged, a hundredth changed, all changed. The
figures are the kernel's (`wait4`) for the whole process of the target, user and system, all
threads, medians of rounds in turn. *Start-up apart* means: less what the same command with the same
settings takes for a stream of no records.

The records come through a pipe from a process of its own ([tap.py](mirror/tap.py)), whose work is
not counted. They go to a Spotzee of its own ([thin.py](mirror/thin.py)), which answers at once as
the sandbox does but remembers of a user only that it is there; at the limit they go to the sandbox.
A run in which not every record became what it should have become, unchanged, sent or removed, fails
the bench.
"""
_PERCENT = 100


@dataclass(frozen=True)
class Passes:
    """Loads of a whole table by as many users as the snapshot knows.

    Attributes:
        first: Everything new.
        unchanged: Nothing new, and no version.
        empty: No record.
        versions: Nothing new, with a version that is activated behind the records.
    """

    first: Load
    unchanged: Load
    empty: Load
    versions: Sequence[Load]

    @property
    def all(self) -> list[Load]:
        """Those with records."""
        return [self.first, self.unchanged, *self.versions]


@dataclass
class Results:
    """Everything that one bench measured.

    Attributes:
        users: For most loads.
        many: For what must not depend on the number of users; 0: only with as many as the others.
        rounds: How often everything that is compared ran.
        fsync_ms: What it takes to make a page durable.
        loads: Of the nightly table, by name.
        limited: Everything changed, at the limit, with the snapshot ``off`` and ``on``; or nothing.
        others: Loads of other tables, each of everything new, then of everything unchanged.
        durabilities: First loads, by what SQLite was told about its journal.
        passes: By the number of users.
    """

    users: int
    many: int
    rounds: int
    fsync_ms: float
    loads: Mapping[str, Load] = field(default_factory=dict)
    limited: Mapping[str, Load] = field(default_factory=dict)
    others: Mapping[str, Sequence[Load]] = field(default_factory=dict)
    durabilities: Mapping[str, Load] = field(default_factory=dict)
    passes: dict[int, Passes] = field(default_factory=dict)

    def net(self, name: str) -> Load:
        """Return a load of the nightly table, start-up apart."""
        start_up = self.loads["empty, off" if name == "off" else "empty, on"]
        return self.loads[name].without(start_up)


def rows(results: Results) -> Iterator[Row]:
    """Hold what was measured against what was promised."""
    yield from _unchanged(results)
    yield from _size(results)
    yield from _sending(results)


def _unchanged(results: Results) -> Iterator[Row]:
    sent, unchanged, few = (results.net(name) for name in ("off", "unchanged", "few"))
    ratio = unchanged.us_per_record / sent.us_per_record
    yield Row(
        f"CPU an unchanged record, {results.users:,} records, start-up apart",
        "≤ 0.8 × a sent one (snapshot off), ≤ 15 µs",
        "≤ 8 µs",
        f"{unchanged.us_per_record:.1f} µs, {ratio:.2f} × {sent.us_per_record:.1f} µs",
        ratio <= 0.8 and unchanged.us_per_record <= 15,
        unchanged.us_per_record <= 8,
    )
    stamped = results.others["stamped"][-1].without(results.loads["empty, on"])
    ratio = stamped.us_per_record / sent.us_per_record
    yield Row(
        f"the same, but for a new `{STAMP}` in each record, which is not sent",
        "≤ 0.8 × a sent one (snapshot off), ≤ 15 µs",
        "≤ 8 µs",
        f"{stamped.us_per_record:.1f} µs, {ratio:.2f} × {sent.us_per_record:.1f} µs",
        ratio <= 0.8 and stamped.us_per_record <= 15,
        stamped.us_per_record <= 8,
    )
    yield Row(
        "unchanged records/s, one process, start-up apart",
        "≥ 50,000",
        "≥ 100,000",
        f"{unchanged.per_second:,.0f}, {unchanged.core:.0%} of a core busy",
        unchanged.per_second >= 50_000,
        unchanged.per_second >= 100_000,
    )
    start = unchanged.requests  # it sends nothing else
    least = -(-results.users // _PERCENT // 100)
    yield Row(
        f"requests for {results.users:,} records, 1 % changed",
        f"{least:,} + what a start needs ({start:.0f})",
        "",
        f"{few.requests:,.0f}",
        few.requests <= least + start,
    )


def _size(results: Results) -> Iterator[Row]:
    sized = [
        *results.loads.values(),
        *(load for passes in results.passes.values() for load in passes.all),
    ]
    largest = max((load for load in sized if load.records), key=lambda load: load.bytes_per_user)
    yield Row(
        "bytes a user in the snapshot's file, ids that are numbers",
        "≤ 100",
        "≤ 60",
        f"at most {largest.bytes_per_user:.0f}, after “{largest.what}”, {largest.users:,} users",
        largest.bytes_per_user <= 100,
        largest.bytes_per_user <= 60,
    )
    longest = max(results.others["uuids"], key=lambda load: load.bytes_per_user)
    yield Row(
        "the same, ids that are UUIDs",
        "≤ 100",
        "≤ 60",
        f"at most {longest.bytes_per_user:.0f}",
        longest.bytes_per_user <= 100,
        longest.bytes_per_user <= 60,
    )
    if results.many:
        few, many = results.passes[results.users], results.passes[results.many]
        growth, which = max(
            (more.peak_mb / less.peak_mb - 1, more.what)
            for less, more in zip(few.all, many.all, strict=True)
        )
        peak = max(load.peak_mb for load in (*few.all, *many.all))
        yield Row(
            f"peak memory, {results.users:,} and {results.many:,} users",
            "same within 5 %, ≤ 110 MB",
            "",
            f"at most {growth:+.1%} (“{which}”); at most {peak:.0f} MB",
            growth <= 0.05 and peak <= 110,
        )


def _sending(results: Results) -> Iterator[Row]:
    off = results.net("off")
    for name in ("first", "all"):
        load = results.net(name)
        ratio = load.us_per_record / off.us_per_record
        yield Row(
            f"CPU of a load that sends everything: {load.what}, start-up apart",
            "≤ 1.25 × the same with the snapshot off",
            "≤ 1.1 ×",
            f"{load.us_per_record:.1f} µs a record, {ratio:.2f} × {off.us_per_record:.1f} µs",
            ratio <= 1.25,
            ratio <= 1.1,
        )
    if results.limited:
        without, limited = results.limited["off"], results.limited["on"]
        # The first window lets more through, so the average flatters a short run.
        rates = [min(each.steady_users_per_second, each.per_second) for each in (without, limited)]
        yield Row(
            f"at the limit (1,000 per 10 s), 100 ms, {limited.records:,} users, everything changed",
            "the same rate (within 1 %), no 429",
            "",
            f"{rates[1]:,.0f}/s on, {rates[0]:,.0f}/s off ({rates[1] / rates[0]:.1%}),"
            f" {limited.limited:.0f} × 429, {limited.core:.0%} of a core (off: {without.core:.0%})",
            rates[1] >= 0.99 * rates[0] and not limited.limited,
        )


def markdown(results: Results, seconds: float) -> str:
    """Set everything out."""
    blocks = [
        _INTRODUCTION.rstrip(),
        _machine(results, seconds),
        "## Promised and measured",
        table(
            ("figure", "bar", "stretch", "measured", ""),
            [(r.figure, r.bar, r.stretch, r.measured, r.verdict) for r in rows(results)],
        ),
        "## The runs",
        table(
            (
                *("load", "records", "CPU s", "µs CPU a record", "records/s", "of a core"),
                *("peak MB", "requests", "bytes a user", "journal at most", "written"),
                *("tap's core", "Spotzee's core"),
            ),
            [
                *_nightly(results),
                *(
                    _cells(load, results.loads["empty, on"])
                    for loads in results.others.values()
                    for load in loads
                ),
            ],
        ),
        "CPU s is of the whole process; µs a record and records/s are start-up apart.",
        "## The end of a pass",
        _passes(results),
        "## What a power cut may cost",
        _power_cuts(results),
        "## Start-up",
        table(
            ("run", "seconds", "CPU seconds", "peak MB", "requests"),
            [_start_up(load) for load in _start_ups(results)],
        ),
    ]
    return "\n\n".join(blocks) + "\n"


def _machine(results: Results, seconds: float) -> str:
    """Say on what this was measured, and whether other work was in the way."""
    text = (
        f"The last full run: {os.cpu_count()} cores, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}, {results.rounds} rounds; it takes"
        f" {results.fsync_ms:.2f} ms here to make a page durable (fsync). The whole bench took"
        f" {seconds / 60:.0f} minutes."
    )
    unchanged = results.net("unchanged")
    if unchanged.core < BUSY_CORE:
        text += (
            f" **The target got {unchanged.core:.0%} of a core where it waits for little**: it"
            " waited for the disk, or the machine was busy with other work. CPU is right all the"
            " same; seconds, and what is reckoned from them, may not be."
        )
    return text


def _nightly(results: Results) -> Iterable[tuple[str, ...]]:
    for name, load in results.loads.items():
        if load.records:
            yield _cells(load, results.loads["empty, off" if name == "off" else "empty, on"])
    for load in results.limited.values():
        yield _cells(load, None)


def _cells(load: Load, start_up: Load | None) -> tuple[str, ...]:
    net = load.without(start_up) if start_up else load
    return (
        load.what,
        f"{load.records:,}",
        f"{load.cpu_seconds:.2f}",
        f"{net.us_per_record:.1f}",
        f"{net.per_second:,.0f}",
        f"{net.core:.0%}",
        f"{load.peak_mb:.0f}",
        f"{load.requests:,.0f}",
        f"{load.bytes_per_user:.1f}" if load.snapshot_bytes else "",
        f"{load.most_wal_bytes / 1e6:.1f} MB" if load.snapshot_bytes else "",
        f"{load.written_mb:,.0f} MB",
        f"{load.tap_cpu_seconds / load.seconds:.0%}",
        f"{load.spotzee_cpu_seconds / load.seconds:.0%}",
    )


def _passes(results: Results) -> str:
    """Set out what a whole pass takes, and how long its end."""
    cells = [
        (
            f"{users:,}",
            load.what,
            f"{load.without(passes.empty).us_per_record:.1f}",
            f"{load.without(passes.empty).per_second:,.0f}",
            f"{load.tail_seconds:.2f}",
            f"{load.deleted:,.0f}",
            f"{load.held_back:,.0f}",
            f"{load.requests:,.0f}",
            f"{load.peak_mb:.0f}",
            f"{load.bytes_per_user:.1f}",
            f"{load.most_wal_bytes / 1e6:.1f} MB",
            f"{load.written_mb:,.0f} MB",
        )
        for users, passes in results.passes.items()
        for load in passes.all
    ]
    return (
        "A stream with `removed_users: delete`, whose version is activated behind its records. *The"
        " end* is the time from when the target had read everything until it exited.\n\n"
    ) + table(
        (
            *("users", "load", "µs CPU a record", "records/s", "the end, s", "deleted"),
            *("held back", "requests", "peak MB", "bytes a user", "journal at most", "written"),
        ),
        cells,
    )


def _power_cuts(results: Results) -> str:
    start_up = results.loads["empty, on"]
    loads = {"as it is": results.loads["first"], **results.durabilities}
    base = loads["as it is"].without(start_up)
    cells = []
    for name, load in loads.items():
        net = load.without(start_up)
        cells.append(
            (
                name,
                f"{net.seconds:.1f}",
                f"{net.cpu_seconds:.2f}",
                f"{net.seconds / base.seconds:.2f} ×",
                f"{net.cpu_seconds / base.cpu_seconds:.2f} ×",
                f"{load.most_wal_bytes / 1e6:.1f} MB",
                f"{load.written_mb:,.0f} MB",
            ),
        )
    return (
        f"The first load of {results.users:,} users, start-up apart, by what SQLite is told of"
        " `journal_mode` and `synchronous`: [durability.py](mirror/durability.py) replaces the"
        " target's own PRAGMAs on their way to SQLite, and what held in the end is checked.\n\n"
    ) + table(
        ("journal, synchronous", "seconds", "CPU seconds", "time", "CPU", "journal", "written"),
        cells,
    )


def _start_ups(results: Results) -> Iterator[Load]:
    for load in results.loads.values():
        if not load.records:
            yield load
    for passes in results.passes.values():
        yield passes.empty


def _start_up(load: Load) -> tuple[str, ...]:
    return (
        load.what,
        f"{load.seconds:.2f}",
        f"{load.cpu_seconds:.2f}",
        f"{load.peak_mb:.0f}",
        f"{load.requests:.0f}",
    )
