"""Commands run to their end, and what they cost as the kernel counts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_RSS_UNITS_PER_MB = 2**20 if sys.platform == "darwin" else 2**10


class FailedError(Exception):
    """A command that should not have failed did, so its figures mean nothing."""


@dataclass(frozen=True)
class Usage:
    """What a process took, from its start to its exit.

    Attributes:
        seconds: By the wall clock.
        cpu_seconds: User and system, all threads.
        peak_mb: Largest resident set, in MiB.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


def end(process: subprocess.Popen[bytes], started: float) -> Usage:
    """Wait for a process; return what it took.

    Raises:
        FailedError: Its exit code is not 0.
    """
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"exit code {process.returncode}: {process.args!r}")
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _RSS_UNITS_PER_MB)


def measure(command: Sequence[str], stdin: Path, log: Path) -> Usage:
    """Run a command over a file; its output goes to a log.

    Raises:
        FailedError: It failed; the log's end is in the message.
    """
    with stdin.open("rb") as given, log.open("wb") as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL, stderr=said)
        try:
            return end(process, started)
        except FailedError as error:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise FailedError(f"{error}\n{tail}") from None
