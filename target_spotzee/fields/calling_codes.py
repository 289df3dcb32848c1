"""Each calling code, and what makes a number of it valid: one regular expression a code.

`phonenumbers.is_valid_number` says it as well, some twenty times slower, since it parses the
number anew. The expressions are made out of the library's own metadata, each when the first number
of its calling code is met. They may be narrower than the library, never wider.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata, PhoneNumberDesc

Look = Callable[[str], object]

# The common types come first.
_TYPES = (
    "mobile",
    "fixed_line",
    "toll_free",
    "shared_cost",
    "premium_rate",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
_NEVER = "(?!)"
_START = re.compile(r"\+[1-9][0-9]{2}")
_MAX_CODE_DIGITS = 3

MAX_DIGITS = 15
"""No number of E.164 has more, the calling code included; the library lets longer ones pass."""


class Looks(dict[str, Look]):
    """The first four characters of an E.164 number lead to a look at the whole of it.

    Args:
        most_lengths: Leave out the types of numbers that have more lengths than this.
    """

    def __init__(self, most_lengths: int = MAX_DIGITS) -> None:
        super().__init__()
        self._most_lengths = most_lengths

    def __missing__(self, start: str) -> Look:
        code = calling_code(start)
        if not code:
            return _is_none
        look = re.compile(_valid(int(code), self._most_lengths), re.ASCII).fullmatch
        self[start] = look
        return look


def calling_code(number: str) -> str:
    """Return the calling code that a number in E.164 begins with, or nothing."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    if _START.match(number):
        for end in range(2, _MAX_CODE_DIGITS + 2):
            if int(number[1:end]) in COUNTRY_CODE_TO_REGION_CODE:
                return number[1:end]
    return ""


@cache
def trunk_prefix(code: str) -> str:
    """Return what national numbers begin with: 0 in most countries, in some nothing."""
    import phonenumbers

    region = phonenumbers.region_code_for_country_code(int(code))
    return phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""


def _is_none(_: str) -> object:
    return None


def _valid(code: int, most_lengths: int) -> str:
    """Return the expression for the numbers of a calling code that are valid as they stand."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    regions = [
        rules
        for region in COUNTRY_CODE_TO_REGION_CODE[code]
        if (rules := PhoneMetadata.metadata_for_region_or_calling_code(code, region))
    ]
    most_digits = MAX_DIGITS - len(str(code))

    def of_region(rules: PhoneMetadata) -> str:
        return _in_region(rules, most_lengths, most_digits)

    # The first region whose leading digits, or else whose types, fit is the number's own.
    number = _NEVER
    for rules in reversed(regions):
        if rules.leading_digits and len(regions) > 1:
            leading = f"(?:{rules.leading_digits})"
            number = f"(?={leading}){of_region(rules)}|(?!{leading})(?:{number})"
        else:
            number = f"{of_region(rules)}|{number}"
    return rf"\+{code}{_without_prefix(code, regions[0])}(?:{number})"


def _without_prefix(code: int, rules: PhoneMetadata) -> str:
    """Return a condition: nothing follows that the library would take for a national prefix."""
    prefix = rules.national_prefix_for_parsing
    if not prefix:
        return ""
    # Or the prefix may be empty, as in Argentina: then the calling code still comes right before.
    return rf"(?:(?!{prefix})|(?=(?P<prefix>{prefix}))(?P=prefix)(?<=\+{code}))"


def _in_region(rules: PhoneMetadata, most_lengths: int, most_digits: int) -> str:
    types = [
        _of_type(kind, most_digits)
        for name in _TYPES
        if (kind := getattr(rules, name)) and len(kind.possible_length) <= most_lengths
    ]
    # The lengths of the whole region are those of its types, so they need no look of their own.
    general = rules.general_desc and rules.general_desc.national_number_pattern
    return rf"(?=(?:{general or _NEVER})\Z)(?:{'|'.join(types) or _NEVER})\Z"


def _of_type(rules: PhoneNumberDesc, most_digits: int) -> str:
    if not rules.national_number_pattern:
        return _NEVER
    lengths = sorted(length for length in rules.possible_length if length <= most_digits)
    if not lengths:
        return _NEVER
    if lengths == [*range(lengths[0], lengths[-1] + 1)]:
        most = f",{lengths[-1]}" if lengths[1:] else ""
        condition = rf"(?=\d{{{lengths[0]}{most}}}\Z)"
    else:
        condition = "(?=(?:" + "|".join(rf"\d{{{length}}}" for length in lengths) + r")\Z)"
    return f"(?:{condition}(?:{rules.national_number_pattern}))"
