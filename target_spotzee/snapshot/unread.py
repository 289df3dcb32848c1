"""A record that was not read, but for its id."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from target_spotzee.records import Ticket


class Unread(msgspec.Struct, eq=False, gc=False):
    """A record as the tap wrote it.

    Attributes:
        identity: Its user's.
        external_id: Its user's, exactly as it will be sent.
        ticket: What it is settled with.
        line: Stands for the record and for all that decides what it is mapped to.
        raw: The record, JSON.
        load: Reads it and sends it on its way.
    """

    identity: str
    external_id: str
    ticket: Ticket
    line: bytes
    raw: msgspec.Raw
    load: Callable[[Unread], None]
