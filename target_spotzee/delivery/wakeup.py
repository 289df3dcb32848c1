"""What wakes the main thread: a finished request, a signal, or a time-out."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from target_spotzee.exceptions import InterruptedRunError


class Wakeup:
    """A pipe that other threads and signals write to and the main thread waits on.

    A signal only leaves its number here; the main thread finds it at its next `check`.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._signals: list[int] = []
        self._waits = False
        self._woken = False

    def wake(self) -> None:
        """Wake the main thread, now or when it next waits. From any thread."""
        self._woken = True
        if self._waits:  # otherwise it sees the flag before it waits, without a system call
            with suppress(BlockingIOError):  # the pipe is full of wake-ups already
                os.write(self._writer, b"\0")

    def wait(self, timeout_seconds: float | None, *fds: int) -> bool:
        """Wait until woken, until a descriptor can be read, or for so long.

        Returns:
            Whether one of the descriptors can be read.
        """
        self._waits = True
        if self._woken:
            timeout_seconds = 0
        readable, _, _ = select.select([self._reader, *fds], [], [], timeout_seconds)
        self._woken = self._waits = False
        if self._reader in readable:
            readable.remove(self._reader)
            os.read(self._reader, 65_536)
        return bool(readable)

    def check(self) -> None:
        """Notice a signal.

        Raises:
            InterruptedRunError: One has arrived.
        """
        if self._signals:
            raise InterruptedRunError(self._signals[0])

    @property
    def signalled(self) -> bool:
        """Whether a signal has arrived."""
        return bool(self._signals)

    @property
    def urged(self) -> bool:
        """Whether a second signal has arrived: stop at once."""
        return len(self._signals) > 1

    @contextmanager
    def catching(self, *signums: int) -> Iterator[None]:
        """Take these signals while the block runs. On the main thread only."""

        def note(signum: int, _frame: FrameType | None) -> None:
            self._signals.append(signum)

        before = {signum: signal.signal(signum, note) for signum in signums}
        fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(fd)
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reader)
        os.close(self._writer)
