"""Subscription types: what Spotzee tells of them, and which of them the settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.names import did_you_mean

ADDRESSES = {"email": "email", "text": "phone"}
"""The field that holds the address on a channel, where there is one."""
_WITHOUT_ADDRESS = frozenset({"push", "webhook", "in_app"})


class SubscriptionType(NamedTuple):
    """A type of messages.

    Attributes:
        id: Its number.
        name: What Spotzee's users call it.
        channel: How its messages go; empty where that is not known.
    """

    id: int
    name: str
    channel: str

    @property
    def addresses(self) -> Sequence[str]:
        """The fields without which its messages reach nobody."""
        if self.channel in ADDRESSES:
            return (ADDRESSES[self.channel],)
        return () if self.channel in _WITHOUT_ADDRESS else tuple(ADDRESSES.values())


def all_types(ask: Callable[[str], Mapping[str, Any]]) -> list[SubscriptionType]:
    """Return all types that Spotzee tells, page by page.

    Args:
        ask: Returns the page that a query asks for.
    """
    found: list[SubscriptionType] = []
    query = "limit=100"
    while True:
        page = ask(query)
        found += _types_on(page)
        following = page.get("nextCursor")
        if not following:
            return found
        query = f"limit=100&cursor={quote(str(following), safe='')}"


def _types_on(found: Mapping[str, Any]) -> list[SubscriptionType]:
    """Return the types on a page that Spotzee tells; what can't be one is left out."""
    types = []
    for each in found.get("results") or ():
        if isinstance(each, dict) and type(each.get("id")) is int:
            name, channel = each.get("name"), each.get("channel")
            types.append(SubscriptionType(each["id"], str(name), str(channel or "")))
    return types


def resolve(
    place: str, names: Iterable[str], types: Sequence[SubscriptionType]
) -> dict[str, SubscriptionType]:
    """Return the types that the settings name.

    Args:
        place: Of the names in the settings.
        names: Each the number of a type, or its name.
        types: All that Spotzee has.

    Raises:
        SettingsError: There is no such type, or it can't be told which is meant.
    """
    found: dict[str, SubscriptionType] = {}
    for name in names:
        fitting = [each for each in types if str(each.id) == name]
        fitting = fitting or [each for each in types if each.name == name]
        if not fitting:
            known = did_you_mean(name, [each.name for each in types])
            raise SettingsError(f"{place}: Spotzee has no subscription type {name!r}{known}")
        if len(fitting) > 1:
            ids = ", ".join(str(each.id) for each in fitting)
            raise SettingsError(
                f"{place}: several subscription types are called {name!r}; give the number of one"
                f" ({ids})",
            )
        if fitting[0] in found.values():
            raise SettingsError(f"{place}: {name!r} is there twice, by its name and by its number")
        found[name] = fitting[0]
    return found
