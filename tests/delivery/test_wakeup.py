"""What wakes the main thread: a finished request, a signal, or a time-out."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator

import pytest

from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.exceptions import InterruptedRunError


@pytest.fixture
def wakeup() -> Iterator[Wakeup]:
    made = Wakeup()
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


class TestWaiting:
    def test_ends_with_the_time_out(self, wakeup: Wakeup, pipe: tuple[int, int]) -> None:
        assert wakeup.wait(0.0) is False
        assert wakeup.wait(0.0, pipe[0]) is False

    def test_ends_when_there_is_something_to_read(
        self, wakeup: Wakeup, pipe: tuple[int, int]
    ) -> None:
        os.write(pipe[1], b"x")
        assert wakeup.wait(None, pipe[0]) is True
        assert wakeup.wait(None, pipe[0]) is True

    def test_ends_once_for_wake_ups_that_came_before(
        self, wakeup: Wakeup, pipe: tuple[int, int]
    ) -> None:
        assert not pending(wakeup)
        for _ in range(3):
            wakeup.wake()
        assert pending(wakeup)
        assert wakeup.wait(None, pipe[0]) is False
        assert not pending(wakeup)

    def test_tells_a_wake_up_from_something_to_read(
        self, wakeup: Wakeup, pipe: tuple[int, int]
    ) -> None:
        wakeup.wake()
        os.write(pipe[1], b"x")
        assert wakeup.wait(None, pipe[0]) is True
        assert not pending(wakeup)

    def test_ends_for_a_wake_up_from_another_thread(self, wakeup: Wakeup) -> None:
        thread = threading.Thread(target=wakeup.wake)
        thread.start()
        thread.join()
        assert pending(wakeup)
        assert wakeup.wait(None) is False

    def test_ends_for_a_wake_up_that_comes_while_it_waits(self, wakeup: Wakeup) -> None:
        waiting = threading.Thread(target=wakeup.wait, args=(None,), daemon=True)
        waiting.start()
        while not wakeup._waits:
            pass
        wakeup.wake()
        waiting.join(10)
        assert not waiting.is_alive()


def pending(wakeup: Wakeup) -> bool:
    """Say whether a wait would end at once."""
    return wakeup._woken or bool(select.select([wakeup._reader], [], [], 0)[0])


def test_waking_never_blocks_however_many_wake(wakeup: Wakeup) -> None:
    for _ in range(100_000):
        wakeup.wake()
    assert wakeup.wait(None) is False


class TestSignals:
    def test_none_is_nothing_to_notice(self, wakeup: Wakeup) -> None:
        wakeup.check()
        assert not wakeup.urged

    @pytest.mark.parametrize(
        ("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["TERM", "INT"]
    )
    def test_one_is_noticed_at_the_next_check_and_wakes(
        self, wakeup: Wakeup, signum: signal.Signals, code: int
    ) -> None:
        with wakeup.catching(signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(signum)
            assert pending(wakeup)
            assert wakeup.wait(None) is False
            with pytest.raises(InterruptedRunError) as caught:
                wakeup.check()
            assert not wakeup.urged
        assert caught.value.exit_code == code
        assert str(caught.value) == (
            f"stopped by {signum.name}; start again to go on from the last state"
        )

    def test_a_second_one_urges_and_the_first_is_told(self, wakeup: Wakeup) -> None:
        with wakeup.catching(signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            assert wakeup.urged
            with pytest.raises(InterruptedRunError, match="SIGTERM"):
                wakeup.check()

    def test_afterwards_all_is_as_it_was(self, wakeup: Wakeup) -> None:
        def own(_signum: int, _frame: object) -> None: ...

        before = signal.signal(signal.SIGTERM, own)
        try:
            with wakeup.catching(signal.SIGTERM, signal.SIGINT):
                assert signal.getsignal(signal.SIGTERM) is not own
            assert signal.getsignal(signal.SIGTERM) is own
            fd = signal.set_wakeup_fd(-1)
            assert fd == -1
        finally:
            signal.signal(signal.SIGTERM, before)

    def test_one_that_comes_when_the_pipe_is_full_says_nothing_on_stderr(
        self, wakeup: Wakeup, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for _ in range(100_000):
            wakeup.wake()
        with wakeup.catching(signal.SIGTERM):
            signal.raise_signal(signal.SIGTERM)
        assert capfd.readouterr().err == ""
        with pytest.raises(InterruptedRunError):
            wakeup.check()
