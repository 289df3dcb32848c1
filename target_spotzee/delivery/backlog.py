"""Items that wait to be sent: folded while they wait, held while their user is in flight.

Order per user comes from here. Each identity has a queue of items, whatever their kind; an item may
leave for Spotzee when it is first in each of its queues, and stays first until it is settled,
through every retry, split and single re-send. So two requests never share a user. An item whose
turn has come overtakes those that still wait for their user: a stream that keeps changing a few
users slows down only these, to one request per round trip each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice

from target_spotzee import codec
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import MAX_BODY_BYTES, MAX_ITEMS, Kind, Payload

_GATHER_SECONDS = 1.0
"""The longest that what comes one by one from steps before waits for more to fill a request."""
_MAX_READY_BATCHES = 4
"""Enough that no worker waits for the main thread, which fills a batch in a few milliseconds."""


class _Ready:
    """Items of one kind that may leave, in the order in which their turn came."""

    def __init__(self, kind: Kind, max_items: int) -> None:
        self.kind = kind
        self.max_items = min(max_items, kind.max_items)
        self.since: dict[Item, float] = {}
        self.bytes = 0

    @property
    def is_filled(self) -> bool:
        """Whether they fill a request."""
        return len(self.since) >= self.max_items or self.bytes > self.kind.max_bytes

    def take(self) -> list[Item]:
        """Take out as many items as a request holds."""
        items = list(islice(self.since, self.max_items))
        length = sum([len(item.body) for item in items])
        while self.kind.length(len(items), length) > self.kind.max_bytes:
            length -= len(items.pop().body)
        for item in items:
            del self.since[item]
        self.bytes -= length
        return items


class Backlog:
    """Gathers all streams' items into batches.

    An item with exactly the ids of one that still waits is folded into it, if its kind folds. One
    that shares only one of the ids waits behind it.

    Args:
        run_id: The run, for the keys.
        max_items: Items a batch, 1 to 100.
        wait_seconds: The longest that an item that could leave waits for others to fill a batch.
        max_records: More records than this should not wait; see `full`.
    """

    def __init__(
        self,
        run_id: str,
        max_items: int = MAX_ITEMS,
        *,
        wait_seconds: float = math.inf,
        max_records: int = 16 * MAX_ITEMS,
    ) -> None:
        self._run_id = run_id
        self.max_items = max_items
        self._wait_seconds = wait_seconds
        self._max_records = max_records
        self._max_bytes = MAX_BODY_BYTES * -(-max_records // max_items)
        self._queues: dict[str, list[Item]] = {}
        self._ahead: dict[Item, int] = {}
        self._ready: dict[Kind, _Ready] = {}
        self._records = 0
        self._bytes = 0
        self._taken = 0
        self._out = 0
        self.closing = False
        """Whether nothing more will come, so that a batch need not be full."""

    def __len__(self) -> int:
        """Return how many records wait."""
        return self._records

    @property
    def full(self) -> bool:
        """Whether enough waits, so that nothing should be added before some has left."""
        return (
            self._records >= self._max_records
            or self._bytes >= self._max_bytes
            or any(
                len(ready.since) >= ready.max_items * _MAX_READY_BATCHES
                for ready in self._ready.values()
            )
        )

    @property
    def due_at(self) -> float:
        """When the first item that could leave has waited long enough."""
        return min([self._due_at(ready) for ready in self._ready.values()], default=math.inf)

    def _due_at(self, ready: _Ready) -> float:
        wait = self._wait_seconds
        if ready.kind.gathers:
            wait = min(wait, _GATHER_SECONDS)
        return next(iter(ready.since.values()), math.inf) + wait

    def add(self, item: Item, payload: Payload, now: float) -> None:
        """Add a record's item.

        Args:
            item: The item; it fits into a request of its own.
            payload: The same, not encoded.
            now: Monotonic seconds.
        """
        self._records += 1
        queues = self._queues
        newest = queues.get(item.identities[0])
        if newest is not None and self._fold(newest[-1], item, payload):
            return
        ahead = 0
        for identity in item.identities:
            queue = queues.get(identity)
            if queue is None:
                queues[identity] = [item]
            else:
                ahead += 1
                queue.append(item)
        self._bytes += len(item.body)
        if ahead:
            self._ahead[item] = ahead
        else:
            self._make_ready(item, now)

    def holds(self, identities: Sequence[str]) -> bool:
        """Say whether an item with one of these identities waits or is in flight."""
        queues = self._queues
        return not queues.keys().isdisjoint(identities)

    def advance(self, item: Item, now: float) -> None:
        """Add an item again, as what follows on what it was; it keeps its user's place."""
        item.advance()
        self._out -= 1
        self._records += 1
        self._bytes += len(item.body)
        self._make_ready(item, now)

    def _make_ready(self, item: Item, now: float) -> None:
        ready = self._ready.get(item.kind)
        if ready is None:
            ready = self._ready[item.kind] = _Ready(item.kind, self.max_items)
        ready.since[item] = now
        ready.bytes += len(item.body)

    def _fold(self, waiting: Item, item: Item, payload: Payload) -> bool:
        """Fold an item into one that waits, if both are of one user and none came between."""
        fold = item.kind.fold
        if fold is None or waiting.kind is not item.kind or waiting.ids != item.ids:
            return False
        if waiting.steps or item.steps:
            return False
        ready = self._ready.get(item.kind)
        is_ready = ready is not None and waiting in ready.since
        if not (is_ready or waiting in self._ahead):
            return False
        if any(self._queues[identity][-1] is not waiting for identity in item.identities):
            return False
        folded = codec.encode_unicode(fold(codec.decode(waiting.body), payload))
        if len(folded) > item.kind.max_item_bytes:
            return False
        growth = len(folded) - len(waiting.body)
        self._bytes += growth
        if ready is not None and is_ready:
            ready.bytes += growth
        waiting.fold(folded, item.body, item.ticket)
        return True

    def take(self, now: float) -> Batch | None:
        """Return the next batch, if there is one to send now.

        Args:
            now: Monotonic seconds.

        Returns:
            A full batch; a part-filled one if its first item has waited long enough, or nothing
            more can come; else ``None``.
        """
        ready = next((each for each in self._ready.values() if each.is_filled), None)
        if ready is None and (self.closing or self.full or now >= self.due_at):
            ready = self._longest_waiting(now)
        if ready is None:
            return None
        items = ready.take()
        self._records -= len(items) + sum([len(item.folded) - 1 for item in items if item.folded])
        self._bytes -= sum([len(item.body) for item in items])
        self._taken += 1
        self._out += len(items)
        return Batch(self._run_id, str(self._taken), items)

    def _longest_waiting(self, now: float) -> _Ready | None:
        """Return the kind whose first item is due first, if one waits.

        What comes one by one from steps before it waits until there are none, to fill a request.
        """
        waiting = [
            ready
            for ready in self._ready.values()
            if ready.since
            and (not ready.kind.gathers or not self._out or now >= self._due_at(ready))
        ]
        return min(waiting, key=self._due_at, default=None)

    def release(self, items: Iterable[Item], now: float) -> None:
        """Free settled items' identities: the next in their queues may leave."""
        for item in items:
            self._out -= 1
            for identity in item.identities:
                queue = self._queues[identity]
                if len(queue) == 1:
                    del self._queues[identity]
                    continue
                del queue[0]
                following = queue[0]
                self._ahead[following] -= 1
                if not self._ahead[following]:
                    del self._ahead[following]
                    self._make_ready(following, now)
