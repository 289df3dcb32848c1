"""Which records are settled, and so which state may be printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.outcome.ledger import Ledger
from target_spotzee.records import Ticket
from tests.strategies import ORIGIN


def issue(ledger: Ledger, count: int = 1) -> list[Ticket]:
    return [ledger.issue(ORIGIN, "") for _ in range(count)]


def test_records_are_numbered_from_one() -> None:
    ledger = Ledger()
    first, second = issue(ledger, 2)
    assert (first.number, second.number) == (1, 2)
    assert (first.origin, first.line) == (ORIGIN, "")


class TestAState:
    def test_without_records_before_it_is_safe_at_once(self) -> None:
        ledger = Ledger()
        ledger.checkpoint("a")
        assert ledger.take_safe() == "a"

    def test_waits_for_the_last_record_before_it(self) -> None:
        ledger = Ledger()
        first, second = issue(ledger, 2)
        ledger.checkpoint("a")
        assert ledger.take_safe() is None
        ledger.settle(second)
        assert ledger.take_safe() is None
        ledger.settle(first)
        assert ledger.take_safe() == "a"

    def test_does_not_wait_for_records_after_it(self) -> None:
        ledger = Ledger()
        (before,) = issue(ledger)
        ledger.checkpoint("a")
        issue(ledger, 5)
        ledger.settle(before)
        assert ledger.take_safe() == "a"

    def test_that_is_safe_never_passes_an_older_one_that_is_not(self) -> None:
        ledger = Ledger()
        (older,) = issue(ledger)
        ledger.checkpoint("a")
        (newer,) = issue(ledger)
        ledger.checkpoint("b")
        ledger.settle(newer)
        assert ledger.take_safe() is None
        ledger.settle(older)
        assert ledger.take_safe() == "b"

    def test_is_given_once(self) -> None:
        ledger = Ledger()
        ledger.checkpoint("a")
        assert [ledger.take_safe(), ledger.take_safe()] == ["a", None]

    def test_that_says_the_same_again_is_not_given_again(self) -> None:
        ledger = Ledger()
        given_states = []
        for state in ("a", "a", "b", "a", "a"):
            ledger.checkpoint(state)
            given_states.append(ledger.take_safe())
        assert given_states == ["a", None, "b", "a", None]

    def test_after_records_without_one_there_is_none(self) -> None:
        ledger = Ledger()
        (ticket,) = issue(ledger)
        ledger.settle(ticket)
        assert ledger.take_safe() is None


class TestMemory:
    def test_stays_small_while_one_record_is_unsettled(self) -> None:
        ledger = Ledger()
        (stuck,) = issue(ledger)
        for number in range(5_000):
            ledger.checkpoint(str(number))
            (ticket,) = issue(ledger)
            ledger.settle(ticket)
            assert len(ledger._stretches) <= 66
        assert ledger.take_safe() is None
        ledger.settle(stuck)
        assert ledger.take_safe() == "4999"

    def test_grows_with_what_is_unsettled_and_shrinks_again(self) -> None:
        ledger = Ledger()
        waiting = []
        for number in range(500):
            waiting += issue(ledger)
            ledger.checkpoint(str(number))
        assert len(ledger._stretches) == 501
        for ticket in reversed(waiting):
            assert ledger.take_safe() is None
            ledger.settle(ticket)
        assert ledger.take_safe() == "499"
        assert len(ledger._stretches) == 1


def test_the_first_record_that_holds_the_state_is_told() -> None:
    ledger = Ledger()
    assert ledger.held_at is None
    first, second, third = issue(ledger, 3)
    ledger.hold(second)
    ledger.hold(third)
    assert ledger.held_at == 2
    ledger.hold(first)
    assert ledger.held_at == 1
    ledger.checkpoint("a")
    assert ledger.take_safe() is None


@dataclass
class NaiveLedger:
    """The rule as it is written: the safe point is the lowest unsettled number, less one."""

    issued: int = 0
    unsettled: set[int] = field(default_factory=set)
    states: list[tuple[int, str]] = field(default_factory=list)
    printed: str | None = None

    def take(self) -> str | None:
        safe_point = min(self.unsettled, default=self.issued + 1) - 1
        safe = [state for number, state in self.states if number <= safe_point]
        if not safe or safe[-1] == self.printed:
            return None
        self.printed = safe[-1]
        return self.printed


ISSUE, SETTLE, STATE, TAKE = "issue", "settle", "state", "take"


@given(
    st.lists(
        st.tuples(st.sampled_from([ISSUE, ISSUE, SETTLE, STATE, TAKE]), st.integers(0, 99)),
        max_size=150,
    ),
    st.integers(1, 5),
)
def test_any_course_gives_what_the_naive_rule_gives(
    course: list[tuple[str, int]], compact_at: int
) -> None:
    """In order, never before its records, never twice in a row, soon, and the last at the end."""
    ledger, naive = Ledger(), NaiveLedger()
    ledger._compact_at = compact_at  # soon, so that short courses see it
    open_tickets: list[Ticket] = []
    read: list[str] = []
    given_states: list[str] = []

    def take() -> None:
        state = ledger.take_safe()
        assert state == naive.take()
        if state is not None:
            given_states.append(state)

    def settle(place: int) -> None:
        ticket = open_tickets.pop(place % len(open_tickets))
        ledger.settle(ticket)
        naive.unsettled.remove(ticket.number)

    for step, choice in course:
        if step == ISSUE:
            open_tickets += issue(ledger)
            naive.issued += 1
            naive.unsettled.add(naive.issued)
        elif step == SETTLE and open_tickets:
            settle(choice)
        elif step == STATE:
            state = str(choice % 3)
            read.append(state)
            ledger.checkpoint(state)
            naive.states.append((naive.issued, state))
        elif step == TAKE:
            take()
    while open_tickets:
        settle(0)
        take()
    take()

    assert given_states[-1:] == read[-1:]
    assert [state for state, _ in groupby(given_states)] == given_states
    rest = iter(read)
    assert all(state in rest for state in given_states), "not an ordered part of those read"
