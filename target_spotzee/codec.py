r"""JSON in and out: every digit is kept, and so is what is odd.

Taps print what is no JSON to the letter: half of a surrogate pair (``"\ud800"``, from texts cut at
a fixed length), ``NaN`` and ``Infinity``, numbers beyond all bounds, values nested thousands deep.
Each is one record's fault, not the line's. So where `msgspec` refuses a line, it is read here once
more, slowly: what is odd stands in the message as it was written, and is written as it was read.
"""

from __future__ import annotations

import json
import math
import operator
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
"""Returns a JSON object whose texts are all Unicode; its numbers are exact, as the tap wrote them.

Raises `msgspec.MsgspecError`, `ValueError`, `ArithmeticError` or `RecursionError`.
"""

encode_unicode = msgspec.json.Encoder(decimal_format="number").encode
"""Returns a value as JSON; decimals and integers keep every digit. A float that is no number is
written as null, so none may be in there.

Raises `UnicodeEncodeError` for half of a surrogate pair, and `RecursionError`.
"""

UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
"""What decoding raises."""

_encode_in_order = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_tokens = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]').finditer
_BLANKS = " \t\r\n"
_MAX_DOUBLE = Decimal(sys.float_info.max)
_MAX_DOUBLE_BITS = sys.float_info.max_exp


def decode_odd(line: str | bytes) -> dict[str, Any]:
    """Return a JSON object that may hold what is odd.

    ``NaN`` and ``Infinity`` become decimals that are not finite. What can't be read at all becomes
    a `msgspec.Raw`: a number that no decimal holds; a column of a record, or another member of the
    object, that is nested too deeply.

    Raises:
        ValueError: It is no JSON object.
    """
    text = _text(line)
    try:
        value = _value(text)
    except RecursionError:
        value = {
            name: _members_of(inside) if name == "record" else _value_or_raw(inside)
            for name, inside in members(text).items()
        }
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 - a fault of the text, as all others
    return value


def decode_any(line: str | bytes) -> dict[str, Any]:
    """Return a JSON object, odd or not, that was decoded before."""
    try:
        return decode(line)
    except UNREADABLE:
        return decode_odd(line)


def members(line: str | bytes) -> dict[str, str]:
    """Return each member of a JSON object, its value to the letter; of several, the last.

    Nothing in here is deep, so values may be.

    Raises:
        ValueError: It is no object, or a value in it is cut off.
    """
    text = _text(line).strip(_BLANKS)
    found: dict[str, str] = {}
    name, begin, depth = "", 1, 0
    for token in _tokens(text):
        mark = token[0]
        if mark == ":" and depth == 1:
            name, begin = json.loads(text[begin : token.start()]), token.end()
        elif depth == 1 and mark in ",}":
            if text[begin : token.start()].strip(_BLANKS):
                found[name] = text[begin : token.start()].strip(_BLANKS)
            begin = token.end()
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
            if not depth and token.end() < len(text):
                break
    if text[:1] != "{" or depth or begin != len(text):
        raise ValueError("no object")
    return found


def _members_of(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return an object's members, each by itself; what is no object as it is."""
    try:
        return _value(text)
    except RecursionError:
        if not text.startswith("{"):
            return msgspec.Raw(text.encode())
        return {name: _value_or_raw(inside) for name, inside in members(text).items()}


def _value_or_raw(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return _value(text)
    except RecursionError:
        return msgspec.Raw(text.encode())


def _value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(
        text,
        parse_float=_number,
        parse_int=_integer,
        parse_constant=Decimal,
    )


def _number(text: str) -> Decimal | msgspec.Raw:
    try:
        return Decimal(text)
    except ArithmeticError:  # its exponent is larger than decimals go
        return msgspec.Raw(text.encode())


def _integer(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:  # more digits than Python makes an integer of
        return Decimal(text)


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


def proper(value: Any) -> Any:  # noqa: ANN401 - any value, be it JSON or not
    """Return a value with null for each number that JSON does not have.

    A value that holds none such is returned itself.

    Raises:
        RecursionError: It is nested too deeply.
    """
    if isinstance(value, dict):
        inner = {name: proper(item) for name, item in value.items()}
        return value if all(inner[name] is item for name, item in value.items()) else inner
    if isinstance(value, (list, tuple, set, frozenset)):  # stream maps make such, too
        items = [proper(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    if isinstance(value, msgspec.Raw):
        if bytes(value)[:1] in (b"[", b"{"):
            raise RecursionError
        return None
    return None if _is_no_number(value) else value


def _is_no_number(value: object) -> bool:
    """Say whether a number is none, or larger than a double.

    Who keeps numbers as doubles, as the platform does that Spotzee descends from, makes null of it.
    """
    if isinstance(value, Decimal):
        return not value.is_finite() or abs(value) > _MAX_DOUBLE
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and value.bit_length() > _MAX_DOUBLE_BITS
