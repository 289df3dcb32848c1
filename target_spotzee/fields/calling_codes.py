"""What makes a number of each calling code valid, as one regular expression a code.

`phonenumbers.is_valid_number` says it as well, some twenty times slower, since it parses the
number anew. The expressions are made out of the library's own metadata, each when the first number
of its calling code is met. They may be narrower than the library, never wider.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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


class Looks(dict[str, Look]):
    """Maps the first four characters of an E.164 number to a check of the whole."""

    def __missing__(self, start: str) -> Look:
        if not _START.fullmatch(start):
            return _is_none
        look = self[start] = _look(start[1:])
        return look


def _is_none(_: str) -> object:
    return None


def _look(first_digits: str) -> Look:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    for length in range(1, _MAX_CODE_DIGITS + 1):
        code = int(first_digits[:length])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            return re.compile(_valid(code), re.ASCII).fullmatch
    return _is_none


def _valid(code: int) -> str:
    """Return the expression for the numbers of a calling code that are valid as they stand."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    regions = [
        rules
        for region in COUNTRY_CODE_TO_REGION_CODE[code]
        if (rules := PhoneMetadata.metadata_for_region_or_calling_code(code, region))
    ]
    # The first region whose leading digits, or else whose types, fit is the number's own.
    number = _NEVER
    for rules in reversed(regions):
        if rules.leading_digits and len(regions) > 1:
            leading = f"(?:{rules.leading_digits})"
            number = f"(?={leading}){_in_region(rules)}|(?!{leading})(?:{number})"
        else:
            number = f"{_in_region(rules)}|{number}"
    return rf"\+{code}{_without_prefix(code, regions[0])}(?:{number})"


def _without_prefix(code: int, rules: PhoneMetadata) -> str:
    """Return a condition: nothing follows that the library would take for a national prefix."""
    prefix = rules.national_prefix_for_parsing
    if not prefix:
        return ""
    # Or the prefix may be empty, as in Argentina: then the calling code still comes right before.
    return rf"(?:(?!{prefix})|(?=(?P<prefix>{prefix}))(?P=prefix)(?<=\+{code}))"


def _in_region(rules: PhoneMetadata) -> str:
    types = [_of_type(kind) for name in _TYPES if (kind := getattr(rules, name))]
    general = _of_type(rules.general_desc) if rules.general_desc else _NEVER
    return rf"(?={general}\Z)(?:{'|'.join(types) or _NEVER})\Z"


def _of_type(rules: PhoneNumberDesc) -> str:
    if not rules.national_number_pattern:
        return _NEVER
    lengths = sorted(rules.possible_length)
    if not lengths:
        condition = ""
    elif lengths == [*range(lengths[0], lengths[-1] + 1)]:
        condition = rf"(?=\d{{{lengths[0]},{lengths[-1]}}}\Z)"
    else:
        condition = "(?=(?:" + "|".join(rf"\d{{{length}}}" for length in lengths) + r")\Z)"
    return f"(?:{condition}(?:{rules.national_number_pattern}))"
