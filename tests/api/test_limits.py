"""How fast requests may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.api.limits import Pacer
from target_spotzee.api.waits import MAX_BACKOFF_SECONDS

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
SPOTZEE_WINDOW_SECONDS = 10.0


@dataclass
class Clock:
    """Time that only passes when told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def pacer_of(max_requests: int, clock: Clock, random: float = 0.0) -> Pacer:
    return Pacer(max_requests, clock, lambda: random)


def wait_for_a_slot(pacer: Pacer, clock: Clock) -> float:
    """Wait as the pacer says until a slot is taken; return how long that took."""
    began = clock.now
    while wait := pacer.reserve():
        assert wait > 0
        clock.now += wait
    return clock.now - began


class Traffic:
    """Requests of many workers to a Spotzee that notes when they arrive; time is made up."""

    def __init__(self, pacer: Pacer, clock: Clock) -> None:
        self._pacer = pacer
        self._clock = clock
        self._under_way: list[tuple[float, float, bool]] = []
        self.arrivals: list[float] = []

    def send(self, way_seconds: float, work_seconds: float, *, typical: bool = True) -> None:
        """Begin a request as soon as the pacer allows it.

        Args:
            way_seconds: Until it arrives.
            work_seconds: From its arrival to its answer.
            typical: Whether it does not have to connect first.
        """
        while wait := self._pacer.reserve():
            assert wait > 0
            self.pass_time(min([wait, *(end - self._clock.now for end, *_ in self._under_way)]))
        now = self._clock.now
        self.arrivals.append(now + way_seconds)
        heappush(self._under_way, (now + way_seconds + work_seconds, now, typical))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and answer what is to be answered meanwhile."""
        until = self._clock.now + seconds
        while self._under_way and self._under_way[0][0] <= until:
            self._clock.now, started, typical = heappop(self._under_way)
            self._pacer.release(started, typical=typical)
        self._clock.now = until

    def assert_within(self, most: int, seconds: float) -> None:
        """No such stretch of time may have seen more arrivals."""
        arrivals = sorted(self.arrivals)
        for earlier, later in zip(arrivals, arrivals[most:], strict=False):
            assert later - earlier > seconds


class TestBudget:
    def test_so_many_start_at_once_and_the_next_waits_for_the_window_to_pass(self) -> None:
        clock = Clock()
        pacer = pacer_of(3, clock)
        for _ in range(3):
            assert pacer.reserve() == 0.0
            pacer.release(clock.now, typical=True)
        clock.now += 4
        assert pacer.reserve() == pytest.approx(6.02)
        assert wait_for_a_slot(pacer, clock) == pytest.approx(6.02)

    def test_a_request_under_way_has_a_slot_however_long_it_takes(self) -> None:
        clock = Clock()
        pacer = pacer_of(2, clock)
        assert [pacer.reserve(), pacer.reserve()] == [0.0, 0.0]
        clock.now += 30
        assert pacer.reserve() > 9
        pacer.release(clock.now - 30, typical=False)
        assert pacer.reserve() > 9
        clock.now += 10.02
        assert pacer.reserve() == 0.0

    def test_a_slot_is_free_a_window_after_its_request_arrived_at_the_latest(self) -> None:
        clock = Clock()
        pacer = pacer_of(2, clock)
        for seconds in (0.3, 0.5):  # the second was up to 0.2 s longer on its way
            assert pacer.reserve() == 0.0
            clock.now += seconds
            pacer.release(clock.now - seconds, typical=True)
        assert wait_for_a_slot(pacer, clock) == pytest.approx(10.02 - 0.8)
        assert wait_for_a_slot(pacer, clock) == pytest.approx(0.3 + 0.2)

    def test_what_is_not_typical_tells_nothing_of_how_fast_a_request_can_be(self) -> None:
        clock = Clock()
        pacer = pacer_of(1, clock)
        for seconds, typical in ((0.5, True), (0.001, False), (0.5, True)):
            wait_for_a_slot(pacer, clock)
            clock.now += seconds
            pacer.release(clock.now - seconds, typical=typical)
        assert pacer.reserve() == pytest.approx(10.02 - 0.5)

    @given(
        st.integers(1, 5),
        st.lists(
            st.tuples(
                st.floats(0, 12) | st.sampled_from([0.0, 0.1, 10.0, 10.02]),
                st.just(0.0) | st.floats(0, 12),
                st.just(0.0) | st.floats(0, 12),
                st.booleans(),
            ),
            max_size=60,
        ),
        st.floats(0, 1e7),
    )
    def test_no_ten_seconds_see_more_arrivals(
        self, max_requests: int, requests: list[tuple[float, float, float, bool]], began: float
    ) -> None:
        """Be they held up on their way, or be it that Spotzee takes its time."""
        clock = Clock(began)
        traffic = Traffic(pacer_of(max_requests, clock), clock)
        traffic.send(0.5, 0.1, typical=False)
        traffic.pass_time(1)
        traffic.send(0.05, 0.1)
        for pause, held_up, more_work, typical in requests:
            traffic.pass_time(pause)
            work = 0.1 + more_work if typical else more_work  # a refusal can be quick
            traffic.send(0.05 + held_up, work, typical=typical)
        traffic.assert_within(max_requests, SPOTZEE_WINDOW_SECONDS)

    @given(
        st.integers(1, 5),
        st.lists(
            st.tuples(st.sampled_from(["ask", "limited", "eased"]), st.floats(0, 12)), max_size=60
        ),
        st.floats(0, 1, exclude_max=True),
    )
    def test_nor_with_pauses_in_between(
        self, max_requests: int, steps: list[tuple[str, float]], random: float
    ) -> None:
        clock = Clock()
        pacer = pacer_of(max_requests, clock, random)
        traffic = Traffic(pacer, clock)
        for step, pause in steps:
            traffic.pass_time(pause)
            if step == "limited":
                pacer.limited(clock.now, None)
            elif step == "eased":
                pacer.eased(clock.now)
            else:
                traffic.send(0.05, 0.1)
        traffic.assert_within(max_requests, SPOTZEE_WINDOW_SECONDS)

    def test_what_is_fast_is_not_slowed_and_what_is_slow_hardly(self) -> None:
        """So much of the limit is used where requests take 0.1 to 0.3 s, as Spotzee likes."""
        clock = Clock()
        traffic = Traffic(pacer_of(1000, clock), clock)
        for number in range(10_000):
            traffic.send(0.0, (0.1, 0.15, 0.3)[number % 3])
            traffic.pass_time(0.004)
        assert traffic.arrivals[-1] - traffic.arrivals[0] < 10 * 9.98 / 0.98

    @pytest.mark.parametrize(
        ("tier", "most"),
        [("starter", 150), ("Professional", 750), ("enterprise", 1000), ("other", 1000)],
    )
    def test_a_key_s_tier_says_how_many_may_come_in_one_second(self, tier: str, most: int) -> None:
        clock = Clock()
        pacer = pacer_of(1000, clock)
        pacer.reserve()
        pacer.release(clock.now, typical=True, tier=tier)
        traffic = Traffic(pacer, clock)
        for _ in range(2_000):
            traffic.send(0.0, 0.1)
            traffic.pass_time(0.001)
        traffic.assert_within(most, 1.0)
        assert sum(at < clock.now + 1 for at in traffic.arrivals[:most]) == most

    def test_a_slot_is_taken_whenever_none_has_to_be_waited_for(self) -> None:
        """Sums and differences of times round differently; 0 has to mean the slot all the same."""
        for number in range(2_000):
            clock = Clock(number / 7)
            pacer = pacer_of(1, clock)
            assert pacer.reserve() == 0.0
            pacer.release(clock.now, typical=True)
            clock.now += pacer.reserve()
            wait_for_a_slot(pacer, clock)
            assert pacer.reserve() > 10


class TestAfterA429:
    @pytest.mark.parametrize(
        ("asked", "random", "pause"),
        [(10.0, 0.0, 10.0), (10.0, 0.5, 10.25), (None, 0.0, 1.0), (300.0, 0.0, 300.0)],
    )
    def test_everybody_waits_as_long_as_spotzee_asks_and_a_little(
        self, asked: float | None, random: float, pause: float
    ) -> None:
        clock = Clock()
        pacer = pacer_of(9, clock, random)
        assert pacer.limited(clock.now, asked) == pause
        assert pacer.reserve() == pytest.approx(pause)
        clock.now += pause
        assert pacer.reserve() == 0.0

    def test_each_further_one_in_a_row_doubles_that_up_to_a_minute(self) -> None:
        clock = Clock()
        pacer = pacer_of(1000, clock)
        pauses = []
        for _ in range(6):
            clock.now += 1
            pacer.limited(clock.now, 5.0)
            pauses.append(wait_for_a_slot(pacer, clock))
        assert pauses == pytest.approx([5, 10, 20, 40, 60, 60])
        assert max(pauses) <= MAX_BACKOFF_SECONDS

    def test_requests_that_were_under_way_are_part_of_the_same_event(self) -> None:
        clock = Clock()
        pacer = pacer_of(1000, clock)
        started = clock.now
        clock.now += 1
        assert [pacer.limited(started, 5.0) for _ in range(4)] == [5.0, None, None, None]
        assert pacer.reserve() == pytest.approx(5.0)

    def test_a_longer_wait_asked_for_meanwhile_counts_and_a_shorter_does_not(self) -> None:
        clock = Clock()
        pacer = pacer_of(9, clock)
        pacer.limited(clock.now, 5.0)
        clock.now += 1
        pacer.limited(clock.now - 1.5, 20.0)
        assert pacer.reserve() == pytest.approx(20.0)
        pacer.limited(clock.now - 1.5, 1.0)
        assert pacer.reserve() == pytest.approx(20.0)

    def test_an_answer_ends_the_row(self) -> None:
        clock = Clock()
        pacer = pacer_of(9, clock)
        pacer.limited(clock.now, 5.0)
        clock.now += 6
        pacer.eased(clock.now)
        clock.now += 1
        assert pacer.limited(clock.now, 5.0) == 5.0

    def test_but_not_one_to_a_request_from_before(self) -> None:
        clock = Clock()
        pacer = pacer_of(9, clock)
        clock.now += 1
        pacer.limited(clock.now, 5.0)
        pacer.eased(clock.now - 0.5)
        clock.now += 6
        assert pacer.limited(clock.now, 5.0) == 10.0

    def test_the_second_in_a_row_halves_the_share_and_answers_give_it_back(self) -> None:
        clock = Clock()
        pacer = pacer_of(8, clock)

        def share() -> int:
            """Count what starts in one window, once the one before has passed."""
            clock.now += 100
            started = 0
            while not pacer.reserve():
                started += 1
            for _ in range(started):
                pacer.release(clock.now, typical=True)
            return started

        assert share() == 8
        pacer.limited(clock.now, 1.0)
        assert share() == 8
        for expected in (4, 2, 1, 1):
            pacer.limited(clock.now, 1.0)
            assert share() == expected
        pacer.eased(clock.now)
        assert share() == 2
        for _ in range(20):
            pacer.eased(clock.now)
        assert share() == 8
