"""Phone numbers: valid ones in E.164, and never somebody else's."""

from __future__ import annotations

import random
import re
from decimal import Decimal

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from target_spotzee import fields
from target_spotzee.fields import calling_codes, phones
from tests.fields import NEVER_RIGHT, mutations, sent_or_refused

MOBILE = "+61491570006"


def examples() -> list[str]:
    """Return an example of each type of number in each region of the world, in E.164."""
    found = []
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions:
            rules = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
            for name in calling_codes._TYPES:
                kind = getattr(rules, name)
                if kind and kind.example_number:
                    found.append(f"+{code}{kind.example_number}")
    return sorted(set(found))


EXAMPLES = examples()
REGIONS = st.sampled_from(["AU", "US", "DE", "IT", "AR", "BR", "JP", "HK", "CI"])


def by_the_library(number: str) -> str | None:
    """Return what the library makes of an international number, if it is valid."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.PhoneNumberFormat.E164
    sent = phonenumbers.format_number(parsed, e164)
    return sent if phonenumbers.is_valid_number(parsed) and len(sent) <= 16 else None


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("0400 123 456", "AU", "+61400123456"),
        ("(02) 9374 4000", "AU", "+61293744000"),
        ("1300 975 707", "AU", "+611300975707"),
        ("13 14 50", "AU", "+61131450"),
        ("030/901820", "DE", "+4930901820"),
        ("030 / 901820", "DE", "+4930901820"),
        ("06 12345678", "IT", "+390612345678"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("61 491 570 006", "AU", MOBILE),
        ("\uff10\uff14\uff19\uff11\uff15\uff17\uff10\uff10\uff10\uff16", "AU", MOBILE),
        ("٠٤٩١٥٧٠٠٠٦", "AU", MOBILE),
        ("0491\u00a0570\u2011006", "AU", MOBILE),
        ("0491\u202f570\u2009006", "AU", MOBILE),
        ("0491\t570 006", "AU", MOBILE),
        ("\u202d0491 570\u200b 006\u202c", "AU", MOBILE),
    ],
)
def test_national_numbers_become_e164_where_the_country_is_known(
    value: str, region: str, expected: str
) -> None:
    assert fields.phone(value, region) == expected


@pytest.mark.parametrize("region", ["AU", "US", "DE", None])
@pytest.mark.parametrize(
    "value",
    [
        "+61 491 570 006",
        "+610491570006",
        "+61 (0)491 570 006",
        "(+61) 491-570-006",
        "\uff0b\uff16\uff11\uff14\uff19\uff11\uff15\uff17\uff10\uff10\uff10\uff16",
        "0061491570006",
        "00 61 0491 570 006",
        "+0061 491 570 006",
        "\u202d+61 491 570 006\u202c",
        "+61 491 570 006 ext 5",
        "+61 491 570 006 x5",
        "+61 491 570 006 #5",
        "+61 491 570 006;ext=5",
        "+61491570006.0",
        "tel:+61-491-570-006",
        "TEL:+61-491-570-006;ext=5;isub=1",
        "tel:%2B61491570006",
        "tel:+61%20491%20570%20006",
        "tel:0491-570-006;phone-context=+61",
        "tel:0491-570-006;ext=5;phone-context=+61",
        "whatsapp:+61491570006",
        "Ann: +61 491 570 006 (mobile)",
    ],
)
def test_an_international_number_needs_no_country(value: str, region: str | None) -> None:
    assert fields.phone(value, region) == MOBILE


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("0011 61 491 570 006", "AU", MOBILE),
        ("0011 32 12 34 56 78", "AU", "+3212345678"),  # not 00 1 1321 2345678
        ("0011 49 30 901820", "AU", "+4930901820"),
        ("011 61 491 570 006", "US", MOBILE),
        ("010 61 491 570 006", "JP", MOBILE),
        ("001 61 491 570 006", "HK", MOBILE),
        ("0061 491 570 006", "HK", MOBILE),
        ("0061 491 570 006", "US", MOBILE),
    ],
)
def test_each_country_s_way_to_dial_abroad_is_known(value: str, region: str, expected: str) -> None:
    assert fields.phone(value, region) == expected


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("0016492311234", "AU"),  # 00 1 649, or Australia's 0016 and 49
        ("0037031234567", "JP"),  # 00 370, or one of Japan's free numbers
    ],
)
def test_what_can_be_read_as_two_numbers_is_none(text: str, region: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a valid phone number$"):
        fields.phone(text, region)


@pytest.mark.parametrize(
    "text",
    [
        "0491570006 Ann",
        "0491 570 006 (mobile)",
        "Ann: 0491570006",
        "Ann 0491570006",
        "m. 0491 570 006",
        "0491 570 006 - ANN LEE",
        "0491 570 006 ext. 5",
        "0491570006x5",
        "0491 570 006 доб. 5",
        "0491 570 006 ext 5 (Ann)",
        "0491 570 006, ext 5",
        "tel:0491570006",
        "tel:0491570006;phone-context=example.com",
    ],
)
def test_words_and_extensions_are_left_out(text: str) -> None:
    assert fields.phone(text, "AU") == MOBILE


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("0491 57O OO6", "AU"),
        ("O491 570 006", "AU"),
        ("0491 570 00b", "AU"),
        ("0491 S7O 006", "AU"),
        ("0491570006Ann", "AU"),
        ("1-800-FLOWERS", "US"),
        ("1-800-GO-FEDEX", "US"),
        ("+1 800 FLOWERS", None),
        ("0491 57O 006", None),
    ],
)
def test_letters_are_never_digits(text: str, region: str | None) -> None:
    with pytest.raises(ValueError, match=r"^is not a (valid )?phone number$"):
        fields.phone(text, region)


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("0491570006.0", "AU", MOBILE),
        ("491570006.0", "AU", MOBILE),
        ("491570006,00", "AU", MOBILE),
        ("61491570006.0", "AU", MOBILE),
        ("4.91570006E8", "AU", MOBILE),
        ("4,91570006e+08", "AU", MOBILE),
        ("6.1491570006E10", "AU", MOBILE),
        ("4.91570110E8", "AU", "+61491570110"),
        ("4.9157000600E8", "AU", MOBILE),
        ("'0491570006", "AU", MOBILE),
        ("\u20190491570006", "AU", MOBILE),
        ('="0491570006"', "AU", MOBILE),
        ('"0491570006"', "AU", MOBILE),
        ("=+61491570006", "AU", MOBILE),
        ("612345678.0", "IT", "+390612345678"),
        ("61491570006.0", None, "61491570006"),
        ("'0491570006", None, "0491570006"),
    ],
)
def test_a_spreadsheet_s_ways_are_seen_through(
    value: str, region: str | None, expected: str
) -> None:
    assert fields.phone(value, region) == expected


@pytest.mark.parametrize(
    ("value", "region"),
    [
        ("4.91571E+08", "AU"),
        ("4.92E8", "AU"),
        ("5E8", "AU"),
        ("4.9157000612E8", "AU"),
        ("1.5", "AU"),
        ("4.9157011E8", "AU"),
        ("6.1491571E+10", "AU"),
        ("2.1255501E+9", "US"),
        ("1.2125550E+10", "US"),
        ("1.2125550E+10", None),
        ("4.4207946E+11", "GB"),
        ("4.9309018E+11", "DE"),
        ("4,9309018e+11", "DE"),
        ("49309018E4", "DE"),
        (Decimal("2.1255501E+9"), "US"),
    ],
)
def test_of_a_number_whose_digits_are_lost_nothing_is_made_up(
    value: object, region: str | None
) -> None:
    with pytest.raises(ValueError, match=r"^is not a (valid )?phone number$"):
        fields.phone(value, region)


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("4915123429141", "DE", "+4915123429141"),
        (4915123429142, "DE", "+4915123429142"),
        ("4915123429141.0", "DE", "+4915123429141"),
        ("491701234567", "DE", "+491701234567"),
        ("49 30 901820", "DE", "+4930901820"),
        ("62812329141", "ID", "+62812329141"),
        (38343229141, "XK", "+38343229141"),
        ("wa.me/4915112345678", "DE", "+4915112345678"),
        ("https://wa.me/4930901820?text=Hello%20you", None, "+4930901820"),
        ("https://api.whatsapp.com/send?phone=61491570006&text=Hi", "DE", MOBILE),
        ("4930901820@s.whatsapp.net", "DE", "+4930901820"),
    ],
)
def test_an_international_number_that_lost_its_plus_is_known(
    value: object, region: str | None, expected: str
) -> None:
    assert fields.phone(value, region) == expected


@pytest.mark.parametrize(
    ("value", "region"),
    [
        ("468129141", "SE"),  # +46 8129141, or 0468 129141
        (4921123456, "DE"),  # Duesseldorf, or Emden
        ("61491570006", "DE"),  # Australian, or of Fuerth in the Odenwald
        (15123429141, "DE"),  # American, or a mobile that lost its zero
        ("351234567", "IT"),  # a mobile, or Bergamo that lost its zero
        ("+39 (0)3123456789", None),  # a mobile, or Como
        ("20240115", "DE"),  # Wuppertal that lost its zero, or a day
    ],
)
def test_a_number_that_may_have_lost_its_plus_or_its_zero_is_none(
    value: object, region: str | None
) -> None:
    with pytest.raises(ValueError, match=r"^is not a valid phone number$"):
        fields.phone(value, region)


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("6465550123", "US", "+16465550123"),  # nobody in New York means New Zealand
        (3512345678, "IT", "+393512345678"),
        (1701234567, "DE", "+491701234567"),
        ("436641234567", "AT", "+436641234567"),
        ("27 12 34 56", "LU", "+35227123456"),
    ],
)
def test_a_number_as_its_country_writes_it_is_certain(
    value: object, region: str, expected: str
) -> None:
    assert fields.phone(value, region) == expected


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        (491570006, "AU", MOBILE),
        (491570006.0, "AU", MOBILE),
        (Decimal("491570006.0"), "AU", MOBILE),
        (Decimal("4.91570006E8"), "AU", MOBILE),
        (61491570006, "AU", MOBILE),
        (612345678, "IT", "+390612345678"),
        (707123456, "CI", "+2250707123456"),
        (400123456, None, "400123456"),
    ],
)
def test_a_number_that_lost_its_zero_is_national(
    value: object, region: str | None, expected: str
) -> None:
    assert fields.phone(value, region) == expected


@pytest.mark.parametrize(
    "text",
    [
        "0491 570 006 / 0491 570 156",
        "0491570006,0491570156",
        "0491570006;0491570156",
        "0491570006 0491570156",
        "0491570006 or 0491570156",
        "0491570006\n0491570156",
        "0491570006 & 0491570156",
        "+61491570006 +61491570156",
        "+61491570006;+61491570156",
        "Ann 0491570006, Bob 0491570156",
        "02 9374 4000, 02 9374 4001",
    ],
)
def test_of_two_numbers_none_is_taken(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a (valid )?phone number$"):
        fields.phone(text, "AU")


def test_no_number_has_more_than_15_digits() -> None:
    assert fields.phone("+49 30 12345678901", None) == "+493012345678901"
    assert not phones.ordinary("+4930123456789012")
    for region in ("DE", None):
        with pytest.raises(ValueError, match=r"^is not a valid phone number$"):
            fields.phone("+49 30 123456789012", region)


@pytest.mark.parametrize(
    ("value", "region"),
    [
        ("555-0100", "US"),
        ("5550 1234", "AU"),
        ("12", "AU"),
        ("1534715347", "SB"),  # where 01 dials abroad
        ("9" * 40, "AU"),
        ("9" * 300, "AU"),
        ("+", "AU"),
        ("+61 5550 1234", None),
        ("+61 400 123 45", None),
        ("+999 123 456 789", None),
        ("tel:+61 5550 1234", None),
        (-491570006, "AU"),
        ("call me", "AU"),
        ("call me", None),
        ("-", None),
        ("0" * 16, None),
        (f"0491 570 006 {'x' * 60}", None),
        (10**70, None),
    ],
)
def test_what_is_not_valid_is_refused(value: object, region: str | None) -> None:
    with pytest.raises(ValueError, match=r"^is not a (valid )?phone number$"):
        fields.phone(value, region)


@pytest.mark.parametrize("text", ["0400 123 456", "(02) 9374 4000", "0491570006 x5", "0" * 15])
def test_without_a_country_a_national_number_goes_as_it_is(text: str) -> None:
    assert fields.phone(text, None) == text


@pytest.mark.parametrize("region", ["AU", None])
@pytest.mark.parametrize("value", NEVER_RIGHT)
def test_what_holds_no_digits_is_refused_anywhere(value: object, region: str | None) -> None:
    with pytest.raises(ValueError, match=r"^is not a phone number$"):
        fields.phone(value, region)


def test_countries_are_known_by_their_two_letters() -> None:
    assert fields.known_region("AU")
    assert not fields.known_region("XX")
    assert not fields.known_region("Australia")


class TestQuickLook:
    @pytest.mark.parametrize(
        "text",
        [
            "+610491570006",
            "+61555012345",
            "+6149157000",
            "+61491570006 ",
            "+61491570006\n",
            "+6149157000٦",
            "61491570006",
            "0491570006",
            "+",
            "",
            "+61",
            "+99912345678",
            "+0061491570006",
            "+12425",
        ],
    )
    def test_nothing_passes_that_has_to_be_mended(self, text: str) -> None:
        assert not phones.ordinary(text)

    def test_a_number_of_each_type_in_each_country_passes(self) -> None:
        """All but those that begin with what dials a long-distance call, as +7 800 does."""
        assert {by_the_library(number) for number in EXAMPLES} == set(EXAMPLES)
        missed = {number[:5] for number in EXAMPLES if not phones.ordinary(number)}
        assert missed == {"+7800", "+7809", "+7808", "+3708", "+3758"}

    def test_what_passes_is_what_the_library_gives_back(self) -> None:
        """Numbers like those of the world, with a few digits more, fewer, or others.

        Dice of our own: so many numbers would cost Hypothesis half a minute.
        """
        dice = random.Random(7)
        for _ in range(3000):
            number = dice.choice(EXAMPLES)
            at, cut = dice.randint(1, 14), dice.randint(0, 3)
            digits = "".join(dice.choices("0123456789", k=dice.randint(0, 3)))
            number = number[:at] + digits + number[at + cut :]
            if number.startswith("+00"):  # which phone() mends
                continue
            found = by_the_library(number)
            assert found == number or not phones.ordinary(number)
            assert sent_or_refused(lambda text: fields.phone(text, "AU"), number) == found


@given(
    st.text(max_size=20)
    | mutations(st.sampled_from(EXAMPLES))
    | mutations(
        st.sampled_from(["0491 570 006", "tel:0491570006;phone-context=+61", "4.91570006E8"])
    )
    | mutations(mutations(st.sampled_from(["0491570006 Ann", "0011 49 30 901820", "'0491.0"]))),
    REGIONS,
)
@example("=\"='1.0", "AU")
def test_any_text_becomes_a_valid_number_or_is_refused(text: str, region: str) -> None:
    sent = sent_or_refused(lambda value: fields.phone(value, region), text)
    if sent is not None:
        assert re.fullmatch(r"\+[1-9][0-9]{4,14}", sent, re.ASCII)
        assert (
            by_the_library(sent) == sent == fields.phone(sent, region) == fields.phone(sent, None)
        )


@given(
    st.text(max_size=20)
    | mutations(st.sampled_from(EXAMPLES))
    | mutations(mutations(st.sampled_from(["0491 570 006", "tel:0491570006", "='0491570006.0'"]))),
)
@example("tel:tel:0491")
@example("'1.0.0")
@example("'tel:0491'")
def test_without_a_country_any_text_is_sent_in_one_form(text: str) -> None:
    sent = sent_or_refused(lambda value: fields.phone(value, None), text)
    if sent is not None:
        assert len(sent) <= 64
        assert fields.phone(sent, None) == sent
        assert not sent.startswith("+") or by_the_library(sent) == sent


@given(
    st.integers(-(10**15), 10**15) | st.floats() | st.decimals(allow_nan=True),
    REGIONS | st.none(),
)
def test_any_number_becomes_a_valid_one_or_is_refused(value: object, region: str | None) -> None:
    sent = sent_or_refused(lambda number: fields.phone(number, region), value)
    if sent is not None:
        assert region is None or by_the_library(sent) == sent
        assert fields.phone(sent, region) == sent
