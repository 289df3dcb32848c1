"""Examples of every type of number in every country, written in all ways: right, or none."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat

from target_spotzee import fields
from tests.fields import sent_or_refused


class Example(NamedTuple):
    """A number of a region, as it may be written."""

    region: str
    e164: str
    code: int
    significant: str
    national: str
    international: str
    uri: str

    def sent(self, value: object) -> str | None:
        return sent_or_refused(lambda value: fields.phone(value, self.region), value)


def examples() -> Iterator[Example]:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        found = {
            phonenumbers.format_number(number, PhoneNumberFormat.E164)
            for kind in phonenumbers.PhoneNumberType.values()
            if (number := phonenumbers.example_number_for_type(region, kind))
        }
        # Where numbers have any length, one that is a digit longer or shorter is valid, too.
        for e164 in sorted(
            {*found, *(f"{e164}1" for e164 in found), *(e164[:-1] for e164 in found)}
        ):
            parsed = phonenumbers.parse(e164)
            if len(e164) <= 16 and phonenumbers.is_valid_number_for_region(parsed, region):
                yield _example(region, parsed)


def _example(region: str, parsed: PhoneNumber) -> Example:
    e164, national, international, uri = (
        phonenumbers.format_number(parsed, style)
        for style in (
            PhoneNumberFormat.E164,
            PhoneNumberFormat.NATIONAL,
            PhoneNumberFormat.INTERNATIONAL,
            PhoneNumberFormat.RFC3966,
        )
    )
    significant = phonenumbers.national_significant_number(parsed)
    return Example(
        region, e164, parsed.country_code or 0, significant, national, international, uri
    )


EXAMPLES = [*examples()]


def test_as_its_country_and_the_world_write_it_a_number_is_right() -> None:
    wrong = [
        (example.region, text, sent)
        for example in EXAMPLES
        for text in (
            example.national,
            phonenumbers.normalize_digits_only(example.national),
            example.international,
            example.uri,
            f"00{example.e164[1:]}",
            f"Ann: {example.national} (home)",
            f"{example.national} ext 12",
        )
        if (sent := example.sent(text)) != example.e164
    ]
    assert wrong == []


def test_without_plus_or_zero_a_number_is_right_or_none() -> None:
    refused = tried = 0
    for example in EXAMPLES:
        bare, digits = example.significant, example.e164[1:]
        for value in (
            digits,
            int(digits),
            Decimal(digits),
            f"{digits}.0",
            example.international[1:],
            bare,
            int(bare),
            f"{bare}.0",
            f"{example.code} (0){bare}",
            f"+{example.code} (0){bare}",
            example.national.replace(" ", "."),
            example.national.replace(" ", "/"),
        ):
            sent = example.sent(value)
            assert sent in {None, example.e164}, (example.region, value)
            tried += not isinstance(value, str)
            refused += sent is None and not isinstance(value, str)
    assert refused < tried * 0.03


@pytest.mark.parametrize(
    "between", [" ", " - ", "\t", " \N{EN DASH} ", " / ", "/", ", ", ";", "*", "\n", "", " x "]
)
def test_of_two_numbers_that_are_joined_none_is_made(between: str) -> None:
    for example in EXAMPLES:
        if len(example.significant) < 6:
            continue  # two of four digits are a whole number, as in Uruguay
        for first, second in (
            (example.national, example.national),
            (example.international, example.national),
            (example.national, example.e164),
            (example.significant, example.significant),
            (example.e164[1:], example.e164[1:]),
        ):
            text = first + between + second
            assert example.sent(text) in {None, example.e164}, (example.region, text)


@pytest.mark.parametrize("behind", ["24/7", "(9-17)", "9-17 Uhr", "(10115)", "/21", "15.01.2024"])
def test_what_stands_behind_a_number_does_not_get_into_it(behind: str) -> None:
    for example in EXAMPLES:
        text = f"{example.national} {behind}"
        assert example.sent(text) in {None, example.e164}, (example.region, text)
