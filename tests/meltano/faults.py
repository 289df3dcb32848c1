# ruff: noqa: T201 - a command talks by printing
"""What can happen to a run under Meltano, and that the next run makes up for it.

``python -m tests.meltano.faults`` plays every fault with both taps and prints a table.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from target_spotzee.sandbox import Sandbox
from tests.meltano import customers
from tests.meltano import postgres as servers
from tests.meltano.postgres import Postgres
from tests.meltano.project import MELTANO, Outcome, Project

DEADLINE_SECONDS = 120
HANG_SECONDS = 20
LATENCY_MS = 200


class Source(Protocol):
    """Where the rows come from.

    Attributes:
        tap: Its plugin.
        strike_at: Requests answered before the fault strikes: far from the start and the end.
        env: Settings of the tap.
        hold: Those that make it stand still in the middle of the run that is struck.
        plugins: Extractors that meltano.yml does not have.
        quiet: Faults after which the tap itself exits 0, so that Meltano reports success.
    """

    tap: str
    quiet: frozenset[str]
    strike_at: int
    env: dict[str, str]
    hold: dict[str, str]
    plugins: list[dict[str, Any]]

    def users(self) -> dict[str, dict[str, Any]]:
        """Every user that there should be, by external_id."""

    def claimed(self, bookmarks: dict[str, Any]) -> set[str]:
        """Return the users that a state says are in Spotzee."""


class Counting:
    """The counting tap: a state every 50 records."""

    tap = "tap-counting"
    quiet: frozenset[str] = frozenset()
    strike_at = 5
    records = 4_000
    env = {  # noqa: RUF012 - a constant
        "TAP_COUNTING_RECORDS": str(records),
        "TARGET_SPOTZEE_STREAMS": '{"customers": {"unmapped": "data"}}',
    }
    hold = {"TAP_COUNTING_HOLD_AT": str(records // 2 + 30)}  # noqa: RUF012 - a constant

    def __init__(self) -> None:
        script = Path(__file__).with_name("tap-counting")
        self.plugins = [
            {
                "name": self.tap,
                "namespace": "tap_counting",
                "executable": str(script),
                "capabilities": ["state"],
                "settings": [
                    {"name": "records", "kind": "integer"},
                    {"name": "hold_at", "kind": "integer"},
                ],
            },
        ]

    def users(self) -> dict[str, dict[str, Any]]:
        ids = [str(number) for number in range(1, self.records + 1)]
        blank = dict.fromkeys(("anonymous_id", "email", "phone", "timezone", "locale"))
        return {
            key: {**blank, "external_id": key, "data": {"visits": int(key) ** 2}} for key in ids
        }

    def claimed(self, bookmarks: dict[str, Any]) -> set[str]:
        done = bookmarks.get("customers", {}).get("id", 0)
        return {str(number) for number in range(1, done + 1)}


class Customers:
    """tap-postgres over 20,000 customers: a state every 10,000 records."""

    tap = "tap-postgres"
    quiet = frozenset({"SIGTERM of tap"})  # it writes a state that is right, then exits 0
    strike_at = 110
    hold: dict[str, str] = {}  # noqa: RUF012 - a constant
    plugins: list[dict[str, Any]] = []  # noqa: RUF012 - a constant

    def __init__(self, postgres: Postgres) -> None:
        postgres.create(customers.CREATE)
        # With less of a buffer in Meltano the tap is not through long before the target is.
        self.env = {**postgres.env, "MELTANO_ELT_BUFFER_SIZE": "1000000"}
        rows = postgres.rows("customers")
        self._users = [customers.expected("customers", row) for row in rows]

    def users(self) -> dict[str, dict[str, Any]]:
        return {user["external_id"]: user for user in self._users}

    def claimed(self, bookmarks: dict[str, Any]) -> set[str]:
        bookmark = bookmarks.get("public-customers", {}).get("replication_key_value", "")
        return {
            user["external_id"] for user in self._users if user["data"]["updated_at"] <= bookmark
        }


@dataclass
class Scene:
    """A run under way.

    Attributes:
        sandbox: Where users go.
        project: What runs.
        pids: Of `meltano`, the `target` and, unless it has ended, the `tap`.
    """

    sandbox: Sandbox
    project: Project
    pids: dict[str, int]

    def retries(self) -> bool:
        """Whether the target has met the fault."""
        return "trying again" in self.project.log


@dataclass(frozen=True)
class Fault:
    """Something that happens in the middle of a run.

    Attributes:
        name: For the table.
        strike: Does it.
        held: Whether a tap that can stand still in the middle does.
        env: Settings of the run that it happens to.
        options: What the run after it needs.
    """

    name: str
    strike: Callable[[Scene], None]
    held: bool = True
    env: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


def _send(signum: signal.Signals, to: str) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        os.kill(scene.pids[to], signum)

    return strike


def _refuse(scene: Scene) -> None:
    scene.sandbox.refuse()
    wait_for(scene.retries)


def _refuse_for_a_while(scene: Scene) -> None:
    _refuse(scene)
    scene.sandbox.accept()


FAULTS = (
    *(
        Fault(f"{signum.name} of {to}", _send(signum, to))
        for signum in (signal.SIGKILL, signal.SIGTERM)
        for to in ("target", "tap")
    ),
    Fault("SIGKILL of meltano", _send(signal.SIGKILL, "meltano"), options=("--force",)),
    Fault("SIGTERM of meltano", _send(signal.SIGTERM, "meltano")),
    Fault("SIGINT of meltano", _send(signal.SIGINT, "meltano")),
    Fault("no Spotzee for a while", _refuse_for_a_while, held=False),
    Fault("no Spotzee for good", _refuse, env={"TARGET_SPOTZEE_MAX_RETRY_SECONDS": "1"}),
)


@dataclass(frozen=True)
class Row:
    """What became of a fault.

    Attributes:
        exit_codes: Meltano's, of the run that was struck and of the one after it.
        sent: Users in the sandbox when the struck run had ended.
        claimed: Of them, those that its state spoke for.
        ahead: The most users that any state spoke for and the sandbox did not have.
        missing: Users not there, or not equal to their row, after the second run.
        unsent: Users not there after the first run.
        quiet: Whether the tap exits 0 after this fault, which nobody downstream can tell.
        hung: Whether Meltano went on waiting for plugins that were gone, until it was interrupted.
        logs: Meltano's.
    """

    fault: str
    exit_codes: tuple[int, int]
    sent: int
    claimed: int
    ahead: int
    missing: int
    unsent: int
    quiet: bool
    hung: bool
    logs: tuple[str, str]

    @property
    def sound(self) -> bool:
        """Whether nothing is lost, no state was ahead, and no exit code says otherwise."""
        honest = self.exit_codes[0] != 0 or self.unsent == 0 or self.quiet
        return honest and self.exit_codes[1] == 0 and not self.ahead and not self.missing


def play(fault: Fault, source: Source, folder: Path) -> Row:
    """Let a fault happen in the middle of a run, then run once more."""
    expected = source.users()
    with Sandbox(latency_ms=LATENCY_MS) as sandbox:
        spotzee = {
            "TARGET_SPOTZEE_API_URL": sandbox.api_url,
            "TARGET_SPOTZEE_API_KEY": sandbox.key,
            "TARGET_SPOTZEE_MAX_IN_FLIGHT": "4",
        }
        project = Project(folder, MELTANO, {**source.env, **spotzee}).create(source.plugins)
        with _watching(project, sandbox, source) as watch:
            first, hung = _struck(fault, source, project, sandbox)
        users = sandbox.users
        claimed = source.claimed(project.state())
        ahead = max(watch.ahead, len(claimed - users.keys()))
        sandbox.accept()
        sandbox.options.latency_ms = 0
        second = project.run(*({"--force"} if hung else ()), *fault.options, tap=source.tap)
        after = sandbox.users
    return Row(
        fault.name,
        (first.exit_code, second.exit_code),
        sent=len(users),
        claimed=len(claimed),
        ahead=ahead,
        missing=sum(after.get(key) != user for key, user in expected.items()),
        unsent=len(expected.keys() - users.keys()),
        quiet=fault.name in source.quiet,
        hung=hung,
        logs=(first.log, second.log),
    )


def _struck(
    fault: Fault,
    source: Source,
    project: Project,
    sandbox: Sandbox,
) -> tuple[Outcome, bool]:
    """Run, let the fault happen, and wait until all that belongs to the run is gone."""

    def in_the_middle() -> bool:
        # A Meltano that is short of CPU saves its first state long after the requests it is about.
        answered = sandbox.statuses.get("200", 0) >= source.strike_at
        return answered and bool(source.claimed(project.state()))

    usual = project.env
    project.env = usual | (source.hold if fault.held else {}) | fault.env
    process = project.start("run", "--no-install", source.tap, "target-spotzee")
    project.env = usual
    pids = {"meltano": process.pid}
    try:
        wait_for(lambda: in_the_middle() or process.poll() is not None)
        assert process.poll() is None, project.log
        plugins = plugins_of(process.pid)
        pids |= plugins
        fault.strike(Scene(sandbox, project, pids))
        wait_for(lambda: process.poll() is not None or not any(map(_runs, plugins.values())))
        hung = _hangs(process)
        if hung:
            process.send_signal(signal.SIGINT)
        outcome = project.finish(process)
        wait_for(lambda: not any(map(_runs, pids.values())))
    finally:
        for pid in filter(_runs, pids.values()):
            os.kill(pid, signal.SIGKILL)
        process.wait()
    return outcome, hung


def _hangs(process: subprocess.Popen[bytes]) -> bool:
    """Return whether Meltano is still there long after its plugins have gone.

    4.4.1 now and then does so after a signal.
    """
    try:
        process.wait(HANG_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


@dataclass
class _Watch:
    ahead: int = 0


@contextlib.contextmanager
def _watching(project: Project, sandbox: Sandbox, source: Source) -> Iterator[_Watch]:
    """Compare every state that Meltano saves with what the sandbox has, while the block runs."""
    watch, done = _Watch(), threading.Event()

    def look() -> None:
        seen: dict[str, Any] = {}
        while not done.wait(0.05):
            state = project.state()
            if state != seen:
                seen = state
                watch.ahead = max(watch.ahead, len(source.claimed(state) - sandbox.users.keys()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()


def plugins_of(meltano: int) -> dict[str, int]:
    """Return Meltano's children, the `tap` and the `target`."""
    listed = subprocess.run(
        ["ps", "-e", "-ww", "-o", "pid=,ppid=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        Path(word).name.partition("-")[0]: int(pid)
        for pid, ppid, *words in map(str.split, listed.stdout.splitlines())
        if int(ppid) == meltano
        for word in words[:2]
    }


def _runs(pid: int) -> bool:
    """Say whether a process runs; one that ended and that Meltano does not ask about does not."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state = listed.stdout.strip()
    return bool(state) and not state.startswith("Z")


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


def _table(rows: Iterator[Row]) -> bool:
    """Print rows as they come; return whether all are sound."""
    heads = ("fault", "exit codes", "sent", "in state", "state ahead", "missing")
    print("{:<26} {:>11} {:>7} {:>9} {:>12} {:>8}".format(*heads))
    sound = True
    for row in rows:
        codes = f"{row.exit_codes[0]}, {row.exit_codes[1]}"
        notes = {
            "  the tap exits 0": row.quiet,
            "  meltano told twice": row.hung,
            "  ✗": not row.sound,
        }
        note = "".join(text for text, holds in notes.items() if holds)
        print(
            f"{row.fault:<26} {codes:>11} {row.sent:>7,} {row.claimed:>9,} {row.ahead:>12}"
            f" {row.missing:>8}{note}",
            flush=True,
        )
        sound = sound and row.sound
        if not row.sound:
            print(*row.logs, sep="\n", file=sys.stderr)
    return sound


def _play_all(source: Source) -> Iterator[Row]:
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            yield play(fault, source, Path(folder) / "project")


def main() -> None:
    """Print the tables; exit 1 if anything was lost or misreported."""
    counting = Counting()
    print(f"{counting.tap}, {counting.records:,} records, a state every 50")
    sound = _table(_play_all(counting))
    binaries = servers.find_binaries()
    if binaries is None:
        print("tap-postgres: no PostgreSQL here")
    else:
        with servers.running(binaries) as postgres:
            print(f"\ntap-postgres, {customers.CUSTOMERS:,} rows, a state every 10,000")
            sound = _table(_play_all(Customers(postgres))) and sound
    sys.exit(not sound)


if __name__ == "__main__":
    main()
