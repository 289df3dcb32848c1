"""Moments, written as in ISO 8601."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

_DATE_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"([Tt ](?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d+))?)?"
    r"(?P<offset>[Zz]|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_FIRST = datetime.min.replace(tzinfo=timezone.utc)
_LAST = datetime.max.replace(tzinfo=timezone.utc)


def read(text: str) -> datetime:
    """Return the moment that a date, or a date and a time, stands for.

    Returns:
        The moment in UTC, which is also assumed where no offset is given.

    Raises:
        ValueError: The text is not an ISO 8601 date or date-time.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        message = "not an ISO 8601 date-time"
        raise ValueError(message)
    day = date.fromisoformat(found["date"])
    time = timedelta(hours=_below(found["hour"], 24), minutes=_below(found["minute"], 60))
    # A leap second counts as the last ordinary one of its minute.
    time += timedelta(seconds=min(_below(found["second"], 61), 59))
    time += timedelta(microseconds=int((found["fraction"] or "0").ljust(6, "0")[:6]))
    time -= _offset(found["offset"])
    try:
        return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) + time
    except OverflowError:
        return _FIRST if time < timedelta() else _LAST


def read_complete(text: str) -> datetime:
    """Return the moment that a date, a time to the second and an offset stand for (RFC 3339).

    Returns:
        The moment in UTC.

    Raises:
        ValueError: One of the three is missing or out of range.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None or None in (found["second"], found["offset"]):
        message = "not an RFC 3339 date-time"
        raise ValueError(message)
    return read(text)


def write(moment: datetime) -> str:
    """Return a moment, given in UTC, as Spotzee writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _below(digits: str | None, end: int) -> int:
    number = int(digits or "0")
    if number >= end:
        message = f"{number} is out of range"
        raise ValueError(message)
    return number


def _offset(text: str | None) -> timedelta:
    if text is None or text in "Zz":
        return timedelta()
    size = timedelta(hours=_below(text[1:3], 24), minutes=_below(text[-2:], 60))
    return -size if text[0] == "-" else size
