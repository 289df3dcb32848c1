"""How long to wait before trying again: pure rules. Seconds everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

MAX_BACKOFF_SECONDS = 60.0
_FIRST_BACKOFF_SECONDS = 0.5
_MAX_RETRY_AFTER_SECONDS = 24 * 3600.0

PATIENCE_SECONDS = 60.0
"""What is queued can take so long: on Spotzee's ancestor, 11 s for 2,300 users."""
LOOK_SECONDS = 5.0
"""The longest between two looks at what is awaited."""

Clock = Callable[[], float]
Random = Callable[[], float]
"""Gives numbers in [0, 1)."""


def backoff_seconds(attempt: int, random: Random) -> float:
    """Return the wait after a failed attempt, counted from 1: doubling, half of it random."""
    longest = min(MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 16))
    return longest * (0.5 + 0.5 * random())


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return what ``Retry-After`` asks for, whole seconds or an HTTP date.

    A date is read against the answer's own ``Date``, so that this machine's clock need not agree.

    Returns:
        ``None`` if the header is missing or unreadable.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return min(float(text[:9]), _MAX_RETRY_AFTER_SECONDS)
    until = _http_date(text)
    if until is None:
        return None
    seconds = (until - (_http_date(headers.get("Date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
