"""Batches on their way: several at once, in order per user, taken apart where one is refused.

The only module that starts threads. Workers do one thing, `Client.send`, and hand back what came
of it; everything else here runs on the main thread, so nothing it touches needs a lock.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from queue import SimpleQueue
from typing import Protocol

from target_spotzee.api.answers import Delivered, ItemError, Refused
from target_spotzee.api.gate import Gate, StoppedError
from target_spotzee.api.pacing import Clock
from target_spotzee.delivery.backlog import Backlog
from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.exceptions import RunError, SpotzeeError, unexpected
from target_spotzee.objects.attempts import Trace
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.outcome.rejects import Reason
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.outcome.summary import Requests

_MAX_QUEUED = 32
"""Batches that workers find when they are done, so that not each one wakes the main thread.

Threads that take turns in a hurry cost a tenth of all CPU.
"""
_ENOUGH_QUEUED = 2
_PATIENCE_SECONDS = 0.2
"""The longest that a success may wait to be settled because nobody woke the main thread."""

logger = logging.getLogger("target-spotzee")


class Sender(Protocol):
    """What a worker sends batches with."""

    def send(self, batch: Batch, trace: Trace) -> Delivered | Refused:
        """Send a batch; see `target_spotzee.api.client.Client.send`."""

    def close(self) -> None:
        """Let go of connections."""


Outcome = Delivered | Refused | BaseException


class Dispatcher:
    """Sends batches and settles their users.

    Args:
        connect: Makes a worker's sender; called on the worker's thread.
        backlog: Where batches come from.
        settlement: Where a user's end is noted.
        requests: Where requests are counted.
        gate: Closed here when the run has to stop.
        wakeup: Wakes the main thread when a worker is done.
        clock: Monotonic seconds.
        max_in_flight: Requests under way at once.
        max_retry_seconds: How long one user keeps being tried.
    """

    def __init__(
        self,
        connect: Callable[[], Sender],
        backlog: Backlog,
        settlement: Settlement,
        requests: Requests,
        gate: Gate,
        wakeup: Wakeup,
        clock: Clock,
        *,
        max_in_flight: int,
        max_retry_seconds: float,
    ) -> None:
        self._connect = connect
        self._backlog = backlog
        self._settlement = settlement
        self._requests = requests
        self._gate = gate
        self._wakeup = wakeup
        self._clock = clock
        self._max_in_flight = max_in_flight
        self._max_under_way = max_in_flight + min(_MAX_QUEUED, max_in_flight - 1)
        self._max_retry_seconds = max_retry_seconds
        self._resends: deque[Batch] = deque()
        self._under_way: dict[Batch, Trace] = {}
        self._doubtful: list[tuple[float, int, Batch, Item]] = []
        self._order = count()
        self._following = 0
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[tuple[Batch, Trace] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Batch, Outcome]] = SimpleQueue()
        self._failure: SpotzeeError | None = None

    @property
    def failure(self) -> SpotzeeError | None:
        """What a worker came back with that ends the run, if one did."""
        return self._failure

    @property
    def idle(self) -> bool:
        """Whether everything has met its end."""
        return not (self._under_way or self._resends or self._backlog or self._following)

    @property
    def due_at(self) -> float:
        """When, by the clock, `reap` has something to do though no worker tells."""
        doubtful = self._doubtful and (self._backlog or self._following)
        free = len(self._under_way) < self._max_under_way
        return min(
            self._doubtful[0][0] if doubtful else math.inf,
            self._backlog.due_at if free else math.inf,
            math.inf if self._jobs.qsize() < _ENOUGH_QUEUED else self._clock() + _PATIENCE_SECONDS,
        )

    def reap(self) -> None:
        """Settle what the workers have finished and start what can be started; wait for nothing.

        Raises:
            SpotzeeError: A worker met the run's fault, or too much was rejected. Everything else
                that came back is settled nevertheless.
        """
        while not self._done.empty():
            batch, outcome = self._done.get()
            trace = self._under_way.pop(batch)
            self._requests.add(trace, retry=bool(batch.attempts))
            self._finish(batch, trace, outcome)
        self._let_go_of_doubtful()
        if self._settlement.exceeded is not None:
            self._fail(self._settlement.exceeded)
        if self._failure is not None:
            raise self._failure
        self._start()

    def stop(self, grace_seconds: float) -> None:
        """Start nothing more, settle what is under way, count what does not come back in time.

        Args:
            grace_seconds: How long to wait for it.
        """
        self._gate.close()
        deadline = self._clock() + grace_seconds
        while True:
            with suppress(SpotzeeError):  # it is kept in `failure`; the others still count
                self.reap()
            left = deadline - self._clock()
            if not self._under_way or self._wakeup.urged or left <= 0:
                break
            self._wakeup.wait(left)
        for batch, trace in self._under_way.items():
            self._requests.add(trace, retry=bool(batch.attempts))

    def close(self) -> None:
        """Let idle workers go."""
        for _ in self._threads:
            self._jobs.put(None)
        if not self._under_way:
            for thread in self._threads:
                thread.join()

    def _start(self) -> None:
        while len(self._under_way) < self._max_under_way and not self._gate.closed:
            # What is left of a batch still owns its users, so it goes first.
            batch = self._resends.popleft() if self._resends else self._backlog.take(self._clock())
            if batch is None:
                break
            trace = self._under_way[batch] = Trace()
            self._jobs.put((batch, trace))
            if len(self._threads) < min(len(self._under_way), self._max_in_flight):
                # A daemon, so that one stuck in a request can't keep the process from ending.
                thread = threading.Thread(target=self._work, daemon=True)
                thread.start()
                self._threads.append(thread)

    def _work(self) -> None:
        """Send one batch after the other. Runs on a worker's thread."""
        sender: Sender | None = None
        while (job := self._jobs.get()) is not None:
            batch, trace = job
            outcome: Outcome
            try:
                sender = sender or self._connect()
                outcome = sender.send(batch, trace)
            except BaseException as error:  # noqa: BLE001 - the main thread tells it
                self._gate.close()  # at once: more batches are queued
                outcome = error
            self._done.put((batch, outcome))
            plain = isinstance(outcome, Delivered) and not outcome.errors
            if not plain or self._jobs.qsize() < _ENOUGH_QUEUED:
                self._wakeup.wake()
        if sender is not None:
            sender.close()

    def _finish(self, batch: Batch, trace: Trace, outcome: Outcome) -> None:
        if isinstance(outcome, Delivered):
            self._delivered(batch, outcome, trace)
        elif isinstance(outcome, Refused):
            self._refused(batch, outcome, trace)
        elif not isinstance(outcome, StoppedError):
            self._fail(outcome)

    def _fail(self, error: BaseException) -> None:
        """Let nothing more start; the first failure is the one to tell."""
        self._gate.close()
        if not isinstance(error, SpotzeeError):
            error = unexpected(error)
        self._failure = self._failure or error

    def _delivered(self, batch: Batch, delivered: Delivered, trace: Trace) -> None:
        errors = delivered.errors
        settled = batch.items
        if errors:
            settled = [item for index, item in enumerate(settled) if index not in errors]
        self._settlement.delivered(settled)
        self._let_go(batch, settled, trace)
        again: list[Item] = []
        for index, error in sorted(errors.items()):
            item = batch.items[index]
            if error.worth_another_try:
                again.append(item)
                if trace.spent_seconds >= self._max_retry_seconds:
                    self._fail(_gave_up(item, error, trace))
            else:
                self._reject(batch, item, error, trace)
        if again:
            self._resend(batch.part(again, trace, again=True))

    def _refused(self, batch: Batch, refused: Refused, trace: Trace) -> None:
        """Isolate whom a refusal of the whole batch is about: it names them, or halves tell."""
        if refused.guilty:
            for index, error in refused.guilty.items():
                self._reject(batch, batch.items[index], error, trace)
            rest = [item for i, item in enumerate(batch.items) if i not in refused.guilty]
            if rest:
                self._requests.split += 1
                self._resend(batch.part(rest, trace))
        elif len(batch.items) == 1:
            self._reject(batch, batch.items[0], refused.error, trace)
        else:
            self._requests.split += 1
            for half in batch.halves(trace):
                self._resend(half)

    def _reject(self, batch: Batch, item: Item, error: ItemError, trace: Trace) -> None:
        """Reject a user; a folded one is taken apart first, so that only the bad record is lost."""
        if item.folded:
            self._requests.split += 1
            self._resend(batch.part([item.apart()], trace))
            return
        self._settlement.rejected(
            item.ticket,
            Reason(
                error.code,
                error.message,
                error.field,
                trace.request_id,
                batch.attempts + trace.attempts,
            ),
            item.ids,
        )
        self._let_go(batch, [item], trace)

    def _let_go(self, batch: Batch, items: list[Item], trace: Trace) -> None:
        """Free settled users' identities, unless more of the same user is to follow.

        After an attempt of unknown fate whoever is next waits for a while even so: what was sent
        then may be applied yet, over a newer value.
        """
        now = self._clock()
        if trace.doubtful_until > now:
            for item in items:
                heappush(self._doubtful, (trace.doubtful_until, next(self._order), batch, item))
                self._following += bool(item.following)
            return
        followed = [item for item in items if item.following]
        for item in followed:
            following, *others = item.following
            following.following = tuple(others)
            self._resend(batch.part([following], trace))
        self._backlog.leave([i for i in items if not i.following] if followed else items, now)

    def _let_go_of_doubtful(self) -> None:
        while self._doubtful and self._doubtful[0][0] <= self._clock():
            _, _, batch, item = heappop(self._doubtful)
            self._following -= bool(item.following)
            self._let_go(batch, [item], Trace())

    def _resend(self, batch: Batch) -> None:
        """Send what is left of a batch."""
        self._resends.append(batch)


def _gave_up(item: Item, error: ItemError, trace: Trace) -> RunError:
    ticket = item.ticket
    return RunError(
        f"gave up on record {ticket.number} of stream {ticket.origin.stream!r} after"
        f" {trace.spent_seconds:.1f} s: Spotzee keeps answering {error.code}; start again to go on"
        " from the last state",
        trace.request_id,
    )
