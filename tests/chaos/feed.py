"""What a tap sends, and what each of its records writes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests import tap
from tests.model import as_user

Field = tuple[str, str]
"""A user and one of its fields, those in ``data`` each by itself."""

BAD_EMAIL = '"number {0}"@shop.com'
"""Well-formed, so it is sent; a quoted local part is what the sandbox refuses."""

COLUMNS = ("external_id", "anonymous_id", "email", "locale", "plan", "visits", "address", "number")
STREAMS = ("customers", "contacts")


@dataclass(frozen=True)
class Feed:
    """A tap's records, numbered from 1; its bookmark is the number of the last one sent.

    Attributes:
        owners: Whose each record is, whatever ids it bears.
        records: The records.
        streams: The stream of each record; two streams feed the same users.
        states: After which records a STATE follows.
        schemas: Before which records a stream's SCHEMA comes anew, with one more column.
    """

    owners: list[str]
    records: list[dict[str, Any]]
    streams: list[str]
    states: frozenset[int]
    schemas: frozenset[int]

    @property
    def end(self) -> int:
        """The number of the last record."""
        return len(self.records)

    def lines(self, position: int) -> list[str]:
        """Return what a tap that was told this bookmark prints."""
        lines = [self._schema(stream, position) for stream in STREAMS]
        for number in range(position + 1, self.end + 1):
            stream = self.streams[number - 1]
            if number in self.schemas:
                lines.append(self._schema(stream, number))
            lines.append(tap.record(stream, **self.records[number - 1]))
            if number in self.states:
                lines.append(tap.state({"read": number}))
        return lines

    def _schema(self, stream: str, number: int) -> str:
        grown = [f"column_{place}" for place in sorted(self.schemas) if place <= number]
        return tap.schema(stream, [*COLUMNS, *grown], keys=[])

    @cached_property
    def writers(self) -> dict[Field, list[tuple[int, Any]]]:
        """For each field who writes what, oldest first."""
        writers: defaultdict[Field, list[tuple[int, Any]]] = defaultdict(list)
        for number, (owner, record) in enumerate(zip(self.owners, self.records, strict=True), 1):
            user = as_user(record)
            for name, value in (*user.items(), *user.pop("data").items()):
                if name not in ("external_id", "anonymous_id", "data"):
                    writers[owner, name].append((number, value))
        return dict(writers)

    def of(self, owners: Iterable[str]) -> frozenset[int]:
        """Return the numbers of these users' records."""
        wanted = set(owners)
        return frozenset(n for n, owner in enumerate(self.owners, 1) if owner in wanted)


def draw(
    rng: random.Random, *, linked: bool, bad_emails: bool, few: bool
) -> tuple[Feed, frozenset[int]]:
    """Return a feed, and the records whose e-mail Spotzee will not take.

    Every value tells the record it came from, so that an old one is known when it comes back.

    Args:
        rng: The dice.
        linked: Users have two ids; after a first record with both, one of them may do.
        bad_emails: Some e-mails are such that only Spotzee refuses them.
        few: Few users change all the time, so that records fold.
    """
    count, users = rng.randint(120, 360), rng.randint(3, 8) if few else rng.randint(30, 160)
    owners: list[str] = []
    records: list[dict[str, Any]] = []
    bad: set[int] = set()
    seen: set[str] = set()
    for number in range(1, count + 1):
        owner = f"user-{rng.randrange(users)}"
        anonymous = owner.replace("user", "anonymous")
        record: dict[str, Any] = {"number": number}
        # Of a user's records some bear one id and some both, so that each knows its neighbours.
        single = ("external", "anonymous")[int(owner[-1]) % 2]
        which = rng.choice(["both", single]) if owner in seen else "both"
        if not linked or which != "anonymous":
            record["external_id"] = owner
        if linked and which != "external":
            record["anonymous_id"] = anonymous
        seen.add(owner)
        for name, value in (
            ("email", f"a{number}@example.test"),
            ("locale", None),
            ("plan", f"plan {number}"),
            ("visits", number),
            ("address", {"city": f"city {number}", "number": number}),
        ):
            if rng.random() < 0.5:
                record[name] = None if rng.random() < 0.1 else value
        if bad_emails and rng.random() < 0.03:
            record["email"] = BAD_EMAIL.format(number)
            bad.add(number)
        owners.append(owner)
        records.append(record)
    feed = Feed(
        owners,
        records,
        rng.choices(STREAMS, weights=[3, 1], k=count),
        frozenset({count, *(n for n in range(1, count) if rng.random() < 0.08)}),
        frozenset(n for n in range(1, count) if rng.random() < 0.01),
    )
    return feed, frozenset(bad)
