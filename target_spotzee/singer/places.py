"""How far a tap says, in its state, that it has read its streams: pure rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_OF_A_RUN = ("progress_markers", "replication_key_signpost", "starting_replication_value")
"""What the SDK's taps keep in a stream's bookmark until they have read it to its end."""


def partial(state: Mapping[str, Any]) -> list[str]:
    """Return the streams of which only what changed is read.

    Older taps keep the value of the replication key under the key's own name; children keep theirs
    in partitions.
    """
    return [stream for stream, bookmark in _bookmarks(state) if _holds_place(bookmark)]


def unfinished(state: Mapping[str, Any]) -> list[str]:
    """Return the streams that are not read to their end."""
    syncing = state.get("currently_syncing")
    found = [stream for stream, bookmark in _bookmarks(state) if _is_under_way(bookmark)]
    return [*found, syncing] if isinstance(syncing, str) else found


def _bookmarks(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    bookmarks = state.get("bookmarks")
    for stream, bookmark in bookmarks.items() if isinstance(bookmarks, dict) else ():
        if isinstance(bookmark, dict):
            yield stream, bookmark


def _partitions(bookmark: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found = bookmark.get("partitions")
    yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _holds_place(bookmark: Mapping[str, Any]) -> bool:
    key = bookmark.get("replication_key")
    return (
        bookmark.get("replication_key_value") is not None
        or (isinstance(key, str) and bookmark.get(key) is not None)
        or any(map(_holds_place, _partitions(bookmark)))
    )


def _is_under_way(bookmark: Mapping[str, Any]) -> bool:
    return any(bookmark.get(name) is not None for name in _OF_A_RUN) or any(
        map(_is_under_way, _partitions(bookmark))
    )
