"""What Spotzee accepts in a first-class field, and how a source's value becomes that.

Each function takes a value that is neither null nor blank and gives back what to send, or raises
`ValueError` with a reason that does not repeat the value. The rules are those of Spotzee's API
reference, release 2026-04-28, and the widths of its columns. Ordinary values are recognised at a
glance; only the others cost a library call, and only then is the library imported.
"""

from __future__ import annotations

from collections.abc import Callable

from target_spotzee.fields import emails, locales, phones, zones
from target_spotzee.fields.emails import email
from target_spotzee.fields.ids import identity
from target_spotzee.fields.locales import locale
from target_spotzee.fields.phones import known_region, phone
from target_spotzee.fields.zones import timezone

__all__ = ["ORDINARY", "email", "identity", "known_region", "locale", "phone", "timezone"]

ORDINARY: dict[str, Callable[[str], object]] = {
    "email": emails.ordinary,
    "phone": phones.ordinary,
    "timezone": zones.ordinary,
    "locale": locales.ordinary,
}
"""For each field a quick look that tells text which goes as it is."""
