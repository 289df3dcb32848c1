"""The kinds of objects that can be sent to Spotzee, as one table.

A kind holds all that differs between kinds on the way to Spotzee and back: no other code there asks
what is being sent. The rules are those of Spotzee's API reference, release 2026-04-28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, NamedTuple

from target_spotzee.fields import USER_FIELDS

Payload = dict[str, Any]
"""One item of a request, before it is encoded."""

MAX_ITEMS = 100
MAX_BODY_BYTES = 1_000_000
"""A request stays below the 1 MiB at which common proxies refuse."""
MAX_QUERY_BYTES = 8_000
"""An address stays below what servers commonly take; the API's reference names no limit."""


class Answered(Enum):
    """What an answer of success says."""

    EACH = auto()
    """Which items were taken, one result for each."""
    QUEUED = auto()
    """That all were accepted; nothing more is heard of them."""
    THERE = auto()
    """That the user is there, and what is known of it; 404 says that it is not."""
    GONE = auto()
    """As `THERE`, asked for until the user is not there any more."""
    KNOWN = auto()
    """What was asked for; 404 and 405 say that this API does not tell."""


class Request(NamedTuple):
    """A request as HTTP has it, without headers.

    Attributes:
        method: Of HTTP.
        path: Below the API's base address, with its query.
        body: JSON.
    """

    method: str
    path: str
    body: bytes | None


@dataclass(frozen=True, eq=False, slots=True)  # compared by identity, so quick to look up
class Kind:
    """A kind of objects.

    Attributes:
        name: What they are called.
        method: Of HTTP.
        path: Below the API's base address.
        fields: The first-class fields of an item, besides its ids.
        answered: What an answer of success says.
        fold: Returns one item with the same effect as two of the same user, one after the other;
            ``None`` where two are never made one.
        repeats_harmlessly: Whether sending an item twice has the same effect as sending it once.
        supersedes: Whether a newer item of a user makes older rejects of the same stream needless.
        parameter: The query's parameter that carries each item, where none is in a body.
        gathers: Whether its items come one by one from a step before, and wait for one another.
        removes: How it removes a user that left the source, if it is a step in that: ``mark`` or
            ``delete``.
        sets: The state of a subscription that it sets, if it does.
        asks: The question that comes before every attempt, if there is one: what the answer says no
            to is not sent.
        lists_states: Whether an answer tells a user's subscriptions.
        is_patient: Whether a user that is not there may only not be seen yet.
        max_items: How many a request may hold.
        max_bytes: How long its body may be.
        max_item_bytes: How long an item may be, encoded, to have room in a request of its own.
    """

    name: str
    method: str
    path: str
    fields: tuple[str, ...]
    answered: Answered
    fold: Callable[[Payload, Payload], Payload] | None
    repeats_harmlessly: bool
    supersedes: bool
    parameter: str | None = None
    gathers: bool = False
    removes: str | None = None
    sets: int | None = None
    asks: Kind | None = None
    lists_states: bool = False
    is_patient: bool = False
    max_items: int = MAX_ITEMS
    max_bytes: int = MAX_BODY_BYTES
    max_item_bytes: int = field(init=False)  # asked for each record

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_item_bytes", self.max_bytes - self.length(1, 0))

    @property
    def confirms(self) -> bool:
        """Whether an item's success is known, and not only that it was accepted."""
        return self.answered is not Answered.QUEUED

    @property
    def writes(self) -> bool:
        """Whether it changes anything in Spotzee."""
        return self.method != "GET"

    def length(self, items: int, item_bytes: int) -> int:
        """Return the length of what carries this many items that have this many bytes in all."""
        if self.parameter is not None:
            return item_bytes + items * (len(self.parameter) + 2)  # = and ? or &
        return item_bytes + items + 1  # a comma or bracket each, and a bracket

    def request(self, items: Sequence[bytes]) -> Request:
        """Return the request that carries items.

        Args:
            items: Each encoded; what goes into an address is quoted already.
        """
        if self.parameter is not None:
            query = "&".join(f"{self.parameter}={item.decode()}" for item in items)
            return Request(self.method, f"{self.path}?{query}", None)
        if not self.writes:
            return Request(self.method, self.path.format(*[item.decode() for item in items]), None)
        return Request(self.method, self.path, b"[" + b",".join(items) + b"]")


class Step(NamedTuple):
    """What an item goes on as, once what it was is done.

    Attributes:
        kind: What it is then.
        body: The item as it will be sent then.
    """

    kind: Kind
    body: bytes


