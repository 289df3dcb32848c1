"""One process of the target, watched as it talks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

_CLI = "from target_spotzee.singer.target import TargetSpotzee as t; t.cli()"

PATIENCE_SECONDS = 90.0
"""A process that takes longer than this hangs."""


class Process:
    """A target that reads a file; what it prints is noted line by line, as it comes.

    Args:
        config: Its configuration.
        stdin: The file it reads.
        prelude: Python that runs in it first: a limit, a clock.
        on_line: Called with each line of stdout, on the thread that reads it; says whether to read
            on. If not, stdout is closed: the next line meets nobody.
        options: More of the command's options.
    """

    def __init__(
        self,
        config: Path,
        stdin: IO[bytes],
        prelude: str,
        on_line: Callable[[bytes], bool],
        options: Sequence[str] = (),
    ) -> None:
        self.out: list[bytes] = []
        self.err = b""
        self._changed = threading.Condition()
        self._on_line = on_line
        self._process = subprocess.Popen(
            [sys.executable, "-c", prelude + _CLI, "--config", str(config), *options],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TARGET_SPOTZEE_LOGLEVEL": "DEBUG"},
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdout, self._stderr = self._process.stdout, self._process.stderr
        self._readers = [threading.Thread(target=read) for read in (self._listen, self._read)]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Wait until something has come true; say whether it did while the process ran.

        What is printed is looked at as it comes, anything else every few milliseconds.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        with self._changed:
            while not condition():
                if not self.running or time.monotonic() > until:
                    return False
                self._changed.wait(0.005)
        return True

    def send_signal(self, signum: int) -> None:
        """Send it a signal, if it is there to get one."""
        self._process.send_signal(signum)

    def end(self) -> int | None:
        """Wait for its end; return its exit code, or ``None`` if it had to be ended."""
        code: int | None
        try:
            code = self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            code = None
        for reader in self._readers:
            reader.join()
        return code

    def _listen(self) -> None:
        with self._stdout as stdout:
            for line in stdout:
                listening = self._on_line(line)
                with self._changed:
                    self.out.append(line)
                    self._changed.notify_all()
                if not listening:
                    return

    def _read(self) -> None:
        with self._stderr as stderr:
            for line in stderr:
                with self._changed:
                    self.err += line
                    self._changed.notify_all()
