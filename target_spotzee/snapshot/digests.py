"""What is remembered of a value: enough to know it again, and nothing of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

Buffer = bytes | memoryview
_FIRST = 10_000
_ONE_IN = 128


def digest(body: bytes) -> bytes:
    """Return eight bytes that stand for an item as it is sent.

    That two versions of one user's item have the same is a chance of one in 2 to the power of 64.
    """
    return hashlib.sha256(body).digest()[:8]


def recipe(*parts: object) -> bytes:
    """Return 16 bytes that stand for all that decides what a stream's records are mapped to."""
    return hashlib.sha256(repr(parts).encode()).digest()[:16]


def digest_of_lines(recipe: bytes) -> Callable[[Buffer], bytes]:
    """Return what makes eight bytes that stand for a record as the tap wrote it, and its recipe."""
    begun = hashlib.sha256(recipe)

    def digest_of_line(record: Buffer) -> bytes:
        hashed = begun.copy()
        hashed.update(record)
        return hashed.digest()[:8]

    return digest_of_line


def is_sampled(number: int) -> bool:
    """Say whether a user's fields are remembered one by one: the first, then one in 128.

    A dry run tells by these which columns changed; for all users they would take more room, and
    more time, than everything else.
    """
    return number < _FIRST or not number % _ONE_IN


def fingerprints(payload: dict[str, Any], names: Sequence[str]) -> bytes:
    """Return a byte for each field or attribute, so that one can tell which of them changed.

    Args:
        payload: An item.
        names: ``email``, ``data.plan``; those it lacks have a zero.
    """
    data = payload.get("data") or {}
    found = bytearray()  # the texts are only compared with those that this made
    for name in names:
        inside, key = (data, name[5:]) if name.startswith("data.") else (payload, name)
        found.append(1 + crc32(repr(inside[key]).encode()) % 255 if key in inside else 0)
    return bytes(found)
