"""Lines of standard input, read so that the main thread can always be woken."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import target_spotzee.singer.lines
from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.exceptions import InterruptedRunError, RunError
from target_spotzee.singer.lines import Lines

LONG_SECONDS = 60.0


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose ends a test may close itself."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for fd in ends:
            with suppress(OSError):
                os.close(fd)


@contextmanager
def wakeup() -> Iterator[Wakeup]:
    made = Wakeup()
    try:
        yield made
    finally:
        made.close()


def read(chunks: list[bytes]) -> list[bytes]:
    """Read chunks that each arrive only once the one before has been read."""
    left = iter(chunks)
    with wakeup() as woken, pipe() as (reader, writer):

        def tick() -> float:
            chunk = next(left, None)
            if chunk is None:
                with suppress(OSError):
                    os.close(writer)
            else:
                os.write(writer, chunk)
            return 0.0

        return list(Lines(reader, woken, tick))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    starts = sorted({0, *(place % (len(data) + 1) for place in places)})
    ends = [*starts[1:], len(data)]
    return [data[start:end] for start, end in zip(starts, ends, strict=True) if start < end]


class TestLines:
    @given(
        st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\n\n", b" ", b"\r\n", "é".encode()])).map(
            b"".join
        ),
        st.lists(st.integers(0, 99), max_size=6),
    )
    @example(b"", [])
    @example(b"\n", [])
    @example(b"a\n", [1])
    @example(b"a", [])
    def test_arrive_whatever_the_pieces_they_come_in(self, data: bytes, places: list[int]) -> None:
        expected = data.split(b"\n")
        if not expected[-1]:
            expected.pop()
        assert read(cut(data, places)) == expected

    def test_may_be_longer_than_any_buffer(self, tmp_path: Path) -> None:
        lines = [b"x" * 200_000, b"y", b"z" * 70_000]
        path = tmp_path / "input"
        path.write_bytes(b"\n".join(lines))
        with wakeup() as woken, path.open("rb") as file:
            assert list(Lines(file.fileno(), woken, lambda: 0.0)) == lines

    def test_are_given_as_soon_as_they_are_whole(self) -> None:
        with wakeup() as woken, pipe() as (reader, writer):
            lines = iter(Lines(reader, woken, lambda: LONG_SECONDS))
            os.write(writer, b"one\ntw")
            assert next(lines) == b"one"
            os.write(writer, b"o\n")
            assert next(lines) == b"two"
            os.close(writer)
            assert next(lines, None) is None


class TestEndless:
    @pytest.mark.parametrize("before", [b"", b"one\n", b"\n\n" + b"x" * 2 * 2**20 + b"\n"])
    def test_a_line_without_an_end_ends_the_run(
        self, before: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(target_spotzee.singer.lines, "MAX_LINE_BYTES", 2 * 2**20)
        path = tmp_path / "input"
        path.write_bytes(before + b"QXZJ" * 2**20)
        seen: list[bytes] = []
        with wakeup() as woken, path.open("rb") as file, pytest.raises(RunError) as caught:
            seen.extend(Lines(file.fileno(), woken, lambda: 0.0))
        number = before.count(b"\n") + 1
        assert str(caught.value).startswith(
            f"line {number} of the input is longer than 2 MiB; the tap is broken"
        )
        assert "QXZJ" not in str(caught.value)

    def test_one_that_is_just_not_too_long_is_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(target_spotzee.singer.lines, "MAX_LINE_BYTES", 2**20)
        lines = [b"x" * 2**20, b"y" * (2**20 - 1), b"z" * 2**20]
        path = tmp_path / "input"
        path.write_bytes(b"\n".join(lines))
        with wakeup() as woken, path.open("rb") as file:
            assert list(Lines(file.fileno(), woken, lambda: 0.0)) == lines


class TestPlaces:
    """Where a line stands in its file, so that a reject can be marked there."""

    @pytest.mark.parametrize("start", [0, 4])
    def test_of_each_line_in_a_file(self, tmp_path: Path, start: int) -> None:
        path = tmp_path / "input"
        text = b"one\n" + b"\n" + b"x" * 150_000 + b"\nthree\nlast"
        path.write_bytes(text)
        with wakeup() as woken, path.open("rb", buffering=0) as file:
            file.seek(start)
            lines = Lines(file.fileno(), woken, lambda: 0.0)
            for line in lines:
                assert text[lines.offset : lines.offset + len(line)] == line
                assert lines.offset == 0 or text[lines.offset - 1 : lines.offset] == b"\n"
            assert lines.offset == text.index(b"last")


class Loop:
    """Counts the calls of what is due, and does a step of a test at each."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.calls = 0
        self._steps = iter(steps)

    def __call__(self) -> float:
        self.calls += 1
        next(self._steps)()
        return 0.0


class TestWhileTheTapIsSilent:
    def test_what_is_due_is_done_again_and_again(self) -> None:
        with wakeup() as woken, pipe() as (reader, writer):
            nothing = [lambda: None] * 20
            loop = Loop(*nothing, lambda: os.write(writer, b"late\n"), lambda: os.close(writer))
            assert list(Lines(reader, woken, loop)) == [b"late"]
            assert loop.calls == 22

    def test_a_wake_up_from_another_thread_is_heard(self) -> None:
        with wakeup() as woken, pipe() as (reader, writer):
            waiting, heard = threading.Event(), threading.Event()

            def tick() -> float:
                if waiting.is_set() and not heard.is_set():
                    heard.set()
                    os.close(writer)
                waiting.set()
                return LONG_SECONDS

            def work() -> None:
                waiting.wait()
                woken.wake()
                if not heard.wait(LONG_SECONDS / 4):
                    os.write(writer, b"nobody woke\n")

            worker = threading.Thread(target=work)
            worker.start()
            assert list(Lines(reader, woken, tick)) == []
            worker.join()

    def test_what_is_due_may_end_the_run(self) -> None:
        def tick() -> float:
            raise InterruptedRunError(15)

        with wakeup() as woken, pipe() as (reader, _), pytest.raises(InterruptedRunError):
            list(Lines(reader, woken, tick))

    def test_what_is_due_is_done_while_lines_arrive_too(self) -> None:
        with wakeup() as woken, pipe() as (reader, writer):
            steps = [lambda: os.write(writer, b"a\nb\n")] * 3
            loop = Loop(*steps, lambda: os.close(writer))
            assert list(Lines(reader, woken, loop)) == [b"a", b"b"] * 3
            assert loop.calls == 4
