"""Locales: one locale, one spelling."""

from __future__ import annotations

import re

import langcodes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langcodes.registry_parser import parse_registry

from target_spotzee import fields
from tests.fields import NEVER_RIGHT, mutations, sent_or_refused

FORM = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")


def registered(kind: str) -> set[str]:
    return {
        entry["Subtag"]
        for entry in parse_registry()  # type: ignore[no-untyped-call] # as the library is
        if entry["Type"] == kind
        and entry.get("Scope") not in ("special", "private-use")
        and ".." not in entry["Subtag"]
    }


LANGUAGES = registered("language")
TERRITORIES = registered("region") | {"XK"}


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
        ("zh_TW_#Hant", "zh-TW"),
        ("es-419", "es"),
        ("en-001", "en"),
        ("en-840", "en-US"),
        ("de-DE-1996", "de-DE"),
        ("sr-Latn-RS", "sr-RS"),
        ("en-US-u-ca-gregory", "en-US"),
        ("en_US_POSIX", "en-US"),
        ("sq-XK", "sq-XK"),
        ("\ufeffen-AU", "en-AU"),
    ],
)
def test_other_spellings_become_bcp_47(value: str, expected: str) -> None:
    assert fields.locale(value) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["he", "iw", "heb", "HE"], "he"),
        (["he-IL", "iw_IL", "iw-IL", "heb-IL", "iw_il.UTF-8"], "he-IL"),
        (["id", "in", "ind"], "id"),
        (["yi", "ji", "yid"], "yi"),
        (["en", "eng", "en-Latn"], "en"),
        (["en-US", "eng_US", "en-840"], "en-US"),
        (["en-GB", "en-UK", "en_uk", "eng-UK"], "en-GB"),
        (["zh", "cmn", "zho", "chi", "zh-Hans"], "zh"),
        (["zh-CN", "cmn-CN", "zh-cmn-Hans-CN"], "zh-CN"),
        (["nb-NO", "nob_NO"], "nb-NO"),
        (["fil-PH", "tl_PH"], "fil-PH"),
        (["de-DE", "ger_DE", "deu-DE", "de-DD"], "de-DE"),
    ],
)
def test_one_locale_has_one_spelling(values: list[str], expected: str) -> None:
    assert {fields.locale(value) for value in values} == {expected}


@pytest.mark.parametrize(
    "value",
    [
        *NEVER_RIGHT,
        1,
        "",
        "C",
        "POSIX",
        "C.UTF-8",
        "English",
        "English (United States)",
        "e",
        "en-",
        "_AU",
        "x-own",
        "und",
        "und_AU",
        "mul",
        "zxx",
        "qaa",
        "zz",
        "zz-ZZ",
        "en-XX",
        "en-ZZ",
        "en-AA",
        "en-QM",
        "en-999",
        "en-US-US",
        "en, de",
        "en;q=0.9",
        "a" * 300,
    ],
)
def test_what_is_no_locale_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^is not a locale$"):
        fields.locale(value)


@given(
    st.text(min_size=1)
    | mutations(st.sampled_from(["en-AU", "zh-Hant-TW", "pt_BR.UTF-8", "iw_IL"]))
    | st.from_regex(r"\A[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8}){0,3}(\.[a-zA-Z0-9-]+)?\Z")
    | st.from_regex(r"[a-z]{2,3}(-[A-Z]{2})?", fullmatch=True),
)
def test_whatever_comes_back_is_a_registered_locale_in_its_form(text: str) -> None:
    sent = sent_or_refused(fields.locale, text)
    if sent is not None:
        assert FORM.fullmatch(sent)
        assert fields.locale(sent) == sent
        language, _, territory = sent.partition("-")
        assert language in LANGUAGES
        assert territory in TERRITORIES | {""}
    assert bool(fields.FIELDS["locale"].is_ordinary(text)) == (sent == text)


def test_no_language_is_lost_and_none_has_two_spellings() -> None:
    """Each registered language gives a locale, and what it gives is right as it is."""
    for language in sorted(LANGUAGES):
        sent = sent_or_refused(fields.locale, language)
        if sent is None:  # a group such as "sla", or younger than the library's table
            assert not langcodes.Language.get(language).is_valid()
        else:
            assert fields.locale(sent) == sent
