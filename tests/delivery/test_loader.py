"""The main thread's loop, while it waits for its input."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import pytest

from target_spotzee.delivery.dispatch import Dispatcher
from target_spotzee.delivery.loader import Loader
from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.exceptions import InterruptedRunError
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.outcome.summary import Summary
from target_spotzee.singer.lines import Lines

LONG_SECONDS = 60.0


class Loop:
    """Stands in for the dispatcher: counts how often it is asked, and does a test's step each time.

    Attributes:
        due_at: When it is to be asked again; the clock of these tests says 0.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.due_at = 0.0
        self.steps: list[Callable[[], object]] = []

    def reap(self) -> None:
        self.calls += 1
        self.steps.pop(0)()


@dataclass
class Waiting:
    """Lines that a loader waits for.

    Attributes:
        loop: What is done meanwhile.
        lines: The lines.
        writer: The end of the pipe that they are written to.
        wakeup: What wakes the loader.
    """

    loop: Loop
    lines: Lines
    writer: int
    wakeup: Wakeup

    def say(self, text: bytes) -> None:
        os.write(self.writer, text)

    def end(self) -> None:
        os.close(self.writer)


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    loop = Loop()
    reader, writer = os.pipe()
    wakeup = Wakeup()
    settlement = Settlement(Ledger(), Summary("run"), None, None)
    loader = Loader(
        cast("Dispatcher", loop), settlement, wakeup, lambda: 0.0, progress=lambda: "progress"
    )
    try:
        yield Waiting(loop, Lines(reader, loader.wait_for_input), writer, wakeup)
    finally:
        wakeup.close()
        for fd in (reader, writer):
            with suppress(OSError):  # a test may have closed it
                os.close(fd)


class TestWhileTheTapIsSilent:
    def test_what_is_due_is_done_again_and_again(self, waiting: Waiting) -> None:
        waiting.loop.steps = [lambda: None] * 20
        waiting.loop.steps += [lambda: waiting.say(b"late\n"), waiting.end]
        assert list(waiting.lines) == [b"late"]
        assert waiting.loop.calls == 22

    def test_a_wake_up_from_another_thread_is_heard(self, waiting: Waiting) -> None:
        asleep, heard = threading.Event(), threading.Event()

        def hear() -> None:
            heard.set()
            waiting.end()

        def work() -> None:
            asleep.wait()
            waiting.wakeup.wake()
            if not heard.wait(LONG_SECONDS / 4):
                waiting.say(b"nobody woke\n")

        waiting.loop.due_at = LONG_SECONDS
        waiting.loop.steps = [asleep.set, hear]
        worker = threading.Thread(target=work)
        worker.start()
        assert list(waiting.lines) == []
        worker.join()

    def test_what_is_due_may_end_the_run(self, waiting: Waiting) -> None:
        def interrupt() -> None:
            raise InterruptedRunError(15)

        waiting.loop.steps = [interrupt]
        with pytest.raises(InterruptedRunError):
            list(waiting.lines)

    def test_what_is_due_is_done_while_lines_arrive_too(self, waiting: Waiting) -> None:
        waiting.loop.steps = [lambda: waiting.say(b"a\nb\n")] * 3
        waiting.loop.steps.append(waiting.end)
        assert list(waiting.lines) == [b"a", b"b"] * 3
        assert waiting.loop.calls == 4