def fold_users(earlier: Payload, later: Payload) -> Payload:
    """Return one user with the same effect as the two, one after the other.

    An absent field is left alone, ``data`` is merged key by key.
    """
    folded = {**earlier, **later}
    if "data" in earlier and "data" in later:
        folded["data"] = {**earlier["data"], **later["data"]}
    return folded


USERS_BATCH = Kind(
    name="users",
    method="POST",
    path="/users/batch",
    fields=USER_FIELDS,
    answered=Answered.EACH,
    fold=fold_users,
    repeats_harmlessly=True,
    supersedes=True,
)
"""Users by ``delivery: sync``: each is confirmed."""

USERS_QUEUED = replace(USERS_BATCH, method="PATCH", path="/users", answered=Answered.QUEUED)
"""Users by ``delivery: async``: they are queued."""

PROJECT = Kind(
    name="project",
    method="GET",
    path="/me",
    fields=(),
    answered=Answered.KNOWN,
    fold=None,
    repeats_harmlessly=True,
    supersedes=False,
    max_items=1,
)
"""The question which project the key belongs to."""

TYPES = replace(PROJECT, name="subscriptions", path="/subscriptions?{}")
"""The question which types of subscriptions there are."""

SUBSCRIBED = (1, 2)
"""The states of whoever wants a subscription: subscribed, and confirmed."""
_STATES_OF = replace(
    PROJECT, name="subscriptions", path="/users/{}", answered=Answered.THERE, lists_states=True
)
OPT_OUTS = Kind(
    name="subscriptions",
    method="POST",
    path="/subscriptions/batch",
    fields=(),
    answered=Answered.EACH,
    fold=None,
    repeats_harmlessly=True,
    supersedes=True,
    gathers=True,
    sets=0,
)
"""Toggles that unsubscribe."""
OPT_INS = replace(OPT_OUTS, sets=1)
"""Toggles that subscribe, whatever was said in Spotzee."""
ASKED_OPT_INS = replace(OPT_INS, gathers=False, asks=_STATES_OF, max_items=1)
"""Toggles that subscribe whoever has not said no in Spotzee: read anew before every attempt."""
PATIENT_TOGGLES: Mapping[Kind, Kind] = {
    kind: replace(kind, is_patient=True, asks=kind.asks and replace(kind.asks, is_patient=True))
    for kind in (OPT_OUTS, OPT_INS, ASKED_OPT_INS)
}
"""The same, for users that are queued: one that is not there may only not be seen yet."""

WITHHELD: Mapping[Kind, Kind] = {
    kind: replace(kind, fold=None, gathers=True) for kind in (USERS_BATCH, USERS_QUEUED)
}
"""What was withheld of users until they were unsubscribed, by how users are sent."""

_PRESENCE = replace(PROJECT, name="removals", path="/users/{}", answered=Answered.THERE)
_MARKS = replace(USERS_BATCH, name="removals", fold=None, removes="mark", gathers=True)
_UNTIL_GONE = replace(_PRESENCE, answered=Answered.GONE, supersedes=True, removes="delete")
_DELETES = replace(
    _UNTIL_GONE,
    method="DELETE",
    path="/users",
    answered=Answered.QUEUED,
    parameter="user_id",
    gathers=True,
    max_items=MAX_ITEMS,
    max_bytes=MAX_QUERY_BYTES,
)
_STATES = replace(
    _UNTIL_GONE,
    path="/users/{}/subscriptions?limit=100",
    answered=Answered.THERE,
    lists_states=True,
)

KINDS: Mapping[tuple[str, str], Kind] = {
    ("users", "sync"): USERS_BATCH,
    ("users", "async"): USERS_QUEUED,
    ("removals", "mark"): replace(_PRESENCE, supersedes=True, removes="mark"),
    ("removals", "delete"): replace(_PRESENCE, supersedes=True, removes="delete"),
}
"""Every kind that something begins as, by what it is of and how that is done."""

REMOVALS: Mapping[str, tuple[Kind, ...]] = {
    "mark": (_MARKS,),
    "delete": (_STATES, _DELETES, _UNTIL_GONE),
}
"""The further steps of a removal, each a kind.

Only a user that can be read is removed, since an upsert would make it, and a DELETE can overtake
the upsert that made it. A deleted one is read until it is gone.
"""

PATIENT: Mapping[Kind, Kind] = {
    kind: replace(kind, is_patient=True) for kind in KINDS.values() if kind.removes is not None
}
"""Removals that wait for a user of whom a write was accepted and may not be seen yet."""
