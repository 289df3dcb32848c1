"""Batches out to the workers, and the way back: what came of each is settled, or sent again.

All of it runs on the main thread and waits for nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count

from target_spotzee.api.limits import Gate, StoppedError
from target_spotzee.api.waits import Clock
from target_spotzee.delivery.backlog import Backlog
from target_spotzee.delivery.verdict import Verdict, judge
from target_spotzee.delivery.workers import Outcome, Workers
from target_spotzee.exceptions import SpotzeeError, unexpected
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import Payload
from target_spotzee.outcome.rejects import Reason
from target_spotzee.outcome.settlement import Settlement

_PATIENCE_SECONDS = 0.2
"""The longest that a success may wait to be settled because nobody woke the main thread."""


class Dispatcher:
    """Sends what waits in the backlog and settles it.

    Args:
        backlog: Where items wait; nobody else touches it.
        workers: Send them.
        gate: Closed here when the run has to stop.
        settlement: Where an item's end is noted.
        clock: Monotonic seconds.
        max_retry_seconds: How long one item keeps being tried.
    """

    def __init__(
        self,
        backlog: Backlog,
        workers: Workers,
        gate: Gate,
        settlement: Settlement,
        clock: Clock,
        *,
        max_retry_seconds: float,
    ) -> None:
        self._backlog = backlog
        self._workers = workers
        self._gate = gate
        self._settlement = settlement
        self._clock = clock
        self._max_retry_seconds = max_retry_seconds
        self._resends: deque[Batch] = deque()
        self._doubtful: list[tuple[float, int, Batch, Item]] = []
        self._order = count()
        self._following = 0
        self._failure: SpotzeeError | None = None

    @property
    def failure(self) -> SpotzeeError | None:
        """What a worker came back with that ends the run, if one did."""
        return self._failure

    @property
    def full(self) -> bool:
        """Whether enough waits; see `Backlog.full`."""
        return self._backlog.full

    @property
    def idle(self) -> bool:
        """Whether everything has met its end."""
        return not (self._workers.in_flight or self._resends or self._backlog or self._following)

    @property
    def due_at(self) -> float:
        """When, by the clock, `reap` has something to do though no worker tells."""
        is_awaited = self._doubtful and (self._backlog or self._following)
        return min(
            self._doubtful[0][0] if is_awaited else math.inf,
            self._backlog.due_at if self._workers.have_room else math.inf,
            self._clock() + _PATIENCE_SECONDS if self._workers.are_quiet else math.inf,
        )

    def add(self, item: Item, payload: Payload) -> None:
        """Add a record's item; see `Backlog.add`."""
        self._backlog.add(item, payload, self._clock())

    def close_backlog(self) -> None:
        """Note that nothing more will come."""
        self._backlog.closing = True

    def reap(self) -> None:
        """Settle what the workers have finished and start what can be started; wait for nothing.

        Raises:
            SpotzeeError: A worker met the run's fault, or too much was rejected. Everything else
                that came back is settled nevertheless.
        """
        for batch, outcome in self._workers.finished():
            self._settlement.attempted(batch.attempts)
            self._finish(batch, outcome)
        self._release_doubtful()
        if self._settlement.exceeded is not None:
            self._fail(self._settlement.exceeded)
        if self._failure is not None:
            raise self._failure
        self._start()

    def stop(self, grace_seconds: float, wait: Callable[[float], bool]) -> None:
        """Start nothing more, settle what is in flight, count what does not come back in time.

        Args:
            grace_seconds: How long to wait for it.
            wait: Waits until something may have come back, so many seconds at most; says whether
                that is worth while.
        """
        self._gate.close()
        deadline = self._clock() + grace_seconds
        while True:
            with suppress(SpotzeeError):  # it is kept in `failure`; the others still count
                self.reap()
            left = deadline - self._clock()
            if not self._workers.in_flight or left <= 0 or not wait(left):
                break
        for batch in self._workers.in_flight:
            self._settlement.attempted(batch.attempts)

    def close(self) -> None:
        """End idle workers."""
        self._workers.close()

    def _start(self) -> None:
        while self._workers.have_room and not self._gate.closed:
            # What is left of a batch still owns its users, so it goes first.
            batch = self._resends.popleft() if self._resends else self._backlog.take(self._clock())
            if batch is None:
                break
            self._workers.send(batch)

    def _finish(self, batch: Batch, outcome: Outcome) -> None:
        if isinstance(outcome, StoppedError):
            return
        if isinstance(outcome, BaseException):
            self._fail(outcome)
            return
        self._carry_out(batch, judge(batch, outcome, self._max_retry_seconds))

    def _fail(self, error: BaseException) -> None:
        """Let nothing more start; the first failure is the one to tell."""
        self._gate.close()
        if not isinstance(error, SpotzeeError):
            error = unexpected(error)
        self._failure = self._failure or error

    def _carry_out(self, batch: Batch, verdict: Verdict) -> None:
        settled = verdict.delivered
        if settled:
            self._settlement.delivered(settled)
        if verdict.rejected:
            attempts = batch.attempts
            for item, error in verdict.rejected:
                reason = Reason(
                    error.code, error.message, error.field, attempts.request_id, attempts.total
                )
                self._settlement.rejected(item.ticket, reason, item.ids)
            settled = settled + [item for item, _ in verdict.rejected]
        self._settlement.split(verdict.splits)
        self._resends.extend(verdict.resends)
        if settled:
            self._release(batch, settled, batch.attempts.doubtful_until)
        if verdict.failure is not None:
            self._fail(verdict.failure)

    def _release(self, batch: Batch, items: list[Item], doubtful_until: float) -> None:
        """Free settled items' identities, unless more of the same user is to follow.

        After an attempt of unknown fate the next of a user waits for a while even so: what was sent
        then may yet be applied, over a newer value.
        """
        now = self._clock()
        if doubtful_until > now:
            for item in items:
                heappush(self._doubtful, (doubtful_until, next(self._order), batch, item))
                self._following += bool(item.following)
            return
        followed = [item for item in items if item.following]
        for item in followed:
            following, *others = item.following
            following.following = tuple(others)
            self._resends.append(batch.part([following]))
        self._backlog.release([i for i in items if not i.following] if followed else items, now)

    def _release_doubtful(self) -> None:
        while self._doubtful and self._doubtful[0][0] <= self._clock():
            _, _, batch, item = heappop(self._doubtful)
            self._following -= bool(item.following)
            self._release(batch, [item], -math.inf)
