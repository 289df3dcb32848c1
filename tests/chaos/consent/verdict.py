"""What was promised of consent and not kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.chaos.consent.run import Outcome, Played
from tests.chaos.consent.scenario import Consent
from tests.chaos.consent.source import BUSY_NIGHTS
from tests.chaos.verdict import Problem
from tests.consents import EMAIL, TEXT

KINDS = ("reached", "resubscribed", "no opt-out", "no address", "exit")
Key = tuple[str, int]


def judge(consent: Consent, outcome: Outcome) -> list[Problem]:
    """Return every promise that was not kept."""
    found = [
        *_moments(consent, outcome),
        *_end(consent, outcome),
        *_exits(outcome),
        *(Problem("exit", f"{identity} was in flight twice") for identity in outcome.overlaps),
    ]
    return list(dict.fromkeys(found))


def _moments(consent: Consent, outcome: Outcome) -> Iterator[Problem]:
    given: set[Key] = set()
    for number, played in enumerate(outcome.nights):
        words = consent.nights[number].words
        yield from _reached(consent, number, played, given)
        if not consent.follows:
            yield from _resubscribed(number, played)
        no = {key for key, word in words.items() if word is False}
        if played.well:
            # A record that Spotzee refuses is done nothing of until it is mended.
            refused = _refused(consent, number, played)
            given = {key for key in no if key[0] not in refused}
        else:  # nobody knows how much of it was told
            given &= no


def _refused(consent: Consent, number: int, played: Played) -> set[str]:
    numbers = {record for leg in played.legs for record in leg.rejected}
    rows = consent.nights[number].rows
    return {row.user for row in rows if row.columns.get("number", 0) in numbers}


def _reached(consent: Consent, number: int, played: Played, given: set[Key]) -> Iterator[Problem]:
    """Yield who could be reached who had said no before.

    Who says no for the first time can be, up to the moment in which Spotzee knows of it.
    """
    words = consent.nights[number].words
    no = {key for key, word in words.items() if word is False}
    out = given & no
    if number == 0:  # nobody has ever said anything else
        out = set(no)
    if not consent.follows:
        out |= {
            (user, type_)
            for user, states in played.before.items()
            for type_, state in states.items()
            if state == 0
        }
    for moment in played.moments:
        user = str(moment.external_id).lower()
        for type_ in moment.reached:
            if (user, type_) in out:
                yield Problem("reached", f"night {number + 1}: {user} by type {type_}")
        for type_, state in moment.states.items():
            if state == 0 and (not consent.follows or (user, type_) in no):
                out.add((user, type_))


def _resubscribed(number: int, played: Played) -> Iterator[Problem]:
    states = {user.lower(): dict(of_user) for user, of_user in played.before.items()}
    for moment in played.moments:
        user = str(moment.external_id).lower()
        before = states.get(user, {})
        for type_, state in moment.states.items():
            if before.get(type_) == 0 and state != 0:
                yield Problem("resubscribed", f"night {number + 1}: {user} to type {type_}")
            before[type_] = state  # also of who was deleted meanwhile
        states[user] = before


def _end(consent: Consent, outcome: Outcome) -> Iterator[Problem]:
    """Yield what is missing after the last night, in which nothing failed."""
    night = consent.nights[BUSY_NIGHTS]
    users = {user.lower(): columns for user, columns in outcome.users.items()}
    states = {user.lower(): of_user for user, of_user in outcome.states.items()}
    expected: dict[str, dict[str, Any]] = {}
    for row in night.rows:
        addresses: dict[str, Any] = {
            name: row.columns[name] for name in ("email", "phone") if name in row.columns
        }
        expected.setdefault(row.user, {}).update(addresses)
    for user, addresses in expected.items():
        for name, address in addresses.items():
            if users.get(user, {}).get(name) != address:
                yield Problem("no address", f"{user} has no {name}, or another one")
        for type_ in (EMAIL, TEXT):
            word, state = night.words[user, type_], states.get(user, {}).get(type_)
            if word is False and state != 0:
                yield Problem("no opt-out", f"{user} is not opted out of type {type_}")
            if word is True and consent.follows and state != 1:
                yield Problem("no opt-out", f"{user} is not opted in to type {type_}")


def _exits(outcome: Outcome) -> Iterator[Problem]:
    for number, played in enumerate(outcome.nights, 1):
        for leg in played.legs:
            if leg.exit_code is None:
                yield Problem("exit", f"night {number}: a process hung")
            if "this is a bug" in leg.err or "Traceback" in leg.err:
                yield Problem("exit", f"night {number}: a bug")
    code = outcome.nights[-1].legs[-1].exit_code
    if code != 0:
        yield Problem("exit", f"the last night ended with {code}")
