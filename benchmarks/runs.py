"""One target over one stream, measured from outside."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from benchmarks.processes import FailedError, Usage, measure
from benchmarks.spotzee import Spotzee, idle_cpu_seconds, steady_rate
from benchmarks.streams import Shape, write

NO_LIMIT = 1_000_000
COMMANDS = {
    "canonical": [sys.executable, "-m", "benchmarks.canonical"],
    "target-spotzee": [str(Path(sys.executable).with_name("target-spotzee"))],
}


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
        what: Which target.
        shape: The stream.
        latency_ms: Of a request.
        seconds: Of the whole process, by the wall clock.
        cpu_seconds: Of the whole process.
        peak_mb: Of the whole process.
        requests: That arrived.
        limited: How many were answered by 429.
        sandbox_cpu_seconds: Spent on the other side.
        steady_users_per_second: After the first thousand requests; 0 where nobody looked.
    """

    what: str
    shape: Shape
    latency_ms: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    requests: int = 0
    limited: int = 0
    sandbox_cpu_seconds: float = 0.0
    steady_users_per_second: float = 0.0

    def without(self, start_up: Usage) -> Run:
        """Return what this would have taken without a start-up: fairer to a short run."""
        return replace(
            self,
            seconds=self.seconds - start_up.seconds,
            cpu_seconds=self.cpu_seconds - start_up.cpu_seconds,
        )

    @property
    def us_per_record(self) -> float:
        """Microseconds of CPU."""
        return 1e6 * self.cpu_seconds / self.shape.records

    @property
    def per_second(self) -> float:
        """Records, by the wall clock."""
        return self.shape.records / self.seconds

    @property
    def core(self) -> float:
        """Share of a core that it kept busy."""
        return self.cpu_seconds / self.seconds

    @property
    def sandbox_core(self) -> float:
        """Share of a core that the sandbox kept busy."""
        return self.sandbox_cpu_seconds / self.seconds


def median(runs: Sequence[Run]) -> Run:
    """Return the runs' medians, figure by figure."""
    figures = [field.name for field in fields(Run)[3:]]
    return replace(
        runs[0],
        **{name: statistics.median(getattr(run, name) for run in runs) for name in figures},
    )


class Bench:
    """Makes runs in a scratch folder.

    Args:
        folder: For streams, settings and logs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "log"
        (folder / "empty.singer").touch()

    def target(
        self,
        what: str,
        shape: Shape,
        latency_ms: int = 0,
        *,
        limits: bool = False,
        in_flight: int | None = None,
    ) -> Run:
        """Run a target over a stream, against a sandbox of its own.

        Args:
            what: Which.
            shape: The stream.
            latency_ms: Of a request.
            limits: Whether requests are limited as Spotzee limits them.
            in_flight: Requests under way at once, for ours; otherwise its default.

        Raises:
            FailedError: It failed, or not all users arrived.
        """
        stream = write(shape, self._folder)
        with Spotzee(latency_ms, limits=limits) as spotzee:
            settings = {"max_in_flight": in_flight} if in_flight else {}
            if what == "target-spotzee" and not limits:
                settings["max_requests_per_10s"] = NO_LIMIT
            looks = spotzee.watch() if limits else []
            usage = measure(self._command(what, spotzee, settings), stream, self._log)
            counts = spotzee.counts()
        if shape.users == shape.records != counts["users"]:
            raise FailedError(f"{what}: {counts['users']} users of {shape.users} arrived")
        return Run(
            what,
            shape,
            latency_ms,
            usage.seconds,
            usage.cpu_seconds,
            usage.peak_mb,
            counts["requests"],
            counts["statuses"].get("429", 0),
            max(0.0, spotzee.cpu_seconds - idle_cpu_seconds()),
            100 * steady_rate(looks, 1000) if limits else 0.0,
        )

    def floor(self, shape: Shape) -> Run:
        """Run the bare loop over a stream."""
        command = [sys.executable, "-m", "benchmarks.floor"]
        usage = measure(command, write(shape, self._folder), self._log)
        return Run("bare loop", shape, 0, usage.seconds, usage.cpu_seconds, usage.peak_mb)

    def bytes_ratio(self, wide: Shape, narrow: Shape) -> float:
        """Return how many times larger one stream's records are than the other's."""
        sizes = [
            shape.path(self._folder).stat().st_size / shape.records for shape in (wide, narrow)
        ]
        return sizes[0] / sizes[1]

    def start_ups(self) -> dict[str, Usage]:
        """Start each command that has nothing to do, once."""
        with Spotzee() as spotzee:
            ours = self._command("target-spotzee", spotzee, {})
        commands = {
            'python -c "import singer_sdk.target_base"': [
                *(sys.executable, "-c", "import singer_sdk.target_base"),
            ],
            "target-spotzee --version": [ours[0], "--version"],
            "target-spotzee, empty run": ours,
            "canonical, empty run": [*COMMANDS["canonical"], *ours[1:]],
        }
        empty = self._folder / "empty.singer"
        return {name: measure(command, empty, self._log) for name, command in commands.items()}

    def _command(self, what: str, spotzee: Spotzee, settings: dict[str, int]) -> list[str]:
        path = self._folder / f"{what}.json"
        given = {"api_url": spotzee.api_url, "api_key": spotzee.key, **settings}
        path.write_text(json.dumps(given), encoding="utf-8")
        return [*COMMANDS[what], "--config", str(path)]
