"""A look at a stream's first users, for what a SCHEMA does not tell."""

from __future__ import annotations

import re
from typing import Any

from target_spotzee.mapping.users import User

_SAMPLED_USERS = 100
# No leading zeros: those are codes, and right as strings.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?")


class NumericStrings:
    """Finds attributes that hold numbers as strings.

    Spotzee infers an attribute's type from the first few values it sees; a number that was sent as
    a string stays one in segments for ever (API reference, release 2026-04-28).
    """

    def __init__(self) -> None:
        self._left = _SAMPLED_USERS
        self._numeric: dict[str, bool] = {}

    def look(self, user: User) -> bool:
        """Look at one more user.

        Returns:
            Whether it has seen enough.
        """
        self._left -= 1
        data: dict[str, Any] = user.payload.get("data", {})
        for name, value in data.items():
            if value is not None and value != "" and self._numeric.get(name, True):
                self._numeric[name] = isinstance(value, str) and bool(_NUMBER.fullmatch(value))
        return self._left <= 0

    def warnings(self, stream: str) -> list[str]:
        """Return what a person should know, if anything."""
        names = sorted(name for name, numeric in self._numeric.items() if numeric)
        if not names:
            return []
        warning = (
            f"stream {stream!r}: {', '.join(names[:10])} hold{'s' * (len(names) == 1)} numbers as"
            " strings; Spotzee fixes an attribute's type by the first values it sees"
        )
        return [warning]
