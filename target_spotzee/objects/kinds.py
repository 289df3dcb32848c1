"""The kinds of objects that can be sent to Spotzee, as one table.

A kind holds all that differs between kinds on the way to Spotzee and back: no other code there asks
what is being sent. The rules are those of Spotzee's API reference, release 2026-04-28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from target_spotzee.fields import USER_FIELDS

Payload = dict[str, Any]
"""One item of a request, before it is encoded."""

MAX_ITEMS = 100
MAX_BODY_BYTES = 1_000_000
"""A request stays below the 1 MiB at which common proxies refuse."""


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
        confirms: Whether an answer has a result for each item. Otherwise it accepts all of them,
            and nothing more is heard of them.
        fold: Returns one item with the same effect as two of the same user, one after the other;
            ``None`` where two are never made one.
        repeats_harmlessly: Whether sending an item twice has the same effect as sending it once.
        supersedes: Whether a newer item of a user makes older rejects of the same stream needless.
        max_items: How many a request may hold.
        max_bytes: How long its body may be.
        max_item_bytes: How long an item may be, encoded, to have room in a request of its own.
    """

    name: str
    method: str
    path: str
    fields: tuple[str, ...]
    confirms: bool
    fold: Callable[[Payload, Payload], Payload] | None
    repeats_harmlessly: bool
    supersedes: bool
    max_items: int = MAX_ITEMS
    max_bytes: int = MAX_BODY_BYTES
    max_item_bytes: int = field(init=False)  # asked for each record

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_item_bytes", self.max_bytes - self.length(1, 0))

    def length(self, items: int, item_bytes: int) -> int:
        """Return the length of a body with this many items that have this many bytes in all."""
        return item_bytes + items + 1  # a comma or bracket each, and a bracket

    def request(self, items: Sequence[bytes]) -> Request:
        """Return the request that carries items.

        Args:
            items: Each encoded.
        """
        return Request(self.method, self.path, b"[" + b",".join(items) + b"]")


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
    confirms=True,
    fold=fold_users,
    repeats_harmlessly=True,
    supersedes=True,
)
"""Users by ``delivery: sync``: each is confirmed."""

USERS_QUEUED = replace(USERS_BATCH, method="PATCH", path="/users", confirms=False)
"""Users by ``delivery: async``: they are queued."""

KINDS: Mapping[tuple[str, str], Kind] = {
    ("users", "sync"): USERS_BATCH,
    ("users", "async"): USERS_QUEUED,
}
"""Every kind, by what a stream holds and how it is delivered."""
