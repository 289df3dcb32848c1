"""Batches go out to the workers; what came of each is settled here, or sent again.

All of it runs on the main thread and waits for nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count, islice
from typing import Any

from target_spotzee.api.answers import Delivered, ItemError
from target_spotzee.api.limits import Gate, StoppedError
from target_spotzee.api.waits import Clock
from target_spotzee.delivery.backlog import Backlog
from target_spotzee.delivery.consents import Consents
from target_spotzee.delivery.subscription_types import SubscriptionTypes
from target_spotzee.delivery.verdict import Verdict, judge
from target_spotzee.delivery.workers import Outcome, Workers
from target_spotzee.exceptions import SpotzeeError, unexpected
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import WITHHELD, Answered, Kind, Payload
from target_spotzee.outcome.rejects import Reason
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.outcome.summary import Subscriptions
from target_spotzee.records import Origin, Stretch, Ticket
from target_spotzee.snapshot.opt_outs import OptOuts
from target_spotzee.snapshot.snapshot import Snapshot

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
        snapshot: Remembers what was confirmed, if there is one.
        consents: Plans the steps of users who said no, and remembers them.
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
        snapshot: Snapshot | None = None,
        consents: Consents | None = None,
    ) -> None:
        self._backlog = backlog
        self._consents = consents or Consents(OptOuts(), SubscriptionTypes(), Subscriptions())
        self.holds = backlog.holds
        """Says whether an item of a user waits or is in flight; see `Backlog.holds`."""
        self._snapshot = snapshot
        self.answer: dict[str, Any] | None = None
        """What Spotzee answered to `ask`, once it has; empty if it does not tell."""
        self._workers = workers
        self._gate = gate
        self._settlement = settlement
        self._clock = clock
        self._max_retry_seconds = max_retry_seconds
        self._resends: deque[Batch] = deque()
        self._doubtful: list[tuple[float, int, Batch, Item]] = []
        """Settled items whose users have to wait, by until when, in the order they came."""
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
        """When, by the clock, `reap` has something to do even if no worker says so."""
        is_awaited = self._doubtful and (self._backlog or self._following)
        return min(
            self._doubtful[0][0] if is_awaited else math.inf,
            self._backlog.due_at if self._workers.have_room else math.inf,
            self._clock() + _PATIENCE_SECONDS if self._workers.are_quiet else math.inf,
        )

    def leave(self, item: Item) -> None:
        """Note a removal as it is read, before any record that comes after it is planned."""
        if item.kind.removes == "delete":
            self._consents.leave(item)

    def add(self, item: Item, payload: Payload, now: float) -> None:
        """Add a record's item; see `Backlog.add`."""
        if len(item.identities) > 1:
            self._consents.link(item)
        if item.is_ignored:
            if not item.toggles:
                self._settlement.ignored(item.ticket)
                return
            self._consents.opt_out(item)
        elif item.toggles and item.kind.removes is not None:
            self._consents.remove(item)
        elif (item.toggles or self._consents.are_needed) and item.kind in WITHHELD:
            payload = self._consents.plan(item, payload)
        self._backlog.add(item, payload, now)

    def add_opt_outs(self, item: Item, now: float) -> None:
        """Add what a record that is rejected says no to; the record is settled after it."""
        self._consents.opt_out(item)
        self._backlog.add(item, {}, now)

    def ask(self, kind: Kind, body: bytes, now: float) -> None:
        """Ask Spotzee a question that is about no user; what it says comes to `answer`."""
        self.answer = None
        ticket = Ticket(0, Origin("", b"", lambda _: False), b"", Stretch())
        self._backlog.add(Item(kind, (None, None), ("",), body, ticket), {}, now)

    def close_backlog(self, *, closing: bool = True) -> None:
        """Note that nothing more will come, or that something may come after all."""
        self._backlog.closing = closing

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
        """Start nothing more; settle what is in flight; count what does not come back in time.

        Args:
            grace_seconds: How long to wait for it.
            wait: Waits until something may have come back, at most this many seconds; returns
                whether to go on.
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
        if self._snapshot is not None:
            self._start_durably(self._snapshot)
            return
        while self._workers.have_room and not self._gate.closed:
            batch = self._next()
            if batch is None:
                break
            self._workers.send(batch)

    def _start_durably(self, snapshot: Snapshot) -> None:
        """Start what can be started, once it is written down that it is about to leave."""
        while room := 0 if self._gate.closed else self._workers.room:
            batches = [*islice(iter(self._next, None), room)]
            if not batches:
                break
            snapshot.sent(batches)
            for batch in batches:
                self._workers.send(batch)

    def _next(self) -> Batch | None:
        # What is left of a batch still owns its users, so it goes first.
        return self._resends.popleft() if self._resends else self._backlog.take(self._clock())

    def _finish(self, batch: Batch, outcome: Outcome) -> None:
        if isinstance(outcome, StoppedError):
            return
        if isinstance(outcome, BaseException):
            self._fail(outcome)
            return
        if batch.kind.answered is Answered.KNOWN:
            self.answer = outcome.found if isinstance(outcome, Delivered) else {}
            self._backlog.release(batch.items, self._clock())
            return
        if batch.kind.removes and isinstance(outcome, Delivered) and outcome.opt_outs:
            self._consents.told(batch.items[0], outcome.opt_outs)
        is_there = isinstance(outcome, Delivered) and outcome.is_there
        verdict = judge(batch, outcome, self._max_retry_seconds)
        if batch.kind.sets is not None:
            is_kept_out = isinstance(outcome, Delivered) and outcome.is_kept_out
            taken = [*verdict.delivered, *verdict.advanced]
            self._consents.confirmed(taken, is_kept_out=is_kept_out)
        self._carry_out(batch, verdict, is_there=is_there)

    def _fail(self, error: BaseException) -> None:
        """Let nothing more start; keep the first failure."""
        self._gate.close()
        if not isinstance(error, SpotzeeError):
            error = unexpected(error)
        self._failure = self._failure or error

    def _carry_out(self, batch: Batch, verdict: Verdict, *, is_there: bool) -> None:
        settled = verdict.delivered
        refused: list[Item] = []
        if batch.kind.sets == 0:
            refused = [item for item in settled if item.tells_only]
            settled = [item for item in settled if not item.tells_only]
        if settled:
            self._settle(batch, settled, is_there=is_there)
        for item, error in verdict.rejected:
            self._refuse(batch, item, error)
            (verdict.advanced if self._consents.keep_outs(item) else refused).append(item)
        if verdict.advanced:
            self._advance(batch, verdict.advanced)
        if refused:
            self._reject(batch, refused)
            settled = settled + refused
        self._settlement.split(verdict.splits)
        self._resends.extend(verdict.resends)
        if settled:
            self._release(batch, settled, self._doubtful_until(batch, settled))
        if verdict.failure is not None:
            self._fail(verdict.failure)

    def _refuse(self, batch: Batch, item: Item, error: ItemError) -> None:
        """Note why Spotzee refuses an item, unless it is rejected for something else already."""
        if item.is_ignored and error.code == "resource_missing":
            return  # nobody can be reached who is not there
        if item.refusal is None:
            attempts = batch.attempts
            item.refusal = reason = Reason(
                error.code, error.message, error.field, attempts.request_id, attempts.total
            )
            if item.ticket.number:
                self._settlement.rejecting(item.ticket, reason, item.ids)
            else:  # no record says that this user left
                self._settlement.hold_back(1, _unremoved(item, reason))

    def _reject(self, batch: Batch, items: list[Item]) -> None:
        """Reject items of which nothing is left to be told, or ignore them."""
        for item in items:
            if item.refusal is None:
                self._settlement.ignored(item.ticket)
            elif item.ticket.number:
                self._settlement.rejected(item.ticket, item.refusal, item.ids)
        if self._snapshot is not None:
            self._snapshot.refused(batch, items)

    def _advance(self, batch: Batch, items: list[Item]) -> None:
        """Have items go on as what follows; what their batch left in doubt stays so."""
        if self._snapshot is not None:
            self._snapshot.advanced(batch, [item for item in items if not item.is_removal])
        doubtful_until = batch.attempts.doubtful_until
        for item in items:
            self._consents.decide(item)
            item.doubtful_until = max(item.doubtful_until, doubtful_until)
            self._backlog.advance(item, self._clock())

    def _doubtful_until(self, batch: Batch, items: list[Item]) -> float:
        """Return until when an attempt on any of a batch's items may still be applied."""
        if items[0].first is None:
            return batch.attempts.doubtful_until
        return max(batch.attempts.doubtful_until, *[item.doubtful_until for item in items])

    def _settle(self, batch: Batch, items: list[Item], *, is_there: bool) -> None:
        """Settle what Spotzee has, or no longer has."""
        kind, snapshot = batch.kind, self._snapshot
        if kind.removes is not None:
            # Whoever was to be marked and can't be read is gone.
            how = kind.removes if is_there else "delete"
            for item in items if how == "delete" else ():
                self._consents.gone(item)
            if snapshot is not None:
                for item in items:
                    snapshot.removed(item)
            self._settlement.removed(items, how if how == kind.removes else None)
            return
        if items[0].first is not None:
            for item in items:  # it ends as what its record was sent as
                item.kind = item.first or kind
            if snapshot is not None:
                snapshot.finished(items, batch.attempts)
        elif snapshot is not None:
            snapshot.confirmed(batch, items)
        self._settlement.delivered(items)

    def _release(self, batch: Batch, items: list[Item], doubtful_until: float) -> None:
        """Free settled items' identities, unless more of the same user is to follow.

        After an attempt of unknown fate, a user's next item has to wait: what was sent may yet be
        applied, over a newer value.
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
            if self._snapshot is not None:
                self._snapshot.followed(item)
        released = [i for i in items if not i.following] if followed else items
        self._backlog.release(released, now)
        if self._snapshot is not None:
            self._snapshot.released(batch, released)

    def _release_doubtful(self) -> None:
        while self._doubtful and self._doubtful[0][0] <= self._clock():
            _, _, batch, item = heappop(self._doubtful)
            self._following -= bool(item.following)
            self._release(batch, [item], -math.inf)


def _unremoved(item: Item, reason: Reason) -> str:
    return (
        f"stream {item.ticket.origin.stream!r}: users that left were not removed:"
        f" {reason.code}; the next run tries again"
    )
