"""What was not there yet when a state said that it was. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.chaos.mirror.expected import by_user, held, same, written
from tests.chaos.mirror.feed import Step
from tests.chaos.mirror.run import Process
from tests.chaos.mirror.scenario import Mirror
from tests.chaos.mirror.source import is_refused
from tests.chaos.run import Look

_Field = tuple[str, str]


def behind(mirror: Mirror, process: Process, look: Look) -> Iterator[str]:
    """Yield what a process had not done when it had printed a state.

    Users of whom the log says later that they were deleted are passed over: they may be gone.
    """
    users = by_user(look.users)
    settled = [step for position, step in process.given if position <= look.position]
    later = [step for position, step in process.given if position > look.position]
    may_be_gone = {step.user for step in later if step.what == "deleted"}
    allowed: dict[_Field, list[Any]] = {}
    for step in settled:
        for known in [known for known in allowed if step.what == "deleted"]:
            if known[0] == step.user:
                del allowed[known]
        if _may_be_rejected(step, look):
            _allow_too(allowed, step)
        else:
            allowed.update({known: [value] for known, value in _writes(step)})
    for step in later:
        _allow_too(allowed, step)
    doubles = bool(mirror.sandbox.get("doubles"))
    for (user, name), values in allowed.items():
        now = held(users.get(user), name)
        if user not in may_be_gone and not any(same(v, now, doubles=doubles) for v in values):
            yield f"{user}'s {name} was there"
    if mirror.removed == "delete" and len(mirror.feed.signals) == 1:
        again = {step.user for step in later if step.what == "row"}
        for user in sorted(_deleted(settled) & users.keys() - again):
            yield f"{user} was deleted"


def _may_be_rejected(step: Step, look: Look) -> bool:
    """Say whether the same row was rejected, be it when it was shown before."""
    return step.row is not None and step.row.get("number") in look.rejected


def _allow_too(allowed: dict[_Field, list[Any]], step: Step) -> None:
    for known, value in _writes(step):
        allowed.get(known, []).append(value)


def _writes(step: Step) -> Iterator[tuple[_Field, Any]]:
    """Yield what a step writes, unless Spotzee refuses it."""
    if step.what == "row" and step.row is not None and step.user and not is_refused(step.row):
        for name, value in written(step.stream, step.row).items():
            yield (step.user, name), value


def _deleted(steps: list[Step]) -> set[str]:
    """Return the users whose last step says that they were deleted."""
    last = {step.user: step.what for step in steps if step.what != "activate"}
    return {user for user, what in last.items() if what == "deleted"}
