"""Lines of standard input, read so that the main thread can always be woken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import target_spotzee.singer.lines
from target_spotzee.exceptions import RunError
from target_spotzee.singer.lines import Lines


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


def at_once(_fd: int) -> None:
    """Wait for nothing: what there is to read is there."""


def read(chunks: list[bytes]) -> list[bytes]:
    """Read chunks that each arrive only once the one before has been read."""
    left = iter(chunks)
    with pipe() as (reader, writer):

        def wait(fd: int) -> None:
            assert fd == reader
            chunk = next(left, None)
            if chunk is None:
                with suppress(OSError):
                    os.close(writer)
            else:
                os.write(writer, chunk)

        return list(Lines(reader, wait))


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
        with path.open("rb") as file:
            assert list(Lines(file.fileno(), at_once)) == lines

    def test_are_given_as_soon_as_they_are_whole(self) -> None:
        with pipe() as (reader, writer):
            lines = iter(Lines(reader, at_once))
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
        with path.open("rb") as file, pytest.raises(RunError) as caught:
            seen.extend(Lines(file.fileno(), at_once))
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
        with path.open("rb") as file:
            assert list(Lines(file.fileno(), at_once)) == lines


class TestPlaces:
    """Where a line stands in its file, so that a reject can be marked there."""

    @pytest.mark.parametrize("start", [0, 4])
    def test_of_each_line_in_a_file(self, tmp_path: Path, start: int) -> None:
        path = tmp_path / "input"
        text = b"one\n" + b"\n" + b"x" * 150_000 + b"\nthree\nlast"
        path.write_bytes(text)
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            lines = Lines(file.fileno(), at_once)
            for line in lines:
                assert text[lines.offset : lines.offset + len(line)] == line
                assert lines.offset == 0 or text[lines.offset - 1 : lines.offset] == b"\n"
            assert lines.offset == text.index(b"last")
