"""The steps of each night, drawn. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count

from tests.chaos.mirror import feed
from tests.chaos.mirror.feed import Feed, Signal, Step
from tests.chaos.mirror.source import MAIN, Habits, Source, Table, columns

QUIET_NIGHTS = 3
"""At the end nothing fails and nothing changes: two passes settle all, the third sends nothing."""

Steps = tuple[Step, ...]


def draw_feed(rng: random.Random, signals: Mapping[str, Signal], habits: Habits) -> Feed:
    """Return what the tap prints, some busy nights and then the quiet ones.

    Args:
        rng: The dice.
        signals: The signal of each stream.
        habits: What the source is like.
    """
    busy = rng.randint(3, 5)
    history, sources, numbers = _history(rng, signals, habits, busy)
    resumes = all(map(_can_resume, signals.values())) and rng.random() < 0.6
    twice = resumes and rng.random() < 0.5
    mixed = rng.random() < 0.3
    ever = {stream: {user for night in history for user in night[stream]} for stream in signals}
    nights = []
    for number in range(busy + QUIET_NIGHTS):
        now = history[min(number, busy - 1)]
        before: dict[str, Table] = history[number - 1] if 0 < number < busy else {}
        parts = []
        for stream, signal in signals.items():
            if signal != "deleted rows":
                first = twice and number == 0
                part = feed.whole_table(stream, signal, now[stream], first_night=first)
            elif number < busy:
                part = feed.log(rng, stream, sources[stream], before.get(stream, {}), now[stream])
            else:
                # Once more, since a log does not say again what was rejected.
                left = ever[stream] - now[stream].keys() if number == busy else ()
                part = feed.again(stream, now[stream], left)
            parts.append(part)
        if number < busy and rng.random() < 0.1:
            _lose_identity(rng, parts, numbers)
        steps = feed.interleave(rng, parts) if mixed else [step for part in parts for step in part]
        nights.append(feed.with_states(rng, steps))
    if not mixed and "deleted rows" not in signals.values() and rng.random() < 0.3:
        _die(rng, nights, busy)
    heads = {stream: columns(stream, habits) for stream in signals}
    return Feed(signals, nights, resumes, schemas_first=rng.random() < 0.6, columns=heads)


def _can_resume(signal: Signal) -> bool:
    """Say whether a tap of this signal can go on in the midst of a pass."""
    return signal in feed.STRONG


def _history(
    rng: random.Random, signals: Mapping[str, Signal], habits: Habits, busy: int
) -> tuple[list[dict[str, Table]], dict[str, Source], Iterator[int]]:
    """Return the tables of each busy night, who makes them, and the numbers of further rows."""
    numbers = count(1)
    sources = {stream: Source(rng, stream, habits, numbers) for stream in signals}
    users = [f"user-{number:05}" for number in rng.sample(range(10_000), rng.randint(30, 150))]
    own = [f"user-{number:05}" for number in rng.sample(range(10_000), 10)]
    some = [*users[: len(users) // 2], *own]
    tables = {
        stream: source.table(users if stream == MAIN else some)
        for stream, source in sources.items()
    }
    history = [tables]
    for _ in range(busy - 1):
        tables = {stream: sources[stream].overnight(table) for stream, table in tables.items()}
        history.append(tables)
    return history, sources, numbers


def _lose_identity(rng: random.Random, parts: list[list[Step]], numbers: Iterator[int]) -> None:
    """Put a row without an identity into one stream."""
    part = rng.choice(parts)
    rows = [place for place, step in enumerate(part) if step.what == "row"]
    if rows:
        place = rng.choice(rows)
        row = {"external_id": None, "number": next(numbers)}
        part.insert(place, Step("row", part[place].stream, "", row))


def _die(rng: random.Random, nights: list[Steps], busy: int) -> None:
    """Let the tap die in a night or two, behind the same user.

    To the target it looks as if the input was done.
    """
    night = rng.randrange(1, busy)
    users = [step.user for step in nights[night] if step.stream == MAIN and step.what == "row"]
    last = users[int(len(users) * rng.uniform(0.8, 0.97))]
    for number in range(night, min(night + rng.randint(1, 2), busy)):
        steps = nights[number]
        for place, step in enumerate(steps):
            if step.what == "row" and step.stream == MAIN and step.user == last:
                nights[number] = (*steps[:place], replace(step, state=True))
                break
