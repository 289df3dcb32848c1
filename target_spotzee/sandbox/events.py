"""The events of users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from target_spotzee.sandbox import moments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from target_spotzee.sandbox.bodies import Item


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a user did.

    Attributes:
        id: Its number, from 1.
        user_id: The number of its user.
        at: When it happened.
        item: The event as it was sent.
    """

    id: int
    user_id: int
    at: datetime
    item: Item

    @property
    def name(self) -> str:
        """The event's name."""
        name: str = self.item["name"]
        return name

    def plain(self, user: object, *, with_data: bool) -> dict[str, object]:
        """Return the event as clients see it.

        Args:
            user: Its user, as clients see it.
            with_data: Whether ``data`` is shown, too.
        """
        told = {
            "id": f"evt_{self.id:08d}",
            "name": self.name,
            "created_at": moments.write(self.at),
            "user": user,
        }
        return told | {"data": self.item.get("data") or {}} if with_data else told


class Events:
    """All events, in the order of their arrival.

    Args:
        keep: How many are remembered; ``None``: all.
    """

    def __init__(self, keep: int | None = None) -> None:
        self._keep = keep
        self._last_id = 0
        self._by_id: dict[int, Event] = {}
        self._of_user: dict[int, set[int]] = {}

    def __iter__(self) -> Iterator[Event]:
        """Return an iterator over the events, oldest first."""
        return iter(self._by_id.values())

    def add(self, user_id: int, at: datetime, item: Item) -> None:
        """Add an event; forget the oldest if there are too many.

        Args:
            user_id: The number of its user.
            at: When it happened.
            item: The event as it was sent.
        """
        self._last_id += 1
        self._put(Event(id=self._last_id, user_id=user_id, at=at, item=item))
        if self._keep is not None and len(self._by_id) > self._keep:
            oldest = self._by_id.pop(next(iter(self._by_id)))
            self._of_user[oldest.user_id].discard(oldest.id)

    def forget(self, user_id: int) -> None:
        """Remove the events of a user."""
        for number in self._of_user.pop(user_id, ()):
            del self._by_id[number]

    def move(self, user_id: int, heir_id: int) -> None:
        """Give the events of one user to another."""
        for number in self._of_user.pop(user_id, ()):
            self._put(replace(self._by_id[number], user_id=heir_id))

    def _put(self, event: Event) -> None:
        self._by_id[event.id] = event
        self._of_user.setdefault(event.user_id, set()).add(event.id)
