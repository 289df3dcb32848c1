from __future__ import annotations

import pytest

from target_spotzee.sandbox.limits import AddressLimit, AddressLimits, TierLimits
from target_spotzee.sandbox.problems import Problem

API = "/api/client/users"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestAddress:
    def limits(self, clock: Clock) -> AddressLimits:
        rules = (
            AddressLimit(1000, 10, "/api/", retry_after=10),
            AddressLimit(8000, 60, "/api/client/"),
        )
        return AddressLimits(rules, clock)

    def retry_after(self, limits: AddressLimits, address: str = "a") -> str | None:
        """What a request is told, if it is one too many."""
        try:
            limits.admit(address, API)
        except Problem as problem:
            return f"{problem.status} {problem.code} {problem.headers['Retry-After']}"
        return None

    def test_1000_in_10_seconds_and_not_one_more(self, clock: Clock) -> None:
        limits = self.limits(clock)

        assert {self.retry_after(limits) for _ in range(1000)} == {None}
        assert self.retry_after(limits) == "429 rate_limited 10"

    def test_the_window_slides(self, clock: Clock) -> None:
        limits = self.limits(clock)
        for _ in range(500):
            self.retry_after(limits)
        clock.now = 6
        for _ in range(500):
            self.retry_after(limits)

        clock.now = 9.99
        assert self.retry_after(limits) == "429 rate_limited 10"
        clock.now = 10
        assert [self.retry_after(limits) for _ in range(501)] == [
            *[None] * 500,
            "429 rate_limited 10",
        ]

    def test_8000_a_minute_and_told_when_the_next_fits(self, clock: Clock) -> None:
        """With the other rule in force too, 6,000 would be the most."""
        limits = AddressLimits((AddressLimit(8000, 60, "/api/client/"),), clock)
        for _ in range(4000):
            limits.admit("a", API)
        clock.now = 30
        for _ in range(4000):
            limits.admit("a", API)

        assert self.retry_after(limits) == "429 rate_limited 30"
        clock.now = 59.5
        assert self.retry_after(limits) == "429 rate_limited 1"
        clock.now = 60
        assert self.retry_after(limits) is None

    def test_each_address_has_its_own(self, clock: Clock) -> None:
        limits = self.limits(clock)
        for _ in range(1000):
            limits.admit("a", API)

        assert self.retry_after(limits, "b") is None

    def test_outside_the_api_nothing_counts(self, clock: Clock) -> None:
        limits = AddressLimits((AddressLimit(1, 10, "/api/", 10),), clock)
        for _ in range(3):
            limits.admit("a", "/live")

        assert self.retry_after(limits) is None


class TestTier:
    def test_at_most_one_and_a_half_times_the_rate_in_a_second(self, clock: Clock) -> None:
        limits = TierLimits("starter", clock)
        for _ in range(150):
            limits.admit("sk_a")

        with pytest.raises(Problem) as problem:
            limits.admit("sk_a")

        assert problem.value.headers == {"Retry-After": "1"}

    def test_at_most_the_rate_over_ten_seconds(self, clock: Clock) -> None:
        limits = TierLimits("starter", clock)
        for second in range(7):
            clock.now = second
            for _ in range(150 if second < 6 else 100):
                limits.admit("sk_a")
        clock.now = 7

        with pytest.raises(Problem) as problem:
            limits.admit("sk_a")

        assert problem.value.headers == {"Retry-After": "3"}
        clock.now = 10
        limits.admit("sk_a")

    def test_the_limit_announces_itself(self, clock: Clock) -> None:
        limits = TierLimits("professional", clock)
        limits.admit("sk_a")
        clock.now = 2.5

        assert limits.headers("sk_a") == {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "4999",
            "X-RateLimit-Reset": "8",
            "X-RateLimit-Tier": "professional",
        }
        assert limits.headers("sk_b")["X-RateLimit-Remaining"] == "5000"
