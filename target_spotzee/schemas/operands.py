"""Operands of a schema's rules that are no schemas themselves: read, or told to be unusable.

Each function takes an operand and where it stands, and returns what the rule judges by.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable

from target_spotzee.schemas.rules import Number, exact, frozen, is_integer, is_number


class UnusableError(Exception):
    """Says what is wrong with an operand."""


def names(value: object, _: object) -> list[str]:
    """Read a list of names."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise UnusableError("is no list of names")
    return value


def pattern(value: object, _: object) -> re.Pattern[str]:
    """Read a regular expression."""
    if not isinstance(value, str):
        raise UnusableError("is no text")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a later Python's changes are no news to users
            return re.compile(value)
    except (re.error, ValueError, ArithmeticError, RecursionError):
        raise UnusableError("is no regular expression of Python's") from None


def const(value: object, _: object) -> Hashable:
    """Read the one value that fits."""
    try:
        return frozen(value)
    except RecursionError:
        raise UnusableError("is nested too deeply") from None


def enum(value: object, spot: object) -> frozenset[Hashable]:
    """Read the values that fit."""
    if not isinstance(value, list) or not value:
        raise UnusableError("is no list of values")
    return frozenset(const(option, spot) for option in value)


def flag(value: object, _: object) -> bool:
    """Read a yes or no."""
    if not isinstance(value, bool):
        raise UnusableError("is neither true nor false")
    return value


def number(value: object, _: object) -> Number:
    """Read a limit."""
    if not is_number(value):
        raise UnusableError("is no number")
    return exact(value)


def step(value: object, spot: object) -> Number:
    """Read what numbers are multiples of: more than 0."""
    step = number(value, spot)
    if step <= 0:
        raise UnusableError("is not above 0")
    return step


def count(value: object, spot: object) -> Number:
    """Read a number of things: whole, and not below 0."""
    count = number(value, spot)
    if not is_integer(count) or count < 0:
        raise UnusableError("is no count")
    return count
