"""JSON in and out, every number exactly as it was sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

# What came from a client: any JSON value, looked at before it is trusted.
Json: TypeAlias = Any

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> Json:
    """The value in ``body``; fractions become Decimals, whole numbers ints of any size.

    Raises:
        ValueError: If the body is not JSON (``NaN`` and ``Infinity`` are not).
    """
    try:
        return _decoder.decode(body)
    except (ValueError, ArithmeticError, RecursionError) as error:
        message = f"The body is not JSON: {error}"
        raise ValueError(message) from error


def encode(value: object) -> bytes:
    """``value`` as compact JSON; Decimals as plain numbers with all of their digits."""
    return _encoder.encode(value)
