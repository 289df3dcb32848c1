"""Items gathered into requests.

The bytes of a batch and its idempotency key are made once and kept through every retry; a part of a
batch that was split is a new batch with a new key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from target_spotzee.mapping.toggles import Wish
from target_spotzee.objects.attempts import Attempts
from target_spotzee.objects.kinds import Kind, Request, Step
from target_spotzee.records import Ids, Ticket


class Item(msgspec.Struct, eq=False, gc=False):
    """One item of a batch and the records it came from.

    An item waits as bytes: they take a third of its objects' memory, and they are what is sent.

    Attributes:
        kind: What it is.
        ids: Its user's.
        identities: An item that shares one of these may be about the same user.
        body: The item as it will be sent.
        ticket: The newest record's.
        folded: The parts of an item that came from more than one record.
        following: Items of the same user that may go only after this.
        steps: What it goes on as, one after the other, before it is settled.
        first: What it was at first, once it has gone on.
        whole: All that the record says of its user, where ``body`` lacks some of it.
        toggles: What its record wishes of subscriptions, by the numbers of their types.
        withdrawn: The types that an opt-out came for after it, so that it opts in to them no more.
        refusal: Why its record is rejected, once nothing of it is to be told but its opt-outs.
        is_ignored: Whether its record is ignored, once its opt-outs are told.
        doubtful_until: Until when an earlier step may still be applied once more.
        line: Stands for the record as the tap wrote it, where that is remembered.
        digests: Eight bytes that stand for the item as its record was mapped, and `line`, likewise.
        entry: What is known of its user, likewise.
    """

    kind: Kind
    ids: Ids
    identities: tuple[str, ...]
    body: bytes
    ticket: Ticket
    folded: list[tuple[bytes, Ticket]] | None = None
    following: tuple[Item, ...] = ()
    steps: tuple[Step, ...] = ()
    first: Kind | None = None
    whole: bytes = b""
    toggles: tuple[tuple[int, Wish], ...] = ()
    withdrawn: frozenset[int] = frozenset()
    refusal: Any = None
    is_ignored: bool = False
    doubtful_until: float = 0.0
    line: bytes = b""
    digests: bytes = b""
    entry: Any = None

    @property
    def is_removal(self) -> bool:
        """Whether its user is removed."""
        return (self.first or self.kind).removes is not None

    @property
    def tells_only(self) -> bool:
        """Whether nothing of its record is to be told but its opt-outs."""
        return self.is_ignored or self.refusal is not None

    @property
    def parts(self) -> list[tuple[bytes, Ticket]]:
        """Each record's ticket and its own item, encoded, in the order read."""
        return self.folded or [(self.body, self.ticket)]

    @property
    def content(self) -> bytes:
        """All that its record has Spotzee do."""
        if not self.toggles:
            return self.body
        toggles = [(type_, wish.value) for type_, wish in self.toggles if wish is not Wish.KEPT]
        return self.body + repr(toggles).encode() if toggles else self.body

    def fold(self, body: bytes, own: bytes, ticket: Ticket) -> None:
        """Become one with a later record's item.

        Args:
            body: The item that both make, encoded.
            own: The record's own item, encoded.
            ticket: The record's.
        """
        self.folded = self.parts
        self.folded.append((own, ticket))
        self.body, self.ticket = body, ticket

    def advance(self) -> None:
        """Go on as what follows."""
        self.first = self.first or self.kind
        (self.kind, self.body), *steps = self.steps
        self.steps = tuple(steps)

    def apart(self) -> Item:
        """Return the first record as an item of its own, which the others follow one by one."""
        first, *others = (
            Item(self.kind, self.ids, self.identities, body, ticket) for body, ticket in self.parts
        )
        first.following = (*others, *self.following)
        return first


@dataclass(eq=False)
class Batch:
    """The items of one request, all of one kind.

    Attributes:
        run_id: The run, for the key.
        number: The batch's place in the run, ``"17"``; a part of it is ``"17.2"``.
        items: The items, no two of which share an identity; at least one.
        attempts: What it took to send them.
    """

    run_id: str
    number: str
    items: list[Item]
    attempts: Attempts = field(default_factory=Attempts)
    _parts: int = field(default=0, init=False, repr=False)

    @property
    def kind(self) -> Kind:
        """What the items are."""
        return self.items[0].kind

    @property
    def family(self) -> str:
        """The number of the batch that this is a part of, or its own."""
        return self.number.partition(".")[0]

    @cached_property
    def request(self) -> Request:
        """The request that carries the items."""
        return self.kind.request([item.body for item in self.items])

    @cached_property
    def key(self) -> str:
        """The idempotency key of the first attempt and its retries.

        With the number in it, the same bytes get another key at another moment of the run.
        """
        first, last = self.items[0].ids, self.items[-1].ids
        digest = hashlib.sha256(repr((self.run_id, self.number, first, last)).encode())
        digest.update(self.request.body or self.request.path.encode())
        return digest.hexdigest()

    def part(self, items: Sequence[Item], *, is_retry: bool = False) -> Batch:
        """Return some of this batch's items as a new batch with a new key.

        Args:
            items: The items.
            is_retry: They are tried again, so the retry budget goes on; else they begin afresh.
        """
        self._parts += 1
        number = f"{self.number}.{self._parts}"
        return Batch(self.run_id, number, [*items], self.attempts.part(is_retry=is_retry))

    def halves(self) -> list[Batch]:
        """Return two batches that hold every item once between them."""
        middle = len(self.items) // 2
        return [self.part(self.items[:middle]), self.part(self.items[middle:])]
