from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

from target_spotzee.sandbox.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Runs what was deferred when it is told to."""

    def __init__(self) -> None:
        self.deferred: list[tuple[float, Callable[[], None]]] = []

    def defer(self, seconds: float, function: Callable[[], None]) -> None:
        self.deferred.append((seconds, function))

    def strike(self, number: int) -> None:
        self.deferred[number][1]()


def add(jobs: Jobs, done: list[int], *numbers: int, seconds: float = 1) -> None:
    jobs.add([partial(done.append, number) for number in numbers], seconds)


def test_each_request_waits_its_own_time() -> None:
    clock, done = Clock(), list[int]()
    jobs = Jobs(clock.defer)
    add(jobs, done, 1, 2)
    add(jobs, done, 3)
    add(jobs, done, 4, seconds=0)
    assert done == [4]

    clock.strike(0)
    assert done == [4, 1, 2]
    clock.strike(1)
    assert done == [4, 1, 2, 3]


def test_what_was_settled_is_not_done_again() -> None:
    clock, done = Clock(), list[int]()
    jobs = Jobs(clock.defer)
    add(jobs, done, 1, 2)
    jobs.settle()
    clock.strike(0)

    assert done == [1, 2]


def test_any_order_mixes_those_that_wait_equally_long() -> None:
    clock, done = Clock(), list[int]()
    jobs = Jobs(clock.defer, random.Random(1))
    for number in range(0, 20, 2):
        add(jobs, done, number, number + 1)
    add(jobs, done, 20, seconds=2)
    clock.strike(0)

    assert sorted(done) == list(range(20))
    assert done != list(range(20))
