"""What only looks like a phone number, or hides a part of it."""

from __future__ import annotations

import pytest

from target_spotzee import fields


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("2024-01-15", "DE"),
        ("2024-01-15", "NO"),
        ("2024-01-15", None),
        ("15.01.2024", "DE"),
        ("21/01/2024", "DK"),
        ("2024-01-15 10:30", "DE"),
        ("20-01-24", "FO"),
        ("-33.8688", "DE"),
        ("33.8688", "DE"),
        ("33.8688", "FO"),
        ("-33.8688", None),
        ("52.520008, 13.404954", "DE"),
        ("52.520008 13.404954", "DE"),
        ("52.52 13.40", "NO"),
        ("+49.301234", None),
        ("+491701234567.5", None),
        ("1.234.567", "DE"),
        ("23.456.789", "DK"),
        ("1.234.567,00", "DE"),
        ("234 567.00", "FO"),
        ("\u20ac 0491570006", "AU"),
        ("0491570006 $", "AU"),
        ("192.168.1.100", "DE"),
        ("978-3-16-148410-0", "DE"),
    ],
)
def test_dates_coordinates_decimals_and_money_are_no_phones(text: str, region: str | None) -> None:
    with pytest.raises(ValueError, match=r"^is not a (valid )?phone number$"):
        fields.phone(text, region)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("030 90182\u2080", "DE"),
        ("030 90182\u00b2", "DE"),
        ("030 90182\u2460", "DE"),
        ("030 90182\u00bd", "DE"),
        ("030 90182*", "DE"),
        ("030 90182?", "DE"),
        ("030 90182\u2026", "DE"),
        ("030 90182...", "DE"),
        ("+4930901820*123", None),
    ],
)
def test_no_digit_is_left_out(text: str, region: str | None) -> None:
    with pytest.raises(ValueError, match=r"^is not a phone number$"):
        fields.phone(text, region)
