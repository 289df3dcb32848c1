"""Time zones, by the many names that systems have for them."""

from __future__ import annotations

import re
from functools import lru_cache

from target_spotzee.fields.text import Known, trimmed

MAX_LENGTH = 50

_NO_PLACE = "Factory"  # tzdata's name for a clock that nobody has set
_LABEL = re.compile(r"\((?:gmt|utc) ?(?:[+-]\d\d?(?::?\d\d)?)?\) ?(?=.)")
_OFFSET = re.compile(
    r"\(?(?:utc|gmt|z)? ?(?P<sign>[+-]) ?(?P<hours>\d\d?)(?:(?::|(?<=\d\d))(?P<minutes>\d\d))?\)?",
    re.ASCII,
)
_UTC = frozenset({"z", "(utc)", "(gmt)"})
_EAST, _WEST = 14, 12


def timezone(value: object) -> str:
    """Return the IANA name of a time zone, in IANA's own spelling.

    Raises:
        ValueError: No such zone.
    """
    if isinstance(value, str):
        text = trimmed(value)
        zone = _zone(text) if len(text) <= MAX_LENGTH else None
        if zone is not None:
            return zone
    raise ValueError("is not an IANA time zone")


@lru_cache(maxsize=1024)
def _zone(text: str) -> str | None:
    name = _from_hubspot(text.casefold()).replace("\N{MINUS SIGN}", "-")
    return (
        _iana().get(name.replace(" ", "_"))
        or _at_offset(name)
        or _elsewhere().get(_LABEL.sub("", name, count=1))
    )


@lru_cache(maxsize=1)
def _iana() -> dict[str, str]:
    """Read the names once, from the package and not the system, so that machines agree."""
    from importlib.resources import files

    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {name.casefold(): name for name in names if name != _NO_PLACE}


def _from_hubspot(name: str) -> str:
    """Return the name that HubSpot wrote as ``us_slash_pacific``."""
    return name.replace("_slash_", "/").replace("_hyphen_", "-").replace("_plus_", "+")


def _at_offset(name: str) -> str | None:
    """Return the zone at ``utc+2``, ``gmt-05:00``, ``+1000``; only whole hours have one."""
    if name in _UTC:
        return "Etc/UTC"
    match = _OFFSET.fullmatch(name)
    if not match or int(match["minutes"] or 0):
        return None
    hours, sign = int(match["hours"]), match["sign"]
    if hours == 0:
        return "Etc/UTC"
    if hours > (_EAST if sign == "+" else _WEST):
        return None
    return f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"  # their signs are the other way round


@lru_cache(maxsize=1)
def _elsewhere() -> dict[str, str]:
    """Gather other systems' names; IANA's as well, since a label may stand before them."""
    from tzlocal.windows_tz import win_tz

    from target_spotzee.fields.zone_names import OTHERS

    known = set(_iana().values())
    others = {name.casefold(): zone for name, zone in (win_tz | OTHERS).items() if zone in known}
    return others | _iana()


def _is_standard(text: str) -> bool:
    return _iana().get(text.casefold()) == text


ordinary = Known(_is_standard).__getitem__
