"""One load by the target from a tap's pipe, measured from outside."""

from __future__ import annotations

import json
import statistics
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.mirror import thin
from benchmarks.mirror.tap import Order
from benchmarks.processes import FailedError, Fed, measure_fed
from benchmarks.runs import COMMANDS, NO_LIMIT
from benchmarks.spotzee import Spotzee, idle_cpu_seconds, steady_rate
from benchmarks.streams import STREAM

OURS = COMMANDS["target-spotzee"]
LIMITED_LATENCY_MS = 100
_LOOK_EVERY_SECONDS = 0.02


@dataclass(frozen=True)
class Load:
    """What one run took, and what came of it.

    Attributes:
        what: In words.
        users: That the source has or had.
        records: That the tap wrote.
        seconds: Of the whole process, by the wall clock.
        cpu_seconds: Of the whole process.
        peak_mb: Of the whole process.
        written_mb: To files.
        tail_seconds: From when the tap had ended, and the target read all, until it exited.
        requests: That arrived.
        limited: How many were answered by 429.
        steady_users_per_second: After the first thousand requests; 0 where nobody looked.
        tap_cpu_seconds: Spent by the tap.
        spotzee_cpu_seconds: Spent on the other side.
        snapshot_bytes: Of the snapshot's file, afterwards.
        most_wal_bytes: Of SQLite's journal beside it, meanwhile.
        unchanged: Records that were not sent.
        deleted: Users.
        held_back: Users that were not deleted, though they left.
    """

    what: str
    users: int
    records: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    written_mb: float = 0.0
    tail_seconds: float = 0.0
    requests: float = 0.0
    limited: float = 0.0
    steady_users_per_second: float = 0.0
    tap_cpu_seconds: float = 0.0
    spotzee_cpu_seconds: float = 0.0
    snapshot_bytes: float = 0.0
    most_wal_bytes: float = 0.0
    unchanged: float = 0.0
    deleted: float = 0.0
    held_back: float = 0.0

    def without(self, start_up: Load) -> Load:
        """Return what this would have taken without a start-up."""
        return replace(
            self,
            seconds=self.seconds - start_up.seconds,
            cpu_seconds=self.cpu_seconds - start_up.cpu_seconds,
        )

    @property
    def us_per_record(self) -> float:
        """Microseconds of CPU."""
        return 1e6 * self.cpu_seconds / self.records

    @property
    def per_second(self) -> float:
        """Records, by the wall clock."""
        return self.records / self.seconds

    @property
    def bytes_per_user(self) -> float:
        """Of the snapshot's file."""
        return self.snapshot_bytes / self.users

    @property
    def core(self) -> float:
        """Share of a core that it kept busy."""
        return self.cpu_seconds / self.seconds


def median(loads: Sequence[Load]) -> Load:
    """Return the loads' medians, figure by figure."""
    figures = [field.name for field in fields(Load)[3:]]
    return replace(
        loads[0],
        **{name: statistics.median(getattr(load, name) for load in loads) for name in figures},
    )


