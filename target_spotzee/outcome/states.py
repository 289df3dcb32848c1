"""States on standard output: one a line, at once, and never anything else."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

from target_spotzee.exceptions import RunError

_WAIT_SECONDS = 0.5
_LAST_WAITS = 6
"""Waits for a reader once the run is to end, over all states: 3 seconds."""


class StateWriter:
    """Prints states.

    Args:
        ends: Says whether the run is to end, so that a reader that pauses can't hold it up.
    """

    def __init__(self, ends: Callable[[], bool]) -> None:
        self._ends = ends
        self._last_waits = _LAST_WAITS
        self._rest = b""
        """Of a line that a reader stopped in; no other may begin before it is complete."""

    def __call__(self, state: str) -> None:
        """Print one state.

        Raises:
            RunError: Nobody reads it. A reader that only pauses is waited for, within limits.
        """
        line = f"{state}\n".encode()
        try:
            fd = sys.stdout.fileno()
        except OSError:  # it lives in memory
            sys.stdout.write(f"{state}\n")
            return
        try:
            self._write(fd, self._rest)
            self._write(fd, line)
        except BrokenPipeError:
            raise RunError("states can't be printed: nobody reads stdout") from None
        except OSError as error:
            raise RunError(f"states can't be printed on stdout ({error.strerror})") from None

    def _write(self, fd: int, line: bytes) -> None:
        left = memoryview(line)
        try:
            while left:
                if select.select([], [fd], [], _WAIT_SECONDS)[1]:
                    # What a pipe takes at once, so that this never blocks.
                    left = left[os.write(fd, left[: select.PIPE_BUF]) :]
                elif self._ends():
                    self._last_waits -= 1
                    if self._last_waits <= 0:
                        raise RunError("states can't be printed: nobody reads stdout")
        finally:
            is_begun = line is self._rest or len(left) < len(line)
            self._rest = bytes(left) if is_begun else b""
