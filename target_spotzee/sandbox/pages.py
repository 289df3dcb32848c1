"""Pages of a list, by cursors."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import msgspec

from target_spotzee.sandbox.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 100


class Numbered(Protocol):
    """What a list can hold."""

    @property
    def id(self) -> int:
        """The thing's number, which no other one has."""


T = TypeVar("T", bound=Numbered)

# A thing's place in the order: by the column's value, nulls first, then by the number.
Place: TypeAlias = tuple[bool, str, int]

# The column, its value, and the number.
_Cursor: TypeAlias = tuple[str, str | None, int]


def page(
    things: Iterable[T],
    query: Mapping[str, str],
    columns: Sequence[str] = ("id",),
    show: Callable[[T], object] | None = None,
) -> dict[str, object]:
    """Return the page that a query asks for.

    Args:
        things: The whole list, in any order.
        query: ``limit``, ``cursor``, ``page``, ``sort`` and ``direction``.
        columns: What it can be sorted by; the first is the default.
        show: Returns what is shown of a thing; ``None``: all of it.

    Returns:
        The page as the API answers it.

    Raises:
        Problem: 400, a parameter is wrong; 404, the cursor is not one of this list.
    """
    limit = _limit(query)
    sort = one_of(query, "sort", columns)
    is_down = one_of(query, "direction", ("asc", "desc")) == "desc"
    which = one_of(query, "page", ("next", "prev"))
    edge = _edge(query, sort)

    def place(thing: T) -> Place:
        return _place(_value(thing, sort), thing.id)

    ordered = sorted(things, key=place, reverse=is_down)
    before: list[T] = []
    if edge is not None:
        before = [t for t in ordered if (place(t) > edge if is_down else place(t) < edge)]
    after = [t for t in ordered[len(before) :] if place(t) != edge]
    if which == "prev" and edge is not None:
        shown, has_more, has_less = before[-limit:], True, len(before) > limit
    else:
        shown, has_more, has_less = after[:limit], len(after) > limit, edge is not None
    return {
        "results": shown if show is None else [show(thing) for thing in shown],
        "nextCursor": _cursor(shown[-1], sort) if shown and has_more else None,
        "prevCursor": _cursor(shown[0], sort) if shown and has_less else None,
        "limit": limit,
    }


def one_of(query: Mapping[str, str], name: str, allowed: Sequence[str]) -> str:
    """Return a parameter that takes one of a few words; the first is the default.

    Raises:
        Problem: 400, it has another value.
    """
    value = query.get(name, allowed[0])
    if value not in allowed:
        message = f"{name} must be one of: {', '.join(allowed)}."
        raise Problem(400, "parameter_invalid_format", message, param=name)
    return value


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not (re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= LARGEST_LIMIT):
        message = f"limit must be an integer from 1 to {LARGEST_LIMIT}."
        raise Problem(400, "parameter_invalid_format", message, param="limit")
    return int(text)


def _value(thing: Numbered, sort: str) -> str | None:
    value: str | None = None if sort == "id" else getattr(thing, sort)
    return value


def _place(value: str | None, number: int) -> Place:
    return value is not None, value or "", number


def _cursor(thing: Numbered, sort: str) -> str:
    cursor = msgspec.json.encode((sort, _value(thing, sort), thing.id))
    return base64.urlsafe_b64encode(cursor).decode()


def _edge(query: Mapping[str, str], sort: str) -> Place | None:
    """Return the place of the thing that a cursor points to, be it still there or not.

    Raises:
        Problem: 404, the cursor is not one of this list.
    """
    if "cursor" not in query:
        return None
    try:
        cursor = base64.urlsafe_b64decode(query["cursor"])
        column, value, number = msgspec.json.decode(cursor, type=_Cursor)
    except (binascii.Error, ValueError):
        column = ""
    if column != sort:
        raise Problem(404, "resource_missing", "No page has this cursor.", param="cursor")
    return _place(value, number)
