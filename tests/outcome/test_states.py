"""States on a pipe whose reader pauses: whole lines only, and no wait without an end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest

from target_spotzee.exceptions import RunError
from target_spotzee.outcome import states
from target_spotzee.outcome.states import StateWriter

LONG = "x" * 1_000_000


class Pipe:
    """Standard output as a pipe, which is read when the test says so."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.taken = b""

    def fileno(self) -> int:
        return self.writer

    def read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self.taken += os.read(self.reader, 65_536)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    pipe = Pipe()
    monkeypatch.setattr(states, "sys", SimpleNamespace(stdout=pipe))
    monkeypatch.setattr(states, "_WAIT_SECONDS", 0.0)
    yield pipe
    os.close(pipe.reader)
    os.close(pipe.writer)


def test_a_reader_that_pauses_at_the_end_is_waited_for(pipe: Pipe) -> None:
    def ends() -> bool:
        pipe.read()
        return True

    line = LONG[:200_000]
    StateWriter(ends)(line)
    pipe.read()
    assert pipe.taken == f"{line}\n".encode()


def test_a_line_that_was_begun_is_finished_before_the_next(pipe: Pipe) -> None:
    writer = StateWriter(lambda: True)
    with pytest.raises(RunError, match="nobody reads stdout"):
        writer(LONG)
    for _ in range(3):
        with pytest.raises(RunError, match="nobody reads stdout"):
            writer("2")
    pipe.read()
    is_printed = False
    while not is_printed:
        pipe.read()
        with suppress(RunError):
            writer("3")
            is_printed = True
    pipe.read()
    assert pipe.taken.split() == [LONG.encode(), b"3"]


def test_a_line_that_was_not_begun_is_not_printed_later(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe.writer, b"." * 4096)
    writer = StateWriter(lambda: True)
    with pytest.raises(RunError, match="nobody reads stdout"):
        writer("1")
    pipe.read()
    writer("2")
    pipe.read()
    assert pipe.taken.lstrip(b".") == b"2\n"
