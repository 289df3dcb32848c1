from __future__ import annotations

import pytest

from target_spotzee.sandbox.journal import Journal, Request


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(clock: Clock) -> Journal:
    return Journal(clock)


def request(number: int, *external_ids: str, at: float = 1000) -> Request:
    return Request(
        number=number,
        at=at,
        wall="2026-11-01T00:00:00Z",
        request_id=f"req_{number}",
        method="POST",
        path="/api/client/users/batch",
        external_ids=external_ids,
    )


def begin(journal: Journal, one: Request, *, gone: bool = False, writes: bool = True) -> Request:
    journal.begin(one, lambda: gone, writes=writes)
    return one


def test_two_writes_of_one_user_at_once_overlap(journal: Journal) -> None:
    begin(journal, request(1, "ada", "bob"))
    begin(journal, request(2, "eve", "ADA"))

    assert list(journal.overlaps) == ["external_id:ada"]
    assert journal.max_in_flight == 2


def test_spellings_that_the_server_may_take_for_one_user_overlap(journal: Journal) -> None:
    begin(journal, request(1, "Zoë"))
    begin(journal, request(2, "ZOE"))

    assert list(journal.overlaps) == ["external_id:zoe"]


def test_one_after_the_other_does_not(journal: Journal) -> None:
    journal.end(begin(journal, request(1, "ada")), 200)
    begin(journal, request(2, "ada"))

    assert list(journal.overlaps) == []
    assert journal.max_in_flight == 1


def test_a_user_twice_in_one_request_does_not(journal: Journal) -> None:
    begin(journal, request(1, "ada", "ada"))

    assert list(journal.overlaps) == []


def test_reading_does_not(journal: Journal) -> None:
    begin(journal, request(1, "ada"), writes=False)
    begin(journal, request(2, "ada"), writes=False)

    assert list(journal.overlaps) == []


def test_what_nobody_waits_for_is_not_under_way(journal: Journal) -> None:
    begin(journal, request(1, "ada"), gone=True)
    begin(journal, request(2, "ada"))

    assert list(journal.overlaps) == []
    assert journal.in_flight == 1


def test_an_end_that_comes_late_takes_nothing_from_others(journal: Journal) -> None:
    first = begin(journal, request(1, "ada"), gone=True)
    begin(journal, request(2, "ada"))
    journal.end(first, None)
    begin(journal, request(3, "ada"))

    assert list(journal.overlaps) == ["external_id:ada"]


def test_answers_are_counted_and_timed(journal: Journal, clock: Clock) -> None:
    first, second = begin(journal, request(1)), begin(journal, request(2))
    clock.now += 0.25
    journal.end(first, 200)
    journal.end(second, None)

    assert journal.statuses == {"200": 1, "none": 1}
    assert (first.milliseconds, journal.is_running(first)) == (250, False)
    assert [one.number for one in journal.last(1)] == [2]


def test_the_last_minute_is_counted_by_the_second(journal: Journal, clock: Clock) -> None:
    for number in range(100):
        begin(journal, request(number, at=1000 + number))
    begin(journal, request(100, at=1099))
    clock.now = 1100.5

    assert journal.rates() == [1] * 59 + [2]
