r"""JSON in and out: every digit is kept, and so are odd values.

Taps print things that are not strictly JSON: half of a surrogate pair (``"\ud800"``, from texts cut
at a fixed length), ``NaN`` and ``Infinity``, numbers beyond all bounds, values nested thousands
deep. Such a value should spoil only its record. So a line that `msgspec` refuses is read here once
more, slowly: odd values are kept as they were written, and written as they were read.
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
"""Returns a value as JSON; decimals and integers keep every digit. A NaN or infinite float would be
written as null, so there must be none.

Raises `UnicodeEncodeError` for half of a surrogate pair, and `RecursionError`.
"""

UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
"""What decoding raises."""

_encode_in_order = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_tokens = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]').finditer
_BLANKS = " \t\r\n"
_MAX_DOUBLE = Decimal(sys.float_info.max)
_MAX_DOUBLE_BITS = sys.float_info.max_exp
_E = ord("E")
_MAX_DOUBLE_DIGITS = sys.float_info.max_10_exp + 1
_ANY_DIGIT = bytes.maketrans(b"123456789", b"0" * 9)


def decode_odd(line: str | bytes) -> dict[str, Any]:
    """Return a JSON object that may hold odd values.

    ``NaN`` and ``Infinity`` become decimals that are not finite. A value that can't be read at all
    becomes a `msgspec.Raw`: a number that no decimal holds; a column of a record, or another member
    of the object, that is nested too deeply.

    Raises:
        ValueError: It is not a JSON object.
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
        raise ValueError("no object")  # noqa: TRY004 - the text is at fault, as ever
    return value


def decode_any(line: str | bytes) -> dict[str, Any]:
    """Return a JSON object, with odd values or without.

    Raises:
        ValueError: It is not a JSON object.
    """
    try:
        return decode(line)
    except UNREADABLE:
        return decode_odd(line)


def members(line: str | bytes) -> dict[str, str]:
    """Return each member of a JSON object, its value as it is written; the last of each name.

    Nothing here recurses, so values may be nested however deeply.

    Raises:
        ValueError: It is not an object, or a value in it is cut off.
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
    """Return a value; if it is too deep, read an object's members each by itself."""
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
    except ArithmeticError:  # its exponent is too large for a decimal
        return msgspec.Raw(text.encode())


def _integer(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:  # more digits than Python makes an integer of
        return Decimal(text)


def encode(value: object, *, in_order: bool = False) -> bytes:
    """Return a value as JSON, whether or not its texts are Unicode, and however deep it is.

    Args:
        value: What was decoded here.
        in_order: Whether to sort the names of objects.
    """
    try:
        return _encode_in_order(value) if in_order else encode_unicode(value)
    except (UnicodeEncodeError, RecursionError):
        return b"".join(_pieces(value, in_order=in_order))


def _pieces(value: object, *, in_order: bool) -> Iterator[bytes]:
    """Yield the JSON of a value; a list holds what is still to come, so any depth will do."""
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


def is_text(text: str) -> bool:
    """Say whether a text can be sent: it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def may_be_too_large(body: bytes) -> bool:
    """Say whether what was encoded may hold a number too large for a double; see `proper`."""
    if _E in body and body.find(b"E+") >= 0:  # a look for one byte costs a tenth of one for two
        return True
    # A look at every 61st byte: of 309 digits in a row it meets five, one after the other.
    return len(body) > _MAX_DOUBLE_DIGITS and (
        body[:: _MAX_DOUBLE_DIGITS // 5].translate(_ANY_DIGIT).find(b"00000") >= 0
    )


def _text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode()


def proper(value: Any) -> Any:  # noqa: ANN401 - any value, be it JSON or not
    """Return a value with null for each number that JSON does not have.

    A value without such numbers is returned itself.

    Raises:
        RecursionError: It is nested too deeply.
    """
    if isinstance(value, dict):
        inner = {name: proper(item) for name, item in value.items()}
        return value if all(inner[name] is item for name, item in value.items()) else inner
    if isinstance(value, (list, tuple, set, frozenset)):  # stream maps make these, too
        items = [proper(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    if isinstance(value, msgspec.Raw):
        if bytes(value)[:1] in (b"[", b"{"):
            raise RecursionError
        return None
    return None if _is_no_number(value) else value


def _is_no_number(value: object) -> bool:
    """Say whether a value is a number that no double can be: NaN, infinite or too large.

    A server that keeps numbers as doubles, as the platform that Spotzee descends from does, makes
    null of it.
    """
    if isinstance(value, Decimal):
        return not value.is_finite() or abs(value) > _MAX_DOUBLE
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and value.bit_length() > _MAX_DOUBLE_BITS
