"""A set of numbers in pages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.snapshot.bits import PAGE_BYTES, Bits

NUMBERS = st.sets(st.integers(0, 3 * 8 * PAGE_BYTES))


def bits_of(numbers: set[int]) -> Bits:
    bits = Bits()
    for number in numbers:
        bits.add(number)
    return bits


@given(NUMBERS, NUMBERS)
def test_it_is_a_set(some: set[int], others: set[int]) -> None:
    bits = bits_of(some)
    for number in others:
        bits.discard(number)
    assert len(bits) == len(some - others)
    assert all((number in bits) == (number in some - others) for number in some | others)
    both = bits_of(some) | bits_of(others)
    assert all(number in both for number in some | others)
    assert len(both) == len(some | others)


@given(NUMBERS, NUMBERS)
def test_what_is_kept_and_then_what_changed_make_the_whole(some: set[int], more: set[int]) -> None:
    bits = bits_of(some)
    kept = dict(bits.changed())
    assert not bits.has_changed
    for number in more:
        bits.add(number)
    kept |= dict(bits.changed())
    again = Bits(kept.items())
    assert all(number in again for number in some | more)
    assert len(again) == len(some | more)
    assert again.is_kept


def test_a_copy_shares_nothing() -> None:
    one = bits_of({1})
    both = one | bits_of({2})
    both.add(3)
    assert len(one) == 1
