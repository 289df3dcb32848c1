"""Order per user: two batches that share an identity are never under way together."""

from __future__ import annotations

import random
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.batch import Batch, Item, OpenBatch, encode
from target_spotzee.fence import Fence
from target_spotzee.mapping import User
from tests import strategies


def batch_of(number: int, *payloads: dict[str, str]) -> Batch:
    users = [User(dict(payload)) for payload in payloads]
    return Batch("run", str(number), [Item(user, encode(user), []) for user in users])


def gather(users: list[User], max_users: int) -> list[Batch]:
    opened = OpenBatch("run", max_users)
    complete: list[Batch] = []
    for user, ticket in zip(users, strategies.tickets(len(users)), strict=True):
        complete.extend(opened.add(user, encode(user), ticket))
    return [*complete, opened.close()] if opened else complete


class TestOneUser:
    def test_the_later_batch_waits_until_the_earlier_has_settled_it(self) -> None:
        fence = Fence()
        first, second = batch_of(1, {"external_id": "a"}), batch_of(2, {"external_id": "a"})
        assert fence.enter(first)
        assert not fence.enter(second)
        assert fence.leave(["ea"]) == [second]
        assert fence.leave(["ea"]) == []
        assert fence.enter(first)

    def test_others_of_the_same_batch_are_let_go_one_by_one(self) -> None:
        fence = Fence()
        first = batch_of(1, {"external_id": "a"}, {"external_id": "b"})
        for_a, for_b = batch_of(2, {"external_id": "a"}), batch_of(3, {"external_id": "b"})
        assert [fence.enter(batch) for batch in (first, for_a, for_b)] == [True, False, False]
        assert fence.leave(["eb"]) == [for_b]
        assert fence.leave(["ea"]) == [for_a]

    def test_a_batch_waits_for_all_its_users(self) -> None:
        fence = Fence()
        first, second = batch_of(1, {"external_id": "a"}), batch_of(2, {"anonymous_id": "b"})
        both = batch_of(3, {"external_id": "a", "anonymous_id": "b"})
        assert [fence.enter(batch) for batch in (first, second, both)] == [True, True, False]
        assert fence.leave(["ea"]) == []
        assert fence.leave(["ab"]) == [both]

    def test_ids_that_differ_in_case_only_may_be_one(self) -> None:
        fence = Fence()
        assert fence.enter(batch_of(1, {"external_id": "Ann"}))
        assert not fence.enter(batch_of(2, {"external_id": "aNN"}))

    def test_the_same_text_as_another_kind_of_id_is_somebody_else(self) -> None:
        fence = Fence()
        assert fence.enter(batch_of(1, {"external_id": "a"}))
        assert fence.enter(batch_of(2, {"anonymous_id": "a"}))

    def test_two_that_a_batch_held_up_pass_together(self) -> None:
        fence = Fence()
        fence.enter(batch_of(1, {"external_id": "a", "anonymous_id": "b"}))
        second, third = batch_of(2, {"anonymous_id": "b"}), batch_of(3, {"external_id": "a"})
        fence.enter(second)
        fence.enter(third)
        assert set(fence.leave(["ea", "ab"])) == {second, third}


@given(
    st.lists(strategies.users("abcA"), min_size=1, max_size=30),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_any_schedule_keeps_users_apart_and_in_order_and_comes_to_an_end(
    users: list[User], max_users: int, chance: random.Random
) -> None:
    """Batches enter and users settle in any order; a split or a retry shows as a late user."""
    fence = Fence()
    coming = gather(users, max_users)
    expected = list(chain.from_iterable(batch.identities for batch in coming))
    places = {batch: place for place, batch in enumerate(coming)}
    under_way: dict[Batch, list[Item]] = {}
    passed: dict[str, list[int]] = {}
    settled: list[str] = []

    def let_pass(batch: Batch) -> None:
        owned = {i for items in under_way.values() for item in items for i in item.user.identities}
        assert owned.isdisjoint(batch.identities), "two batches share an identity past the fence"
        assert batch not in under_way
        under_way[batch] = list(batch.items)
        for identity in batch.identities:
            passed.setdefault(identity, []).append(places[batch])

    entering = iter(coming)
    left = len(coming)
    while left or under_way:
        if left and (not under_way or chance.random() < 0.5):
            batch = next(entering)
            left -= 1
            if fence.enter(batch):
                let_pass(batch)
            assert under_way, "nothing is under way and yet somebody waits"
        else:
            batch = chance.choice(list(under_way))
            items = under_way[batch]
            item = items.pop(chance.randrange(len(items)))
            if not items:
                del under_way[batch]
            settled.extend(item.user.identities)
            for freed in fence.leave(item.user.identities):
                let_pass(freed)
    assert sorted(settled) == sorted(expected), "somebody never passed"
    assert all(order == sorted(order) for order in passed.values())
    assert not fence._queues
    assert not fence._ahead
