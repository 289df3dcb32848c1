"""Numbers as kept by a server that has only doubles.

Measured on the platform that Spotzee descends from, November 2026.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_spotzee.sandbox.codec import Json

# From here on JavaScript writes an exponent.
_PLAIN_BELOW = 1e21


def as_doubles(value: Json) -> Json:
    """Return a copy of a value with each number as the nearest double, as JavaScript writes it.

    Returns:
        The copy. Whole numbers below 1e21 are integers; one too large for a double is null.
    """
    if isinstance(value, dict):
        return {name: as_doubles(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_doubles(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return value
    return _as_double(value)


def _as_double(number: int | Decimal) -> int | float | None:
    double = float(Decimal(number))
    if math.isinf(double):
        return None
    if double.is_integer() and abs(double) < _PLAIN_BELOW:
        # The fewest digits that identify the double, then zeros.
        return int(Decimal(repr(double)))
    return double
