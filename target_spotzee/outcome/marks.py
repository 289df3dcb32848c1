"""The mark on a kept reject that says that it need not be sent any more.

A line of a rejects file ends in ``"reject":{"done":false,…}}``. Once the record has been delivered,
or a newer one of the same user has, ``false`` is overwritten in place with ``true`` and a blank:
the file stays a Singer stream at every moment, and no line moves.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any

from target_spotzee import codec
from target_spotzee.mapping.columns import is_tap_own

_FLAG = b'"reject":{"done":'
_OPEN = b"false"
_DONE = b"true "


def content_id(stream: str, record: dict[str, Any], ids: object) -> str:
    """Return an id that only records with the same content share.

    Args:
        stream: Its stream.
        record: What may be kept of it; the tap's own columns don't count.
        ids: Its user's, which may come from excluded columns.
    """
    content = {name: value for name, value in record.items() if not is_tap_own(name)}
    return sha256(codec.encode([stream, content, ids], in_order=True)).hexdigest()[:16]


def place_in(line: bytes) -> int | None:
    """Return where in a reject's line its mark is; ``None`` for any other line."""
    place = line.rfind(_FLAG)  # the last: `reject` is the last key of a line
    return None if place < 0 else place + len(_FLAG)


def open_id(line: bytes) -> str | None:
    """Return the content id of a reject that is not done; ``None`` for any other line."""
    start = _FLAG + _OPEN + b',"id":"'
    place = line.rfind(start)
    if place < 0:
        return None
    return line[place + len(start) : place + len(start) + 16].decode("ascii", "replace")


def set_done(fd: int, place: int) -> None:
    """Mark a reject as done.

    Args:
        fd: The file, open for reading and writing, and not for appending.
        place: Where in the file its mark is. Anything else there is left alone.
    """
    if os.pread(fd, len(_OPEN), place) == _OPEN:
        os.pwrite(fd, _DONE, place)
