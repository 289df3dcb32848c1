"""Lets a run over several nights happen."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from target_spotzee.sandbox import Sandbox
from target_spotzee.sandbox.journal import Request
from tests.chaos.mirror.feed import Pass, Step
from tests.chaos.mirror.scenario import Mirror, Night
from tests.chaos.mirror.source import TAKEN
from tests.chaos.run import Leg, Stage, Users, cut
from tests.chaos.scenario import Trouble
from tests.process import Target

SNAPSHOT = "snapshot.sqlite"
STRANGERS: Users = {
    f"stranger-{number}": {"email": f"s{number}@example.test", "data": {"plan": "their own"}}
    for number in range(3)
}
STRANGERS["stranger-0"]["anonymous_id"] = TAKEN
"""Users of Spotzee that no source knows."""


@dataclass
class Process:
    """One process of a night.

    Attributes:
        leg: How it went.
        night: The night's number.
        given: What arrived of what the tap printed: positions and steps.
        end: The position of the tap's last state.
        requests: What it asked of Spotzee.
        whole: Whether all of the input arrived.
        resumed: Whether the tap went on in the midst of its tables.
        confirms: Whether it confirmed removals.
        damage: What is wrong with the snapshot it left; empty: nothing.
    """

    leg: Leg
    night: int
    given: Sequence[tuple[int, Step]] = ()
    end: int = 0
    requests: Sequence[Request] = ()
    whole: bool = True
    resumed: bool = False
    confirms: bool = False
    damage: str = ""

    @property
    def well(self) -> bool:
        """Whether it came to its end, and was heard."""
        trouble = self.leg.trouble
        heard = trouble is None or trouble.kind != "stdout closed"
        return self.leg.exit_code in (0, 3, 4) and heard

    @property
    def told(self) -> int:
        """The position of the last state that it printed; 0: none."""
        return self.leg.looks[-1].position if self.leg.looks else 0


@dataclass
class Outcome:
    """How a run went.

    Attributes:
        processes: All of them.
        ends: What Spotzee held at the end of each night that ended well.
        overlaps: Users that two requests carried at once.
        snapshot: The snapshot's bytes in the end.
    """

    processes: list[Process]
    ends: dict[int, Users] = field(default_factory=dict)
    overlaps: list[str] = field(default_factory=list)
    snapshot: bytes = b""


def play(mirror: Mirror, folder: Path) -> Outcome:
    """Let a run happen; its files are in the folder afterwards."""
    with Sandbox(**mirror.sandbox) as sandbox:
        for external_id, user in STRANGERS.items():
            item = {"external_id": external_id, **user}
            sandbox._ask(lambda item=item: sandbox._project.upsert(item))  # type: ignore[misc]
        target = Target(folder, sandbox.api_url, sandbox.key)
        target.config["snapshot_path"] = str(folder / SNAPSHOT)
        outcome = Outcome([])
        tap = _Tap()
        for number, night in enumerate(mirror.nights):
            sandbox.faults.replace(night.scenario.faults)
            stage = Stage(night.scenario, sandbox, target)
            done = _night(mirror, number, stage, tap)
            outcome.processes += done
            if done[-1].well:
                outcome.ends[number] = sandbox.users
        outcome.overlaps = sandbox.overlaps
        outcome.snapshot = _bytes(folder)
        return outcome


@dataclass
class _Tap:
    """Where the tap goes on.

    Attributes:
        log: How far it has read the log.
        tables: How far it has read the tables of the night.
        version: Of the pass.
    """

    log: int = 0
    tables: int = 0
    version: int = 0

    def begin(self, mirror: Mirror, night: int) -> bool:
        """Begin another process; say whether it goes on in the midst of a pass."""
        first, end = mirror.feed.first(night), mirror.feed.first(night + 1)
        if mirror.feed.resumes and first < self.tables < end:
            return True
        self.version += 1
        self.tables = first
        return False


def _night(mirror: Mirror, number: int, stage: Stage, tap: _Tap) -> list[Process]:
    night = mirror.nights[number]
    troubles = night.scenario.troubles
    done: list[Process] = []
    tap.tables = mirror.feed.first(number)
    for attempt in range(len(troubles) + len(night.scenario.fatal) + 2):
        trouble = troubles[attempt] if attempt < len(troubles) else None
        process = _process(mirror, number, stage, tap, trouble)
        done.append(process)
        if process.told:
            tap.tables = process.told
            tap.log = max(tap.log, process.told)
        if process.well or night.gives_up:
            break
    return done


def _process(
    mirror: Mirror, number: int, stage: Stage, tap: _Tap, trouble: Trouble | None
) -> Process:
    night = mirror.nights[number]
    resumed = tap.begin(mirror, number)
    read = Pass(tap.version, tap.tables, tap.log)
    lines = mirror.feed.lines(number, read)
    before = len(stage.sandbox.requests)
    texts = [line.text for line in lines]
    leg = stage.leg(trouble, texts, _options(night))
    stage.settle()
    arrived = cut(trouble, texts).count(b"\n")
    return Process(
        leg,
        number,
        [(line.position, line.step) for line in lines[:arrived] if line.step],
        mirror.feed.end(number, read),
        stage.sandbox.requests[before:],
        whole=arrived == len(lines),
        resumed=resumed,
        confirms=night.confirms,
        damage=_damage(stage.target.folder),
    )


def _options(night: Night) -> list[str]:
    return ["--confirm-removals"] if night.confirms else []


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{SNAPSHOT}*"))


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in _files(folder))


def _damage(folder: Path) -> str:
    """Return what SQLite finds wrong with the snapshot; it is asked of a copy."""
    with TemporaryDirectory(prefix="chaos-snapshot-") as copy:
        for path in _files(folder):
            shutil.copy(path, copy)
        path = Path(copy, SNAPSHOT)
        if not path.exists():
            return ""
        try:
            connection = sqlite3.connect(path)
            try:
                found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            return str(error)
    return "" if found == ["ok"] else "; ".join(found)
