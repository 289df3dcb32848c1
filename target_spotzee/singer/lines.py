"""Lines of standard input, read so that the main thread can always be woken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from target_spotzee.exceptions import InputError

_CHUNK_BYTES = 2**18
MAX_LINE_BYTES = 64 * 2**20
"""No record is that long; without an end to a line, memory would have none."""
_REJECT_BYTES = 2**16
"""Room for what is kept beside a record that was rejected, so that it can be sent again."""


class Lines:
    """Iterates over a descriptor's lines.

    Args:
        fd: What to read: a pipe, a file, a terminal.
        wait: Waits until a descriptor can be read, and does what is due meanwhile.

    Attributes:
        offset: Where in the file the line that was yielded last begins.
    """

    def __init__(self, fd: int, wait: Callable[[int], None]) -> None:
        self._fd = fd
        self._wait = wait
        self.offset = 0
        with suppress(OSError):  # a pipe has no places
            self.offset = os.lseek(fd, 0, os.SEEK_CUR)

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line without its end; what follows the last newline is a line, too.

        Raises:
            InputError: A line has no end.
        """
        pieces: list[bytes] = []
        begin = self.offset
        number = 1
        length = 0
        while chunk := self._read():
            first, *rest = chunk.split(b"\n")
            pieces.append(first)
            length += len(first)
            if length > MAX_LINE_BYTES + _REJECT_BYTES:
                raise InputError(
                    f"line {number} of the input is longer than {MAX_LINE_BYTES >> 20} MiB; the tap"
                    " is broken, or something else wrote to its output",
                )
            if not rest:
                continue
            *whole, last = rest
            for line in (b"".join(pieces), *whole):
                self.offset = begin
                yield line
                begin += len(line) + 1
            number += 1 + len(whole)
            pieces, length = [last], len(last)
        if any(pieces):
            self.offset = begin
            yield b"".join(pieces)

    def _read(self) -> bytes:
        """Return what there is to read; nothing at the end of input."""
        self._wait(self._fd)
        try:
            return os.read(self._fd, _CHUNK_BYTES)
        except OSError as error:
            raise InputError(f"the input can't be read ({error.strerror})") from None
