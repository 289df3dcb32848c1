"""States on standard output: one a line, at once, and never anything else."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

from target_spotzee.exceptions import RunError

_PATIENCE_SECONDS = 0.5


class StateWriter:
    """Prints states.

    Args:
        gives_up: Says whether to stop waiting for a reader that pauses.
    """

    def __init__(self, gives_up: Callable[[], bool]) -> None:
        self._gives_up = gives_up

    def __call__(self, state: str) -> None:
        """Print one state.

        Raises:
            RunError: Nobody reads it. A reader that only pauses is waited for, within limits.
        """
        left = memoryview(f"{state}\n".encode())
        try:
            fd = sys.stdout.fileno()
        except OSError:  # it lives in memory
            sys.stdout.write(f"{state}\n")
            return
        try:
            while left:
                if select.select([], [fd], [], _PATIENCE_SECONDS)[1]:
                    # What a pipe takes at once, so that this never blocks.
                    left = left[os.write(fd, left[: select.PIPE_BUF]) :]
                elif self._gives_up():
                    raise RunError("states can't be printed: nobody reads stdout")
        except BrokenPipeError:
            raise RunError("states can't be printed: nobody reads stdout") from None
        except OSError as error:
            raise RunError(f"states can't be printed on stdout ({error.strerror})") from None
