"""Phone numbers, however people and their systems write them."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from target_spotzee.fields.calling_codes import Looks
from target_spotzee.fields.text import INVISIBLE, digits

MAX_LENGTH = 64

_MAX_TEXT = 250  # the library reads no more
_looks = Looks()

_QUOTES = "'\"\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
_URI = re.compile(
    r"(?P<scheme>tel:)?(?P<number>[^;]*)(?P<parameters>(?:;[a-z-]+=[^;]*)*)",
    re.IGNORECASE,
)
_CONTEXT = re.compile(r";phone-context=(\+[\d().-]+)", re.IGNORECASE)
_FLOAT = re.compile(r"(\+?\d+)[.,]00?")
_SCIENTIFIC = re.compile(r"(\+?\d)[.,](\d+)[eE]\+?(\d\d?)")
# Spreadsheets write six digits of a number that is too wide, and then the others are lost.
_EXACT_DIGITS = 8
_ANY_REGION = "US"  # extensions look the same everywhere

_NUMBER = re.compile(r"[+\N{FULLWIDTH PLUS SIGN}\d].*\d", re.DOTALL)
_SPACE = re.compile(r"[^\S\r\n]+")
_LETTER = re.compile(r"[^\W\d_]")
_BETWEEN = re.compile(r"[/\\|;,&\r\n]")
_INTERNATIONAL = re.compile(r"\+?00(?!11)")  # 0011 is Australia's own; no country is +11


def ordinary(text: str) -> object:
    """Say at a glance whether text is a valid number in E.164, which ``phone`` leaves as it is."""
    return _looks[text[:4]](text)


def known_region(region: str) -> bool:
    """Say whether a two-letter country is one that phone numbers can belong to."""
    import phonenumbers

    return region in phonenumbers.SUPPORTED_REGIONS


def phone(value: object, region: str | None) -> str:
    """Return a phone number for Spotzee.

    A valid number becomes E.164. Without a region, a national number is sent as it is, since
    Spotzee normalises what it can. No number is better than somebody else's: letters are never read
    as digits, and text that can be read as two numbers is refused.

    Args:
        value: A string, or digits that arrived as a number.
        region: ISO country that national numbers belong to.

    Raises:
        ValueError: It is no valid number.
    """
    if not isinstance(value, str):
        return _from_digits(digits(value, "is not a phone number"), region)
    if ordinary(value):
        return value
    if len(value) > _MAX_TEXT:
        raise ValueError("is not a phone number")
    return _mended(value, region)


def _from_digits(number: str, region: str | None) -> str:
    """Return a phone number that was stored as a number: a zero in front may have been lost."""
    if number.startswith("-"):
        raise ValueError("is not a phone number")
    try:
        return _mended(number, region)
    except ValueError:
        if number.startswith(("0", "+")):
            raise
        return _mended(f"0{number}", region)


@lru_cache(maxsize=4096)
def _mended(text: str, region: str | None) -> str:
    text = _unwrapped(text)
    if number := _out_of_number(text):
        return _from_digits(number, region)
    number = _without_words(text)
    found = _readings(number, region)
    if len(found) == 1 and not _are_two(number, region):
        return found.pop()
    if found or region or number.startswith("+") or len(text) > MAX_LENGTH:
        raise ValueError("is not a valid phone number")
    return text


def _unwrapped(text: str) -> str:
    """Return what stands in a spreadsheet's ``="..."`` or in a ``tel:`` URI (RFC 3966)."""
    text = INVISIBLE.sub("", text)
    while (inner := _without_a_layer(text)) != text:
        text = inner
    return text


def _without_a_layer(text: str) -> str:
    text = text.strip().lstrip("=" + _QUOTES).rstrip(_QUOTES).strip()
    uri = _URI.fullmatch(text)
    if not uri or not (uri["scheme"] or uri["parameters"]):
        return text
    number = unquote(uri["number"]).strip().lstrip("/")
    context = _CONTEXT.search(uri["parameters"])
    return context[1] + number if context and not number.startswith("+") else number


def _out_of_number(text: str) -> str | None:
    """Return the digits of a number that became text: ``491570006.0``, ``4.91570006E8``."""
    if match := _FLOAT.fullmatch(text):
        return match[1]
    if match := _SCIENTIFIC.fullmatch(text):
        whole, fraction, exponent = match[1], match[2], int(match[3])
        if _EXACT_DIGITS <= len(fraction) + 1 <= exponent + 1 <= MAX_LENGTH:
            return whole + fraction.ljust(exponent, "0")
    return None


def _without_words(text: str) -> str:
    """Return the part of a text from the first to the last digit.

    Raises:
        ValueError: There is none, or a letter touches it or is inside it, but not an extension's.
    """
    match = _NUMBER.search(text)
    if not match:
        raise ValueError("is not a phone number")
    number = _SPACE.sub(" ", match[0])
    if not number.isascii():
        number = _in_ascii(number)
    before, after = text[: match.start()][-1:], text[match.end() :][:1]
    touched = after.isalpha() or (before.isalpha() and number[0] != "+")
    if _LETTER.search(number):
        number = _without_extension(number)
    if touched or _LETTER.search(number):
        raise ValueError("is not a phone number")
    return number


def _in_ascii(number: str) -> str:
    """Return a number with the digits and the plus of ASCII."""
    import phonenumbers

    digits_read = phonenumbers.normalize_digits_only(number, keep_non_digits=True)
    return digits_read.replace("\N{FULLWIDTH PLUS SIGN}", "+")


def _without_extension(number: str) -> str:
    import phonenumbers

    try:
        extension = phonenumbers.parse(number, _ANY_REGION).extension
    except phonenumbers.NumberParseException:
        return number
    if not extension:
        return number
    match = _NUMBER.match(number[: number.rindex(extension)])
    return match[0] if match else number


def _readings(number: str, region: str | None) -> set[str]:
    """Return the valid numbers that a text can mean; 00 counts as + everywhere."""
    found = set()
    if match := _INTERNATIONAL.match(number):
        found.add(_e164(f"+{number[match.end() :]}", None))
    if region or number.startswith("+"):
        found.add(_e164(number, None if number.startswith("+") else region))
    return {sent for sent in found if sent}


def _e164(number: str, region: str | None) -> str | None:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    sent = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return sent if ordinary(sent) or phonenumbers.is_valid_number(parsed) else None


def _are_two(number: str, region: str | None) -> bool:
    """Say whether there are two numbers, of which the library would take one for an extension."""
    parts = _BETWEEN.split(number)
    return len(parts) > 1 and sum(bool(_readings(part, region)) for part in parts) > 1
