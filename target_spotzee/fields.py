"""What Spotzee accepts in a first-class field, and how a source's value becomes that.

Each function takes a value that is neither null nor blank and gives back what to send, or raises
`ValueError` with a reason that does not repeat the value. The rules are those of Spotzee's API
reference, release 2026-04-28. Ordinary values are recognised at a glance; only the others cost a
library call, and only then is the library imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

# A subset of what email-validator accepts: dot-atoms of ASCII, labels without a hyphen at an end
# and never two in a row.
_ORDINARY_EMAIL = re.compile(
    r"(?=[^@]{1,64}@.{1,189}\Z)"
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?:(?=[^.]{1,63}\.)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,24}",
)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Z]{2})?")
_met_zones: set[str] = set()
_met_locales: set[str] = set()
_MAX_MET_LOCALES = 1000

ORDINARY: dict[str, Callable[[str], object]] = {
    "email": _ORDINARY_EMAIL.fullmatch,
    "phone": _E164.fullmatch,
    "timezone": _met_zones.__contains__,
    "locale": _met_locales.__contains__,
}
"""For each field a look, without a call into Python, that tells text which goes as it is."""

# Longer numbers than this are not ids; it keeps 1e999999 from becoming a million digits.
_MAX_ID_DIGITS = 100
_ORDINARY_INT = 2**63


def identity(value: object) -> str:
    """Return an ``external_id`` or ``anonymous_id`` as Spotzee takes it: a string.

    Args:
        value: A string, which stays as it is, or an integral number, which becomes its digits.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, str):
        return value
    if type(value) is int and -_ORDINARY_INT < value < _ORDINARY_INT:
        return str(value)
    return _digits(value, "must be a string or an integral number")


def _digits(value: object, otherwise: str) -> str:
    """Return an integral number's digits: ``Decimal("1.0")`` gives ``1``."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < _MAX_ID_DIGITS:
        integer = int(value)
        if integer == value:
            return str(integer)
    raise ValueError(otherwise)


def email(value: object) -> str:
    """Return an e-mail address as it came, once it is known to be one.

    Checked by RFC 5322 without DNS; special-use domains such as ``example.test`` are fine.

    Raises:
        ValueError: It is no address.
    """
    if isinstance(value, str):
        return value if _ORDINARY_EMAIL.fullmatch(value) else _unusual_email(value)
    raise ValueError("is not an e-mail address")


@lru_cache(maxsize=1024)
def _unusual_email(text: str) -> str:
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
        raise ValueError("is not an e-mail address") from None
    return text


def phone(value: object, region: str | None) -> str:
    """Return a phone number for Spotzee.

    Args:
        value: A string, or digits that arrived as a number.
        region: ISO country that national numbers belong to. With one, the result is E.164; without
            one the number goes as it is, since Spotzee normalises what it can.

    Raises:
        ValueError: With a region: it can't be made into a possible number.
    """
    text = value if isinstance(value, str) else _digits(value, "is not a phone number")
    if region is None or _E164.fullmatch(text):
        return text
    return _national_phone(text, region)


@lru_cache(maxsize=4096)
def _national_phone(text: str, region: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise ValueError("is not a phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("is not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def known_region(region: str) -> bool:
    """Say whether a two-letter country is one that phone numbers can belong to."""
    import phonenumbers

    return region in phonenumbers.SUPPORTED_REGIONS


def timezone(value: object) -> str:
    """Return the IANA name of a time zone, in IANA's own spelling.

    Raises:
        ValueError: No such zone.
    """
    if isinstance(value, str):
        zone = _zones().get(value.casefold())
        if zone is not None:
            _met_zones.add(zone)
            return zone
    raise ValueError("is not an IANA time zone")


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    """Read the names once, from the package and not the system, so that machines agree."""
    from importlib.resources import files

    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {name.casefold(): name for name in names}


def locale(value: object) -> str:
    """Return a locale as ``xx`` or ``xx-YY``.

    Spotzee matches locales by case and falls back silently, so ``en_au`` becomes ``en-AU``,
    ``pt_BR.UTF-8`` ``pt-BR`` and ``zh-hans-CN`` ``zh-CN``.

    Raises:
        ValueError: It is no locale.
    """
    if isinstance(value, str):
        if not _LOCALE.fullmatch(value):
            return _standard_locale(value)
        if len(_met_locales) < _MAX_MET_LOCALES:
            _met_locales.add(value)
        return value
    raise ValueError("is not a locale")


@lru_cache(maxsize=1024)
def _standard_locale(text: str) -> str:
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    tag = text.partition(".")[0].partition("@")[0]  # POSIX: language_TERRITORY.codeset@modifier
    try:
        parsed = langcodes.Language.get(tag)
    except LanguageTagError:
        raise ValueError("is not a locale") from None
    language, territory = parsed.language or "", parsed.territory or ""
    for candidate in (f"{language}-{territory}", language):
        if _LOCALE.fullmatch(candidate) and language != "und":
            return candidate
    raise ValueError("is not a locale")
