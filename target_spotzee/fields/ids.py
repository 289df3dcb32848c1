"""Ids: the strings that Spotzee knows a user by."""

from __future__ import annotations

from target_spotzee.fields.text import digits, trimmed

MAX_LENGTH = 255

_ORDINARY_INT = 2**63


def identity(value: object) -> str:
    """Return an ``external_id`` or ``anonymous_id`` as Spotzee takes it: a string.

    Args:
        value: A string, which is only trimmed, since CHAR columns pad it and files begin with a
            BOM; or an integral number, which becomes its digits.

    Raises:
        ValueError: It is neither, or empty, or longer than Spotzee keeps.
    """
    if type(value) is int and -_ORDINARY_INT < value < _ORDINARY_INT:
        return str(value)
    if not isinstance(value, str):
        return digits(value, "must be a string or an integral number")
    text = trimmed(value)
    if not text:
        raise ValueError("holds nothing that can be seen")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    return text
