"""What a record wishes of subscriptions: columns read as yes and no, and what the policy allows."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from typing import Any

from target_spotzee.exceptions import RecordError
from target_spotzee.mapping.sources import Consent
from target_spotzee.mapping.values import ABSENT, inside
from target_spotzee.records import Ids, Record

_YES = frozenset({"true", "yes", "1", "subscribed"})
_NO = frozenset({"false", "no", "0", "unsubscribed"})


class Wish(Enum):
    """What is to become of one subscription of a user."""

    OUT = "out"
    """Unsubscribe: always, and before anything else."""
    IN = "in"
    """Subscribe, whatever was said in Spotzee."""
    ASK = "ask"
    """Subscribe, unless Spotzee knows of a no."""
    KEPT = "kept"
    """An opt-in that is not to be sent."""


Wishes = tuple[tuple[str, Wish], ...]
"""Each subscription type that a record says something of, as the settings name it."""

OPT_INS = {"never": Wish.KEPT, "unless_opted_out": Wish.ASK, "follow": Wish.IN}
"""What an opt-in becomes under each policy."""


def read_consent(value: Any) -> bool | None:  # noqa: ANN401 - a record holds any JSON value
    """Return what a value says: yes, no, or nothing.

    Raises:
        ValueError: It says none of these.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, Decimal)) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().casefold()
        if not word:  # a blank one counts as null
            return None
        if word in _YES or word in _NO:
            return word in _YES
    raise ValueError("must be true or false, yes or no, 1 or 0, subscribed or unsubscribed")


def noes(record: Record, consents: Iterable[Consent]) -> Wishes:
    """Return what a record says no to that can't be sent itself; what can't be read is left out."""
    found = []
    for type_, (column, path), is_no in consents:
        value = inside(record.get(column, ABSENT), path)
        with suppress(ValueError):
            if value is not ABSENT and read_consent(value) is is_no:
                found.append((type_, Wish.OUT))
    return tuple(found)


def wishes(record: Record, consents: Iterable[Consent], opt_in: Wish, ids: Ids) -> Wishes:
    """Return what a record says of subscriptions; null says nothing.

    Args:
        record: Column to value.
        consents: Where it is said.
        opt_in: What becomes of a yes.
        ids: The user's.

    Raises:
        RecordError: It says neither yes nor no, or a yes that can't be compared with what Spotzee
            has.
    """
    found = []
    for type_, (column, path), is_no in consents:
        value = record.get(column, ABSENT)
        if path:
            value = inside(value, path)
        if value is None or value is ABSENT:
            continue
        try:
            says = value if value is True or value is False else read_consent(value)
        except ValueError as error:
            place = f"subscriptions.{type_}"
            raise RecordError("field_invalid", f"{place} {error}", place) from None
        if says is None:
            continue
        wish = Wish.OUT if says is is_no else opt_in
        if wish is Wish.ASK and ids[0] is None:
            place, message = (
                f"subscriptions.{type_}",
                "has no external_id, without which Spotzee does not tell who said no",
            )
            raise RecordError("opt_in_unreadable", f"{place} {message}", place)
        found.append((type_, wish))
    return tuple(found)
