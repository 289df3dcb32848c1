"""Subscription types: which of them the settings name."""

from __future__ import annotations

from typing import Any

import pytest

from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.subscriptions import (
    SubscriptionType,
    all_types,
    resolve,
)

NEWS, OFFERS, NUMBER = (
    SubscriptionType(7, "News", "email"),
    SubscriptionType(8, "Offers", "text"),
    SubscriptionType(9, "7", "push"),
)


def test_they_are_named_by_name_or_number_and_the_number_goes_first() -> None:
    found = resolve("here", ["Offers", "7"], [NEWS, OFFERS, NUMBER])
    assert found == {"Offers": OFFERS, "7": NEWS}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["news"], r"here: Spotzee has no subscription type 'news' \(did you mean 'News'\?\)"),
        (["Twin"], r"here: several .* 'Twin'; give the number of one \(1, 2\)"),
        (["7", "News"], "here: 'News' is there twice"),
    ],
)
def test_what_can_not_be_told(names: list[str], words: str) -> None:
    twins = [SubscriptionType(number, "Twin", "email") for number in (1, 2)]
    with pytest.raises(SettingsError, match=words):
        resolve("here", names, [NEWS, *twins])


@pytest.mark.parametrize(
    ("type_", "addresses"),
    [
        (NEWS, ("email",)),
        (OFFERS, ("phone",)),
        (NUMBER, ()),
        (SubscriptionType(1, "", ""), ("email", "phone")),
    ],
)
def test_each_channel_has_its_address(type_: SubscriptionType, addresses: tuple[str, ...]) -> None:
    assert tuple(type_.addresses) == addresses


def test_what_is_no_type_is_left_out() -> None:
    results: list[Any] = [NEWS._asdict(), None, {}, {"id": True}, {"id": "7"}, {"id": 3}]
    types = all_types(lambda _query: {"results": results})
    assert types == [NEWS, SubscriptionType(3, "None", "")]
    assert all_types(lambda _query: {}) == []


def test_there_may_be_more_pages() -> None:
    pages: dict[str, Any] = {
        "limit=100": {"results": [NEWS._asdict()], "nextCursor": "a/b"},
        "limit=100&cursor=a%2Fb": {"results": [{"id": 3}], "nextCursor": None},
    }

    def ask(query: str) -> dict[str, Any]:
        page: dict[str, Any] = pages.pop(query)
        return page

    assert [type_.id for type_ in all_types(ask)] == [NEWS.id, 3]
    assert pages == {}
