"""Users gathered into requests.

A batch is at most 100 users (Spotzee's limit, API release 2026-04-28) as one bare JSON array. Its
bytes and its idempotency key are made once and kept through every retry; what is left of a batch
after a split is a new batch with a new key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from target_spotzee import codec
from target_spotzee.mapping.users import User
from target_spotzee.objects.attempts import Trace
from target_spotzee.records import Ids, Ticket

MAX_USERS = 100
MAX_BODY_BYTES = 1_000_000
"""A request stays below the 1 MiB at which common proxies refuse."""


class Item(msgspec.Struct, eq=False, gc=False):
    """One user of a batch and the records it came from.

    A user waits as bytes: they take a third of what its objects would, and are what is sent.

    Attributes:
        ids: The user's.
        identities: The user's.
        body: The user as it will be sent.
        ticket: The newest record's.
        folded: The parts of a user that came from more than one record.
        following: Records of the same user that may go only after this.
    """

    ids: Ids
    identities: tuple[str, ...]
    body: bytes
    ticket: Ticket
    folded: list[tuple[bytes, Ticket]] | None = None
    following: tuple[Item, ...] = ()

    @property
    def parts(self) -> list[tuple[bytes, Ticket]]:
        """Each record's own user, encoded, and ticket, in the order read."""
        return self.folded or [(self.body, self.ticket)]

    def fold(self, body: bytes, own: bytes, ticket: Ticket) -> None:
        """Take in a later record.

        Args:
            body: What is to be sent of both.
            own: The record's own user, encoded.
            ticket: The record's.
        """
        self.folded = self.parts
        self.folded.append((own, ticket))
        self.body, self.ticket = body, ticket

    def apart(self) -> Item:
        """Return the first record as a user of its own, which the others follow one by one."""
        first, *others = (
            Item(self.ids, self.identities, body, ticket) for body, ticket in self.parts
        )
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
        first, last = self.items[0].ids, self.items[-1].ids
        digest = hashlib.sha256(repr((self.run_id, self.number, first, last)).encode())
        digest.update(self.body)
        return digest.hexdigest()

    @property
    def identities(self) -> tuple[str, ...]:
        """Every identity in it."""
        return tuple(identity for item in self.items for identity in item.identities)

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


def fold(earlier: bytes, later: User) -> bytes:
    """Return one encoded user that leaves Spotzee as the two would, one after the other."""
    before, after = codec.decode(earlier), later.payload
    payload = {**before, **after}
    if "data" in before and "data" in after:
        payload["data"] = {**before["data"], **after["data"]}
    return codec.encode_unicode(payload)
