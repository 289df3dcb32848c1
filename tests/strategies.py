"""What property tests draw from: JSON values, records, users and the tickets they come with."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from target_spotzee.codec import decode, encode_unicode
from target_spotzee.mapping.users import User
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import USERS_BATCH, Kind
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.records import Origin, Stretch, Ticket

ORIGIN = Origin(
    "users",
    '{"type":"SCHEMA","stream":"users","schema":{"properties":{}}}',
    lambda _: False,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(Decimal)
    | texts
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)

secrets = st.text("QXZJ", min_size=6, max_size=12)
"""Values that no sentence of ours can hold by chance."""


def users(ids: str = "abAB") -> st.SearchStrategy[User]:
    """Users of a small world: they meet again, under one id, the other, or both."""
    names = st.sampled_from(ids)
    identity = st.one_of(
        st.fixed_dictionaries({"external_id": names}),
        st.fixed_dictionaries({"anonymous_id": names}),
        st.fixed_dictionaries({"external_id": names, "anonymous_id": names}),
    )
    rest = st.fixed_dictionaries(
        {},
        optional={
            "email": st.sampled_from([None, "a@x.example", "b@x.example"]),
            "locale": st.sampled_from([None, "de", "en-AU"]),
            "data": st.dictionaries(
                st.sampled_from("pqr"),
                st.sampled_from([None, 1, 2, {"x": 1}, {"y": 2}]),
                min_size=1,
            ),
        },
    )
    return st.builds(lambda ids, rest: User({**ids, **rest}), identity, rest)


def encode(user: User) -> bytes:
    """A user as it is sent."""
    return encode_unicode(user.payload)


def tickets(count: int) -> list[Ticket]:
    """Tickets of records nobody will look at."""
    ledger = Ledger()
    return [ledger.issue(ORIGIN, "") for _ in range(count)]


def item_of(user: User, *tickets: Ticket, kind: Kind = USERS_BATCH) -> Item:
    """A user that waits, of as many records as there are tickets, or of one nobody looks at."""
    body = encode(user)
    first, *others = tickets or (Ticket(0, ORIGIN, "", Stretch()),)
    item = Item(kind, user.ids, user.identities, body, first)
    for ticket in others:
        item.fold(body, body, ticket)
    return item


def identities_in(batch: Batch) -> list[str]:
    """Every identity of a batch's items, as often as it stands there."""
    return [identity for item in batch.items for identity in item.identities]


def user_in(item: Item) -> User:
    """The user that an item would send."""
    return User(decode(item.body))


def leaves(value: Any) -> list[Any]:
    """Everything in a JSON value that holds nothing else; keys are not values."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value]


def spotzee_after(users: Iterable[User]) -> dict[str, dict[str, Any]]:
    """What Spotzee makes of users, one after the other, as each id would see it.

    What is absent is left alone, a field that is null is cleared, ``data`` is merged key by key.
    Ids that may be one are one here, so that order shows where it matters.
    """
    held: dict[str, dict[str, Any]] = {}
    for user in users:
        for identity in user.identities:
            now = held.setdefault(identity, {"data": {}})
            now.update({name: value for name, value in user.payload.items() if name != "data"})
            now["data"] = {**now["data"], **user.payload.get("data", {})}
    return held
