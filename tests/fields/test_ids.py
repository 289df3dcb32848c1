"""Ids: trimmed, else as they came."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee import fields
from tests.fields import NEVER_RIGHT, sent_or_refused


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("c-1", "c-1"),
        ("0042", "0042"),
        ("a  b", "a  b"),
        (42, "42"),
        (0, "0"),
        (-7, "-7"),
        (2**80, "1208925819614629174706176"),
        (Decimal("1.0"), "1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12345678901234567890.00"), "12345678901234567890"),
        (1.0, "1"),
    ],
)
def test_text_stays_and_integral_numbers_become_their_digits(value: object, expected: str) -> None:
    assert fields.identity(value) == expected


@pytest.mark.parametrize(
    "padded",
    [
        "C001   ",
        "\tC001\r\n",
        "\u00a0C001\u3000",
        "\ufeffC001",
        "\u200b C001 \ufeff ",
        "C001\u00ad",
        "C001\0\0",
        "C001 \0 \x7f",
        "\x01C001\x9f\u200b\0",
    ],
)
def test_what_pads_an_id_does_not_make_another_user(padded: str) -> None:
    assert fields.identity(padded) == "C001"


def test_whatever_is_white_space_to_python_is_trimmed() -> None:
    blanks = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert [fields.identity(f"{blank}é{blank}") for blank in blanks] == ["é"] * len(blanks)


def test_inside_an_id_nothing_is_changed() -> None:
    assert fields.identity("a\u200bb\u00a0c\ufeffd") == "a\u200bb\u00a0c\ufeffd"


@pytest.mark.parametrize("value", NEVER_RIGHT)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a string or an integral number"):
        fields.identity(value)


def test_an_id_of_nothing_visible_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^holds nothing that can be seen$"):
        fields.identity(" \ufeff\u200b ")


@pytest.mark.parametrize("letter", ["x", "é"])
def test_an_id_may_have_255_characters(letter: str) -> None:
    assert fields.identity(f" {letter * 255} ") == letter * 255
    with pytest.raises(ValueError, match=r"^is longer than 255 characters$"):
        fields.identity(letter * 256)


@given(st.integers(-(10**90), 10**90), st.integers(0, 9))
def test_however_an_integral_number_is_written(number: int, zeros: int) -> None:
    assert fields.identity(number) == str(number)
    assert fields.identity(Decimal(f"{number}.{'0' * (zeros + 1)}")) == str(number)


@given(st.text() | st.text(" \ufeff\u200b\u00a0x", max_size=9) | st.text("ab", min_size=250))
def test_any_text_is_its_trimmed_self_or_refused(text: str) -> None:
    sent = sent_or_refused(fields.identity, text)
    assert sent is None or (sent in text and 0 < len(sent) <= 255)
    assert sent is None or fields.identity(sent) == sent == sent.strip()
