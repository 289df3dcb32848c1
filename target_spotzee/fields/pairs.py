"""Two phone numbers in one text, which a country with numbers of any length takes for one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from target_spotzee.fields.calling_codes import calling_code, trunk_prefix

_GAP = re.compile(r"\D+", re.ASCII)
_DIALLED_ABROAD = re.compile(r"[01]{0,4}")
# After a whole number these begin something else.
_ENDS_A_NUMBER = re.compile(r"[/(\r\n]")
_HOURS = re.compile(r"\d\d?(?:\.?[0-5]\d)? ?[-/] ?\d\d?(?:\.?[0-5]\d)?", re.ASCII)
_SAME_DIGITS = 3  # no chance that two parts begin alike
_OTHER_DIGITS = 2  # in which two lines of one house differ
_FEWEST_DIGITS = 6  # of a whole number, where no prefix shows that one begins


def is_pair(number: str, sent: str, is_valid: Callable[[str], object]) -> bool:
    """Say whether a text holds a second number, or hours or a postal code behind the first.

    Args:
        number: Digits and a number's punctuation, perhaps a plus in front.
        sent: The whole text as one number in E.164.
        is_valid: Tells a valid number in E.164.
    """
    code = calling_code(sent)
    prefix = trunk_prefix(code)

    def whole(part: str) -> str:
        """Return the national digits if the part is a number by itself, else nothing."""
        national = _GAP.sub("", part)
        if part.startswith(("+", "00")):
            national = national.removeprefix("00").removeprefix(code)
        national = national.removeprefix(prefix)
        return national if is_valid(f"+{code}{national}") else ""

    for left, gap, right in _cuts(number):
        follows, first = _GAP.sub("", right), whole(left)
        begins = bool(prefix) and follows.startswith(prefix) and whole(right)
        if begins and not _is_code(left, code):
            return True
        if first and (
            _ENDS_A_NUMBER.search(gap)
            or (" " in gap and _HOURS.fullmatch(right))
            or _is_next_line(first, follows)
            or (len(first) >= _FEWEST_DIGITS <= len(whole(right)))
        ):
            return True
    return _is_doubled(sent[1 + len(code) :], prefix, whole)


def _cuts(number: str) -> Iterator[tuple[str, str, str]]:
    for gap in _GAP.finditer(number, 1):
        yield number[: gap.start()], gap[0], number[gap.end() :]


def _is_code(left: str, code: str) -> bool:
    """Say whether nothing but the calling code, and what dials abroad, stands before a number."""
    digits = _GAP.sub("", left)
    return digits.endswith(code) and bool(_DIALLED_ABROAD.fullmatch(digits.removesuffix(code)))


def _is_next_line(first: str, follows: str) -> bool:
    """Say whether a number is followed by its own end, but for the last digits: 53123 53124."""
    same = max(_SAME_DIGITS, len(follows) - _OTHER_DIGITS)
    return len(follows) > _SAME_DIGITS and first[-len(follows) :][:same] == follows[:same]


def _is_doubled(national: str, prefix: str, whole: Callable[[str], str]) -> bool:
    """Say whether digits without a gap are two numbers of one place and length."""
    for between in {prefix, ""}:
        half, odd = divmod(len(national) - len(between), 2)
        left, right = national[:half], national[-half:]
        if (
            not odd
            and half >= _FEWEST_DIGITS
            and national == left + between + right
            and left[:_SAME_DIGITS] == right[:_SAME_DIGITS]
            and whole(left)
            and whole(right)
        ):
            return True
    return False
