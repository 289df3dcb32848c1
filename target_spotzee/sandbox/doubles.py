"""Numbers as a server keeps them that knows doubles only."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_spotzee.sandbox.codec import Json

# From here on JavaScript writes an exponent.
_PLAIN_BELOW = 1e21


def as_doubles(value: Json) -> Json:
    """``value`` with each number in it as the double next to it, written as JavaScript would.

    Returns:
        A copy. Whole numbers are ints again; what is too large for a double is null.
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
        # The fewest digits that name the double, and zeros after them.
        return int(Decimal(repr(double)))
    return double
