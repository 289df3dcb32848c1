"""Batches that left: which number each has in the file, and how much of it is still on its way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from target_spotzee.objects.batch import Batch, Item


class Departures:
    """The batches of which not every item is settled yet, by the batch that they are parts of.

    An item that goes on in steps belongs to the batch that it first left in.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._left: dict[str, int] = {}
        self._families: dict[Item, str] = {}

    def knows(self, batch: Batch) -> bool:
        """Say whether a batch's items left before; no user leaves as a toggle."""
        is_toggle = batch.kind.sets is not None
        return is_toggle or batch.family in self._numbers or batch.items[0] in self._families

    def open(self, batch: Batch, number: int) -> None:
        """Note a batch that is about to leave."""
        self._numbers[batch.family] = number
        self._left[batch.family] = len(batch.items)

    def number(self, batch: Batch) -> int:
        """Return a batch's number."""
        return self._numbers[batch.family]

    def number_of(self, item: Item) -> int:
        """Return the number of the batch that an item which went on first left in."""
        return self._numbers[self._families[item]]

    def has_advanced(self, item: Item) -> bool:
        """Say whether an item went on."""
        return item in self._families

    def advanced(self, batch: Batch, items: Iterable[Item]) -> None:
        """Note items that go on: what they left in stays open until they end."""
        for item in items:
            self._families.setdefault(item, batch.family)

    def settled(self, batch: Batch, items: Sequence[Item]) -> Iterator[int]:
        """Note items that are settled; yield the number of each batch that is through."""
        stepped = [item for item in items if item in self._families] if self._families else ()
        for item in stepped:
            yield from self._count_down(self._families.pop(item), 1)
        yield from self._count_down(batch.family, len(items) - len(stepped))

    def _count_down(self, family: str, count: int) -> Iterator[int]:
        left = self._left.get(family)
        if left is None:
            return
        self._left[family] = left - count
        if left <= count:
            del self._left[family]
            yield self._numbers.pop(family)
