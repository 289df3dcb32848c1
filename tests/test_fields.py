"""What Spotzee accepts in a first-class field, and how a source's value becomes that."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee import fields
from tests import strategies

LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")

EXAMPLES = {
    "email": st.from_regex(r"[a-z]{1,64}@[a-z]{1,63}(-[a-z]{1,9})?\.example", fullmatch=True),
    "phone": st.from_regex(r"\+61[0-9]{9}", fullmatch=True),
    "timezone": st.sampled_from(["Europe/Paris", "UTC", "America/Sao_Paulo"]),
    "locale": st.sampled_from(["en", "en-AU", "fil-PH"]),
}
NOT_TEXT: list[Any] = [True, [], ["x"], {}, {"a": 1}]


@given(st.data())
@pytest.mark.parametrize("name", fields.ORDINARY)
def test_what_is_ordinary_at_a_glance_goes_as_it_is(name: str, data: st.DataObject) -> None:
    normalise = {
        "email": fields.email,
        "phone": lambda value: fields.phone(value, "AU"),
        "timezone": fields.timezone,
        "locale": fields.locale,
    }[name]
    value = data.draw(EXAMPLES[name])
    assert normalise(value) == value
    assert fields.ORDINARY[name](value)
    assert not fields.ORDINARY[name](f" {value}")


class TestIdentity:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("c-1", "c-1"),
            (" c-1 ", " c-1 "),
            ("0042", "0042"),
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
    def test_text_stays_and_integral_numbers_become_their_digits(
        self, value: object, expected: str
    ) -> None:
        assert fields.identity(value) == expected

    @pytest.mark.parametrize(
        "value",
        [
            *NOT_TEXT,
            False,
            None,
            1.5,
            Decimal("1.5"),
            Decimal("0.0000001"),
            Decimal("NaN"),
            Decimal("Infinity"),
            float("inf"),
            Decimal("1E+999999"),
        ],
    )
    def test_anything_else_is_refused(self, value: object) -> None:
        with pytest.raises(ValueError, match="must be a string or an integral number"):
            fields.identity(value)

    @given(st.integers(-(10**90), 10**90), st.integers(0, 9))
    def test_however_an_integral_number_is_written(self, number: int, zeros: int) -> None:
        assert fields.identity(number) == str(number)
        assert fields.identity(Decimal(f"{number}.{'0' * (zeros + 1)}")) == str(number)


class TestEmail:
    @pytest.mark.parametrize(
        "address",
        [
            "ann@example.com",
            "Ann.Lee+news@Sub.Example.COM",
            "a_b-c@x-y.co",
            "o'brien@example.com",
            '"ann lee"@example.com',
            "ann@[127.0.0.1]",
            "ann@bücher.example",
            "пример@пример.рф",
            "ann@host.test",
            "ann@printer.local",
            "ann@x.invalid",
            "o'brien@host.test",
            "o'brien@printer.local",
            f"{'a' * 64}@example.com",
            "ann@xn--bcher-kva.example",
        ],
    )
    def test_an_address_is_sent_as_it_was(self, address: str) -> None:
        assert fields.email(address) == address

    @pytest.mark.parametrize(
        "value",
        [
            *NOT_TEXT,
            5,
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@example",
            "ann@@example.com",
            "ann lee@example.com",
            "ann@example.com\n",
            "ann@exa\rmple.com",
            "ann..lee@example.com",
            ".ann@example.com",
            "ann.@example.com",
            "ann@-x.com",
            "ann@x-.com",
            "ann@x..com",
            "ann@ab--cd.com",
            "ann@example.com, bob@example.com",
            "Ann <ann@example.com>",
            f"ann@{'b' * 64}.com",
            f"ann@{'b.' * 126}com",
            "\ud800@example.com",
            "ann@\ud800.com",
        ],
    )
    def test_what_is_no_address_is_refused_without_being_repeated(self, value: object) -> None:
        with pytest.raises(ValueError, match=r"^is not an e-mail address$"):
            fields.email(value)

    @given(
        st.text("aZ09_+-.", min_size=1, max_size=4) | st.just("a" * 64) | st.just("a" * 65),
        st.lists(
            st.text("aZ0-", min_size=1, max_size=4) | st.sampled_from(["b" * 63, "b" * 64]),
            min_size=1,
            max_size=4,
        ),
        st.text("cZ", min_size=1, max_size=3) | st.sampled_from(["c1", "1", "x-y", "test"]),
    )
    def test_the_quick_look_accepts_nothing_that_the_library_refuses(
        self, local: str, labels: list[str], top: str
    ) -> None:
        text = f"{local}@{'.'.join([*labels, top])}"
        quick = fields._ORDINARY_EMAIL.fullmatch(text) and "--" not in text
        if quick:
            assert fields._unusual_email(text) == text

    @given(st.text(min_size=1))
    def test_any_text_is_an_address_or_refused(self, text: str) -> None:
        assert sent_or_refused(fields.email, text) in (text, None)


class TestPhone:
    @pytest.mark.parametrize(
        ("value", "region", "expected"),
        [
            ("0400 123 456", "AU", "+61400123456"),
            ("(02) 9374 4000", "AU", "+61293744000"),
            (61293744000, "AU", "+61293744000"),
            (Decimal(400123456), "AU", "+61400123456"),
            ("+49 30 901820", "AU", "+4930901820"),
            ("0011 49 30 901820", "AU", "+4930901820"),
            ("030/901820", "DE", "+4930901820"),
            ("0400 123 456", None, "0400 123 456"),
            ("call me", None, "call me"),
            (400123456, None, "400123456"),
        ],
    )
    def test_national_numbers_become_e164_where_the_country_is_known(
        self, value: object, region: str | None, expected: str
    ) -> None:
        assert fields.phone(value, region) == expected

    @pytest.mark.parametrize("value", ["call me", "12", "9" * 40, "9" * 300, "+"])
    def test_with_a_country_what_is_no_number_is_refused(self, value: str) -> None:
        with pytest.raises(ValueError, match=r"^is not a (possible )?phone number$"):
            fields.phone(value, "AU")

    @pytest.mark.parametrize("region", ["AU", None])
    @pytest.mark.parametrize("value", [*NOT_TEXT, 1.5])
    def test_what_holds_no_digits_is_refused_anywhere(
        self, value: object, region: str | None
    ) -> None:
        with pytest.raises(ValueError, match=r"^is not a phone number$"):
            fields.phone(value, region)

    @given(
        st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True).filter(str.isascii),
        st.sampled_from(["AU", "DE", "US", None]),
    )
    def test_e164_comes_back_unchanged(self, number: str, region: str | None) -> None:
        assert fields.phone(number, region) == number

    @given(st.text(), st.sampled_from(["AU", "US"]))
    def test_with_a_country_any_text_becomes_e164_or_is_refused(
        self, text: str, region: str
    ) -> None:
        sent = sent_or_refused(lambda value: fields.phone(value, region), text)
        assert sent is None or re.fullmatch(r"\+[1-9][0-9]{1,16}", sent, re.ASCII)

    def test_countries_are_known_by_their_two_letters(self) -> None:
        assert fields.known_region("AU")
        assert not fields.known_region("XX")
        assert not fields.known_region("Australia")


class TestTimezone:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("Australia/Sydney", "Australia/Sydney"),
            ("australia/sydney", "Australia/Sydney"),
            ("EUROPE/BERLIN", "Europe/Berlin"),
            ("utc", "UTC"),
            ("etc/gmt+5", "Etc/GMT+5"),
            ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ],
    )
    def test_names_get_iana_s_own_spelling(self, value: str, expected: str) -> None:
        assert fields.timezone(value) == expected

    @pytest.mark.parametrize(
        "value", [*NOT_TEXT, 10, "Sydney", "+10:00", "AEST", "../zones", "Europe/Berlin\n"]
    )
    def test_what_is_no_zone_is_refused(self, value: object) -> None:
        with pytest.raises(ValueError, match=r"^is not an IANA time zone$"):
            fields.timezone(value)

    def test_every_name_fits_spotzee_and_can_be_loaded(self) -> None:
        names = list(fields._zones().values())
        assert len(names) > 500
        assert max(map(len, names)) <= 50
        assert [zoneinfo.ZoneInfo(name).key for name in names] == names


class TestLocale:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("en", "en"),
            ("en-AU", "en-AU"),
            ("fil-PH", "fil-PH"),
            ("en_au", "en-AU"),
            ("en-au", "en-AU"),
            ("EN_AU", "en-AU"),
            ("De", "de"),
            ("pt_BR.UTF-8", "pt-BR"),
            ("en_GB@euro", "en-GB"),
            ("zh-hans-CN", "zh-CN"),
            ("zh_Hant_TW", "zh-TW"),
            ("es-419", "es"),
            ("de-DE-1996", "de-DE"),
        ],
    )
    def test_posix_names_and_wrong_case_become_bcp_47(self, value: str, expected: str) -> None:
        assert fields.locale(value) == expected

    @pytest.mark.parametrize(
        "value",
        [*NOT_TEXT, 1, "C", "POSIX", "C.UTF-8", "English", "e", "en-", "_AU", "x-own", "a" * 300],
    )
    def test_what_is_no_locale_is_refused(self, value: object) -> None:
        with pytest.raises(ValueError, match=r"^is not a locale$"):
            fields.locale(value)

    @given(
        st.text(min_size=1)
        | st.from_regex(r"\A[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8}){0,3}(\.[a-zA-Z0-9-]+)?\Z"),
    )
    def test_whatever_comes_back_is_what_spotzee_matches_by(self, text: str) -> None:
        sent = sent_or_refused(fields.locale, text)
        assert sent is None or LOCALE.fullmatch(sent)

    @given(st.from_regex(LOCALE, fullmatch=True))
    def test_a_right_one_is_left_alone(self, locale: str) -> None:
        assert fields.locale(locale) == locale


@pytest.mark.parametrize(
    "check", [fields.email, fields.timezone, fields.locale, lambda value: fields.phone(value, "AU")]
)
@given(
    secret=strategies.secrets,
    form=st.sampled_from(["{}", "{}@", "{}@{}", "@{}.x", "{}/{}", "{}_{}_{}", "en_{}{}.UTF-8"]),
)
def test_no_reason_repeats_the_value(
    check: Callable[[object], str], secret: str, form: str
) -> None:
    with pytest.raises(ValueError, match=r"^is not an? ") as caught:
        check(form.replace("{}", secret))
    assert secret not in str(caught.value)


def sent_or_refused(check: Callable[[object], str], value: object) -> str | None:
    """Return what would be sent; nothing but a ValueError refuses."""
    try:
        return check(value)
    except ValueError:
        return None
