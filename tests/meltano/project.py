"""The repository's meltano.yml in a folder of its own, run by the real Meltano."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
EXECUTABLES = {
    "extractors/tap-postgres": ROOT / ".venv-tap-postgres" / "bin" / "tap-postgres",
    "loaders/target-spotzee": Path(sys.executable).parent / "target-spotzee",
}
"""What `meltano install` would put into an environment of its own, for each plugin."""


@dataclass(frozen=True)
class Outcome:
    """How `meltano` ended.

    Attributes:
        exit_code: Negative for a signal.
        log: What it printed, both streams.
    """

    exit_code: int
    log: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log's lines, where they are JSON."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]


@dataclass
class Project:
    """A project and how it is run.

    Attributes:
        folder: Where it lives.
        command: Meltano.
        env: Settings of its plugins.
    """

    folder: Path
    command: Path
    env: dict[str, str] = field(default_factory=dict)

    def create(self, extractors: Sequence[dict[str, Any]] = ()) -> Project:
        """Copy meltano.yml and put plugins that are ready where Meltano expects its own.

        Single executables, not whole environments: an install would empty what a link leads to.
        """
        self.folder.mkdir(parents=True)
        definition = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
        definition["plugins"]["extractors"] += extractors
        (self.folder / "meltano.yml").write_text(yaml.safe_dump(definition), encoding="utf-8")
        for plugin, executable in EXECUTABLES.items():
            link = self.folder / ".meltano" / plugin / "venv" / "bin" / executable.name
            link.parent.mkdir(parents=True)
            link.symlink_to(executable)
        return self

    def configure(self, plugin: str, **keys: Any) -> None:
        """Lay keys over a plugin's in meltano.yml; those of ``config`` one by one."""
        path = self.folder / "meltano.yml"
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))
        plugins = [*definition["plugins"]["extractors"], *definition["plugins"]["loaders"]]
        (found,) = (entry for entry in plugins if entry["name"] == plugin)
        config = {**found.get("config", {}), **keys.pop("config", {})}
        found.update(keys, config=config)
        path.write_text(yaml.safe_dump(definition), encoding="utf-8")

    @property
    def summary(self) -> dict[str, Any]:
        """The target's summary."""
        text = (self.folder / "summary.json").read_text(encoding="utf-8")
        summary: dict[str, Any] = json.loads(text)
        return summary

    def start(
        self,
        *arguments: str,
        stdin: IO[str] | int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start `meltano`; its log goes to a file, which can be read while it runs."""
        # Meltano hands its plugins what it was started with: their settings must not leak in.
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MELTANO_", "TARGET_SPOTZEE_", "TAP_"))
        }
        with self._log_path.open("wb") as log:
            return subprocess.Popen(
                [str(self.command), *arguments],
                cwd=self.folder,
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **clean,
                    "NO_COLOR": "1",
                    "XDG_STATE_HOME": str(self.folder / "logs"),
                    **self.env,
                },
                start_new_session=True,
            )

    def meltano(self, *arguments: str) -> Outcome:
        """Run `meltano` to its end."""
        return self.finish(self.start(*arguments))

    def run(self, *options: str, tap: str = "tap-postgres") -> Outcome:
        """Run `meltano run TAP target-spotzee`."""
        return self.meltano("run", "--no-install", *options, tap, "target-spotzee")

    def finish(self, process: subprocess.Popen[bytes]) -> Outcome:
        """Wait for `meltano` to end."""
        return Outcome(process.wait(), self.log)

    @property
    def log(self) -> str:
        """What `meltano` has printed since it was last started, both streams."""
        return self._log_path.read_text(encoding="utf-8")

    @property
    def _log_path(self) -> Path:
        return self.folder / "meltano.log"

    def state(self) -> dict[str, Any]:
        """Return the state that the next run would start from, from Meltano's own database."""
        path = self.folder / ".meltano" / "meltano.db"
        if not path.exists():
            return {}
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
            return dict(self._states(database))

    @staticmethod
    def _states(database: sqlite3.Connection) -> Iterator[tuple[str, Any]]:
        try:
            rows = database.execute("SELECT completed_state, partial_state FROM state").fetchall()
        except sqlite3.OperationalError:  # its first run is still making the tables
            return
        for texts in rows:
            for text in texts:
                state = json.loads(text) if text else {}
                yield from state.get("singer_state", {}).get("bookmarks", {}).items()
