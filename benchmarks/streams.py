"""Singer streams to measure with, the same on every machine: `python -m benchmarks.streams`.

A customer table of 16 columns, three of them date-times, or of 60. The people are made up; phone
numbers are of a range set aside for fiction, addresses of a domain that nobody can have.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec

STREAM = "customers"
RECORDS_PER_STATE = 10_000  # as the SDK's taps
EXTRA_COLUMNS = 44
BLOCK = 1_000

_FIRST_NAMES = ("Ada", "Chloé", "João", "Liam", "Mia", "Noah", "Siân", "Zoë")
_LAST_NAMES = ("Araújo", "Nguyễn", "O'Connor", "Papadopoulos", "Ribeiro", "Smith", "Walsh")
_PLACES = (
    ("Sydney", "AU", "Australia/Sydney", "en-AU"),
    ("Paris", "FR", "Europe/Paris", "fr-FR"),
    ("São Paulo", "BR", "America/Sao_Paulo", "pt-BR"),
    ("Wellington", "NZ", "Pacific/Auckland", "en-NZ"),
)
_PLANS = ("free", "team", "business")
_EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)
_TYPES: dict[str, dict[str, Any]] = {
    "id": {"type": "integer"},
    "subscribed": {"type": ["boolean", "null"]},
    "orders": {"type": ["integer", "null"]},
    "lifetime_value": {"type": ["number", "null"]},
}
_STRING: dict[str, Any] = {"type": ["string", "null"]}
_DATE_TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}


@dataclass(frozen=True)
class Shape:
    """A stream to make.

    Attributes:
        name: The file's, without its ending.
        records: How many.
        users: How many different ones; equal to ``records`` if nobody comes twice.
        extra: Columns besides the 16.
    """

    name: str
    records: int
    users: int
    extra: int = 0

    def path(self, folder: Path) -> Path:
        """Where the stream lies."""
        return folder / f"{self.name}.singer"


def write(shape: Shape, folder: Path) -> Path:
    """Write a stream, unless it is there already; return its path."""
    path = shape.path(folder)
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.writelines(lines(shape))
        partial.replace(path)
    return path


def lines(shape: Shape) -> Iterator[bytes]:
    """Yield a stream's messages, a line each, the way a tap writes them."""
    encode = msgspec.json.Encoder().encode
    dice = random.Random(shape.name)
    first = customer(dice, 0, shape.extra)
    schema = {"type": "object", "properties": {name: schema_of(name) for name in first}}
    yield (
        encode(
            {"type": "SCHEMA", "stream": STREAM, "schema": schema, "key_properties": ["id"]},
        )
        + b"\n"
    )
    for number in range(shape.records):
        user = number if shape.users == shape.records else _long_tail(dice, shape.users)
        record = customer(dice, user, shape.extra)
        yield (
            encode(
                {
                    "type": "RECORD",
                    "stream": STREAM,
                    "record": record,
                    "time_extracted": "2026-11-01T00:00:00+00:00",
                },
            )
            + b"\n"
        )
        if (number + 1) % RECORDS_PER_STATE == 0 or number + 1 == shape.records:
            state = {"bookmarks": {STREAM: {"replication_key_value": record["updated_at"]}}}
            yield encode({"type": "STATE", "value": state}) + b"\n"


def _long_tail(dice: random.Random, users: int) -> int:
    """Draw a user; a few are drawn often, most seldom."""
    return int(users * dice.random() ** 2)


def schema_of(column: str) -> dict[str, Any]:
    """Return a column's JSON Schema."""
    if column.endswith("_at"):
        return _DATE_TIME
    return _TYPES.get(column.rstrip("0123456789").rstrip("_"), _STRING)


def customer(dice: random.Random, number: int, extra: int) -> dict[str, Any]:
    """Make one up: the number's id and e-mail address, the dice's everything else."""
    city, country, time_zone, locale = dice.choice(_PLACES)
    first_name, last_name = dice.choice(_FIRST_NAMES), dice.choice(_LAST_NAMES)
    customer: dict[str, Any] = {
        "id": number,
        "email": f"customer.{number}@example.com",
        "phone": f"+61491570{dice.randrange(1000):03}" if dice.random() < 0.9 else None,
        "timezone": time_zone,
        "locale": locale,
        "first_name": first_name,
        "last_name": last_name,
        "city": city,
        "country": country,
        "plan": dice.choice(_PLANS),
        "subscribed": dice.random() < 0.7,
        "orders": dice.randrange(200),
        "lifetime_value": dice.randrange(1_000_000) / 100,
        "created_at": _time(dice),
        "updated_at": _time(dice),
        "last_seen_at": _time(dice) if dice.random() < 0.9 else None,
    }
    kinds = ("orders", "lifetime_value", "subscribed", "city", "plan", "first_name")
    for place in range(extra):
        kind = kinds[place % len(kinds)]
        customer[f"{kind}_{place}"] = customer[kind]
    return customer


def _time(dice: random.Random) -> str:
    return (_EPOCH + timedelta(seconds=dice.randrange(90_000_000))).isoformat()


def main() -> None:
    """Write one stream: ``folder name records users extra``."""
    folder, name, *numbers = sys.argv[1:]
    write(Shape(name, *map(int, numbers)), Path(folder))


if __name__ == "__main__":
    main()
