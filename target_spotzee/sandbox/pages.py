"""Pages of a list, by cursors."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Protocol, TypeVar

from target_spotzee.sandbox.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 100


class Numbered(Protocol):
    """What a list can hold."""

    @property
    def id(self) -> int:
        """Its place in the order."""


T = TypeVar("T", bound=Numbered)


def page(things: Iterable[T], query: Mapping[str, str]) -> dict[str, object]:
    """The page that a query asks for. Whatever ``sort`` says, it is sorted by id.

    Raises:
        Problem: If the query makes no sense.
    """
    limit = _limit(query)
    direction = _one_of(query, "direction", ("asc", "desc"))
    which = _one_of(query, "page", ("next", "prev"))
    edge = _edge(query)
    ordered = sorted(things, key=lambda thing: thing.id, reverse=direction == "desc")
    before = [] if edge is None else [t for t in ordered if _precedes(t.id, edge, direction)]
    after = [t for t in ordered[len(before) :] if t.id != edge]
    if which == "prev" and edge is not None:
        shown, has_more, has_less = before[-limit:], True, len(before) > limit
    else:
        shown, has_more, has_less = after[:limit], len(after) > limit, edge is not None
    return {
        "results": shown,
        "nextCursor": _cursor(shown[-1]) if shown and has_more else None,
        "prevCursor": _cursor(shown[0]) if shown and has_less else None,
        "limit": limit,
    }


def _precedes(number: int, edge: int, direction: str) -> bool:
    return number > edge if direction == "desc" else number < edge


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LARGEST_LIMIT):
        message = f"limit must be an integer from 1 to {LARGEST_LIMIT}."
        raise Problem(400, "parameter_invalid_format", message, param="limit")
    return int(text)


def _one_of(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = query.get(name, allowed[0])
    if value not in allowed:
        message = f"{name} must be one of: {', '.join(allowed)}."
        raise Problem(400, "parameter_invalid_format", message, param=name)
    return value


def _cursor(thing: Numbered) -> str:
    return base64.urlsafe_b64encode(f"id:{thing.id}".encode()).decode()


def _edge(query: Mapping[str, str]) -> int | None:
    """The id that a cursor stands for."""
    if "cursor" not in query:
        return None
    try:
        kind, _, number = base64.urlsafe_b64decode(query["cursor"]).decode().partition(":")
        if kind == "id":
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise Problem(404, "resource_missing", "No page has this cursor.", param="cursor")
