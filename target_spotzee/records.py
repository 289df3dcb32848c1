"""A record and what it comes with: the types that all packages share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

Record = dict[str, Any]
"""Column to value, any JSON."""

Ids = tuple[str | None, str | None]
"""An ``external_id`` and an ``anonymous_id``, exactly as they are sent."""


@dataclass(slots=True, eq=False)
class Stretch:
    """The records between two states.

    Attributes:
        unsettled: How many of them are not settled yet.
        state: The state that follows them, as the tap wrote it; ``None`` while none has.
    """

    unsettled: int = 0
    state: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where records come from: one SCHEMA of one stream, as the tap sent it.

    Attributes:
        stream: The stream's name after stream maps.
        schema: The tap's SCHEMA message.
        excludes: Which columns must not leave this machine, not even into the rejects file.
        flat_name: Returns what flattening calls a value, by its own name and the names of the
            objects it is in; ``None`` where nothing is flattened.
    """

    stream: str
    schema: str | bytes
    excludes: Callable[[str], bool] = field(repr=False)
    flat_name: Callable[[str, list[str]], str] | None = field(default=None, repr=False)


class Ticket(msgspec.Struct, eq=False, gc=False):  # one a record, so no dataclass
    """One record on its way: what is needed to settle or to reject it.

    Attributes:
        number: Its number in this run, from 1.
        origin: Where it comes from.
        line: The tap's RECORD message as it was read.
        stretch: Its place in the ledger.
        on_end: Called once the record is settled, with whether it was delivered or is safe in the
            rejects file; otherwise the settings leave it out.
        version: The tap's version of its stream, if it has any.
    """

    number: int
    origin: Origin
    line: str | bytes
    stretch: Stretch
    on_end: Callable[[bool], None] | None = None
    version: int | None = None
