"""What was promised and not kept, over several nights. Pure."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from typing import Any

from target_spotzee.sandbox.journal import Request
from tests.chaos.mirror.ahead import behind
from tests.chaos.mirror.evidence import Evidence, items, marked, removals
from tests.chaos.mirror.expected import ABSENT, Expected, Known, by_user, held, same
from tests.chaos.mirror.feed import MARKERS, Step
from tests.chaos.mirror.run import STRANGERS, Outcome, Process
from tests.chaos.mirror.scenario import Mirror
from tests.chaos.mirror.source import is_refused
from tests.chaos.run import Leg, Users
from tests.chaos.verdict import LONGEST_EXIT_SECONDS, Problem, talk

SKIPPED, REMOVED, BEHIND = "wrongly skipped", "wrongly removed", "left behind"
KINDS = ("missing", "stale", SKIPPED, REMOVED, BEHIND, "ahead", "exit", "other")
_FATAL = frozenset({307, 401, 402, 403})
Found = Iterator[tuple[str, str]]


def judge(mirror: Mirror, outcome: Outcome) -> list[Problem]:
    """Return every promise that was not kept."""
    problems = []
    for number, process in enumerate(outcome.processes, 1):
        where = f"night {process.night + 1}, process {number}"
        problems += [Problem(kind, f"{where}: {text}") for kind, text in _process(mirror, process)]
    evidence = Evidence(mirror, outcome.processes)
    for number, process in enumerate(outcome.processes):
        where = f"night {process.night + 1}, process {number + 1}"
        for removal in removals(number, process):
            against = evidence.against(removal)
            if against:
                what = "deleted" if removal.deletes else "marked"
                problems.append(Problem(REMOVED, f"{where}: {what} {removal.user}: {against}"))
    problems += [Problem(kind, text) for kind, text in _nights(mirror, outcome)]
    problems += [Problem(kind, text) for kind, text in _end(mirror, outcome)]
    return problems


def _process(mirror: Mirror, process: Process) -> Found:
    """Say what is wrong with one process."""
    leg = process.leg
    promised = _promised_codes(process)
    if leg.exit_code not in promised:
        what = f"{leg.trouble.kind if leg.trouble else 'no trouble'}, struck {leg.struck}"
        yield "exit", f"exit code {leg.exit_code}, promised {sorted(promised)} ({what})"
    if leg.seconds_to_exit > LONGEST_EXIT_SECONDS:
        yield "exit", f"{leg.seconds_to_exit:.1f} s from the signal to the end"
    if process.damage:
        yield "other", f"the snapshot is damaged: {process.damage}"
    yield from talk(leg)
    yield from _summary(mirror, process)
    yield from _manners(process.requests)
    if mirror.shows_at_once:
        for look in leg.looks:
            for text in behind(mirror, process, look):
                yield "ahead", f"state {look.position} was printed before {text}"


def _promised_codes(process: Process) -> set[int]:
    """Return the exit codes that a process may have ended with."""
    leg, summary = process.leg, process.leg.summary
    normal = 0
    if leg.rejected or (summary is not None and summary["records"]["rejected"]):
        normal = 3
    elif summary is not None and summary.get("removed", {}).get("held_back"):
        normal = 4
    fatal = [request for request in process.requests if request.status in _FATAL]
    by_itself = {1} if fatal else {normal}
    if fatal and all(request.replayed for request in fatal):
        by_itself = {1, normal}  # taken for final, or, at a first attempt, for nothing
    return by_itself | _outside_codes(leg) if _can_go_on(leg) else _outside_codes(leg)


def _can_go_on(leg: Leg) -> bool:
    """Say whether what befell a process from outside may be none of its business."""
    return leg.trouble is None or leg.trouble.kind != "stdin cut"


def _outside_codes(leg: Leg) -> set[int]:
    """Return the further exit codes that what befell a process from outside allows."""
    trouble = leg.trouble
    if trouble is None:
        return set()
    if trouble.kind == "disk full":
        return {1, 2}  # too full to write on, or to open the snapshot
    if trouble.kind == "signal" and leg.struck:
        # It may have come to its end before the signal came.
        return {-trouble.signum if trouble.signum == signal.SIGKILL else 128 + trouble.signum}
    return {1} if trouble.kind in ("stdin cut", "stdout closed") else set()


def _summary(mirror: Mirror, process: Process) -> Found:
    """Say what is wrong with what a process says of unchanged and removed users."""
    summary = process.leg.summary
    if summary is None:
        return
    removed = summary.get("removed")
    if not isinstance(removed, dict) or not {"deleted", "marked", "held_back"} <= removed.keys():
        yield "other", "the summary does not tell what was removed"
        return
    if bool(removed["held_back"]) != bool(removed.get("why")):
        yield "other", "the summary does not say why removals were held back, or says it of none"
    if mirror.removed == "keep" and any(removed[name] for name in ("deleted", "marked")):
        yield "other", "the summary tells of removed users, who are kept"
    if summary["records"]["unchanged"] and not mirror.skips:
        yield SKIPPED, f"{summary['records']['unchanged']} records, where all are to be sent"
    asked = [removal.deletes for removal in removals(0, process)]
    for name, deletes in (("deleted", True), ("marked", False)):
        if asked.count(deletes) < _told_of(removed, name, process):
            yield "other", f"the summary tells of more users {name} than were asked for"


def _told_of(removed: dict[str, Any], name: str, process: Process) -> int:
    """Return how many users a summary calls removed, less those that were gone already."""
    gone = sum(request.method == "GET" and request.status == 404 for request in process.requests)
    return int(removed[name]) - gone


def _manners(requests: Sequence[Request]) -> Found:
    """Say what is wrong with the order in which a process went about removals."""
    readable: set[str] = set()
    deleted: set[str] = set()
    for request in requests:
        users = {external_id.casefold() for external_id in request.external_ids}
        if request.method == "GET":
            if request.status == 200:
                readable |= users
            elif request.status == 404:
                deleted -= users
        elif request.method == "DELETE":
            for user in sorted(users - readable):
                yield "other", f"{user} was deleted without being read"
            deleted |= users
        else:
            for user in sorted(users & deleted):
                yield "other", f"{user} was sent before its removal was confirmed"
            deleted -= users


def _nights(mirror: Mirror, outcome: Outcome) -> Found:
    """Say what is wrong with the users in the source, after each night that ended well."""
    expected = Expected(mirror.feed, deletes=mirror.removed == "delete")
    ever = {step.user for step in _steps(mirror)} | STRANGERS.keys()
    for night, held_then in outcome.ends.items():
        expected.night(night)
        users = by_user(held_then)
        sent = _sent(outcome, night)
        for user, known in expected.users.items():
            if known.streams and known.fields and user not in mirror.nights[night].suspects:
                for kind, text in _user(mirror, user, known, users, sent):
                    yield kind, f"after night {night + 1}: {text}"
        for user in mirror.nights[night].suspects:  # what was refused is told again, or by nobody
            expected.users[user].fields.clear()
        for user in sorted(users.keys() - ever):
            yield "other", f"after night {night + 1}: {user} is nobody the tap sent"
        yield from _strangers(users)
    yield from _left(mirror, outcome, expected)


def _user(
    mirror: Mirror, user: str, known: Known, users: Users, sent: set[tuple[str, str, int]]
) -> Found:
    """Say what is wrong with one user that is in the source."""
    doubles = bool(mirror.sandbox.get("doubles"))
    if user not in users:
        was_sent = any(name == user for name, _, _ in sent)
        yield "missing" if was_sent else SKIPPED, f"{user} is not there"
        return
    if held(users[user], "removed_at") not in (ABSENT, None) and not known.refused:
        yield "stale", f"{user} is back, and still marked as removed"
    for name, (stream, value) in known.fields.items():
        now = held(users[user], name)
        if same(value, now, doubles=doubles):
            continue
        number = known.fields.get(MARKERS[stream], (stream, 0))[1]
        if (user, stream, number) not in sent:
            kind = SKIPPED
        else:
            kind = "stale" if now in known.older[name] else "missing"
        told = "absent" if now is ABSENT else repr(now)
        yield kind, f"{user}'s {name} is {told}, not {value!r}"


def _sent(outcome: Outcome, night: int) -> set[tuple[str, str, int]]:
    """Return what was sent in a night: users, streams and the numbers of rows."""
    return {
        (item["external_id"].casefold(), stream, item["data"][marker])
        for process in outcome.processes
        if process.night == night
        for request in process.requests
        for item in items(request)
        for stream, marker in MARKERS.items()
        if item.get("external_id") and marker in (item.get("data") or {})
    }


def _strangers(users: Users) -> Found:
    for user, theirs in STRANGERS.items():
        now = users.get(user)
        if now is None or now["data"] != theirs["data"] or now["email"] != theirs["email"]:
            yield REMOVED, f"{user}, whom no source knows, was touched"


def _left(mirror: Mirror, outcome: Outcome, expected: Expected) -> Found:
    """Say what is wrong in the end with the users that left the source."""
    last = len(mirror.nights) - 1
    if last not in outcome.ends:
        yield "other", "the last night did not end well"
        return
    users = by_user(outcome.ends[last])
    marks_do = _marks_do(mirror)
    for user, known in expected.users.items():
        if known.streams:
            continue
        is_marked = isinstance(held(users.get(user), "removed_at"), str)
        if mirror.removed == "delete":
            if user in users and not (is_marked and marks_do):
                yield BEHIND, f"{user} left, and is still there"
        elif mirror.removed == "mark":
            if user in users and not is_marked:
                yield BEHIND, f"{user} left, and is not marked"
        elif is_marked:
            yield REMOVED, f"{user} was marked, though users are kept"
        if mirror.removed != "delete" and known.fields and user not in users:
            yield "missing", f"{user}, who left, is not there"


def _marks_do(mirror: Mirror) -> bool:
    """Say whether a weak signal is all there is, and nobody confirmed what it says."""
    weak = any(
        signal_ in ("version before", "complete pass") for signal_ in mirror.feed.signals.values()
    )
    return weak and not mirror.nights[-1].confirms


def _end(mirror: Mirror, outcome: Outcome) -> Found:
    """Say what else is wrong in the end."""
    for identity in outcome.overlaps:
        yield "other", f"two requests carried {identity} at once"
    for name, text in (("an e-mail", b"@example.test"), ("an attribute", b"street ")):
        if text in outcome.snapshot:
            yield "other", f"the snapshot holds {name}"
    if mirror.skips and not mirror.habits.overlap:
        bad = {step.user for step in _steps(mirror) if step.row and is_refused(step.row)}
        last = len(mirror.nights) - 1
        ever: set[str] = set()
        for number, process in enumerate(outcome.processes):
            if process.night == last:
                yield from _idle(process.requests, bad, ever)
            ever |= {removal.user for removal in removals(number, process)}


def _steps(mirror: Mirror) -> Iterator[Step]:
    for steps in mirror.feed.nights:
        yield from steps


def _idle(requests: Sequence[Request], but: set[str], removed: set[str]) -> Found:
    """Say what was written though nothing had changed.

    A removal may have been held back until then, but is not asked for twice.
    """
    for request in requests:
        users = {external_id.casefold() for external_id in request.external_ids} - but
        is_removal = request.method == "DELETE" or any(map(marked, items(request)))
        if is_removal:
            users &= removed
        if request.method != "GET" and users:
            what = "removed" if is_removal else f"{request.method}"
            yield "other", f"{len(users)} users were written for nothing ({what})"
