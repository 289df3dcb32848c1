"""Two numbers in one text, where one may have any length."""

from __future__ import annotations

import pytest

from target_spotzee import fields


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("030 12345 030 12346", "DE"),
        ("030 12345 - 030 12346", "DE"),
        ("030 12345\t030 12346", "DE"),
        ("030 12345 \u2013 030 12346", "DE"),
        ("030 12345\u200b030 12346", "DE"),
        ("030 12345\x00030 12346", "DE"),
        ("030 12345*030 12346", "DE"),
        ("030 12345 + 030 12346", "DE"),
        ("030 12345 x 03012346", "DE"),
        ("030 1234 0171 1234567", "DE"),
        ("030 4216030 4216", "DE"),
        ("+49 30 12345 030 12346", None),
        ("01 53123 01 53124", "AT"),
        ("01 53123 1 53124", "AT"),
        ("01 53123 / 53124", "AT"),
        ("01 53123 53124", "AT"),
        ("030 4216 4217", "DE"),
        ("01531230153124", "AT"),
        ("030 901820/21", "DE"),
        ("030 90182-0/21", "DE"),
        ("030 901820~21", "DE"),
        ("030 901820, 21", "DE"),
        ("+49 30 901820 / 21", None),
        ("0491570006 / 0491570156", None),
    ],
)
def test_where_numbers_have_any_length_two_are_still_two(text: str, region: str | None) -> None:
    with pytest.raises(ValueError, match=r"^is not a (valid )?phone number$"):
        fields.phone(text, region)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("030 901820 24/7", "DE"),
        ("310-7794 24/7", "CA"),
        ("030 901820 (9-17)", "DE"),
        ("030 901820 9-17 Uhr", "DE"),
        ("030 12345 9.30-17.30", "DE"),
        ("9-17 030 901820", "DE"),
        ("030 901820 (10115)", "DE"),
        ("+49 30 901820 (9-17)", None),
        ("030 12345 15.01.2024", "DE"),
    ],
)
def test_hours_and_postal_codes_are_no_digits_of_a_number(text: str, region: str | None) -> None:
    with pytest.raises(ValueError, match=r"^is not a (valid )?phone number$"):
        fields.phone(text, region)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("030 90 18 20", "+4930901820"),
        ("(030) 90 18 20", "+4930901820"),
        ("030.901820", "+4930901820"),
        ("030 - 901820", "+4930901820"),
        ("(0)30 901820", "+4930901820"),
        ("+49 (0)30 901820", "+4930901820"),
        ("+49 (0) 30 / 90 18 20", "+4930901820"),
        ("0049/30/901820", "+4930901820"),
        ("030-901820-0", "+49309018200"),
        ("030/90182-21", "+49309018221"),
        ("0171/1234567", "+491711234567"),
        ("+49.1701234567", "+491701234567"),  # as domain registries write
    ],
)
def test_the_ways_to_write_one_german_number_are_known(text: str, expected: str) -> None:
    assert fields.phone(text, "DE") == expected
