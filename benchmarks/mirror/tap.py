"""A tap that writes customers into a pipe: `python -m benchmarks.mirror.tap '{"users": 1000}'`.

Ten million of them take 5 GB, so they are made as they are read, and quickly: a pool of customers
is made once, and a line is one of these with a number put in. So no core is kept busy that the
target needs, and the same order always brings the same records. Only the time of extraction is the
time it is, as any tap's.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import reduce

import msgspec

from benchmarks.streams import RECORDS_PER_STATE, STREAM, customer, schema_of

STAMP = "_sdc_extracted_at"

_POOL = 10_007
_STRIDE = 1_009
_PLACE = 987_654_321
"""Where the number goes; no other figure in a customer can look like it."""
_BLOCK = 1_000
_ODD = 2_654_435_761
"""Multiplied by it, consecutive numbers end up anywhere in 32 bits, no two in one place."""


@dataclass(frozen=True)
class Order:
    """What a tap is to write.

    Attributes:
        users: How many there are; each comes once.
        edition: Which one the changed users are of.
        changed_every: Every so manieth has changed; 0: nobody has.
        missing_every: Every so manieth has left the source; 0: nobody has.
        version: Of the stream; activated behind the records.
        uuids: Whether ids are UUIDs, in no order, instead of numbers.
        stamped: Whether each record bears the time in a column of the tap's own.
    """

    users: int
    edition: int = 0
    changed_every: int = 0
    missing_every: int = 0
    version: int | None = None
    uuids: bool = False
    stamped: bool = False

    @property
    def records(self) -> int:
        """How many records it makes."""
        return self.users - self.missing

    @property
    def missing(self) -> int:
        """How many users have left."""
        return -(-self.users // self.missing_every) if self.missing_every else 0

    @property
    def changed(self) -> int:
        """How many users have changed."""
        return -(-self.users // self.changed_every) if self.changed_every else 0

    @property
    def command(self) -> list[str]:
        """The command that carries it out."""
        return [sys.executable, "-m", "benchmarks.mirror.tap", msgspec.json.encode(self).decode()]


def uuid(number: int) -> str:
    """Return the number-th UUID; see `number_of`."""
    anywhere = f"{number * _ODD % 2**32:08x}"
    return f"{anywhere}-{anywhere[4:]}-4{anywhere[1:4]}-8{anywhere[5:]}-{number:012x}"


def number_of(external_id: str) -> int:
    """Return which user an id names, be it a number or a UUID."""
    return int(external_id[24:], 16) if "-" in external_id else int(external_id)


def blocks(order: Order) -> Iterator[bytes]:
    """Yield what a tap writes, a thousand lines at once."""
    encode = msgspec.json.Encoder().encode
    pool = _templates(order)
    shift = order.edition * _STRIDE
    every = order.changed_every or order.users + 1
    yield _schema(order)
    for start in range(0, order.users, _BLOCK):
        end = min(start + _BLOCK, order.users)
        numbers = [
            number
            for number in range(start, end)
            if not (order.missing_every and number % order.missing_every == 0)
        ]
        templates = [
            pool[(number if number % every or not shift else number + shift) % _POOL]
            for number in numbers
        ]
        now = datetime.now(timezone.utc).isoformat().encode()
        times = (now, now) if order.stamped else (now,)
        lines = zip(templates, numbers, strict=True)
        if order.uuids:
            yield b"".join([line % (uuid(n).encode(), n, *times) for line, n in lines])
        else:
            yield b"".join([line % (n, n, *times) for line, n in lines])
        is_last = end == order.users
        if is_last and order.version is not None:
            message = {"type": "ACTIVATE_VERSION", "stream": STREAM, "version": order.version}
            yield encode(message) + b"\n"
        if is_last or end % RECORDS_PER_STATE == 0:
            yield encode({"type": "STATE", "value": _state(order, end)}) + b"\n"


def _state(order: Order, end: int) -> dict[str, object]:
    """Return a state as a tap has it that reads the whole table, or what is new of it."""
    if order.version is not None:
        mark: dict[str, object] = {"version": order.version, "read": end}
    else:
        mark = {"replication_key": "id", "replication_key_value": end - 1}
    return {"bookmarks": {STREAM: mark}}


def _schema(order: Order) -> bytes:
    properties = {name: schema_of(name) for name in customer(random.Random(0), 0, 0)}
    if order.uuids:
        properties["id"] = {"type": "string"}
    if order.stamped:
        properties[STAMP] = {"type": "string", "format": "date-time"}
    message = {
        "type": "SCHEMA",
        "stream": STREAM,
        "schema": {"type": "object", "properties": properties},
        "key_properties": ["id"],
    }
    return msgspec.json.encode(message) + b"\n"


def _templates(order: Order) -> list[bytes]:
    """Return lines that lack the id, the number in the e-mail address and the time."""
    dice = random.Random("mirror")
    place, number, time = str(_PLACE).encode(), b"%d", b"(time)"
    marked_id = b'"id":' + place
    wanted_id = b'"id":' + (b'"%b"' if order.uuids else number)
    stamp = {STAMP: time.decode()} if order.stamped else {}
    message: dict[str, object] = {"type": "RECORD", "stream": STREAM}
    if order.version is not None:
        message["version"] = order.version
    lines = (
        msgspec.json.encode(
            {
                **message,
                "record": customer(dice, _PLACE, 0) | stamp,
                "time_extracted": time.decode(),
            },
        )
        for _ in range(_POOL)
    )
    put = ((b"%", b"%%"), (marked_id, wanted_id), (place, number), (time, b"%b"))
    return [reduce(lambda line, pair: line.replace(*pair), put, line) + b"\n" for line in lines]


def main() -> None:
    """Carry out one order."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    fd = sys.stdout.fileno()
    try:
        for block in blocks(order):
            left = memoryview(block)
            while left:
                left = left[os.write(fd, left) :]
    except BrokenPipeError:
        sys.exit("tap: nobody reads any more")


if __name__ == "__main__":
    main()
