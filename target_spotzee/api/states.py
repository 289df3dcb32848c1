"""A user's subscriptions, as Spotzee tells them."""

from __future__ import annotations

from collections.abc import Mapping


def states_of(found: Mapping[str, object]) -> dict[int, object] | None:
    """Return a user's states by subscription type.

    Args:
        found: A page of them.

    Returns:
        ``None`` if one makes no sense: a no must not be taken for nothing.
    """
    results = found.get("results")
    if not isinstance(results, list):
        return None
    states: dict[int, object] = {}
    for each in results:
        type_ = each.get("subscription_id") if isinstance(each, dict) else None
        if type(type_) is not int:
            return None
        states[type_] = each.get("state")
    return states
