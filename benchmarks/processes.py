"""Commands run to their end, and what they cost as the kernel counts it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence
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
        written_mb: To files, in MB; 0 where the kernel does not count it.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    written_mb: float = 0.0


@dataclass(frozen=True)
class Fed:
    """What a process took that read from another one's pipe.

    Attributes:
        usage: Its own.
        feeder: The other one's.
        tail_seconds: Between the exit of the other one, which had written all by then, and its own.
    """

    usage: Usage
    feeder: Usage
    tail_seconds: float


def end(
    process: subprocess.Popen[bytes],
    started: float,
    codes: Collection[int] = (0,),
) -> Usage:
    """Wait for a process; return what it took.

    Args:
        process: The process.
        started: When, by `time.perf_counter`.
        codes: With which it may exit.

    Raises:
        FailedError: It exited with another one.
    """
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise FailedError(f"exit code {process.returncode}: {process.args!r}")
    return Usage(
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / _RSS_UNITS_PER_MB,
        usage.ru_oublock * 512 / 1e6 if sys.platform == "linux" else 0.0,
    )


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
            raise _with_log(error, log) from None


def measure_fed(
    command: Sequence[str],
    feeder: Sequence[str],
    log: Path,
    codes: Collection[int] = (0,),
) -> Fed:
    """Run a command over what another one writes; its output goes to a log.

    Args:
        command: The command.
        feeder: The other one.
        log: Where its output goes.
        codes: With which it may exit.

    Raises:
        FailedError: Either failed; the log's end is in the message.
    """
    with log.open("wb") as said:
        started = time.perf_counter()
        feeding = subprocess.Popen(feeder, stdout=subprocess.PIPE)
        process = subprocess.Popen(
            command,
            stdin=feeding.stdout,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        assert feeding.stdout is not None
        feeding.stdout.close()  # so that it breaks if nobody reads any more
        fed: list[Usage | FailedError] = []

        def watch() -> None:
            try:
                fed.append(end(feeding, started))
            except FailedError as error:
                fed.append(error)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            usage = end(process, started, codes)
        except FailedError as error:
            raise _with_log(error, log) from None
        finally:
            watching.join()
    (found,) = fed
    if isinstance(found, FailedError):
        raise found
    return Fed(usage, found, usage.seconds - found.seconds)


def _with_log(error: FailedError, log: Path) -> FailedError:
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    return FailedError(f"{error}\n{tail}")
