from __future__ import annotations

import pytest

from target_spotzee.sandbox.spellings import folded, without_accents


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Zoë", "Zoe"),
        ("Zoe\u0308", "Zoe"),
        ("Ñandú", "Nandu"),
        ("Ångström", "Angstrom"),
        ("a-1", "a-1"),
    ],
)
def test_accents_go_and_letters_stay(text: str, bare: str) -> None:
    assert without_accents(text) == bare


@pytest.mark.parametrize("one", ["ZOË", "zoe", "Zoe\u0308", "ZOE"])
def test_all_spellings_fold_to_one(one: str) -> None:
    assert folded(one) == "zoe"


def test_a_capital_i_with_a_dot_is_an_i() -> None:
    assert folded("\u0130d") == "id"
