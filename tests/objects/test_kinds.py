"""The kinds: how two items of one user are made one, and the request that carries them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.codec import decode
from target_spotzee.mapping.users import User
from target_spotzee.objects.kinds import (
    KINDS,
    MAX_BODY_BYTES,
    REMOVALS,
    USERS_BATCH,
    USERS_QUEUED,
    Kind,
    fold_users,
)
from tests import strategies
from tests.strategies import encode


class TestFolding:
    def test_the_last_one_present_wins_and_data_merges_by_top_level_key(self) -> None:
        earlier = User(
            {
                "external_id": "a",
                "email": "old@x.example",
                "phone": "+61400123456",
                "data": {"plan": "free", "address": {"city": "Perth", "zip": "6000"}, "n": 1},
            }
        )
        later = User(
            {
                "external_id": "a",
                "email": None,
                "data": {"plan": None, "address": {"city": "Sydney"}},
            }
        )
        assert fold_users(earlier.payload, later.payload) == {
            "external_id": "a",
            "email": None,
            "phone": "+61400123456",
            "data": {"plan": None, "address": {"city": "Sydney"}, "n": 1},
        }

    def test_leaves_both_users_as_they_were(self) -> None:
        users = [User({"external_id": "a", "data": {"n": number}}) for number in range(2)]
        before = copy.deepcopy(users)
        fold_users(users[0].payload, users[1].payload)
        assert users == before

    def test_keeps_every_digit(self) -> None:
        numbers = {"d": Decimal("1.50"), "i": 2**100, "z": Decimal("-0.0"), "e": Decimal("1E+30")}
        earlier = encode(User({"external_id": "a", "data": numbers}))
        folded = fold_users(decode(earlier), {"external_id": "a", "data": {"n": 1}})
        assert encode(User(folded)) == earlier[:-2] + b',"n":1}}'

    @given(st.lists(strategies.users("a"), min_size=2, max_size=6))
    def test_a_folded_user_is_what_one_by_one_would_leave(self, users: list[User]) -> None:
        same = [User({**user.payload, "external_id": "a", "anonymous_id": "b"}) for user in users]
        folded = same[0].payload
        for user in same[1:]:
            folded = fold_users(folded, user.payload)
        assert strategies.spotzee_after([User(folded)]) == strategies.spotzee_after(same)


def steps(how: str = "delete") -> Iterator[Kind]:
    yield KINDS["removals", how]
    yield from REMOVALS[how]


class TestRequests:
    @given(st.lists(strategies.users(), max_size=5))
    def test_are_as_long_as_was_said_before(self, users: list[User]) -> None:
        bodies = [encode(user) for user in users]
        for kind in (USERS_BATCH, USERS_QUEUED):
            length = kind.length(len(bodies), sum(map(len, bodies)))
            body = kind.request(bodies).body
            assert body is not None
            assert len(body) == max(length, 2)

    @given(st.lists(st.text("abc%20", min_size=1), min_size=1, max_size=5))
    def test_in_an_address_they_are_as_long_as_was_said_too(self, ids: list[str]) -> None:
        queries = [kind for kind in steps() if kind.parameter is not None]
        assert [kind.method for kind in queries] == ["DELETE"]
        for kind in queries:
            path = kind.request([id_.encode() for id_ in ids]).path
            length = kind.length(len(ids), sum(map(len, ids)))
            assert len(path) - len(kind.path) == length

    def test_a_removal_reads_before_it_writes_and_a_deletion_after_it_too(self) -> None:
        methods = [[kind.method for kind in steps(how)] for how in ("mark", "delete")]
        assert methods == [["GET", "POST"], ["GET", "GET", "DELETE", "GET"]]

    def test_have_room_for_the_largest_item(self) -> None:
        item = b"x" * USERS_BATCH.max_item_bytes
        body = USERS_BATCH.request([item]).body
        assert body is not None
        assert len(body) == MAX_BODY_BYTES