class Bench:
    """Makes loads in a scratch folder.

    Args:
        folder: For settings, snapshots, summaries and logs.

    Attributes:
        folder: As given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "log"
        self._summary = folder / "summary.json"

    def snapshot(self, name: str) -> Path:
        """Return where a snapshot is to be, with nothing left of an earlier one."""
        path = self.folder / f"{name}.snapshot"
        for file in self.folder.glob(f"{path.name}*"):
            file.unlink()
        return path

    def load(
        self,
        what: str,
        order: Order,
        snapshot: Path | None = None,
        *,
        known: int = 0,
        unchanged: int = 0,
        settings: Mapping[str, Any] | None = None,
        codes: Collection[int] = (0,),
        durability: tuple[str, str] | None = None,
    ) -> Load:
        """Run the target over what a tap writes, against a Spotzee that keeps nothing.

        Args:
            what: It is, in words.
            order: The tap's.
            snapshot: The file that is the target's memory, if it has one.
            known: How many users are in Spotzee before.
            unchanged: How many records must turn out to be unchanged.
            settings: More of the target's settings.
            codes: With which it may exit.
            durability: SQLite's journal mode and level of synchronous, in place of the target's.

        Raises:
            FailedError: It failed, or did not do what it was to do.
        """
        command = (
            [sys.executable, "-m", "benchmarks.mirror.durability", *durability]
            if durability
            else OURS
        )
        with Spotzee(instead=thin.command(known)) as spotzee:
            given = {"max_requests_per_10s": NO_LIMIT, **(settings or {})}
            fed, most_wal = self._run(spotzee, command, order, snapshot, given, codes)
            counts = spotzee.counts()
        if durability and f"durability: {' '.join(durability)}" not in self._said():
            raise FailedError(f"{what}: SQLite's choices were not {durability}\n{self._said()}")
        load = self._load(what, order, snapshot, fed, counts)
        load = replace(
            load,
            most_wal_bytes=most_wal,
            spotzee_cpu_seconds=max(0.0, spotzee.cpu_seconds - _idle_cpu_seconds()),
        )
        there = max(known, order.users) - load.deleted if order.records else known
        if load.unchanged != unchanged or counts["users"] != there:
            raise FailedError(
                f"{what}: {load.unchanged:,.0f} unchanged of {unchanged:,},"
                f" {counts['users']:,} users in Spotzee of {there:,.0f}",
            )
        return load

    def at_limit(self, what: str, order: Order, snapshot: Path | None, before: Order) -> Load:
        """Run the target over what has changed whole, against a sandbox that limits requests.

        Args:
            what: It is, in words.
            order: The tap's.
            snapshot: The file that is the target's memory, if it has one.
            before: What is loaded first, unlimited, so that the snapshot knows everybody.

        Raises:
            FailedError: It failed.
        """
        if snapshot is not None:
            with Spotzee() as spotzee:
                free = {"max_requests_per_10s": NO_LIMIT}
                self._run(spotzee, OURS, before, snapshot, free, (0,))
        with Spotzee(LIMITED_LATENCY_MS, limits=True) as spotzee:
            looks = spotzee.watch()
            fed, _ = self._run(spotzee, OURS, order, snapshot, {}, (0,))
            counts = spotzee.counts()
        load = self._load(what, order, snapshot, fed, counts)
        return replace(
            load,
            limited=counts["statuses"].get("429", 0),
            steady_users_per_second=100 * steady_rate(looks, 1000),
            spotzee_cpu_seconds=max(0.0, spotzee.cpu_seconds - idle_cpu_seconds()),
        )

    def _run(
        self,
        spotzee: Spotzee,
        command: Sequence[str],
        order: Order,
        snapshot: Path | None,
        settings: Mapping[str, Any],
        codes: Collection[int],
    ) -> tuple[Fed, int]:
        """Return what a run took, and how large SQLite's journal was at most."""
        self._summary.unlink(missing_ok=True)
        path = self.folder / "settings.json"
        given: dict[str, Any] = {
            "api_url": spotzee.api_url,
            "api_key": spotzee.key,
            "summary_path": str(self._summary),
            **settings,
        }
        if snapshot is not None:
            given["snapshot_path"] = str(snapshot)
        path.write_text(json.dumps(given), encoding="utf-8")
        with _watch_journal(snapshot) as most:
            fed = measure_fed([*command, "--config", str(path)], order.command, self._log, codes)
        return fed, most[0]

    def _load(
        self,
        what: str,
        order: Order,
        snapshot: Path | None,
        fed: Fed,
        counts: Mapping[str, Any],
    ) -> Load:
        summary = json.loads(self._summary.read_bytes())
        records, removed = summary["records"], summary.get("removed", {})
        if records["read"] != order.records or records["rejected"] or records["unsettled"]:
            raise FailedError(f"{what}: {order.records:,} records became {records}")
        _tell(f"{what}: {fed.usage.cpu_seconds:.1f} s of CPU in {fed.usage.seconds:.1f} s")
        return Load(
            what,
            order.users,
            order.records,
            fed.usage.seconds,
            fed.usage.cpu_seconds,
            fed.usage.peak_mb,
            fed.usage.written_mb,
            fed.tail_seconds,
            counts["requests"],
            tap_cpu_seconds=fed.feeder.cpu_seconds,
            snapshot_bytes=snapshot.stat().st_size if snapshot is not None else 0,
            unchanged=records["unchanged"],
            deleted=removed.get("deleted", 0),
            held_back=removed.get("held_back", 0),
        )

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]


def deleting(percent: int) -> dict[str, Any]:
    """Return the settings of a stream whose missing users are deleted, at most so many percent."""
    return {"streams": {STREAM: {"removed_users": "delete"}}, "max_removed_percent": percent}


def _tell(what: str) -> None:
    """Say what was done: an hour is long."""
    print(f"mirror: - {what}", file=sys.stderr, flush=True)


@lru_cache(maxsize=1)
def _idle_cpu_seconds() -> float:
    """Return what the Spotzee that keeps nothing takes to start and to stop."""
    with Spotzee(instead=thin.command(0)) as spotzee:
        spotzee.counts()
    return spotzee.cpu_seconds


@contextmanager
def _watch_journal(snapshot: Path | None) -> Iterator[list[int]]:
    """Look how large SQLite's journal is, fifty times a second; yield the largest size, alone."""
    most, closing = [0], threading.Event()

    def watch() -> None:
        while not closing.wait(_LOOK_EVERY_SECONDS):
            for suffix in ("-wal", "-journal"):
                with suppress(FileNotFoundError):
                    most[0] = max(most[0], Path(f"{snapshot}{suffix}").stat().st_size)

    thread = threading.Thread(target=watch)
    if snapshot is not None:
        thread.start()
    try:
        yield most
    finally:
        closing.set()
        if snapshot is not None:
            thread.join()
