"""Writes that were accepted and are applied later."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

Job: TypeAlias = "Callable[[], object]"


class Jobs:
    """The jobs of requests that were answered with "queued".

    Args:
        defer: Runs a function after some seconds.
        shuffle: With it, all jobs that wait equally long are applied together, in any order;
            ``None``: in the order in which they came.
    """

    def __init__(
        self,
        defer: Callable[[float, Callable[[], None]], None],
        shuffle: random.Random | None = None,
    ) -> None:
        self._defer = defer
        self._shuffle = shuffle
        self._numbers = count(1)
        self._waiting: dict[int, tuple[float, Sequence[Job]]] = {}

    def add(self, jobs: Sequence[Job], seconds: float) -> None:
        """Apply the jobs of one request after some seconds; 0: now."""
        number = next(self._numbers)
        self._waiting[number] = (seconds, jobs)
        if seconds:
            self._defer(seconds, lambda: self._end(number, seconds))
        else:
            self._end(number, seconds)

    def settle(self) -> None:
        """Apply all jobs that wait, now."""
        self._apply(list(self._waiting))

    def _end(self, number: int, seconds: float) -> None:
        if number not in self._waiting:
            return  # It was settled before its time.
        if self._shuffle is None:
            self._apply([number])
        else:
            self._apply([n for n, (wait, _) in self._waiting.items() if wait == seconds])

    def _apply(self, numbers: Sequence[int]) -> None:
        jobs = [job for number in numbers for job in self._waiting.pop(number)[1]]
        if self._shuffle is not None:
            self._shuffle.shuffle(jobs)
        for job in jobs:
            job()
