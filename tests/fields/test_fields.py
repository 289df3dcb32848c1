"""What all first-class fields have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee import fields
from target_spotzee.fields.text import Known
from tests import strategies
from tests.fields import mutations, sent_or_refused

EXAMPLES = {
    "email": st.from_regex(r"[a-z]{1,64}@[a-z]{1,63}(-[a-z]{1,9})?\.example", fullmatch=True),
    "phone": st.from_regex(r"\+614(0[0-9]|1[0-9])[0-9]{6}", fullmatch=True).filter(str.isascii),
    "timezone": st.sampled_from(["Europe/Paris", "UTC", "America/Sao_Paulo"]),
    "locale": st.sampled_from(["en", "en-AU", "fil-PH"]),
}
NORMALISE: dict[str, Callable[[object], str]] = {
    "email": fields.email,
    "phone": lambda value: fields.phone(value, "AU"),
    "timezone": fields.timezone,
    "locale": fields.locale,
}


@given(st.data())
@pytest.mark.parametrize("name", fields.FIELDS)
def test_what_is_ordinary_at_a_glance_goes_as_it_is(name: str, data: st.DataObject) -> None:
    value = data.draw(EXAMPLES[name])
    assert NORMALISE[name](value) == value
    assert fields.FIELDS[name].is_ordinary(value)
    assert not fields.FIELDS[name].is_ordinary(f" {value}")


@given(st.data())
@pytest.mark.parametrize("name", fields.FIELDS)
def test_the_quick_look_lets_nothing_else_pass(name: str, data: st.DataObject) -> None:
    text = data.draw(st.text() | mutations(EXAMPLES[name]))
    if fields.FIELDS[name].is_ordinary(text):
        assert sent_or_refused(NORMALISE[name], text) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("phone", "+610400123456"),
        ("timezone", "Factory"),
        ("timezone", "us_slash_pacific"),
        ("locale", "iw"),
        ("locale", "en-UK"),
        ("locale", "zz-ZZ"),
        ("locale", "und"),
    ],
)
def test_the_quick_look_refuses_before_and_after_the_value_was_met(name: str, text: str) -> None:
    assert not fields.FIELDS[name].is_ordinary(text)
    sent_or_refused(NORMALISE[name], text)
    assert not fields.FIELDS[name].is_ordinary(text)


@pytest.mark.parametrize("check", NORMALISE.values(), ids=NORMALISE)
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


def test_what_is_known_is_bounded_and_only_what_is_right() -> None:
    known = Known(str.isdigit)
    assert known["1"]
    assert known["1"]
    assert not known["x"]
    assert [known[str(number)] for number in range(2000)] == [True] * 2000
    assert len(known) == 1000
    assert "x" not in known
