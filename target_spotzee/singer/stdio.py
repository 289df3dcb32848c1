"""Standard input, output and error: a shell can close them, and a disk can be full."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from target_spotzee.exceptions import RunError, SettingsError


def keep_places() -> None:
    """Fill the places of streams that the shell closed, lest a file of ours takes their numbers."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:  # noqa: PERF203 - three times
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one


def check_input(file: IO[str] | None) -> None:
    """Find out whether a file, or standard input, can be read, without reading.

    Raises:
        SettingsError: It can't.
    """
    if file is None:
        raise SettingsError("standard input is closed; pipe a tap into this target")
    reason = _problem(file, lambda fd: os.read(fd, 0))
    if reason is not None:
        raise SettingsError(f"the input can't be read ({reason}); pipe a tap into this target")


def check_output() -> None:
    """Find out whether standard output can be written, without writing; a full disk goes unnoticed.

    Raises:
        RunError: It can't.
    """
    if sys.stdout is None:
        raise RunError("standard output is closed; send it to a file or a pipe")
    reason = _problem(sys.stdout, lambda fd: os.write(fd, b""))
    if reason is not None:
        raise RunError(f"standard output can't be written ({reason}); send it elsewhere")


def _problem(file: IO[str], use: Callable[[int], object]) -> str | None:
    try:
        fd = file.fileno()
    except OSError:  # it lives in memory
        return None
    try:
        use(fd)
    except OSError as error:
        return error.strerror
    return None


def say(text: str) -> None:
    """Print for a person, at once; letters that the encoding lacks are shown by their numbers.

    Raises:
        RunError: There is nowhere to print to.
    """
    check_output()
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        _flushed(sys.stdout)
        raise RunError(f"standard output can't be written ({error.strerror})") from None


def complain(text: str) -> None:
    """Say what is wrong where there is no log, if there is anywhere to say it."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)


@contextmanager
def told_to_the_end() -> Iterator[None]:
    """Run a command; if any of its output is lost, say so in one line, with exit code 1.

    Otherwise the interpreter complains while it ends, with a traceback and a code of its own.

    Raises:
        SystemExit: With the command's code, or 1.
    """
    code: int | str | None = 0
    lost: OSError | None = None
    try:
        yield
    except SystemExit as ended:
        code = ended.code
    except OSError as error:  # from a library that prints
        lost = error
    lost = _flushed(sys.stdout) or lost
    if lost is not None:
        code = code or 1
        complain(f"standard output can't be written ({lost.strerror})")
    _flushed(sys.stderr)
    sys.exit(code)


def _flushed(stream: IO[str] | None) -> OSError | None:
    """Write what a stream still holds; if that fails, send it nowhere and return why."""
    if stream is None:
        return None
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()
        return error
    return None
