"""Text and numbers as sources write them, before a field's own rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

_MARKS = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
INVISIBLE = re.compile(f"[{_MARKS}]+")
"""What a reader can't see and a copy takes along: zero-width characters, soft hyphens, the BOM."""

# Fields of a fixed width are padded with NUL.
_BLANKS = r"\s\x00-\x20\x7f-\x9f" + _MARKS
_AROUND = re.compile(f"[{_BLANKS}]*(.*[^{_BLANKS}])?", re.DOTALL)
_ASCII_BLANKS = "".join(map(chr, [*range(0x21), 0x7F]))

# Longer numbers than this are neither ids nor phones; it keeps 1e999999 from a million digits.
_MAX_DIGITS = 100


def trimmed(text: str) -> str:
    """Return text without white space, control and invisible characters around it."""
    if text.isascii():
        return text.strip(_ASCII_BLANKS)
    match = _AROUND.match(text)
    return match[1] or "" if match else ""


def digits(value: object, otherwise: str) -> str:
    """Return an integral number's digits: ``Decimal("1.0")`` gives ``1``.

    Raises:
        ValueError: It is not such a number; ``otherwise`` is the reason.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < _MAX_DIGITS:
        integer = int(value)
        if integer == value:
            return str(integer)
    raise ValueError(otherwise)


class Known(dict[str, bool]):
    """Remembers which texts a check found right, so that asking again runs no Python code.

    The memory is bounded, and never changes an answer.

    Args:
        check: Says whether a text is right.
    """

    _MOST = 1000

    def __init__(self, check: Callable[[str], bool]) -> None:
        super().__init__()
        self._check = check

    def __missing__(self, text: str) -> bool:
        right = self._check(text)
        if right and len(self) < self._MOST:
            self[text] = True
        return right
