"""Phone numbers, however people and their systems write them."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache, lru_cache

from target_spotzee.fields.calling_codes import MAX_DIGITS, Looks, trunk_prefix
from target_spotzee.fields.pairs import is_pair
from target_spotzee.fields.spellings import number_in, unwrapped
from target_spotzee.fields.text import digits

MAX_LENGTH = 64

_MAX_TEXT = 250  # the library reads no more
_looks = Looks()
# Numbers of the other types have almost any length, and so prove little by being valid.
_tight_looks = Looks(most_lengths=4)

_INTERNATIONAL = re.compile(r"\+?00(?!11)")  # 0011 is Australia's own; no country is +11
_MOMENT = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?(?:[0-5]\d){0,2}",
    re.ASCII,
)


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
        return _mended(_digits(value), region)
    if ordinary(value):
        return value
    if len(value) > _MAX_TEXT:
        raise ValueError("is not a phone number")
    return _mended(value, region)


def _digits(value: object) -> str:
    number = digits(value, "is not a phone number")
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent > 0:  # its last digits are lost
            raise ValueError("is not a phone number")
    return number


@lru_cache(maxsize=4096)
def _mended(text: str, region: str | None) -> str:
    text = unwrapped(text)
    number = number_in(text)
    sent = _read(number, region)
    if "(0)" in number:
        sent = _one_of({sent, _read(number.replace("(0)", "", 1), region)})
    if sent and not is_pair(number, sent, ordinary):
        return sent
    if sent or region or number.startswith("+") or not _may_go(text, number):
        raise ValueError("is not a valid phone number")
    return text


def _may_go(text: str, number: str) -> bool:
    return len(text) <= MAX_LENGTH and sum(map(str.isdigit, number)) <= MAX_DIGITS


def _read(number: str, region: str | None) -> str | None:
    if number.startswith("+") or _INTERNATIONAL.match(number):
        return _abroad(number, region)
    return _national(number, region) if region else None


def _one_of(readings: set[str | None]) -> str | None:
    readings.discard(None)
    return readings.pop() if len(readings) == 1 else None


def _abroad(number: str, region: str | None) -> str | None:
    """Return a number that begins with a plus, or with 00, which goes for one everywhere."""
    found = set()
    if match := _INTERNATIONAL.match(number):
        found.add(_e164(f"+{number[match.end() :]}", None))
    if region or number.startswith("+"):
        found.add(_e164(number, None if number.startswith("+") else region))
    return _one_of(found)


def _national(number: str, region: str) -> str | None:
    """Return a number of a region, or one that lost its plus, if there is no doubt which.

    A number may have lost its zero as well, where it was a number once.
    """
    own = _own_code(region)
    written = _e164(number, region)
    if number.startswith("0"):
        return written
    padded = None
    if number.isdigit() and not (written and trunk_prefix(own)):
        padded = _e164(f"0{number}", region)
        if padded and not padded.startswith(f"+{own}"):  # the zero made a call abroad of it
            padded = None
    if written and padded and written != padded and not _has_usual_length(written):
        return None
    here = written or padded
    foreign = "+" + "".join(filter(str.isdigit, number))
    if foreign.startswith(f"+{own}") and (abroad := _e164(foreign, None)):
        certain = here in {None, abroad} or (_is_tight(abroad) and not _is_tight(here))
        return abroad if certain else None
    if here and here != foreign and ordinary(foreign) and not _is_certain(here, number, foreign):
        return None
    if here and not (_is_tight(here) or _is_complete(here, number)):
        # Almost any digits are a number here, so they have to look like nothing else.
        return here if number.isdigit() and not _MOMENT.fullmatch(number) else None
    return here


@cache
def _own_code(region: str) -> str:
    import phonenumbers

    return str(phonenumbers.country_code_for_region(region))


def _is_certain(here: str, number: str, foreign: str) -> bool:
    """Say whether a number is the region's, though it could be a foreign one without its plus."""
    return _is_tight(here) and (_is_complete(here, number) or not _is_tight(foreign))


def _is_tight(sent: str) -> bool:
    return bool(_tight_looks[sent[:4]](sent))


def _is_complete(sent: str, number: str) -> bool:
    """Say whether a number was written as its country writes it: nothing in front is lost."""
    import phonenumbers

    style = phonenumbers.PhoneNumberFormat.NATIONAL
    national = phonenumbers.format_number(phonenumbers.parse(sent), style)
    return phonenumbers.normalize_digits_only(national) == phonenumbers.normalize_digits_only(
        number
    )


def _has_usual_length(sent: str) -> bool:
    import phonenumbers

    parsed = phonenumbers.parse(sent)
    usual = phonenumbers.example_number_for_type(
        phonenumbers.region_code_for_number(parsed), phonenumbers.number_type(parsed)
    )
    length = phonenumbers.national_significant_number
    return usual is not None and len(length(usual)) == len(length(parsed))


def _e164(number: str, region: str | None) -> str | None:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    sent = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if ordinary(sent):
        return sent
    return sent if len(sent) <= MAX_DIGITS + 1 and phonenumbers.is_valid_number(parsed) else None
