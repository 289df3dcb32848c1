"""Which users were seen: a bit each, kept in pages so that little is written when few change."""

from __future__ import annotations

from collections.abc import Iterable

PAGE_BYTES = 4_096
_USERS_PER_PAGE = PAGE_BYTES * 8


class Bits:
    """A set of small numbers.

    Args:
        pages: Page number to its bytes, as `changed` gave them.

    Attributes:
        is_kept: Whether the pages that did not change are kept already, where these are.
    """

    def __init__(self, pages: Iterable[tuple[int, bytes]] | None = None) -> None:
        self._pages = {number: bytearray(page) for number, page in pages or ()}
        self._changed: set[int] = set()
        self.is_kept = pages is not None

    def add(self, number: int) -> None:
        """Add a number."""
        place = number // _USERS_PER_PAGE
        page = self._pages.get(place)
        if page is None:
            page = self._pages[place] = bytearray(PAGE_BYTES)
        index, mask = number // 8 % PAGE_BYTES, 1 << (number & 7)
        if not page[index] & mask:
            page[index] |= mask
            self._changed.add(place)

    def discard(self, number: int) -> None:
        """Take a number out."""
        page = self._pages.get(number // _USERS_PER_PAGE)
        if number in self and page is not None:
            page[number // 8 % PAGE_BYTES] &= ~(1 << (number & 7))
            self._changed.add(number // _USERS_PER_PAGE)

    def __contains__(self, number: int) -> bool:
        """Say whether a number is in it."""
        page = self._pages.get(number // _USERS_PER_PAGE)
        return page is not None and bool(page[number // 8 % PAGE_BYTES] & 1 << (number & 7))

    def __len__(self) -> int:
        """Return how many numbers are in it."""
        return sum(int.from_bytes(page, "little").bit_count() for page in self._pages.values())

    def __or__(self, other: Bits) -> Bits:
        """Return what is in one or the other; all of its pages count as changed."""
        both = Bits()
        both._pages = {number: bytearray(page) for number, page in self._pages.items()}
        for number, page in other._pages.items():
            mine = both._pages.setdefault(number, bytearray(PAGE_BYTES))
            ored = int.from_bytes(mine, "little") | int.from_bytes(page, "little")
            both._pages[number] = bytearray(ored.to_bytes(PAGE_BYTES, "little"))
        both.touch()
        return both

    def touch(self) -> None:
        """Count every page as changed, for these are going to be kept elsewhere."""
        self._changed.update(self._pages)
        self.is_kept = False

    def changed(self) -> list[tuple[int, bytes]]:
        """Return the pages that changed since the last time, which are kept now."""
        pages = [(number, bytes(self._pages[number])) for number in sorted(self._changed)]
        self._changed.clear()
        self.is_kept = True
        return pages

    @property
    def has_changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._changed) or not self.is_kept
