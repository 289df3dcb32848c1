"""What was promised and not kept. Pure."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.chaos.feed import Feed, Field
from tests.chaos.run import Leg, Look, Outcome, Users
from tests.chaos.scenario import Scenario
from tests.process import assert_adds_up

KINDS = ("missing", "stale", "ahead", "exit", "other")
LONGEST_EXIT_SECONDS = 10.0

_ABSENT = object()


@dataclass(frozen=True)
class Problem:
    """One broken promise.

    Attributes:
        kind: Its column of the table.
        text: What exactly.
    """

    kind: str
    text: str


def judge(scenario: Scenario, outcome: Outcome) -> list[Problem]:
    """Return every promise that was not kept."""
    at_the_end = (*_users(scenario, outcome), *_end(scenario, outcome))
    problems = [Problem(kind, text) for kind, text in at_the_end]
    for number, leg in enumerate(outcome.legs, 1):
        for kind, text in _leg(scenario, leg):
            problems.append(Problem(kind, f"process {number}: {text}"))
    for kind, text in _replays(scenario, outcome):
        problems.append(Problem(kind, f"rejects sent again: {text}"))
    return problems


def _users(scenario: Scenario, outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Say what is wrong with the users once the input was done."""
    feed, rejected = scenario.feed, outcome.rejected
    for owner in sorted(set(feed.owners) - outcome.users.keys()):
        if not feed.of([owner]) <= rejected:
            yield "missing", f"{owner} is not there"
    for (owner, name), writers in feed.writers.items():
        if owner not in outcome.users:
            continue
        allowed = _since(writers, feed.end, rejected) if scenario.ordered else _values(writers)
        value = _value(outcome.users, (owner, name))
        if value not in allowed:
            kind = "stale" if value in _values(writers) else "missing"
            yield kind, f"{owner}'s {name} is {_told(value)}, not {_told(allowed[0])}"
    for owner in sorted(outcome.users.keys() - set(feed.owners)):
        yield "other", f"{owner} is nobody the tap sent"


