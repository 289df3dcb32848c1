"""Users in one request: encoded, split, and known by their keys."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.mapping.users import User
from target_spotzee.objects.attempts import Attempts
from target_spotzee.objects.batch import Batch, Item
from tests import strategies
from tests.strategies import encode


def batch_of(count: int) -> Batch:
    return batch(*(User({"external_id": f"u{number}"}) for number in range(count)))


def batch(*users: User) -> Batch:
    return Batch("run", "1", [strategies.item_of(user) for user in users])


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
        first, second = batch.halves()
        assert [*first.items, *second.items] == batch.items
        assert abs(len(first.items) - len(second.items)) <= 1

    @given(st.integers(1, 100))
    def test_halving_ends_with_every_user_alone(self, count: int) -> None:
        waiting, alone = [batch_of(count)], []
        while waiting:
            part = waiting.pop()
            if len(part.items) == 1:
                alone.append(part)
            else:
                waiting.extend(part.halves())
        assert {batch.items[0].ids[0] for batch in alone} == {
            f"u{number}" for number in range(count)
        }
        assert len({batch.key for batch in alone}) == count

    def test_a_part_that_is_tried_again_carries_on_and_another_begins_afresh(self) -> None:
        attempts = Attempts(earlier=2, made=3, spent_seconds=2.5, doubtful_until=9.0)
        whole = Batch("run", "1", batch_of(3).items, attempts)
        retry, afresh = whole.part([], is_retry=True).attempts, whole.part([]).attempts
        assert (retry.spent_seconds, retry.earlier, retry.doubtful_until) == (2.5, 5, 9.0)
        assert (afresh.spent_seconds, afresh.earlier, afresh.doubtful_until) == (0.0, 0, 9.0)
        assert (retry.made, afresh.made) == (0, 0)

    def test_a_folded_user_comes_apart_into_its_records_in_order(self) -> None:
        users = [User({"external_id": "a", "data": {"n": number}}) for number in range(3)]
        parts = list(zip(map(encode, users), strategies.tickets(3), strict=True))
        after = strategies.item_of(User({"external_id": "a"}))
        whole = strategies.item_of(users[0], parts[0][1])
        for body, ticket in parts[1:]:
            whole.fold(b"{}", body, ticket)
        whole.following = (after,)
        assert (whole.body, whole.ticket, whole.parts) == (b"{}", parts[2][1], parts)
        first = whole.apart()
        assert first.following[2:] == (after,)
        assert {(item.ids, item.identities) for item in (first, *first.following)} == {
            (whole.ids, whole.identities)
        }
        assert [item.parts for item in (first, *first.following[:2])] == [[part] for part in parts]
        assert [json.loads(item.body)["data"] for item in (first, *first.following[:2])] == [
            {"n": 0},
            {"n": 1},
            {"n": 2},
        ]
        assert not any(item.following for item in first.following)


class TestKeys:
    @given(st.lists(st.lists(strategies.users(), min_size=1, max_size=4), max_size=6))
    def test_are_unique_in_a_run_and_the_same_when_it_is_run_again(
        self, runs: list[list[User]]
    ) -> None:
        def keys(run_id: str) -> list[str]:
            found = []
            for number, users in enumerate(runs + runs):
                whole = Batch(run_id, str(number), batch(*users).items)
                parts = (*whole.halves(), whole.part(whole.items))
                found += [part.key for part in (whole, *parts) if part.items]
            return found

        assert len(set(keys("run"))) == len(keys("run"))
        assert keys("run") == keys("run")
        assert not set(keys("run")) & set(keys("another run"))

    def test_are_as_long_as_a_header_may_be(self) -> None:
        assert 1 <= len(Batch("r" * 999, "1", batch_of(1).items).key) <= 255

    def test_change_with_run_number_and_body(self) -> None:
        items = batch_of(2).items
        last = items[1]
        others = [items[0], Item(last.kind, last.ids, last.identities, b"{}", last.ticket)]
        keys = {
            batch.key
            for batch in (
                Batch("run", "1", items),
                Batch("run", "2", items),
                Batch("run2", "1", items),
                Batch("run", "1", items[:1]),
                Batch("run", "1", items[1:]),
                Batch("run", "1", others),
            )
        }
        assert len(keys) == 6

    def test_a_retry_has_the_same_bytes_and_key(self) -> None:
        batch = batch_of(2)
        assert batch.request is batch.request
        assert batch.key is batch.key
