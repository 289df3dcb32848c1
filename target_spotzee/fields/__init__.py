"""What Spotzee accepts in a first-class field, and how a source's value becomes that.

Each function takes a value that is neither null nor blank and returns what to send, or raises
`ValueError` with a reason that does not repeat the value. The rules are those of Spotzee's API
reference, release 2026-04-28, and the column sizes of the platform that Spotzee descends from.
Ordinary values are recognised at a glance; only the others cost a library call, and only then is
the library imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from target_spotzee.fields import emails, locales, phones, zones
from target_spotzee.fields.emails import email
from target_spotzee.fields.ids import identity
from target_spotzee.fields.locales import locale
from target_spotzee.fields.phones import known_region, phone
from target_spotzee.fields.zones import timezone

__all__ = [
    "FIELDS",
    "USER_FIELDS",
    "Field",
    "email",
    "identity",
    "known_region",
    "locale",
    "phone",
    "timezone",
]


class Field(NamedTuple):
    """A first-class field.

    Attributes:
        is_ordinary: A quick check for text that is sent as it is.
        normalise: Returns what to send for any other value, given the region of national phone
            numbers, or raises `ValueError`.
    """

    is_ordinary: Callable[[str], object]
    normalise: Callable[[Any, str | None], str]


FIELDS: Mapping[str, Field] = {
    "email": Field(emails.ordinary, lambda value, _: email(value)),
    "phone": Field(phones.ordinary, phone),
    "timezone": Field(zones.ordinary, lambda value, _: timezone(value)),
    "locale": Field(locales.ordinary, lambda value, _: locale(value)),
}
"""Every first-class field of every kind of object."""

USER_FIELDS = ("email", "phone", "timezone", "locale")
"""The first-class fields of users."""
