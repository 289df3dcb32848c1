"""E-mail addresses, and what people paste along with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from target_spotzee.fields.text import INVISIBLE, trimmed

MAX_LENGTH = 255
MAX_LOCAL_OCTETS = 64

# A subset of what email-validator accepts: dot-atoms of ASCII, labels without a hyphen at an end
# and never two in a row.
ordinary = re.compile(
    r"(?=[^@]{1,64}@.{1,189}\Z)"
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?:(?=[^.]{1,63}\.)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,24}",
).fullmatch

# Longer text than this holds more than an address and a name.
_MAX_TEXT = 1000
_MAILTO = re.compile(r"mailto:([^?]*)(?:\?.*)?", re.IGNORECASE | re.DOTALL)
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
_COMMENTED = re.compile(r"(?P<address>[^\s()]+)\s*\((?P<name>[^()]*)\)")
_ODD_SPACE = re.compile(r"[^\S ]+")


def email(value: object) -> str:
    """Return an e-mail address: as it came if it is one, else without what was pasted along.

    Checked by RFC 5322 without DNS; special-use domains such as ``example.test`` are fine.

    Raises:
        ValueError: It is no address, or more than one.
    """
    if isinstance(value, str):
        if ordinary(value):
            return value
        if len(value) <= _MAX_TEXT:
            return _unusual(value)
    raise ValueError("is not an e-mail address")


@lru_cache(maxsize=1024)
def _unusual(text: str) -> str:
    if _is_address(text):
        return text
    found = {address for address in _readings(text) if _is_address(address)}
    if len(found) != 1:  # no address is better than somebody else's
        raise ValueError("is not an e-mail address")
    return found.pop()


def _readings(text: str) -> Iterator[str]:
    """Yield what may have been meant: the lines joined, joined by spaces, or each by itself."""
    text = trimmed(INVISIBLE.sub("", text))
    lines = _ODD_SPACE.split(text)
    yield _bare("".join(lines))
    if len(lines) > 1:
        yield _bare(_ODD_SPACE.sub(" ", text))
        yield from map(_bare, lines)


def _bare(text: str) -> str:
    """Return an address without name, brackets, ``mailto:`` and the sentence's punctuation."""
    while True:
        shorter = text.strip(" ,;:").rstrip(".")
        if match := _MAILTO.fullmatch(shorter):
            shorter = unquote(match[1])
        elif (match := _NAMED.fullmatch(shorter) or _COMMENTED.fullmatch(shorter)) and (
            "@" not in match["name"] or _same(match["name"], match["address"])
        ):
            shorter = match["address"]
        elif shorter[:1] == shorter[-1:] and shorter[:1] in ("'", '"'):
            shorter = shorter[1:-1]
        if shorter == text:
            return text
        text = shorter


def _same(name: str, address: str) -> bool:
    """Say whether the name given beside an address is the address itself."""
    return name.strip(" '\"").casefold() == address.strip().casefold()


def _is_address(text: str) -> bool:
    import email_validator

    # Special use is a matter of delivery; here only the form counts, so another domain stands in.
    form = text
    for name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        if text.lower().endswith(("@" + name, "." + name)):
            form = text[: -len(name)] + "example.com"
    try:
        email_validator.validate_email(
            form,
            check_deliverability=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
        )
    except email_validator.EmailNotValidError:
        return False
    local = text.rpartition("@")[0]
    return len(text) <= MAX_LENGTH and len(local.encode()) <= MAX_LOCAL_OCTETS
