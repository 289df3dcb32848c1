"""What a process has written and nobody has read yet, looked at without taking it. Linux only."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
from collections.abc import Iterator

_SPLICE_F_NONBLOCK = 2
_MAX_BYTES = 2**20
"""What a pipe may be made to take without special rights."""


class Pipe:
    """The pipe that a process writes to.

    Args:
        fd: Both of its ends.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def content(self) -> bytes:
        """Return what is in it, which stays there."""
        tee = ctypes.CDLL(None).tee
        tee.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint)
        copy, into = os.pipe()
        try:
            fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, _MAX_BYTES)
            copied = tee(self._fd, into, _MAX_BYTES, _SPLICE_F_NONBLOCK)
            return os.read(copy, _MAX_BYTES) if copied > 0 else b""
        finally:
            os.close(copy)
            os.close(into)

    def cuts_a_line(self) -> bool:
        """Return whether it ends in the middle of a line, while nobody reads.

        Then its writer, if it writes each line at once, is stuck in that `write()`. A pipe that is
        full just where a line ends is made wider, so that the next line begins.
        """
        content = self.content()
        if not content.endswith(b"\n"):
            return bool(content)
        if not select.select([], [self._fd], [], 0)[1]:
            size = fcntl.fcntl(self._fd, fcntl.F_GETPIPE_SZ)
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, 2 * size)
        return False


@contextlib.contextmanager
def stdout_of(pid: int) -> Iterator[Pipe]:
    """Open the pipe that a process of one's own has as its standard output."""
    fd = os.open(f"/proc/{pid}/fd/1", os.O_RDWR | os.O_NONBLOCK)
    try:
        yield Pipe(fd)
    finally:
        os.close(fd)
