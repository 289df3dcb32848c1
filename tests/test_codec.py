"""JSON in and out: every digit is kept, and so is text that is none."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee import codec
from tests import strategies

odd_texts = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=4)
odd_values = st.recursive(
    strategies.scalars | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
)


@given(st.dictionaries(odd_texts, odd_values, max_size=3))
def test_what_is_written_reads_as_it_was(value: dict[str, Any]) -> None:
    assert repr(codec.decode_any(codec.encode(value))) == repr(value)


@given(st.dictionaries(strategies.texts, strategies.json_values, max_size=3))
def test_both_ways_of_reading_say_the_same(value: dict[str, Any]) -> None:
    line = codec.encode(value)
    assert repr(codec.decode(line)) == repr(codec.decode_odd(line)) == repr(value)


@given(st.dictionaries(odd_texts, odd_values, max_size=4))
def test_in_order_the_order_of_names_makes_no_difference(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert codec.encode(turned, in_order=True) == codec.encode(value, in_order=True)


@given(st.dictionaries(odd_texts, odd_values, min_size=1, max_size=4), st.sampled_from([None, 1]))
def test_a_member_is_found_to_the_letter(members: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(members, default=float, indent=indent)
    for name, value in members.items():
        found = codec.members(text)[name]
        assert found in text
        assert json.loads(found) == json.loads(json.dumps(value, default=float))
    assert codec.members(text).keys() == members.keys()


def test_depth_is_no_limit_to_writing() -> None:
    value: Any = "\ud800"
    for _ in range(10_000):
        value = [{"a": value}]
    assert codec.encode(value).count(b"[") == 10_000


@pytest.mark.parametrize("text", ["[]", "1", "", "{", '{"a":Inf}', '{"a":"\n"}', "{} {}"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no object|no JSON|Expecting|control|Extra"):
        codec.decode_odd(text)


@given(st.integers(1, 700), st.integers(1, 700), st.integers(309, 320), st.sampled_from("19"))
def test_a_long_number_is_found_wherever_it_is(
    before: int, after: int, length: int, digit: str
) -> None:
    body = "x" * before + digit * length + "x" * after
    assert codec.may_be_too_large(body.encode())


@pytest.mark.parametrize("number", ["1E+400", "-1E+309"])
def test_a_large_exponent_is_found(number: str) -> None:
    assert codec.may_be_too_large(codec.encode({"n": Decimal(number)}))
    assert not codec.may_be_too_large(b'{"name":"Emma","id":"+61491570379"}')


def test_numbers_stay_numbers() -> None:
    value = {"a": Decimal("1.50"), "b": 10**30, "c": True, "d": None, "e": "\udc00"}
    assert codec.encode(value) == (
        b'{"a":1.50,"b":1000000000000000000000000000000,"c":true,"d":null,"e":"\\udc00"}'
    )
