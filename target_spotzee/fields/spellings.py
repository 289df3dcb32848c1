"""What people and systems write around a phone number, and what only looks like one."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from target_spotzee.fields.text import INVISIBLE, trimmed

_QUOTES = "'\"\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
_URI = re.compile(
    r"(?P<scheme>tel:)?(?P<number>[^;]*)(?P<parameters>(?:;[a-z-]+=[^;]*)*)",
    re.IGNORECASE,
)
_CONTEXT = re.compile(r";phone-context=(\+[\d().-]+)", re.IGNORECASE)
_WHATSAPP = re.compile(
    r"(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)\+?(\d+)(?:[/?&#].*)?"
    r"|(\d+)@(?:s\.whatsapp\.net|c\.us)",
    re.IGNORECASE,
)
_FLOAT = re.compile(r"(\+?\d+)[.,]00?")
_SCIENTIFIC = re.compile(r"(\+?\d)[.,](\d+)[eE]\+?(\d\d?)")
_HIDDEN_GAP = re.compile(rf"(?<=\d){INVISIBLE.pattern}(?=\d)")

_NUMBER = re.compile(r"[+\N{FULLWIDTH PLUS SIGN}\d].*\d", re.DOTALL)
_SHAPE = re.compile(r"\+?[\d ()./\r\n-]+", re.ASCII)
_SPACE = re.compile(r"[^\S\r\n]+")
_LETTER = re.compile(r"[^\W\d_]")
_IN_ASCII = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣－ー", "-"),  # noqa: RUF001 - all that look alike
        **dict.fromkeys("（［[", "("),  # noqa: RUF001
        **dict.fromkeys("）］]", ")"),  # noqa: RUF001
        "\N{FULLWIDTH PLUS SIGN}": "+",
        "\N{FULLWIDTH SOLIDUS}": "/",
        "\N{FULLWIDTH FULL STOP}": ".",
    }
)

# What an extension looks like is the same everywhere; few numbers begin with 810, as in Russia
# those for abroad do.
_ANY_REGION = "RU"
_MOST_EXTENSION_DIGITS = 6  # more are a number of their own
_EXTENSION_SIGN = re.compile(r"[^\W\d_]|#|,,")

_MINUS = re.compile(r"(?:^|\s)[-−]$")  # noqa: RUF001
_MASK = re.compile(r"[*?_…•]|\.\.")
_DAY, _MONTH, _YEAR = "(?:0?[1-9]|[12]\\d|3[01])", "(?:0?[1-9]|1[0-2])", "(?:19|20)\\d\\d"
_DATE = re.compile(
    rf"(?<!\d)(?:{_YEAR}([-./]){_MONTH}\1{_DAY}|{_DAY}([-./]){_DAY}\2{_YEAR})(?!\d)"
    rf"|^{_DAY}([-/]){_MONTH}\3\d\d$",
    re.ASCII,
)
_DECIMAL = r"\+?(?:0|[1-9]\d*)\.\d+|[1-9]\d{0,2}(?: \d{3})+\.\d\d?|[1-9]\d?(?:\.\d{3})+"
_DECIMALS = re.compile(rf"(?:{_DECIMAL})(?:[ /-]+(?:{_DECIMAL}))*", re.ASCII)
_REGISTRY = re.compile(r"\+\d{1,3}\.\d{8,}", re.ASCII)  # as domain registries write (RFC 5733)


def unwrapped(text: str) -> str:
    """Return what stands in a spreadsheet's ``="..."``, a link or a ``tel:`` URI (RFC 3966)."""
    text = INVISIBLE.sub("", _HIDDEN_GAP.sub(" ", text))
    while (inner := _without_a_layer(text)) != text:
        text = inner
    return _out_of_number(text) or text


def _without_a_layer(text: str) -> str:
    text = trimmed(trimmed(text).lstrip("=" + _QUOTES).rstrip(_QUOTES))
    if link := _WHATSAPP.fullmatch(text):
        return f"+{link[1] or link[2]}"
    uri = _URI.fullmatch(text)
    if not uri or not (uri["scheme"] or uri["parameters"]):
        return text
    number = unquote(uri["number"]).strip().lstrip("/")
    context = _CONTEXT.search(uri["parameters"])
    return context[1] + number if context and not number.startswith("+") else number


def _out_of_number(text: str) -> str | None:
    """Return the digits of a number that became text: ``491570006.0``, ``4.91570006E8``.

    Digits that a spreadsheet did not write are lost; none are made up for them.
    """
    if match := _FLOAT.fullmatch(text):
        return match[1]
    if match := _SCIENTIFIC.fullmatch(text):
        whole, fraction, exponent = match[1], match[2], int(match[3])
        if exponent <= len(fraction) and not fraction[exponent:].strip("0"):
            return whole + fraction[:exponent]
    return None


def number_in(text: str) -> str:
    """Return the part from the first to the last digit, in ASCII, without an extension.

    Raises:
        ValueError: There is none. Or a letter, or a sign that stands for a hidden digit, touches
            it. Or there is more inside than a number's own punctuation. Or it is a date, a
            decimal or money.
    """
    match = _NUMBER.search(text)
    if not match:
        raise ValueError("is not a phone number")
    number = _SPACE.sub(" ", match[0])
    if not number.isascii():
        number = _in_ascii(number)
    before, after = text[: match.start()], text[match.end() :]
    if (
        after[:1].isalpha()
        or (number[0] != "+" and (before[-1:].isalpha() or _MINUS.search(before)))
        or _MASK.match(after)
        or _MASK.match(before[-1:])
        or any(map(_measures, before + after))
    ):
        raise ValueError("is not a phone number")
    if not _SHAPE.fullmatch(number):
        number = _without_extension(number)
    if not _SHAPE.fullmatch(number) or _DATE.search(number) or _is_decimal(number):
        raise ValueError("is not a phone number")
    return number


def _in_ascii(number: str) -> str:
    import phonenumbers

    return phonenumbers.normalize_digits_only(number, keep_non_digits=True).translate(_IN_ASCII)


def _measures(character: str) -> bool:
    """Say whether a character belongs to an amount, or is a digit that nobody dials: ₀, ½."""
    if character in "$%":
        return True
    if character.isascii():
        return False
    return (
        character in "°‰"
        or unicodedata.category(character) == "Sc"
        or (character.isnumeric() and not character.isalpha())
    )


def _without_extension(number: str) -> str:
    import phonenumbers

    try:
        extension = phonenumbers.parse(number, _ANY_REGION).extension
    except phonenumbers.NumberParseException:
        return number
    if not extension or len(extension) > _MOST_EXTENSION_DIGITS:
        return number
    before = number[: number.rindex(extension)]
    match = _NUMBER.match(before)
    return match[0] if match and _EXTENSION_SIGN.search(before, match.end()) else number


def _is_decimal(number: str) -> bool:
    return bool(_DECIMALS.fullmatch(number)) and not _REGISTRY.fullmatch(number)
