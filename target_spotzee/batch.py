"""Users gathered into requests.

A batch is at most 100 users (Spotzee's limit, API release 2026-04-28) as one bare JSON array. Its
bytes and its idempotency key are made once and kept through every retry; what is left of a batch
after a split is a new batch with a new key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from target_spotzee.ledger import Ticket
from target_spotzee.mapping import User
from target_spotzee.trace import Trace

MAX_USERS = 100
MAX_BODY_BYTES = 1_000_000
"""A request stays below the 1 MiB at which common proxies refuse."""
MAX_RECORDS = 1_000
"""Folding keeps the folded records; this bounds them when one user changes for ever."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def encode(user: User) -> bytes:
    """Return a user as JSON; decimals and integers keep every digit.

    Raises:
        ValueError: It holds text that is not Unicode, which JSON can't carry.
    """
    return _encode(user.payload)


@dataclass(slots=True)
class Item:
    """One user of a batch and the records it came from.

    Attributes:
        user: The user as it will be sent.
        body: The same as JSON.
        parts: Each record's own user and ticket, in the order read.
        following: Records of the same user that may go only after this.
    """

    user: User
    body: bytes
    parts: list[tuple[User, Ticket]]
    following: tuple[Item, ...] = ()

    def apart(self) -> Item:
        """Return the first record as a user of its own, which the others follow one by one."""
        first, *others = (Item(user, encode(user), [(user, ticket)]) for user, ticket in self.parts)
        first.following = (*others, *self.following)
        return first


@dataclass(eq=False)
class Batch:
    """The users of one request.

    Attributes:
        run_id: The run, for the key.
        number: The batch's place in the run, ``"17"``; a part of it is ``"17.2"``.
        items: The users, no two of whom share an identity.
        spent_seconds: What its forerunners used up of the retry budget.
        attempts: How many requests its forerunners took.
        doubtful_until: Until when a forerunner's attempt of unknown fate may still be applied.
    """

    run_id: str
    number: str
    items: list[Item]
    spent_seconds: float = 0.0
    attempts: int = 0
    doubtful_until: float = 0.0
    _children: int = field(default=0, init=False, repr=False)

    @cached_property
    def body(self) -> bytes:
        """The request's body."""
        return b"[" + b",".join([item.body for item in self.items]) + b"]"

    @cached_property
    def key(self) -> str:
        """The idempotency key of the first attempt and its retries.

        The number keeps two moments of one run apart even if their bytes are the same.
        """
        first, last = self.items[0].user.ids, self.items[-1].user.ids
        digest = hashlib.sha256(repr((self.run_id, self.number, first, last)).encode())
        digest.update(self.body)
        return digest.hexdigest()

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """Every identity in it."""
        return tuple(identity for item in self.items for identity in item.user.identities)

    def part(self, items: list[Item], trace: Trace, *, again: bool = False) -> Batch:
        """Return some of this batch's items as a new batch with a new key.

        Args:
            items: The items.
            trace: What it took to send this batch.
            again: They are tried again, so the retry budget goes on; else they begin afresh.
        """
        self._children += 1
        return Batch(
            self.run_id,
            f"{self.number}.{self._children}",
            items,
            spent_seconds=trace.spent_seconds if again else 0.0,
            attempts=self.attempts + trace.attempts if again else 0,
            doubtful_until=trace.doubtful_until,
        )

    def halves(self, trace: Trace) -> tuple[Batch, Batch]:
        """Return two batches that hold every item once between them."""
        middle = len(self.items) // 2
        return self.part(self.items[:middle], trace), self.part(self.items[middle:], trace)


def fold(earlier: User, later: User) -> User:
    """Return one user that leaves Spotzee as the two would, one after the other."""
    payload: dict[str, Any] = {**earlier.payload, **later.payload}
    if "data" in earlier.payload and "data" in later.payload:
        payload["data"] = {**earlier.payload["data"], **later.payload["data"]}
    return User(payload)


class OpenBatch:
    """The one batch that is being filled, by all streams.

    Args:
        run_id: The run, for the keys.
        max_users: 1 to 100.
    """

    def __init__(self, run_id: str, max_users: int = MAX_USERS) -> None:
        self._run_id = run_id
        self._max_users = max_users
        self._closed = 0
        self._clear()

    def _clear(self) -> None:
        self._items: dict[tuple[str | None, str | None], Item] = {}
        self._identities: set[str] = set()
        self._bytes = 1  # the bracket; each user adds its own bytes and a comma or bracket
        self._records = 0

    def __len__(self) -> int:
        return self._records

    def add(self, user: User, body: bytes, ticket: Ticket) -> Iterable[Batch]:
        """Add a record's user.

        Args:
            user: The user.
            body: The same, encoded; at most `MAX_BODY_BYTES` - 2.
            ticket: Its record.

        Returns:
            The batches that are complete now, in order: none, one or two.
        """
        complete = []
        item = self._items.get(user.ids)
        if item is not None:
            folded = fold(item.user, user)
            folded_body = encode(folded)
            growth = len(folded_body) - len(item.body)
            if self._bytes + growth <= MAX_BODY_BYTES:
                item.user, item.body = folded, folded_body
                item.parts.append((user, ticket))
                self._bytes += growth
                self._records += 1
                return [self.close()] if self._records >= MAX_RECORDS else []
        identities = user.identities
        too_large = self._bytes + len(body) + 1 > MAX_BODY_BYTES
        if self._items and (too_large or not self._identities.isdisjoint(identities)):
            complete.append(self.close())
        self._items[user.ids] = Item(user, body, [(user, ticket)])
        self._identities.update(identities)
        self._bytes += len(body) + 1
        self._records += 1
        if len(self._items) >= self._max_users:
            complete.append(self.close())
        return complete

    def close(self) -> Batch:
        """Return what has gathered as a batch and start the next. Not on an empty one."""
        self._closed += 1
        batch = Batch(self._run_id, str(self._closed), list(self._items.values()))
        self._clear()
        return batch
