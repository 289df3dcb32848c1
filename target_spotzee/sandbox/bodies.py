"""The shape of request bodies; a request that breaks it is refused whole.

The rules are those of Spotzee's API reference, release 2026-04-28.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from target_spotzee.sandbox import moments
from target_spotzee.sandbox.codec import Json, decode
from target_spotzee.sandbox.problems import Flaw, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item: TypeAlias = "dict[str, Json]"
# What is wrong with an item: a field, a code and a message.
Complaint: TypeAlias = "tuple[str, str, str]"

MOST_ITEMS = 100
STATES = (0, 1, 2)
_ID_FIELDS = ("external_id", "anonymous_id")
_CONTACT_FIELDS = ("email", "phone", "timezone", "locale")
# Decoded JSON has no subclasses of these, and a look-up is the quickest check.
_TEXT = frozenset({str, type(None)})
_OBJECT = frozenset({dict, type(None)})


def parse(body: bytes) -> Json:
    """Return the value of a JSON body.

    Raises:
        Problem: 400, the body is empty or not JSON.
    """
    if not body:
        raise Problem(400, "parameter_missing", "The body is empty.")
    try:
        return decode(body)
    except ValueError as error:
        raise Problem(400, "parameter_invalid_format", str(error)) from error


def users(value: Json) -> list[Item]:
    """Return the items of a user batch.

    Raises:
        Problem: 400 or 422, it breaks the rules.
    """
    return _checked(value, _user_complaints)


def events(value: Json) -> list[Item]:
    """Return the items of an event batch.

    Raises:
        Problem: 400 or 422, it breaks the rules.
    """
    return _checked(value, _event_complaints)


def toggles(value: Json) -> list[Item]:
    """Return the items of a subscription batch.

    Raises:
        Problem: 400 or 422, it breaks the rules.
    """
    return _checked(value, _toggle_complaints)


def _checked(value: Json, complaints: Callable[[Item], Iterator[Complaint]]) -> list[Item]:
    """Return an array of items once it keeps the rules.

    Args:
        value: The body's value.
        complaints: Yields what is wrong with an item.

    Raises:
        Problem: 400, it is not an array; or 422, with every flaw of every item.
    """
    if not isinstance(value, list):
        raise Problem(400, "parameter_invalid_format", "The body must be a JSON array.")
    if not 1 <= len(value) <= MOST_ITEMS:
        message = f"The array must have 1 to {MOST_ITEMS} items; it has {len(value)}."
        raise Problem(422, "validation_failed", message)
    flaws = []
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            flaws.append(Flaw(index, "", "parameter_invalid_format", "must be an object"))
            continue
        flaws += [Flaw(index, *complaint) for complaint in complaints(item)]
    if flaws:
        raise Problem(422, "validation_failed", "The request is not valid.", flaws=flaws)
    return value


def _user_complaints(item: Item) -> Iterator[Complaint]:
    yield from _identity_complaints(item)
    yield from _contact_complaints(item)


def _event_complaints(item: Item) -> Iterator[Complaint]:
    yield from _identity_complaints(item)
    name = item.get("name")
    if not isinstance(name, str) or not name:
        code = "parameter_missing" if name is None else "parameter_invalid_format"
        yield "name", code, "must be a string that is not empty"
    if type(item.get("data")) not in _OBJECT:
        yield "data", "parameter_invalid_format", "must be an object or null"
    moment = item.get("created_at")
    if moment is not None and not _is_moment(moment):
        yield "created_at", "parameter_invalid_format", "must be an ISO 8601 date-time"
    if "user" in item:
        if isinstance(item["user"], dict):
            for field, code, message in _contact_complaints(item["user"]):
                yield f"user.{field}", code, message
        else:
            yield "user", "parameter_invalid_format", "must be an object"


def _toggle_complaints(item: Item) -> Iterator[Complaint]:
    yield from _identity_complaints(item)
    for field, is_right in (
        ("subscription_id", lambda number: number >= 1),
        ("state", lambda number: number in STATES),
    ):
        number = item.get(field)
        if not _is_integer(number):
            code = "parameter_missing" if number is None else "parameter_invalid_format"
            yield field, code, "must be an integer"
        elif not is_right(number):
            yield field, "validation_failed", "is out of range"


def _is_moment(value: Json) -> bool:
    try:
        moments.read(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_integer(number: Json) -> bool:
    """Say whether a value is a whole number; in JSON 1.0 is one, too."""
    if isinstance(number, Decimal):
        return number == number.to_integral_value()
    return isinstance(number, int) and not isinstance(number, bool)


def _identity_complaints(item: Item) -> Iterator[Complaint]:
    for field in _ID_FIELDS:
        if type(item.get(field)) not in _TEXT:
            yield field, "parameter_invalid_format", "must be a string or null"
    if not item.get("external_id") and not item.get("anonymous_id"):
        yield "external_id", "parameter_missing", "external_id or anonymous_id is required"


def _contact_complaints(item: Item) -> Iterator[Complaint]:
    for field in _CONTACT_FIELDS:
        if type(item.get(field)) not in _TEXT:
            yield field, "parameter_invalid_format", "must be a string or null"
    if type(item.get("data")) not in _OBJECT:
        yield "data", "parameter_invalid_format", "must be an object or null"
