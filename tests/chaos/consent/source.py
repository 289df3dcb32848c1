"""What the source says each night, drawn. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests import tap
from tests.consents import EMAIL, TEXT

BUSY_NIGHTS = 3
NIGHTS = BUSY_NIGHTS + 1
"""In the last one nothing fails, and all is told again."""
COLUMNS = ("id", "email", "phone", "plan", "wants_mail", "no_texts", "_sdc_deleted_at", "number")
SCHEMAS = tap.schema("customers", COLUMNS) + tap.schema("contacts", ("id", "email", "phone"))

Word = bool | None
"""Whether a user wants messages; ``None``: nothing is said of it."""


@dataclass(frozen=True)
class Row:
    """A row of the tap's.

    Attributes:
        stream: Its stream.
        user: Whose it is, whatever its spelling.
        columns: What it holds.
    """

    stream: str
    user: str
    columns: dict[str, Any]


@dataclass
class Night:
    """What a night is like before anything fails.

    Attributes:
        rows: What the tap prints.
        words: What the source says of each user and type, all night long.
        erased: Whom others have erased in Spotzee since the night before.
        said: What users have said no to in Spotzee since then.
    """

    rows: list[Row]
    words: dict[tuple[str, int], Word]
    erased: list[str] = field(default_factory=list)
    said: list[tuple[str, int]] = field(default_factory=list)


def draw(rng: random.Random, *, remembers: bool, deletes: bool) -> list[Night]:
    """Return the nights.

    Args:
        rng: The dice.
        remembers: Whether the target knows in one night what was said in another.
        deletes: Whether rows are deleted.
    """
    users = [f"user-{number}" for number in range(rng.randint(15, 60))]
    contacts = [user for user in users if rng.random() < 0.4]
    deleted = [user for user in users if deletes and user not in contacts and rng.random() < 0.15]
    words: dict[tuple[str, int], Word] = {
        (user, type_): rng.choice([True, False, False, None])
        for user in users
        for type_ in (EMAIL, TEXT)
    }
    nights = []
    number = 0
    for night in range(NIGHTS):
        if 0 < night < BUSY_NIGHTS:
            for key in words:
                if rng.random() < 0.15:
                    words[key] = rng.choice([True, False, None])
        rows: list[Row] = []
        order = rng.sample(users, len(users))
        # A second row of a user comes after its first, as the newer of the two.
        for user in [*order, *rng.sample(users, len(users) // 5)]:
            number += 1
            plan = "the last" if night == NIGHTS - 1 else f"plan {rng.randint(1, 3)}"
            rows.append(_customer(user, number, plan, words))
            if user in deleted and night < BUSY_NIGHTS and rng.random() < 0.5:
                columns = {"id": user, "_sdc_deleted_at": "2026-11-25T10:00:00+00:00"}
                rows.append(Row("customers", user, columns))
                if rng.random() < 0.5:
                    rows.append(_customer(user, number, f"back {number}", words))
        for user in contacts:
            columns = {
                "id": user.upper() if rng.random() < 0.2 else user,
                "email": f"{user}.{night}@contacts.example.test",
            }
            # Who remembers knows from the night before, so it may come before the row with the no.
            first = 0 if remembers and night else len(rows)
            rows.insert(rng.randint(first, len(rows)), Row("contacts", user, columns))
        drawn = Night(rows, dict(words))
        if night:
            drawn.erased = [user for user in users if rng.random() < 0.08]
            drawn.said = [key for key in words if rng.random() < 0.05]
        nights.append(drawn)
    return nights


def _customer(user: str, number: int, plan: str, words: dict[tuple[str, int], Word]) -> Row:
    wants_texts = words[user, TEXT]
    columns = {
        "id": user,
        "email": f"{user}@example.test",
        "phone": f"+614{int(user[5:]):08}",
        "plan": plan,
        "wants_mail": words[user, EMAIL],
        "no_texts": None if wants_texts is None else not wants_texts,
        "number": number,
    }
    return Row("customers", user, columns)


def lines(rows: list[Row], first: int, position: int, states: frozenset[int]) -> list[str]:
    """Return what a tap prints that goes on from a position.

    Args:
        rows: The night's.
        first: How many rows came before the night.
        position: How many rows are told already.
        states: After which of the night's rows a STATE follows.
    """
    printed = [SCHEMAS]
    for place in range(position - first, len(rows)):
        printed.append(tap.record(rows[place].stream, **rows[place].columns))
        if place in states or place == len(rows) - 1:
            printed.append(tap.state({"read": first + place + 1}))
    return printed
