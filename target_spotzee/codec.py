r"""JSON in and out: every digit is kept, and so is text that is none.

A JSON string may spell half of a surrogate pair (``"\ud800"``): a tap that cuts texts at a fixed
length writes such. It stands for no character, so Spotzee can't have it and `msgspec` takes it for
broken JSON. It is one record's fault, not the line's; so here, and only where `msgspec` refuses,
the standard library reads it, and it is written as it was read, as an escape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
"""Returns a JSON object whose texts are all Unicode; its numbers are exact, as the tap wrote them.

Raises `msgspec.MsgspecError`, `ValueError`, `ArithmeticError` or `RecursionError`.
"""

encode_unicode = msgspec.json.Encoder(decimal_format="number").encode
"""Returns a value as JSON; decimals and integers keep every digit.

Raises `UnicodeEncodeError` for text that is none.
"""

_encode_in_order = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_past_blanks = re.compile(r"[ \t\r\n]*").match


def decode_odd(line: str | bytes) -> dict[str, Any]:
    """Return a JSON object whose texts may hold half of a surrogate pair.

    Raises:
        ValueError: It is none.
        ArithmeticError: A number is larger than decimals go.
        RecursionError: It is nested too deeply.
    """
    value = json.loads(_text(line), parse_float=Decimal, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 - a fault of the text, as all others
    return value


def decode_any(line: str | bytes) -> dict[str, Any]:
    """Return a JSON object, odd or not, that was decoded before."""
    try:
        return decode(line)
    except msgspec.DecodeError:
        return decode_odd(line)


def member_text(line: str | bytes, name: str) -> str:
    """Return the value of a member to the letter; of several, the last one's.

    Args:
        line: An object that was decoded before, odd or not, and is not empty.
        name: The member's name.
    """
    text = _text(line)
    read = json.JSONDecoder().raw_decode
    found = ""
    at = text.index("{")
    while text[at] != "}":
        key, at = read(text, _skip(text, at + 1))
        begin = _skip(text, _skip(text, at) + 1)
        _, at = read(text, begin)
        if key == name:
            found = text[begin:at]
        at = _skip(text, at)
    return found


def encode(value: object, *, in_order: bool = False) -> bytes:
    """Return a value as JSON, be its texts Unicode or not and however deep it goes.

    Args:
        value: What was decoded here.
        in_order: Whether to sort the names of objects.
    """
    try:
        return _encode_in_order(value) if in_order else encode_unicode(value)
    except (UnicodeEncodeError, RecursionError):
        return b"".join(_pieces(value, in_order=in_order))


def _pieces(value: object, *, in_order: bool) -> Iterator[bytes]:
    """Yield the JSON of a value; what is still to come waits in a list, however deep it lies."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, bytes):  # JSON already, since no JSON value is bytes
            yield value
        elif isinstance(value, str):
            yield json.dumps(value).encode()
        elif isinstance(value, dict):
            names = sorted(value) if in_order else list(value)
            waiting.append(b"}")
            for name in reversed(names):
                comma = b"" if name is names[0] else b","
                waiting += [value[name], comma + json.dumps(name).encode() + b":"]
            waiting.append(b"{")
        elif isinstance(value, list):
            waiting.append(b"]")
            for place in reversed(range(len(value))):
                waiting += [value[place], b"," if place else b""]
            waiting.append(b"[")
        else:
            yield encode_unicode(value)


def _text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode()


def _skip(text: str, at: int) -> int:
    """Return the first place from this on that holds no blank."""
    blanks = _past_blanks(text, at)
    return blanks.end() if blanks else at


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
