"""Whole runs in this process: everything is real but the process."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from target_spotzee.sandbox import Sandbox
from target_spotzee.singer.target import TargetSpotzee

SECRET = "sk_canary_of_the_key"


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str
    summary: dict[str, Any]


class Played:
    """Runs targets in this process and tells how they ended."""

    def __init__(self, sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.sandbox = sandbox
        self.rejects_path = folder / "rejects.singer"
        self._summary_path = folder / "summary.json"
        self._capsys = capsys

    def target(self, **config: Any) -> TargetSpotzee:
        """Return a target that nothing has been read by."""
        given = {
            "api_key": SECRET,
            "api_url": self.sandbox.api_url,
            "rejects_path": str(self.rejects_path),
            "summary_path": str(self._summary_path),
            "max_retry_seconds": 0,
            **config,
        }
        return TargetSpotzee(config=given)

    def run(self, lines: Iterable[str], **config: Any) -> Ended:
        """Run a target over an input to its end."""
        target = self.target(**config)
        file = io.StringIO("".join(lines))
        code = target.run.follow(lambda: target.read(file))
        out, err = self._capsys.readouterr()
        summary = json.loads(self._summary_path.read_text(encoding="utf-8"))
        return Ended(code, out, err, summary)
