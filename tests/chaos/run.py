"""Lets a scenario happen: processes one after the other, until the input is done."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from target_spotzee.sandbox import Fault, Sandbox
from tests.chaos.peers import unknown_certificate
from tests.chaos.process import Process
from tests.chaos.scenario import Scenario, Trouble
from tests.process import Target

_DISK_FULL = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({0}, {0})); "
# Here nothing takes longer than a second to be seen, if it ever is.
_PATIENCE = "from target_spotzee.api import waits; waits.PATIENCE_SECONDS = 10.0\n"
_CLOCK = """
import datetime, random, time
from target_spotzee import run
rng, seconds = random.Random({0}), time.time
class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(hours=rng.choice([-9000, 0, 9000]))
run.datetime = Jumping
time.time = lambda: seconds() + rng.choice([-1e6, 0, 1e6])
"""

Users = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Look:
    """What was there when a state had been printed.

    Attributes:
        position: The state: records up to here are said to be settled.
        users: What Spotzee held.
        rejected: Which records the rejects file held.
    """

    position: int
    users: Users
    rejected: frozenset[int]


@dataclass
class Leg:
    """One process, from its start to its end.

    Attributes:
        trouble: What befell it from outside.
        struck: Whether it did, before the process was at its end.
        fatal: Whether Spotzee answered something that has to end it.
        exit_code: As `subprocess` gives it; ``None``: it hung.
        out: What it printed.
        err: What it logged.
        looks: One for each state.
        rejected: Which records it rejected.
        summary: What it wrote to ``summary_path``.
        seconds_to_exit: From the signal to its end.
    """

    trouble: Trouble | None
    struck: bool = False
    fatal: bool = False
    exit_code: int | None = None
    out: list[bytes] = field(default_factory=list)
    err: str = ""
    looks: list[Look] = field(default_factory=list)
    rejected: frozenset[int] = frozenset()
    summary: dict[str, Any] | None = None
    seconds_to_exit: float = 0.0


@dataclass
class Outcome:
    """How a scenario went.

    Attributes:
        legs: Its processes.
        users: What Spotzee holds in the end.
        rejected: Which records the rejects file holds.
        overlaps: Users that two requests carried at once.
        replays: The processes that were given the rejects file, if any were.
        replayed: What Spotzee held after the first of these.
        requests_again: How many requests the second of them made.
    """

    legs: list[Leg]
    users: Users
    rejected: frozenset[int]
    overlaps: list[str]
    replays: list[Leg] = field(default_factory=list)
    replayed: Users = field(default_factory=dict)
    requests_again: int = 0


def rejected_records(path: Path) -> list[int]:
    """Return the numbers of the records in a rejects file; a line without an end is no reject."""
    try:
        whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    except FileNotFoundError:
        return []
    messages = [json.loads(line) for line in whole.splitlines()]
    return [
        message["record"].get("number", 0) for message in messages if message["type"] == "RECORD"
    ]


def cut(trouble: Trouble | None, lines: Iterable[str]) -> bytes:
    """Return what arrives of what the tap prints: all of it, or all up to the midst of a line."""
    whole = "".join(lines).encode()
    if trouble is None or trouble.kind != "stdin cut":
        return whole
    end = 2 + int(trouble.share * (len(whole) - 4))
    while b"\n" in whole[end - 1 : end + 1]:
        end -= 1
    return whole[:end]


def play(scenario: Scenario, folder: Path) -> Outcome:
    """Let a scenario happen; its files are in the folder afterwards."""
    with Sandbox(scenario.faults, **scenario.sandbox) as sandbox:
        stage = Stage(scenario, sandbox, Target(folder, sandbox.api_url, sandbox.key))
        legs: list[Leg] = []
        position = 0
        for number in range(len(scenario.troubles) + len(scenario.fatal) + 2):
            trouble = scenario.troubles[number] if number < len(scenario.troubles) else None
            leg = stage.leg(trouble, scenario.feed.lines(position))
            legs.append(leg)
            if leg.looks:
                position = leg.looks[-1].position
            stage.settle()
            # Who closed stdout did not hear that the run was done, and goes on from what he heard.
            unheard = trouble is not None and trouble.kind == "stdout closed"
            if leg.exit_code in (0, 3, None) and not unheard:
                break
        rejected = frozenset(rejected_records(stage.target.rejects_path))
        outcome = Outcome(legs, sandbox.users, rejected, sandbox.overlaps)
        if scenario.replay and rejected:
            sandbox.faults.replace()
            kept = stage.target.rejects_path.rename(folder / "sent-again.singer")
            outcome.replays.append(stage.replay(kept))
            outcome.replayed = sandbox.users
            before = len(sandbox.requests)
            outcome.replays.append(stage.replay(kept))
            outcome.requests_again = len(sandbox.requests) - before
        return outcome


@dataclass
class Stage:
    """Where processes run, one after the other, against one Spotzee.

    Attributes:
        scenario: What goes wrong, and the target's settings.
        sandbox: The Spotzee.
        target: The target's files.
    """

    scenario: Scenario
    sandbox: Sandbox
    target: Target

    def leg(
        self, trouble: Trouble | None, lines: Iterable[str], options: Sequence[str] = ()
    ) -> Leg:
        """Run one process on what the tap prints."""
        leg = Leg(trouble)
        kind = trouble.kind if trouble else None
        hits = self._fatal_hits()
        rejects_before = rejected_records(self.target.rejects_path)
        input_path = self.target.folder / "input.singer"
        input_path.write_bytes(cut(trouble, lines))
        self.target.summary_path.unlink(missing_ok=True)
        with ExitStack() as stack:
            config = self.target.configure(**self._settings(kind, stack))
            stdin = stack.enter_context(input_path.open("rb"))
            prelude = self._prelude(trouble)
            process = Process(config, stdin, prelude, self._on_line(leg), options)
            self._strike(process, leg)
            asked_at = time.monotonic()
            leg.exit_code = process.end()
        if kind == "signal" and leg.struck:
            leg.seconds_to_exit = time.monotonic() - asked_at
        leg.out, leg.err = process.out, process.err.decode()
        leg.fatal = self._fatal_hits() > hits
        rejects = rejected_records(self.target.rejects_path)
        leg.rejected = frozenset(rejects[len(rejects_before) :])
        if self.target.summary_path.exists():
            leg.summary = json.loads(self.target.summary_path.read_text(encoding="utf-8"))
        if kind == "disk full":
            leg.struck = leg.summary is None or self._full(leg.trouble)
        return leg

    def settle(self) -> None:
        """Let Spotzee apply what a dead process had sent.

        A tap is not started again within the blink of an eye, and no client could know of it.
        """
        self.sandbox.wait_until(lambda running: not running._server._late)
        self.sandbox.settle()

    def replay(self, rejects: Path) -> Leg:
        """Run one process on what was rejected."""
        leg = Leg(None)
        config = self.target.configure(**self.scenario.settings)
        with rejects.open("rb") as stdin:
            process = Process(config, stdin, "", self._on_line(leg))
            leg.exit_code = process.end()
        leg.out, leg.err = process.out, process.err.decode()
        leg.summary = json.loads(self.target.summary_path.read_text(encoding="utf-8"))
        return leg

    def _on_line(self, leg: Leg) -> Any:
        trouble = leg.trouble
        deaf_after = trouble.states if trouble and trouble.kind == "stdout closed" else None

        def look(line: bytes) -> bool:
            try:
                position = int(json.loads(line)["read"])
            except (ValueError, TypeError, KeyError):
                return True  # for the verdict to see
            # Rejects first: they can't be in there too early, users can.
            rejected = frozenset(rejected_records(self.target.rejects_path))
            leg.looks.append(Look(position, self.sandbox.users, rejected))
            return len(leg.looks) != deaf_after

        return look

    def _strike(self, process: Process, leg: Leg) -> None:
        """Wait for the moment of a trouble and bring it about."""
        trouble = leg.trouble
        if trouble is None:
            return
        if trouble.kind not in ("signal", "refuse"):
            leg.struck = True
            return
        before = self._requests(trouble.method)
        leg.struck = process.wait_until(
            lambda: (
                len(leg.looks) >= trouble.states
                and self._requests(trouble.method) - before >= trouble.requests
            ),
        )
        if leg.struck and trouble.milliseconds:
            moment = time.monotonic() + trouble.milliseconds / 1000
            leg.struck = process.wait_until(lambda: time.monotonic() >= moment)
        if trouble.kind == "signal":
            process.send_signal(trouble.signum)
        else:
            self.sandbox.refuse()
            process.wait_until(lambda: b"connection refused" in process.err)
            self.sandbox.accept()

    def _requests(self, method: str | None) -> int:
        return sum(method in (None, request.method) for request in self.sandbox.requests)

    def _settings(self, kind: str | None, stack: ExitStack) -> dict[str, Any]:
        settings = self.scenario.settings
        if kind == "no TLS":
            return {**settings, "api_url": self.target.api_url.replace("http:", "https:")}
        if kind == "unknown certificate":
            port = stack.enter_context(unknown_certificate())
            return {**settings, "api_url": f"https://localhost:{port}/api/client"}
        if kind == "no host":
            # Where there is no DNS at all, names are tried for as long as the budget lasts.
            url = "https://no-such-host.invalid/api/client"
            return {**settings, "api_url": url, "max_retry_seconds": 1}
        return settings

    def _prelude(self, trouble: Trouble | None) -> str:
        if trouble is not None and trouble.kind == "disk full":
            return _PATIENCE + _DISK_FULL.format(trouble.bytes)
        return _PATIENCE + (_CLOCK.format(self.scenario.seed) if self.scenario.clock else "")

    def _full(self, trouble: Trouble | None) -> bool:
        path = self.target.rejects_path
        return trouble is not None and path.exists() and path.stat().st_size >= trouble.bytes

    def _fatal_hits(self) -> int:
        return sum(self._hits(fault) for fault in self.scenario.fatal)

    def _hits(self, fault: Fault) -> int:
        return self.sandbox.faults.hits(fault)
