"""Users gathered into requests."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee import batch as batches
from target_spotzee.batch import (
    MAX_BODY_BYTES,
    MAX_RECORDS,
    MAX_USERS,
    Batch,
    Item,
    OpenBatch,
    encode,
    fold,
)
from target_spotzee.mapping import User
from target_spotzee.trace import Trace
from tests import strategies

streams = st.lists(strategies.users(), max_size=40)


def gather(users: Iterable[User], run_id: str = "run", max_users: int = 100) -> list[Batch]:
    """Return the batches that a stream of users becomes."""
    users = list(users)
    opened = OpenBatch(run_id, max_users)
    complete: list[Batch] = []
    for user, ticket in zip(users, strategies.tickets(len(users)), strict=True):
        complete.extend(opened.add(user, encode(user), ticket))
    return [*complete, opened.close()] if opened else complete


def batch_of(count: int) -> Batch:
    users = [User({"external_id": f"u{number}"}) for number in range(count)]
    return gather(users, max_users=100)[0]


def spotzee_after(payloads: Iterable[dict[str, Any]]) -> dict[Any, Any]:
    """What contract.md says Spotzee makes of users, one after the other; keyed by their ids."""
    held: dict[Any, Any] = {}
    for payload in payloads:
        user = held.setdefault((payload.get("external_id"), payload.get("anonymous_id")), {})
        for name, value in payload.items():
            if name != "data":
                user[name] = value
            elif value is not None:
                user["data"] = {**user.get("data", {}), **value}
    return held


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
        assert fold(earlier, later).payload == {
            "external_id": "a",
            "email": None,
            "phone": "+61400123456",
            "data": {"plan": None, "address": {"city": "Sydney"}, "n": 1},
        }

    def test_leaves_both_users_as_they_were(self) -> None:
        earlier, later = (
            User({"external_id": "a", "data": {"n": 1}}),
            User({"external_id": "a", "data": {"n": 2}}),
        )
        before = copy.deepcopy((earlier, later))
        fold(earlier, later)
        assert (earlier, later) == before

    @given(st.lists(strategies.users("a"), min_size=2, max_size=6))
    def test_a_folded_user_is_what_one_by_one_would_leave(self, users: list[User]) -> None:
        same = [User({**user.payload, "external_id": "a"}) for user in users]
        for user in same:
            user.payload.pop("anonymous_id", None)
        folded = same[0]
        for user in same[1:]:
            folded = fold(folded, user)
        assert spotzee_after([folded.payload]) == spotzee_after(user.payload for user in same)

    @given(streams, st.integers(1, 5))
    def test_any_stream_leaves_what_one_by_one_would(
        self, users: list[User], max_users: int
    ) -> None:
        sent = chain.from_iterable(json.loads(batch.body) for batch in gather(users, "", max_users))
        assert spotzee_after(sent) == spotzee_after(user.payload for user in users)

    def test_a_record_that_shares_one_id_only_waits_for_the_next_batch(self) -> None:
        one = User({"external_id": "a"})
        both = User({"external_id": "a", "anonymous_id": "b"})
        other = User({"anonymous_id": "B"})
        assert [len(batch.items) for batch in gather([one, both, other])] == [1, 1, 1]

    def test_ids_that_differ_in_case_only_never_share_a_batch(self) -> None:
        users = [User({"external_id": "a"}), User({"external_id": "A"})]
        assert [batch.body for batch in gather(users)] == [
            b'[{"external_id":"a"}]',
            b'[{"external_id":"A"}]',
        ]

    def test_the_same_text_as_another_kind_of_id_is_somebody_else(self) -> None:
        users = [User({"external_id": "a"}), User({"anonymous_id": "a"})]
        assert [len(batch.items) for batch in gather(users)] == [2]


class TestEveryRecord:
    @given(streams, st.integers(1, 5))
    def test_is_part_of_exactly_one_batch_in_order(self, users: list[User], max_users: int) -> None:
        found = [
            [ticket.number for item in batch.items for _, ticket in item.parts]
            for batch in gather(users, "run", max_users)
        ]
        numbers = list(chain.from_iterable(sorted(part) for part in found))
        assert numbers == list(range(1, len(users) + 1))

    @given(streams)
    def test_keeps_its_own_user_and_its_place_within_its_item(self, users: list[User]) -> None:
        for batch in gather(copy.deepcopy(users)):
            for item in batch.items:
                numbers = [ticket.number for _, ticket in item.parts]
                assert numbers == sorted(numbers)
                assert [user for user, _ in item.parts] == [users[n - 1] for n in numbers]

    @given(streams, st.integers(1, 5))
    def test_shares_no_identity_with_another_user_of_its_batch(
        self, users: list[User], max_users: int
    ) -> None:
        for batch in gather(users, "run", max_users):
            assert len(set(batch.identities)) == len(batch.identities)
            assert len(batch.items) <= max_users

    @given(streams)
    def test_is_in_the_body_the_way_its_item_says(self, users: list[User]) -> None:
        for batch in gather(users):
            assert json.loads(batch.body) == [item.user.payload for item in batch.items]


class TestLimits:
    def test_a_hundred_users_fill_a_batch(self) -> None:
        users = (User({"external_id": f"u{number}"}) for number in range(2 * MAX_USERS + 1))
        assert [len(batch.items) for batch in gather(users)] == [MAX_USERS, MAX_USERS, 1]

    def test_a_full_batch_is_given_at_once(self) -> None:
        opened = OpenBatch("run", 2)
        first, second = strategies.tickets(2)
        user, other = User({"external_id": "a"}), User({"external_id": "b"})
        assert list(opened.add(user, encode(user), first)) == []
        assert len(opened) == 1
        (batch,) = opened.add(other, encode(other), second)
        assert [item.user for item in batch.items] == [user, other]
        assert len(opened) == 0

    def test_one_user_that_changes_for_ever_leaves_now_and_then(self) -> None:
        users = (
            User({"external_id": "a", "data": {"n": number}}) for number in range(MAX_RECORDS + 1)
        )
        found = [len(batch.items[0].parts) for batch in gather(users)]
        assert found == [MAX_RECORDS, 1]

    @given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60)), max_size=30))
    def test_no_body_is_too_large_and_none_is_empty(self, sizes: list[tuple[str, int]]) -> None:
        limit = 150
        users = [User({"external_id": name, "data": {"x": "é" * size}}) for name, size in sizes]
        fitting = [user for user in users if len(encode(user)) <= limit - 2]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batches, "MAX_BODY_BYTES", limit)
            found = gather(fitting)
        assert all(batch.items and len(batch.body) <= limit for batch in found)
        assert sum(len(item.parts) for batch in found for item in batch.items) == len(fitting)

    @pytest.mark.parametrize("others", [0, 1])
    def test_the_largest_user_that_fits_travels_alone(self, others: int) -> None:
        opened = OpenBatch("run")
        largest, small, *_ = (User({"external_id": name}) for name in "ab")
        first, second = strategies.tickets(2)
        complete: list[Batch] = []
        if others:
            complete += opened.add(small, encode(small), first)
        complete += opened.add(largest, b"x" * (MAX_BODY_BYTES - 2), second)
        complete += [opened.close()] if opened else []
        assert [[item.user for item in batch.items] for batch in complete] == (
            [[small], [largest]] if others else [[largest]]
        )
        assert len(complete[-1].body) == MAX_BODY_BYTES

    def test_a_user_that_folding_would_make_too_large_goes_in_two_batches(self) -> None:
        half = "x" * (MAX_BODY_BYTES // 2)
        users = [User({"external_id": "a", "data": {name: half}}) for name in "pq"]
        found = gather(users)
        assert [len(batch.items) for batch in found] == [1, 1]
        assert max(len(batch.body) for batch in found) <= MAX_BODY_BYTES


class TestEncoding:
    def test_decimals_and_big_integers_keep_every_digit(self) -> None:
        user = User(
            {"external_id": "é", "data": {"d": Decimal("1.50"), "i": 2**100, "z": Decimal("-0.0")}}
        )
        assert (
            encode(user).decode()
            == '{"external_id":"é","data":{"d":1.50,"i":1267650600228229401496703205376,"z":-0.0}}'
        )

    @given(strategies.json_values)
    def test_any_value_arrives_as_it_was(self, value: Any) -> None:
        sent = msgspec.json.Decoder(float_hook=Decimal).decode(encode(User({"data": value})))
        assert repr(sent["data"]) == repr(value)

    def test_text_that_is_no_unicode_is_refused(self) -> None:
        with pytest.raises(ValueError, match="surrogates"):
            encode(User({"external_id": "\ud800"}))


class TestParts:
    @given(st.integers(2, 100))
    def test_halves_keep_every_user_once(self, count: int) -> None:
        batch = batch_of(count)
        first, second = batch.halves(Trace())
        assert [*first.items, *second.items] == batch.items
        assert abs(len(first.items) - len(second.items)) <= 1

    @given(st.integers(1, 100))
    def test_halving_ends_with_every_user_alone(self, count: int) -> None:
        waiting, alone = [batch_of(count)], []
        while waiting:
            batch = waiting.pop()
            if len(batch.items) == 1:
                alone.append(batch)
            else:
                waiting.extend(batch.halves(Trace()))
        assert {batch.items[0].user.ids[0] for batch in alone} == {
            f"u{number}" for number in range(count)
        }
        assert len({batch.key for batch in alone}) == count

    def test_a_part_that_is_tried_again_carries_on_and_another_begins_afresh(self) -> None:
        whole = Batch("run", "1", batch_of(3).items, attempts=2)
        trace = Trace(attempts=3, spent_seconds=2.5, doubtful_until=9.0)
        again, afresh = whole.part([], trace, again=True), whole.part([], trace)
        assert (again.spent_seconds, again.attempts, again.doubtful_until) == (2.5, 5, 9.0)
        assert (afresh.spent_seconds, afresh.attempts, afresh.doubtful_until) == (0.0, 0, 9.0)

    def test_a_folded_user_comes_apart_into_its_records_in_order(self) -> None:
        users = [User({"external_id": "a", "data": {"n": number}}) for number in range(3)]
        (batch,) = gather(users)
        (item,) = batch.items
        after = Item(User({"external_id": "a"}), b"", [])
        item.following = [after]
        first = item.apart()
        assert [first.user, *(next_.user for next_ in first.following)] == [*users, after.user]
        assert [ticket.number for _, ticket in first.parts] == [1]
        assert [json.loads(first.body), json.loads(first.following[0].body)] == [
            {"external_id": "a", "data": {"n": 0}},
            {"external_id": "a", "data": {"n": 1}},
        ]


class TestKeys:
    @given(st.lists(strategies.users(), min_size=1, max_size=20))
    def test_are_unique_in_a_run_and_the_same_when_it_is_run_again(self, users: list[User]) -> None:
        def keys(run_id: str) -> list[str]:
            whole = gather(users + users, run_id, 3)
            parts = [
                part
                for batch in whole
                for part in (*batch.halves(Trace()), batch.part(batch.items, Trace()))
            ]
            return [batch.key for batch in (*whole, *parts) if batch.items]

        assert len(set(keys("run"))) == len(keys("run"))
        assert keys("run") == keys("run")
        assert not set(keys("run")) & set(keys("another run"))

    def test_a_user_that_goes_there_and_back_gets_three(self) -> None:
        users = [User({"external_id": "a", "data": {"plan": plan}}) for plan in "ABA"]
        found = gather(users, max_users=1)
        assert found[0].body == found[2].body
        assert len({batch.key for batch in found}) == 3

    def test_are_as_long_as_a_header_may_be(self) -> None:
        assert 1 <= len(Batch("r" * 999, "1", batch_of(1).items).key) <= 255

    def test_change_with_run_number_and_body(self) -> None:
        items = batch_of(2).items
        keys = {
            batch.key
            for batch in (
                Batch("run", "1", items),
                Batch("run", "2", items),
                Batch("run2", "1", items),
                Batch("run", "1", items[:1]),
                Batch("run", "1", items[1:]),
            )
        }
        assert len(keys) == 5

    def test_a_retry_has_the_same_bytes_and_key(self) -> None:
        batch = batch_of(2)
        assert batch.body is batch.body
        assert batch.key is batch.key
