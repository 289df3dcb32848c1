from __future__ import annotations

from datetime import datetime, timezone

import pytest

from target_spotzee.sandbox.moments import read, read_complete, write


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-01", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01T12:30", "2026-11-01T12:30:00.000Z"),
        ("2026-11-01 12:30:15", "2026-11-01T12:30:15.000Z"),
        ("2026-11-01t12:30:15.123456789z", "2026-11-01T12:30:15.123Z"),
        ("2026-11-01T12:30:15+10:00", "2026-11-01T02:30:15.000Z"),
        ("2026-11-01T12:30:15-0930", "2026-11-01T22:00:15.000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
        ("0001-01-01T00:00:00+10:00", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:00:00-10:00", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_is_written_in_utc(text: str, written: str) -> None:
    assert write(read(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026",
        "0000-01-01",
        "2026-02-30",
        "2026-13-01",
        "2026-11-01T",
        "2026-11-01T24:00:00Z",
        "2026-11-01T12:60:00Z",
        "2026-11-01T12:00:61Z",
        "2026-11-01T12:00:00+24:00",
        "2026-11-01Z",
        "2026-11-01T12:00:00Z\n",
        "٢٠٢٦-11-01",
    ],
)
def test_what_is_no_moment_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


def test_a_complete_one_has_seconds_and_an_offset() -> None:
    assert read_complete("2026-11-01T00:00:00Z") == datetime(2026, 11, 1, tzinfo=timezone.utc)
    for text in ("2026-11-01", "2026-11-01T00:00:00", "2026-11-01T00:00Z", "2026-02-30T00:00:00Z"):
        with pytest.raises(ValueError, match=r"."):
            read_complete(text)
