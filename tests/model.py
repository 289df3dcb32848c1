"""What Spotzee should hold after a stream, worked out one record at a time."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

User = dict[str, Any]

FIRST_CLASS = ("email", "phone", "timezone", "locale")


def upsert(users: dict[str, User], user: User) -> None:
    """Apply one user as Spotzee does.

    What is absent is left alone, a field that is null is cleared, ``data`` is merged key by key.
    """
    now = users.setdefault(
        user["external_id"],
        {"anonymous_id": None, **dict.fromkeys(FIRST_CLASS), "data": {}},
    )
    now.update({name: value for name, value in user.items() if name != "data"})
    now["data"] = {**now["data"], **(user.get("data") or {})}


def as_user(record: dict[str, Any]) -> User:
    """Map a record of the tests' own streams, whose columns already bear Spotzee's names."""
    own = ("external_id", "anonymous_id", *FIRST_CLASS)
    user = {name: record[name] for name in own if name in record}
    if user.get("anonymous_id", "") is None:
        del user["anonymous_id"]
    return {**user, "data": {name: value for name, value in record.items() if name not in own}}


def users_after(records: Iterable[dict[str, Any]]) -> dict[str, User]:
    """Return the users after these records, by external_id."""
    users: dict[str, User] = {}
    for record in records:
        upsert(users, as_user(record))
    return users


def updates(count: int, users: int, seed: int) -> list[dict[str, Any]]:
    """Return random updates: each carries some fields of a random user, nulls among them."""
    rng = random.Random(seed)
    records = []
    for number in range(count):
        record: dict[str, Any] = {"external_id": f"user-{rng.randrange(users)}"}
        for name, values in (
            ("email", [f"a{number}@example.test", None]),
            ("locale", ["en-AU", "de", None]),
            ("plan", ["free", "pro", None]),
            ("visits", [number]),
            ("address", [{"city": f"c{number}"}, None]),
        ):
            if rng.random() < 0.5:
                record[name] = rng.choice(values)
        records.append(record)
    return records


COLUMNS = ("external_id", "anonymous_id", *FIRST_CLASS, "plan", "visits", "address")
