"""JSON in and out, with every number exactly as it was sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

# Any JSON value that came from a client, to be checked before it is trusted.
Json: TypeAlias = Any

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> Json:
    """Return a body's JSON value; fractions become decimals, whole numbers integers of any size.

    Raises:
        ValueError: It is not JSON; ``NaN`` and ``Infinity`` are not.
    """
    try:
        return _decoder.decode(body)
    except (ValueError, ArithmeticError, RecursionError) as error:
        message = f"The body is not JSON: {error}"
        raise ValueError(message) from error


def encode(value: object) -> bytes:
    """Return a value as compact JSON; decimals become plain numbers with all of their digits."""
    return _encoder.encode(value)
