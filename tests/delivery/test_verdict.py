"""What becomes of each item of a batch, by the answer alone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.api.answers import Delivered, ItemError, Refused
from target_spotzee.delivery.verdict import Verdict, judge
from target_spotzee.exceptions import RunError
from target_spotzee.mapping.users import User
from target_spotzee.objects.attempts import Attempts
from target_spotzee.objects.batch import Batch, Item
from tests import strategies

BUDGET = 600.0
BAD = ItemError("validation_failed", "no", "email")
WORSE = ItemError("state_conflict")
FLAKY = ItemError("service_unavailable")


def batch_of(*records: int, attempts: Attempts | None = None) -> Batch:
    """A batch of users that were made of so many records each."""
    tickets = iter(strategies.tickets(sum(records)))
    items = [
        strategies.item_of(
            User({"external_id": f"u{place}"}), *(next(tickets) for _ in range(count))
        )
        for place, count in enumerate(records)
    ]
    return Batch("run", "7", items, attempts or Attempts(made=1))


def users(items: list[Item]) -> list[str | None]:
    return [item.ids[0] for item in items]


def resent(verdict: Verdict) -> list[tuple[str, list[str | None]]]:
    """The batches that follow: number and users."""
    return [(batch.number, users(batch.items)) for batch in verdict.resends]


class TestDelivered:
    def test_whole(self) -> None:
        batch = batch_of(1, 3, 1)
        assert judge(batch, Delivered(), BUDGET) == Verdict(delivered=batch.items)

    def test_bad_items_are_rejected_and_the_others_are_there(self) -> None:
        batch = batch_of(1, 1, 1)
        verdict = judge(batch, Delivered({2: WORSE, 0: BAD}), BUDGET)
        assert users(verdict.delivered) == ["u1"]
        assert verdict.rejected == [(batch.items[0], BAD), (batch.items[2], WORSE)]
        assert (verdict.resends, verdict.splits, verdict.failure) == ([], 0, None)

    def test_flaky_items_are_tried_again_together_and_their_budget_goes_on(self) -> None:
        batch = batch_of(1, 1, 1, attempts=Attempts(earlier=2, made=3, spent_seconds=9.5))
        verdict = judge(batch, Delivered({0: FLAKY, 2: FLAKY}), BUDGET)
        assert users(verdict.delivered) == ["u1"]
        assert resent(verdict) == [("7.1", ["u0", "u2"])]
        assert verdict.resends[0].attempts == Attempts(earlier=5, spent_seconds=9.5)
        assert (verdict.rejected, verdict.splits, verdict.failure) == ([], 0, None)

    def test_a_flaky_folded_item_stays_whole(self) -> None:
        batch = batch_of(3)
        verdict = judge(batch, Delivered({0: FLAKY}), BUDGET)
        assert verdict.resends[0].items == batch.items
        assert verdict.splits == 0

    @pytest.mark.parametrize(("spent_seconds", "ends"), [(599.9, False), (600.0, True)])
    def test_a_spent_budget_ends_the_run(self, spent_seconds: float, *, ends: bool) -> None:
        attempts = Attempts(made=1, spent_seconds=spent_seconds, request_id="req_9")
        verdict = judge(batch_of(1, 1, attempts=attempts), Delivered({1: FLAKY}), BUDGET)
        assert users(verdict.delivered) == ["u0"]
        assert resent(verdict) == [("7.1", ["u1"])]
        if ends:
            assert isinstance(verdict.failure, RunError)
            assert str(verdict.failure) == (
                "Request req_9: gave up on record 2 of stream 'users' after 600.0 s: Spotzee keeps"
                " answering service_unavailable; start again to go on from the last state"
            )
        else:
            assert verdict.failure is None


class TestRefused:
    def test_whoever_is_named_is_rejected_and_the_others_go_once_more(self) -> None:
        batch = batch_of(1, 1, 1, attempts=Attempts(made=2, spent_seconds=5, doubtful_until=8))
        verdict = judge(batch, Refused(BAD, {1: WORSE}), BUDGET)
        assert verdict.rejected == [(batch.items[1], WORSE)]
        assert resent(verdict) == [("7.1", ["u0", "u2"])]
        assert verdict.resends[0].attempts == Attempts(doubtful_until=8)
        assert (verdict.delivered, verdict.splits) == ([], 1)

    def test_where_all_are_named_nothing_is_left(self) -> None:
        batch = batch_of(1, 1)
        verdict = judge(batch, Refused(BAD, {0: BAD, 1: WORSE}), BUDGET)
        assert verdict == Verdict(rejected=[(batch.items[0], BAD), (batch.items[1], WORSE)])

    def test_where_nobody_is_named_halves_tell(self) -> None:
        verdict = judge(batch_of(1, 1, 1, 1, 1), Refused(BAD), BUDGET)
        assert resent(verdict) == [("7.1", ["u0", "u1"]), ("7.2", ["u2", "u3", "u4"])]
        assert (verdict.delivered, verdict.rejected, verdict.splits) == ([], [], 1)

    def test_one_alone_is_guilty_even_if_nobody_is_named(self) -> None:
        batch = batch_of(1)
        assert judge(batch, Refused(BAD), BUDGET) == Verdict(rejected=[(batch.items[0], BAD)])


class TestFolded:
    @pytest.mark.parametrize("outcome", [Delivered({0: BAD}), Refused(BAD), Refused(BAD, {0: BAD})])
    def test_a_bad_one_comes_apart_before_anything_of_it_is_rejected(
        self, outcome: Delivered | Refused
    ) -> None:
        verdict = judge(batch_of(3), outcome, BUDGET)
        assert (verdict.delivered, verdict.rejected, verdict.splits) == ([], [], 1)
        ((first,),) = [batch.items for batch in verdict.resends]
        assert first.folded is None
        assert [item.ticket.number for item in (first, *first.following)] == [1, 2, 3]

    def test_a_bad_one_among_others_goes_apart_and_alone(self) -> None:
        verdict = judge(batch_of(1, 2, 1), Refused(BAD, {1: BAD}), BUDGET)
        assert resent(verdict) == [("7.1", ["u1"]), ("7.2", ["u0", "u2"])]
        assert (verdict.rejected, verdict.splits) == ([], 2)


def records(items: list[Item]) -> Counter[int]:
    """The records of items and of what follows them."""
    whole = [one for item in items for one in (item, *item.following)]
    return Counter(ticket.number for item in whole for _, ticket in item.parts)


errors = st.dictionaries(st.integers(0, 5), st.sampled_from([BAD, WORSE, FLAKY]))


@given(
    st.lists(st.integers(1, 3), min_size=6, max_size=6),
    st.builds(Delivered, errors) | st.builds(Refused, st.just(BAD), errors),
)
def test_every_record_goes_to_one_place_only(
    counts: list[int], outcome: Delivered | Refused
) -> None:
    batch = batch_of(*counts)
    verdict = judge(batch, outcome, BUDGET)
    rejected = [item for item, _ in verdict.rejected]
    again = [item for part in verdict.resends for item in part.items]
    ended = records(verdict.delivered) + records(rejected) + records(again)
    assert ended == Counter(range(1, sum(counts) + 1))
    assert len({part.key for part in (batch, *verdict.resends)}) == 1 + len(verdict.resends)
    assert not any(item.folded for item in rejected)
    if isinstance(outcome, Refused):
        assert verdict.delivered == []