def _end(scenario: Scenario, outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Say what else is wrong once the input was done."""
    feed, rejected = scenario.feed, outcome.rejected
    if scenario.suspects is not None:
        for number in sorted(rejected - scenario.suspects):
            yield "missing", f"record {number} was rejected for nothing"
    positions = [look.position for leg in outcome.legs for look in leg.looks]
    if feed.end not in positions:
        yield "other", f"the last state printed is {positions[-1:]}, not {feed.end}"
    for identity in outcome.overlaps:
        yield "other", f"two requests carried {identity} at once"


def _leg(scenario: Scenario, leg: Leg) -> Iterator[tuple[str, str]]:
    """Say what is wrong with one process."""
    promised = _promised_codes(leg)
    if leg.exit_code not in promised:
        what = f"{leg.trouble.kind if leg.trouble else 'no trouble'}, struck {leg.struck}"
        yield "exit", f"exit code {leg.exit_code}, promised {sorted(promised)} ({what})"
    if leg.seconds_to_exit > LONGEST_EXIT_SECONDS:
        yield "exit", f"{leg.seconds_to_exit:.1f} s from the signal to the end"
    yield from talk(leg)
    if scenario.ordered:
        for look in leg.looks:
            yield from _ahead(scenario.feed, look)


def talk(leg: Leg) -> Iterator[tuple[str, str]]:
    """Say what is wrong with what a process printed, logged and summed up."""
    if len(leg.out) != len(leg.looks):
        yield "other", "something on stdout is no state"
    for earlier, later in pairwise(leg.looks):
        if earlier.position >= later.position:
            yield "other", f"state {later.position} after state {earlier.position}"
    if "Traceback" in leg.err or "this is a bug" in leg.err:
        lines = [line for line in leg.err.splitlines() if "this is a bug" in line]
        yield "other", f"a bug showed itself on stderr: {(lines or ['a traceback'])[-1][-150:]}"
    if "sk_sandbox" in leg.err:
        yield "other", "the key is on stderr"
    if leg.summary is not None:
        # Killed after it had told how it ended, a process can't take that back.
        if leg.summary["exit_code"] != leg.exit_code != -signal.SIGKILL:
            yield "other", "the summary tells another exit code"
        try:
            assert_adds_up(leg.summary)
        except AssertionError:
            yield "other", "the summary does not add up"
    elif leg.exit_code in (0, 3, 4):
        yield "other", "there is no summary"


def _replays(scenario: Scenario, outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Say what is wrong once the rejects were sent again, and then once more."""
    feed, rejected = scenario.feed, outcome.rejected
    for leg in outcome.replays:
        yield from _leg(scenario, leg)
    if outcome.requests_again:
        yield "stale", f"{outcome.requests_again} requests when all had been delivered"
    sources = list(zip(feed.owners, feed.streams, strict=True))
    newest = {source: n for n, source in enumerate(sources, 1) if n not in rejected}
    # What a newer record of the user and stream has superseded is passed over, whole.
    superseded = frozenset(n for n in rejected if n < newest.get(sources[n - 1], 0))
    for (owner, name), writers in feed.writers.items() if outcome.replays else ():
        again = [value for number, value in writers if number in rejected - superseded]
        allowed = again[-1:] or _since(writers, feed.end, superseded)
        value = _value(outcome.replayed, (owner, name))
        if value not in allowed:
            kind = "stale" if value in _values(writers) else "missing"
            yield kind, f"{owner}'s {name} is {_told(value)}, not {_told(allowed[0])}"


def _promised_codes(leg: Leg) -> set[int]:
    """Return the exit codes that this process may have ended with."""
    # A reject that is in the file already is counted, but not added again.
    counted = leg.summary is not None and leg.summary["records"]["rejected"]
    normal = 3 if leg.rejected or counted else 0
    if leg.trouble is None or not leg.struck:
        return {1} if leg.fatal else {normal}
    if leg.trouble.kind == "signal":
        signum = leg.trouble.signum
        stopped = -signum if signum == 9 else 128 + signum
        # It may have come to its end before the signal came.
        return {stopped, 1 if leg.fatal else normal}
    if leg.trouble.kind == "refuse":
        return {1} if leg.fatal else {normal}
    if leg.trouble.kind == "stdout closed":
        closed = len(leg.looks) >= leg.trouble.states
        return {1, normal} if closed else {1} if leg.fatal else {normal}
    return {1}


def _ahead(feed: Feed, look: Look) -> Iterator[tuple[str, str]]:
    """Say which users were behind a state when it had been printed."""
    for (owner, name), writers in feed.writers.items():
        before = [(number, value) for number, value in writers if number <= look.position]
        if not before:
            continue
        allowed = _since(writers, look.position, look.rejected)
        if _value(look.users, (owner, name)) not in allowed:
            text = f"state {look.position} was printed before {owner}'s {name}"
            yield "ahead", f"{text} of record {before[-1][0]} was there"


def _since(writers: list[tuple[int, Any]], position: int, rejected: frozenset[int]) -> list[Any]:
    """Return what a field may be once the records up to a position are settled.

    That is what the last of them wrote, or any later one; what a rejected record wrote need not
    be there, so then what was there before it may be, too.
    """
    allowed = []
    for number, value in reversed(writers):
        allowed.append(value)
        if number <= position and number not in rejected:
            return allowed
    return [*allowed, _ABSENT, None]


def _values(writers: list[tuple[int, Any]]) -> list[Any]:
    return [value for _, value in writers]


def _value(users: Users, field: Field) -> Any:
    owner, name = field
    user = users.get(owner)
    if user is None:
        return _ABSENT
    return user[name] if name in user else user["data"].get(name, _ABSENT)


def _told(value: Any) -> str:
    return "absent" if value is _ABSENT else repr(value)
