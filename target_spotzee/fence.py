"""Order per user: two batches that share an identity are never under way together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from target_spotzee.batch import Batch


class Fence:
    """Lets batches pass in the order they came, as far as their users require it.

    A batch passes when it is the oldest for each of its identities. An identity is let go when its
    user is settled, not before: a retry, a split or a single re-send still owns it.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[Batch]] = {}
        self._ahead: dict[Batch, int] = {}

    def enter(self, batch: Batch) -> bool:
        """Queue a batch for its identities.

        Returns:
            Whether nothing is ahead of it.
        """
        ahead = 0
        for identity in batch.identities:
            queue = self._queues.setdefault(identity, deque())
            ahead += bool(queue)
            queue.append(batch)
        if ahead:
            self._ahead[batch] = ahead
        return not ahead

    def leave(self, identities: Iterable[str]) -> list[Batch]:
        """Let settled identities go.

        Returns:
            The batches that may pass now.
        """
        free = []
        for identity in identities:
            queue = self._queues[identity]
            queue.popleft()
            if not queue:
                del self._queues[identity]
                continue
            batch = queue[0]
            self._ahead[batch] -= 1
            if not self._ahead[batch]:
                del self._ahead[batch]
                free.append(batch)
        return free
