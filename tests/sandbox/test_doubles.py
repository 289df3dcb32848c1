from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.sandbox.codec import encode
from target_spotzee.sandbox.doubles import as_doubles


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (7, b"7"),
        (9007199254740993, b"9007199254740992"),
        (9007199254740995, b"9007199254740996"),
        (-9007199254740995, b"-9007199254740996"),
        (12345678901234567890, b"12345678901234567000"),
        (1234567890123456789012345, b"1.2345678901234568e24"),
        (10**400, b"null"),
        (Decimal("1.10"), b"1.1"),
        (Decimal("5.0"), b"5"),
        (Decimal("-0.0"), b"0"),
        (Decimal("0.1234567890123456789"), b"0.12345678901234568"),
        (Decimal("1e-400"), b"0"),
        (Decimal("-1e400"), b"null"),
    ],
)
def test_a_number_is_the_double_next_to_it(number: Any, kept: bytes) -> None:
    assert encode(as_doubles(number)) == kept


@pytest.mark.parametrize("value", [True, None, "9007199254740995", [], {}])
def test_nothing_else_is_touched(value: Any) -> None:
    assert as_doubles(value) is value or as_doubles(value) == value


def test_numbers_are_found_wherever_they_are() -> None:
    assert as_doubles({"a": [{"b": Decimal("1.50")}, True]}) == {"a": [{"b": 1.5}, True]}


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
def test_once_is_enough(number: int | Decimal) -> None:
    once = as_doubles(number)
    again = once if once is None else as_doubles(Decimal(repr(once)))

    assert once == again
