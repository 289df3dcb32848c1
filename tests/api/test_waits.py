"""How long to wait before trying again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_spotzee.api.waits import backoff_seconds, retry_after_seconds

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)


class TestBackoff:
    @pytest.mark.parametrize(
        ("attempt", "seconds"),
        [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (7, 32.0), (8, 60.0), (5000, 60.0)],
    )
    def test_doubles_up_to_a_minute(self, attempt: int, seconds: float) -> None:
        assert backoff_seconds(attempt, lambda: 1.0) == seconds

    def test_is_half_of_it_random(self) -> None:
        assert backoff_seconds(3, lambda: 0.0) == 1.0
        assert backoff_seconds(3, lambda: 0.5) == 1.5


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("0", 0.0),
            ("10", 10.0),
            (" 7 ", 7.0),
            ("0010", 10.0),
            ("9" * 400, 86_400.0),
            ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
            ("Sunday, 22-Nov-26 12:00:30 GMT", 30.0),
            ("Sun, 22 Nov 2026 13:00:30 +0100", 30.0),
            ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
            ("Sun, 22 Nov 2099 11:00:00 GMT", 86_400.0),
        ],
    )
    def test_is_whole_seconds_or_a_date(self, header: str, seconds: float) -> None:
        assert retry_after_seconds({"Retry-After": header}, NOW) == seconds

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "soon",
            "-5",
            "1.5",
            "10 s",
            "1e3",
            "Sun, 32 Nov 2026 12:00:00 GMT",
            "Sun, 22 Nov 99999999999999999999 12:00:00 GMT",
            "Sun, 22 Nov 2026 12:00:00 +9999",
        ],
    )
    def test_is_nothing_where_it_cannot_be_read(self, header: str) -> None:
        assert retry_after_seconds({"Retry-After": header}, NOW) is None

    def test_is_nothing_where_it_is_not_there(self) -> None:
        assert retry_after_seconds({}, NOW) is None

    def test_as_a_date_goes_by_the_answer_s_own_clock(self) -> None:
        headers = {
            "Date": "Sun, 22 Nov 2026 18:00:00 GMT",
            "Retry-After": "Sun, 22 Nov 2026 18:00:12 GMT",
        }
        assert retry_after_seconds(headers, NOW) == 12.0

    def test_as_a_date_goes_by_ours_where_the_answer_has_none(self) -> None:
        headers = {"Date": "noon", "Retry-After": "Sun, 22 Nov 2026 12:00:12 GMT"}
        assert retry_after_seconds(headers, NOW) == 12.0

    @given(st.integers(-(10**6), 10**5))
    def test_dates_are_counted_to_the_second(self, seconds: int) -> None:
        header = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
        expected = min(max(seconds, 0), 86_400)
        assert retry_after_seconds({"Retry-After": header}, NOW) == expected

    @given(st.text() | st.from_regex(r"\A[a-zA-Z0-9,: +-]*\Z"), st.text())
    @example("1 Jan 0001 00:00:00 +2359", "31 Dec 9999 23:59:59 -2359")
    def test_whatever_a_server_says_is_some_wait_or_none(self, header: str, date: str) -> None:
        seconds = retry_after_seconds({"Retry-After": header, "Date": date}, NOW)
        assert seconds is None or 0 <= seconds <= 86_400
