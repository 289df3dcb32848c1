"""The target as a process of its own: real pipes, real signals, real exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

COMMAND = [sys.executable, "-m", "target_spotzee"]
PROGRAM = "from target_spotzee.__main__ import main; main()"
"""The same for ``-c``."""


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    exit_code: int
    stdout: str
    stderr: str
    summary: dict[str, Any]

    @property
    def states(self) -> list[Any]:
        """What was printed: one state a line, and nothing else."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def records(self) -> dict[str, int]:
        """The summary's records that are not zero."""
        return {name: count for name, count in self.summary["records"].items() if count}


@dataclass
class Target:
    """Starts targets with one configuration and checks what holds after every run."""

    folder: Path
    api_url: str
    api_key: str
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def rejects_path(self) -> Path:
        return self.folder / "rejects.singer"

    @property
    def summary_path(self) -> Path:
        return self.folder / "summary.json"

    def configure(self, **settings: Any) -> Path:
        """Write the configuration; ``None`` leaves a setting out."""
        merged = {
            "api_url": self.api_url,
            "api_key": self.api_key,
            "rejects_path": str(self.rejects_path),
            "summary_path": str(self.summary_path),
            **self.config,
            **settings,
        }
        path = self.folder / "config.json"
        given = {name: value for name, value in merged.items() if value is not None}
        path.write_text(json.dumps(given), encoding="utf-8")
        return path

    def start(
        self,
        *,
        stdin: IO[bytes] | int = subprocess.PIPE,
        env: dict[str, str] | None = None,
        **settings: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a target whose ends are pipes."""
        self.summary_path.unlink(missing_ok=True)
        return subprocess.Popen(
            [*COMMAND, "--config", str(self.configure(**settings))],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TARGET_SPOTZEE_LOGLEVEL": "DEBUG", **(env or {})},
        )

    def run(
        self,
        lines: Iterable[str] | bytes,
        *,
        env: dict[str, str] | None = None,
        **settings: Any,
    ) -> Result:
        """Run a target over an input to its end."""
        process = self.start(env=env, **settings)
        given = lines if isinstance(lines, bytes) else "".join(lines).encode()
        out, err = process.communicate(given)
        return self.result(process, out, err)

    def command(
        self,
        arguments: list[str],
        *,
        env: dict[str, str] | None = None,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run the command as it stands, without this class's configuration."""
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={**os.environ, **(env or {})},
        )

    def result(self, process: subprocess.Popen[bytes], out: bytes, err: bytes) -> Result:
        """Read a finished run, and check what must hold whatever happened."""
        stderr = err.decode()
        assert "Traceback" not in stderr, stderr
        assert self.api_key not in stderr
        summary: dict[str, Any] = {}
        if self.summary_path.exists():
            summary = json.loads(self.summary_path.read_text(encoding="utf-8"))
            assert summary["exit_code"] == process.returncode
            assert_adds_up(summary)
        return Result(process.returncode, out.decode(), stderr, summary)


def read_until(process: subprocess.Popen[bytes], *words: bytes) -> None:
    """Wait until a process says one of these words on stderr."""
    assert process.stderr is not None
    seen = b""
    while not any(word in seen for word in words):
        line = process.stderr.readline()
        assert line, f"the process ended; it said {seen.decode()}"
        seen += line


def assert_adds_up(summary: dict[str, Any]) -> None:
    """Check the summary's identity, for the run and for each stream."""
    for records in (summary["records"], *summary["streams"].values()):
        ends = {name: count for name, count in records.items() if name != "read"}
        assert records["read"] == sum(ends.values())
        assert min(records.values()) >= 0
