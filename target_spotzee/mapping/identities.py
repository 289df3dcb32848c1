"""Whom an id stands for: Spotzee may take ids for one that differ in case or accents only."""

from __future__ import annotations

import unicodedata

from target_spotzee.records import Ids


def folded(id_: str) -> str:
    """Return an id without case and accents."""
    if id_.isascii():
        return id_.lower()
    parts = unicodedata.normalize("NFD", id_.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def identity_of(external_id: str) -> str:
    """Return the identity of a user who has this id: folded, and marked with its kind."""
    return "e" + folded(external_id)


def identities_of(ids: Ids) -> tuple[str, ...]:
    """Return the identities of a user with these ids, that of the external_id first."""
    external_id, anonymous_id = ids
    found = (identity_of(external_id),) if external_id else ()
    return (*found, "a" + folded(anonymous_id)) if anonymous_id else found
