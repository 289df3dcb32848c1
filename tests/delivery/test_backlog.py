"""Users that wait to be sent: folded while they wait, held while their like are under way."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.delivery import backlog as backlogs
from target_spotzee.delivery.backlog import Backlog
from target_spotzee.mapping.users import User
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import MAX_BODY_BYTES, MAX_ITEMS, USERS_BATCH, Kind
from tests import strategies
from tests.strategies import encode


def user_of(
    external_id: str | None = None, anonymous_id: str | None = None, **data: object
) -> User:
    ids = {"external_id": external_id, "anonymous_id": anonymous_id}
    payload = {name: value for name, value in ids.items() if value is not None}
    return User({**payload, **({"data": data} if data else {})})


def filled(
    backlog: Backlog, users: Iterable[User], now: float = 0.0, *, kind: Kind = USERS_BATCH
) -> Backlog:
    users = list(users)
    for user, ticket in zip(users, strategies.tickets(len(users)), strict=True):
        backlog.add(strategies.item_of(user, ticket, kind=kind), user.payload, now)
    return backlog


def taken(backlog: Backlog, now: float = 0.0) -> list[Batch]:
    """Take all that may leave together."""
    return list(iter(lambda: backlog.take(now), None))


def settle(backlog: Backlog, batch: Batch, now: float = 0.0) -> None:
    for item in batch.items:
        backlog.release([item], now)


def sent_in_order(
    users: Iterable[User], max_items: int = MAX_ITEMS, *, kind: Kind = USERS_BATCH
) -> list[Batch]:
    """Send everything, one batch at a time."""
    backlog = filled(Backlog("run", max_items, max_records=10**6), users, kind=kind)
    backlog.closing = True
    found = []
    while (batch := backlog.take(0.0)) is not None:
        assert batch.items
        found.append(batch)
        settle(backlog, batch)
    return found


def body_length(batch: Batch) -> int:
    return len(batch.request.body or b"")


def numbers(items: Iterable[Item]) -> list[int]:
    return [ticket.number for item in items for _, ticket in item.parts]


class TestFolding:
    def test_a_later_record_with_the_same_ids_folds_into_the_one_that_waits(self) -> None:
        users = [user_of("a", "b", n=1), user_of("c"), user_of("a", "b", m=2)]
        (batch,) = sent_in_order(users)
        assert [strategies.user_in(item) for item in batch.items] == [
            user_of("a", "b", n=1, m=2),
            user_of("c"),
        ]
        assert numbers(batch.items) == [1, 3, 2]
        assert batch.request.body == (
            b'[{"external_id":"a","anonymous_id":"b","data":{"n":1,"m":2}},{"external_id":"c"}]'
        )

    def test_one_that_is_held_goes_on_folding(self) -> None:
        backlog = filled(Backlog("run", 1), [user_of("a", n=1)])
        (first,) = taken(backlog)
        filled(backlog, [user_of("a", n=2), user_of("a", n=3)])
        assert taken(backlog) == []
        settle(backlog, first)
        (second,) = taken(backlog)
        assert [strategies.user_in(item) for item in second.items] == [user_of("a", n=3)]
        assert len(second.items[0].parts) == 2

    def test_one_that_is_under_way_is_left_alone(self) -> None:
        backlog = filled(Backlog("run", 1), [user_of("a", n=1)])
        (first,) = taken(backlog)
        request = first.request
        filled(backlog, [user_of("a", n=2)])
        assert strategies.user_in(first.items[0]) == user_of("a", n=1)
        assert len(first.items[0].parts) == 1
        assert first.request == request

    def test_ids_of_another_spelling_are_not_the_same(self) -> None:
        assert [batch.request.body for batch in sent_in_order([user_of("a"), user_of("A")])] == [
            b'[{"external_id":"a"}]',
            b'[{"external_id":"A"}]',
        ]

    def test_a_record_that_shares_one_id_only_waits_behind(self) -> None:
        users = [user_of("a"), user_of("a", "b"), user_of(None, "B")]
        assert [numbers(batch.items) for batch in sent_in_order(users)] == [[1], [2], [3]]

    def test_nothing_folds_past_a_record_that_came_between(self) -> None:
        users = [user_of("a", n=1), user_of("a", "b", n=2), user_of("a", n=3)]
        assert [numbers(batch.items) for batch in sent_in_order(users)] == [[1], [2], [3]]
        users = [user_of("a", "b"), user_of(None, "b"), user_of("a", "b")]
        assert [numbers(batch.items) for batch in sent_in_order(users)] == [[1], [2], [3]]

    def test_the_same_text_as_another_kind_of_id_is_somebody_else(self) -> None:
        (batch,) = sent_in_order([user_of("a"), user_of(None, "a")])
        assert len(batch.items) == 2

    def test_a_user_that_it_would_make_too_large_goes_twice(self) -> None:
        half = "x" * (MAX_BODY_BYTES // 2)
        found = sent_in_order([user_of("a", p=half), user_of("a", q=half)])
        assert [numbers(batch.items) for batch in found] == [[1], [2]]
        assert max(map(body_length, found)) <= MAX_BODY_BYTES


class TestTaking:
    def test_nothing_is_nothing_to_take(self) -> None:
        backlog = Backlog("run", wait_seconds=5.0)
        assert (len(backlog), backlog.due_at, backlog.full) == (0, math.inf, False)
        assert backlog.take(1e9) is None
        backlog.closing = True
        assert backlog.take(1e9) is None

    def test_a_batch_leaves_once_it_is_full(self) -> None:
        backlog = filled(Backlog("run", 3), map(user_of, "ab"))
        assert backlog.take(0.0) is None
        filled(backlog, map(user_of, "cdefg"))
        assert [len(batch.items) for batch in taken(backlog)] == [3, 3]
        assert len(backlog) == 1

    def test_a_part_filled_one_leaves_when_its_first_user_has_waited_long_enough(self) -> None:
        backlog = Backlog("run", 3, wait_seconds=60.0)
        filled(backlog, [user_of("a")], now=100.0)
        filled(backlog, [user_of("b"), user_of("a", n=1)], now=150.0)
        assert backlog.due_at == 160.0
        assert backlog.take(159.9) is None
        batch = backlog.take(160.0)
        assert batch is not None
        assert len(batch.items) == 2
        assert backlog.due_at == math.inf

    def test_one_that_was_held_waits_from_when_it_could_leave(self) -> None:
        backlog = filled(Backlog("run", 1, wait_seconds=60.0), [user_of("a", n=1)])
        (first,) = taken(backlog)
        backlog.max_items = 2
        filled(backlog, [user_of("a", n=2)], now=10.0)
        assert backlog.due_at == math.inf
        assert backlog.take(1e9) is None
        settle(backlog, first, now=1000.0)
        assert backlog.due_at == 1060.0

    def test_a_part_filled_one_leaves_at_once_if_nothing_more_will_come(self) -> None:
        backlog = filled(Backlog("run", 3), [user_of("a")])
        backlog.closing = True
        assert [len(batch.items) for batch in taken(backlog)] == [1]

    def test_a_full_backlog_never_waits_for_more(self) -> None:
        """Whoever adds waits until it is less full, so more would not come."""
        users = [user_of("a", n=number) for number in range(7)]
        backlog = filled(Backlog("run", 5, max_records=7), users)
        assert backlog.full
        (batch,) = taken(backlog)
        assert len(batch.items[0].parts) == 7
        assert not backlog.full

    def test_nor_does_one_whose_users_fill_a_body(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backlogs, "MAX_BODY_BYTES", 100)
        backlog = Backlog("run", 5, max_records=5)
        kind = replace(USERS_BATCH, max_bytes=100)
        filled(backlog, [user_of("a", x="y" * 40), user_of("b", x="y" * 40)], kind=kind)
        assert backlog.full
        assert [len(batch.items) for batch in taken(backlog)] == [1]

    def test_it_is_full_while_four_batches_could_leave(self) -> None:
        """Whoever waits for nobody needs no more; whoever is held is bounded by its records."""
        backlog = filled(Backlog("run", 2), [user_of(f"u{number}") for number in range(7)])
        assert not backlog.full
        filled(backlog, [user_of("u7")])
        assert backlog.full
        (first, *_) = taken(backlog)
        assert not backlog.full
        filled(backlog, [user_of("u0", n=number) for number in range(20)])
        assert (len(backlog), backlog.full) == (20, False)
        assert [item.ids[0] for item in first.items] == ["u0", "u1"]

    def test_a_batch_is_full_once_a_body_is(self) -> None:
        kind = replace(USERS_BATCH, max_bytes=100)
        backlog = Backlog("run", 5, max_records=500)
        filled(backlog, [user_of("a", x="y" * 20), user_of("b", x="y")], kind=kind)
        assert backlog.take(0.0) is None
        filled(backlog, [user_of("b", x="y" * 40)], kind=kind)
        assert not backlog.full
        assert [numbers(batch.items) for batch in taken(backlog)] == [[1]]

    def test_whoever_waits_for_nobody_passes_those_who_must(self) -> None:
        backlog = filled(Backlog("run", 2), map(user_of, "ab"))
        (first,) = taken(backlog)
        filled(backlog, map(user_of, "acbd"))
        (second,) = taken(backlog)
        assert [strategies.user_in(item) for item in second.items] == [user_of("c"), user_of("d")]
        settle(backlog, first)
        (third,) = taken(backlog)
        assert [strategies.user_in(item) for item in third.items] == [user_of("a"), user_of("b")]

    def test_a_user_waits_until_both_its_ids_are_free(self) -> None:
        backlog = filled(Backlog("run", 1), [user_of("a"), user_of(None, "b"), user_of("a", "b")])
        first, second = taken(backlog)
        settle(backlog, first)
        assert taken(backlog) == []
        settle(backlog, second)
        assert [numbers(batch.items) for batch in taken(backlog)] == [[3]]

    def test_batches_are_numbered_in_the_run(self) -> None:
        found = sent_in_order(map(user_of, "abc"), max_items=1)
        assert [(batch.run_id, batch.number) for batch in found] == [
            ("run", "1"),
            ("run", "2"),
            ("run", "3"),
        ]

    def test_a_user_that_goes_there_and_back_gets_three_keys(self) -> None:
        backlog = Backlog("run", 1)
        found = []
        for plan in "ABA":
            filled(backlog, [user_of("a", plan=plan)])
            (batch,) = taken(backlog)
            settle(backlog, batch)
            found.append(batch)
        assert found[0].request.body == found[2].request.body
        assert len({batch.key for batch in found}) == 3


class TestLimits:
    def test_so_many_records_are_enough(self) -> None:
        backlog = Backlog("run", 2, max_records=3)
        filled(backlog, [user_of("a", n=1), user_of("a", n=2)])
        assert (len(backlog), backlog.full) == (2, False)
        filled(backlog, [user_of("b")])
        assert (len(backlog), backlog.full) == (3, True)
        taken(backlog)
        assert (len(backlog), backlog.full) == (0, False)

    def test_so_many_bytes_are_enough(self) -> None:
        backlog = Backlog("run", 100, max_records=200)
        half = "x" * (MAX_BODY_BYTES // 2)
        filled(backlog, (user_of(name, x=half) for name in "abc"))
        assert not backlog.full
        filled(backlog, [user_of("d", x=half)])
        assert backlog.full

    @given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60)), max_size=30))
    def test_no_body_is_too_large_and_none_is_empty(self, sizes: list[tuple[str, int]]) -> None:
        limit = 150
        users = [User({"external_id": name, "data": {"x": "é" * size}}) for name, size in sizes]
        fitting = [user for user in users if len(encode(user)) <= limit - 2]
        found = sent_in_order(fitting, kind=replace(USERS_BATCH, max_bytes=limit))
        assert all(batch.items and body_length(batch) <= limit for batch in found)
        assert sum(len(numbers(batch.items)) for batch in found) == len(fitting)

    @pytest.mark.parametrize("others", [[], ["b"]])
    def test_the_largest_user_that_fits_travels_alone(self, others: list[str]) -> None:
        backlog = filled(Backlog("run"), map(user_of, others))
        item = strategies.item_of(user_of("a"))
        item.body = b"x" * (MAX_BODY_BYTES - 2)
        backlog.add(item, user_of("a").payload, 0.0)
        backlog.closing = True
        found = taken(backlog)
        assert [len(batch.items) for batch in found] == [1] * (len(others) + 1)
        assert body_length(found[-1]) == MAX_BODY_BYTES

    def test_nothing_is_kept_of_what_was_settled(self) -> None:
        backlog = Backlog("run", 2)
        for _ in range(3):
            filled(backlog, [user_of("a", "b"), user_of("c"), user_of(None, "B"), user_of("c")])
            backlog.closing = True
            while batches := taken(backlog):
                for batch in batches:
                    settle(backlog, batch)
        assert (len(backlog), backlog._bytes) == (0, 0)
        assert not backlog._queues
        assert not backlog._ahead
        assert [(ready.since, ready.bytes) for ready in backlog._ready.values()] == [({}, 0)]


@given(
    st.lists(strategies.users("abcA"), min_size=1, max_size=40),
    st.integers(1, 4),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_any_schedule_keeps_users_apart_and_in_order_and_comes_to_an_end(
    users: list[User], max_items: int, max_records: int, chance: random.Random
) -> None:
    """Records come, batches leave and users settle in any order that a run can see.

    A retry, a split or a single re-send shows as a user that settles late.
    """
    before = copy.deepcopy(users)
    backlog = Backlog("run", max_items, max_records=max_records)
    coming = list(zip(users, strategies.tickets(len(users)), strict=True))
    under_way: list[Item] = []
    settled: list[Item] = []

    while coming or backlog or under_way:
        if not coming:
            backlog.closing = True
        steps = [0] * bool(coming and not backlog.full) + [1, 2] * bool(under_way)
        batch = backlog.take(0.0) if not steps or chance.random() < 0.5 else None
        if batch is not None:
            owned = set(chain.from_iterable(item.identities for item in under_way))
            identities = strategies.identities_in(batch)
            assert owned.isdisjoint(identities), "two requests share an identity"
            assert len(set(identities)) == len(identities)
            assert 1 <= len(batch.items) <= max_items
            under_way += batch.items
            continue
        assert steps, "something waits for nobody and yet does not leave"
        if chance.choice(steps) == 0:
            user, ticket = coming.pop(0)
            backlog.add(strategies.item_of(user, ticket), user.payload, 0.0)
        else:
            item = under_way.pop(chance.randrange(len(under_way)))
            backlog.release([item], 0.0)
            settled.append(item)
        assert len(backlog) <= max_records

    assert sorted(numbers(settled)) == list(range(1, len(users) + 1))
    for item in settled:
        bodies = [encode(users[number - 1]) for number in numbers([item])]
        assert [body for body, _ in item.parts] == bodies
        assert numbers([item]) == sorted(numbers([item]))
    assert strategies.spotzee_after(map(strategies.user_in, settled)) == (
        strategies.spotzee_after(before)
    )
    assert users == before
