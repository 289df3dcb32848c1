"""Who may be removed when: what the target had been told by then. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from target_spotzee.sandbox.journal import Request
from tests.chaos.mirror.feed import MARKERS, Feed, Step
from tests.chaos.mirror.run import Process
from tests.chaos.mirror.scenario import Mirror
from tests.chaos.mirror.source import is_refused

_WRITES = ("/users/batch", "/users")


@dataclass(frozen=True)
class Removal:
    """A request to remove a user.

    Attributes:
        process: The number of its process.
        place: Its place among that process's requests.
        user: The user.
        deletes: Whether it deletes the user, or only marks it.
    """

    process: int
    place: int
    user: str
    deletes: bool


@dataclass(frozen=True)
class Showing:
    """A pass over a whole table.

    Attributes:
        process: The number of the process that read to its end.
        night: Its night.
        users: Who was shown.
        last: Who was shown last.
        acts: Whether no guard forbids to act on it.
        confirms: Whether removals were confirmed by the option.
        settled: Whether the state behind it was printed.
    """

    process: int
    night: int
    users: frozenset[str]
    last: str
    acts: bool
    confirms: bool
    settled: bool


def items(request: Request) -> list[dict[str, Any]]:
    """Return the users that a request writes."""
    if request.method not in ("POST", "PATCH") or not request.path.endswith(_WRITES):
        return []
    try:
        users: list[dict[str, Any]] = request.json
    except ValueError:  # its client was killed halfway through
        return []
    return users


def marked(item: dict[str, Any]) -> bool:
    """Say whether an item marks a user as removed."""
    return (item.get("data") or {}).get("removed_at") is not None


def removals(number: int, process: Process) -> Iterator[Removal]:
    """Yield what a process asked to be removed."""
    for place, request in enumerate(process.requests):
        if request.method == "DELETE":
            for external_id in request.external_ids:
                yield Removal(number, place, external_id.casefold(), deletes=True)
        for item in items(request):
            if marked(item):
                yield Removal(number, place, item["external_id"].casefold(), deletes=False)


class Evidence:
    """What the target had been told when it removed somebody.

    Args:
        mirror: The run.
        processes: How it went.
    """

    def __init__(self, mirror: Mirror, processes: Sequence[Process]) -> None:
        self._mirror = mirror
        self._feed: Feed = mirror.feed
        self._processes = processes
        self._removed_in: defaultdict[str, list[int]] = defaultdict(list)
        for number, process in enumerate(processes):
            for removal in removals(number, process):
                self._removed_in[removal.user].append(number)
        self._showings = {
            stream: list(self._find_showings(stream))
            for stream in self._feed.signals
            if not self._feed.is_log(stream)
        }

    def against(self, removal: Removal) -> str | None:
        """Return why a user must not have been removed; ``None``: it was right."""
        gone = False
        for stream in self._feed.signals:
            if not self._gave(stream, removal):
                continue
            if self._has_left(stream, removal):
                gone = True
            elif self._feeds(stream, removal):
                return f"{stream} has it, for all that was known"
        return None if gone else "no stream has said that it left"

    def _gave(self, stream: str, removal: Removal) -> bool:
        """Say whether a stream had ever told of a user."""
        return any(
            step.stream == stream and step.user == removal.user and step.what == "row"
            for process in self._processes[: removal.process + 1]
            for _, step in process.given
        )

    def _feeds(self, stream: str, removal: Removal) -> bool:
        """Say whether a stream was known to feed a user."""
        for number, process in enumerate(self._processes[: removal.process + 1]):
            for position, step in process.given:
                if step.what != "row" or step.user != removal.user or step.stream != stream:
                    continue
                if number < removal.process and (process.well or process.told >= position):
                    return True
                if self._sent_before(removal, number, stream):
                    return True
        return False

    def _sent_before(self, removal: Removal, number: int, stream: str) -> bool:
        """Say whether a stream's row of a user had been sent by a process before the removal."""
        return bool(self._sent(removal, number, stream))

    def _sent(self, removal: Removal, number: int, stream: str) -> list[int]:
        """Return the numbers of a user's rows that a process had sent before the removal."""
        requests = self._processes[number].requests
        until = removal.place if number == removal.process else len(requests)
        found = []
        for request in requests[:until]:
            for item in items(request):
                row = (item.get("data") or {}).get(MARKERS[stream])
                if row is not None and item["external_id"].casefold() == removal.user:
                    found.append(row)
        return found

    def _has_left(self, stream: str, removal: Removal) -> bool:
        if self._feed.is_log(stream):
            return self._log_says_so(stream, removal)
        showings = [s for s in self._showings[stream] if s.process <= removal.process]
        if self._feed.signals[stream] == "version after":
            return any(
                showing.acts
                and removal.user not in showing.users
                and not self._is_back(stream, removal, showing)
                for showing in showings
            )
        passes = [s for s in showings if s.settled or s.process == removal.process]
        for first, second in pairwise(passes):
            missing = removal.user not in first.users | second.users
            confirmed = second.confirms or self._processes[removal.process].confirms
            proved = not removal.deletes or confirmed or first.last != second.last
            if missing and second.acts and proved and not self._is_back(stream, removal, second):
                return True
        return False

    def _is_back(self, stream: str, removal: Removal, since: Showing) -> bool:
        """Say whether the target knew that a user had come back since a pass."""
        for number in range(since.process, removal.process + 1):
            process = self._processes[number]
            given = any(
                step.what == "row" and step.user == removal.user and step.stream == stream
                for _, step in process.given
            )
            if not given or process.night == since.night:
                continue
            earlier_and_well = number < removal.process and process.well
            if earlier_and_well or self._sent_before(removal, number, stream):
                return True
        return False

    def _log_says_so(self, stream: str, removal: Removal) -> bool:
        """Say whether the log had told that a user was deleted, and nothing newer was sent."""

        def of_user(process: Process) -> list[tuple[int, Step]]:
            return [
                (position, step)
                for position, step in process.given
                if step.stream == stream and step.user == removal.user
            ]

        for number in range(removal.process, -1, -1):
            steps = of_user(self._processes[number])
            deleted = [position for position, step in steps if step.what == "deleted"]
            if not deleted:
                if steps and self._sent_before(removal, number, stream):
                    return False
                continue
            sent = self._sent(removal, number, stream)
            newer = {
                step.row["number"]
                for position, step in steps
                if step.row and step.what == "row" and position > deleted[-1]
            }
            older = {
                step.row["number"]
                for position, step in steps
                if step.row and step.what == "row" and position < deleted[-1]
            }
            return not (newer - older).intersection(sent)
        return False

    def _find_showings(self, stream: str) -> Iterator[Showing]:
        """Yield the passes over a stream's table that came to their end."""
        late = self._feed.signals[stream] == "version after"
        before: frozenset[str] = frozenset()
        for number, process in enumerate(self._processes):
            complete = self._activates_after(stream, process) if late else process.whole
            rows = [
                step
                for step in self._feed.nights[process.night]
                if step.stream == stream and step.what == "row"
            ]
            users = [step.user for step in rows if step.user]
            if not complete or not users or len(users) < len(rows):
                continue
            shown = frozenset(users)
            yield Showing(
                number,
                process.night,
                shown,
                users[-1],
                acts=process.confirms or not self._too_many(stream, number, shown | before),
                confirms=process.confirms,
                settled=process.told == process.end or process.leg.exit_code in (0, 3, 4),
            )
            if not late and process.told == process.end:
                before = shown

    def _activates_after(self, stream: str, process: Process) -> bool:
        """Say whether a process was told of a version after its rows."""
        first = self._feed.first(process.night)
        places = [p for p, s in process.given if s.stream == stream and s.what == "activate"]
        rows = [
            position
            for position, step in enumerate(self._feed.nights[process.night], first + 1)
            if step.stream == stream and step.what == "row"
        ]
        return bool(places and rows and places[-1] > rows[-1])

    def _too_many(self, stream: str, number: int, shown: frozenset[str]) -> bool:
        """Say whether surely more users are missing than may be removed at once."""
        ever, settled = set(), set()
        for earlier, process in enumerate(self._processes[: number + 1]):
            for position, step in process.given:
                if step.what != "row" or step.stream != stream or not step.user:
                    continue
                ever.add(step.user)
                known = earlier < number and (process.well or process.told >= position)
                if known and step.row and not is_refused(step.row):
                    settled.add(step.user)
        others = {
            step.user
            for process in self._processes[: number + 1]
            for _, step in process.given
            if step.stream != stream
        }
        missing = {
            user
            for user in settled - shown - others
            if not any(earlier < number for earlier in self._removed_in[user])
        }
        return len(missing) * 100 > self._mirror.most_percent * len(ever)
