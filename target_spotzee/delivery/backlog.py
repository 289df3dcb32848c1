"""Users that wait to be sent: folded while they wait, held while their like are under way.

Order per user comes from here. Each identity has a queue of users; a user may leave for Spotzee
when it stands first in each of its queues, and stands there until it is settled, through every
retry, split and single re-send. So two requests never share a user, and whoever waits for nobody
passes those who must: a stream that keeps changing a few users costs each of them a request per
round trip, and nobody else a turn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

from target_spotzee.mapping.users import User
from target_spotzee.objects.batch import MAX_BODY_BYTES, MAX_USERS, Batch, Item, fold
from target_spotzee.records import Ticket

_MAX_READY_BATCHES = 4
"""Enough that no worker waits for the main thread, which fills one in a few milliseconds."""


class Backlog:
    """Gathers all streams' users into batches.

    A later record with exactly the ids of a user that still waits is folded into it. One that
    shares an id but not the other waits behind it.

    Args:
        run_id: The run, for the keys.
        max_users: Users a batch, 1 to 100.
        wait_seconds: The longest that a user who could leave waits for others to fill a batch.
        max_records: More records than this should not wait; see `full`.
    """

    def __init__(
        self,
        run_id: str,
        max_users: int = MAX_USERS,
        *,
        wait_seconds: float = math.inf,
        max_records: int = 16 * MAX_USERS,
    ) -> None:
        self._run_id = run_id
        self.max_users = max_users
        self._wait_seconds = wait_seconds
        self._max_records = max_records
        self._max_bytes = MAX_BODY_BYTES * -(-max_records // max_users)
        self._max_ready = max_users * _MAX_READY_BATCHES
        self._queues: dict[str, list[Item]] = {}
        self._ahead: dict[Item, int] = {}
        self._ready: dict[Item, float] = {}
        self._records = 0
        self._bytes = 0
        self._ready_bytes = 0
        self._taken = 0
        self.closing = False
        """Whether nothing more will come, so that a batch need not be full."""

    def __len__(self) -> int:
        """Return how many records wait."""
        return self._records

    @property
    def full(self) -> bool:
        """Whether enough waits; whoever adds more should wait, too."""
        return (
            len(self._ready) >= self._max_ready
            or self._records >= self._max_records
            or self._bytes >= self._max_bytes
        )

    @property
    def due_at(self) -> float:
        """When the first user who could leave has waited long enough."""
        return next(iter(self._ready.values()), math.inf) + self._wait_seconds

    def add(self, user: User, body: bytes, ticket: Ticket, now: float) -> None:
        """Add a record's user.

        Args:
            user: The user.
            body: The same, encoded; at most `MAX_BODY_BYTES` - 2.
            ticket: Its record.
            now: Monotonic seconds.
        """
        self._records += 1
        queues = self._queues
        identities = user.identities
        newest = queues.get(identities[0])
        if newest is not None and self._fold(newest[-1], user, body, ticket):
            return
        item = Item(user.ids, identities, body, ticket)
        ahead = 0
        for identity in identities:
            queue = queues.get(identity)
            if queue is None:
                queues[identity] = [item]
            else:
                ahead += 1
                queue.append(item)
        self._bytes += len(body)
        if ahead:
            self._ahead[item] = ahead
        else:
            self._make_ready(item, now)

    def _make_ready(self, item: Item, now: float) -> None:
        self._ready[item] = now
        self._ready_bytes += len(item.body)

    def _fold(self, item: Item, user: User, body: bytes, ticket: Ticket) -> bool:
        """Fold a user into one that waits, if it is the same and nobody came between."""
        if item.ids != user.ids or not (item in self._ready or item in self._ahead):
            return False
        if any(self._queues[identity][-1] is not item for identity in user.identities):
            return False
        folded = fold(item.body, user)
        if len(folded) > MAX_BODY_BYTES - 2:
            return False
        growth = len(folded) - len(item.body)
        self._bytes += growth
        if item in self._ready:
            self._ready_bytes += growth
        item.fold(folded, body, ticket)
        return True

    def take(self, now: float) -> Batch | None:
        """Return the next batch, if there is one to send now.

        Args:
            now: Monotonic seconds.

        Returns:
            A full batch; a part-filled one if its first user has waited long enough, or nothing
            more can come; else ``None``.
        """
        filled = len(self._ready) >= self.max_users or self._ready_bytes > MAX_BODY_BYTES
        if not filled and not (self._ready and (self.closing or self.full or now >= self.due_at)):
            return None
        items = list(islice(self._ready, self.max_users))
        length = sum([len(item.body) for item in items])
        while length + len(items) + 1 > MAX_BODY_BYTES:  # a comma or bracket each, and a bracket
            length -= len(items.pop().body)
        for item in items:
            del self._ready[item]
        self._records -= len(items) + sum([len(item.folded) - 1 for item in items if item.folded])
        self._bytes -= length
        self._ready_bytes -= length
        self._taken += 1
        return Batch(self._run_id, str(self._taken), items)

    def leave(self, items: Iterable[Item], now: float) -> None:
        """Let settled users' identities go; who stood behind may leave now."""
        for item in items:
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
