"""What each operation of the API does, apart from HTTP.

The rules are those of Spotzee's API reference, release 2026-04-28.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import asdict

from target_spotzee.sandbox import bodies, moments
from target_spotzee.sandbox.codec import encode
from target_spotzee.sandbox.jobs import Jobs
from target_spotzee.sandbox.pages import one_of, page
from target_spotzee.sandbox.problems import Problem, Refusal, Reply
from target_spotzee.sandbox.project import Project
from target_spotzee.sandbox.purpose import refuse_batch_on_purpose, refuse_on_purpose
from target_spotzee.sandbox.users import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from target_spotzee.sandbox.bodies import Item
    from target_spotzee.sandbox.calls import Call
    from target_spotzee.sandbox.codec import Json
    from target_spotzee.sandbox.events import Event
    from target_spotzee.sandbox.options import Options
    from target_spotzee.sandbox.users import User

BASE = "/api/client"
WRITES = frozenset({"POST", "PATCH", "DELETE"})
NO_CONTENT = 204


@dataclass(frozen=True)
class Dropped:
    """A queued item that could not be applied. Clients are not told.

    Attributes:
        request_id: Of the request that it came in.
        index: Its place in that request.
        item: The item as it was sent.
        code: Why, for machines.
        message: Why, for people.
    """

    request_id: str
    index: int
    item: Item
    code: str
    message: str


class Operation(NamedTuple):
    """What can be done at a path with a method.

    Attributes:
        answer: Does it.
        parameters: What the query may hold.
    """

    answer: Callable[[Call], Reply]
    parameters: Collection[str] = ()


class Operations:
    """The operations on a project.

    Args:
        options: See `Options`.
        now: Returns the time as an ISO 8601 string.
        defer: Runs a function after some seconds.

    Attributes:
        options: As given.
        project: What the operations work on.
        dropped: The queued items that could not be applied.
    """

    def __init__(
        self,
        options: Options,
        now: Callable[[], str],
        defer: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self.options = options
        self._now = now
        self._defer = defer
        # One moment for a whole request: asking the clock for each item costs as much as an upsert.
        self._began = self._moment = self._now()
        self.project = Project(options, lambda: self._moment)
        self.dropped: deque[Dropped] = deque(maxlen=options.keep_requests)
        chance = random.Random(options.seed)  # nosec B311  # noqa: S311 - chance, not secrecy
        self._jobs = Jobs(self._later, chance if options.shuffle_queue else None)
        pages = ("limit", "cursor")
        users = (*pages, "page", "sort", "direction", "q")
        events = (*pages, "from", "to", "external_id", "event_name", "include_payload")
        self._routes: dict[str, dict[str, Operation]] = {
            "/users": {
                "GET": Operation(self._list_users, users),
                "PATCH": Operation(self._queue_users),
                "DELETE": Operation(self._delete_users, ("user_id",)),
            },
            "/users/batch": {"POST": Operation(self._upsert_users)},
            "/users/{id}": {
                "GET": Operation(self._get_user),
                "DELETE": Operation(self._delete_user),
            },
            "/users/{id}/subscriptions": {"GET": Operation(self._list_states, pages)},
            "/me": {"GET": Operation(self._get_project)},
            "/events": {
                "GET": Operation(self._list_events, events),
                "POST": Operation(self._track),
            },
            "/subscriptions": {"GET": Operation(self._list_types, pages)},
            "/subscriptions/batch": {"POST": Operation(self._toggle)},
        }

    def route(self, call: Call) -> Operation:
        """Return the operation that a request is for.

        Raises:
            Problem: 404, there is none at its path; 405, there is none with its method.
        """
        operations = self._routes.get(call.template)
        if operations is None:
            raise Problem(404, "resource_missing", "There is nothing at this path.")
        if call.method not in operations:
            allowed = ", ".join(operations)
            message = f"{call.method} is not possible here, only {allowed}."
            raise Problem(405, "resource_missing", message, headers={"Allow": allowed})
        return operations[call.method]

    def run(self, operation: Operation, call: Call) -> Reply:
        """Return an operation's answer to a request.

        Raises:
            Problem: The request is refused whole.
        """
        for name, _ in call.query:
            if name not in operation.parameters:
                message = f"There is no parameter {name} here."
                raise Problem(400, "parameter_unknown", message, param=name)
        self._moment = self._now()
        return operation.answer(call)

    def settle(self) -> None:
        """Apply all that is queued, now."""
        self._moment = self._now()
        self._jobs.settle()

    def _later(self, seconds: float, function: Callable[[], None]) -> None:
        def run() -> None:
            self._moment = self._now()
            function()

        self._defer(seconds, run)

    def _upsert_users(self, call: Call) -> Reply:
        def upsert(item: Item) -> dict[str, object]:
            refuse_on_purpose(item, call.faults)
            return {self.options.success_key: self.project.upsert(item)}

        return self._each(self._accept(call, bodies.users), upsert)

    def _queue_users(self, call: Call) -> Reply:
        return self._queue(call, self._accept(call, bodies.users), self.project.upsert)

    def _queue(self, call: Call, items: list[Item], apply: Callable[[Item], object]) -> Reply:
        """Queue items; those that are refused when they are applied are dropped."""

        def job(index: int, item: Item) -> None:
            try:
                refuse_on_purpose(item, call.faults)
                apply(item)
            except Refusal as refusal:
                dropped = Dropped(call.request_id, index, item, refusal.code, refusal.message)
                self.dropped.append(dropped)

        jobs = [partial(job, index, item) for index, item in enumerate(items)]
        self._jobs.add(jobs, self.options.queue_delay)
        return Reply(NO_CONTENT)

    def _delete_users(self, call: Call) -> Reply:
        external_ids = call.values("user_id")
        if not external_ids:
            raise Problem(400, "parameter_missing", "user_id is required.", param="user_id")
        if not all(external_ids):
            raise Problem(400, "parameter_invalid_empty", "user_id is empty.", param="user_id")
        return self._delete(external_ids)

    def _delete_user(self, call: Call) -> Reply:
        self._named(call)
        return self._delete([call.user_id or ""])

    def _delete(self, external_ids: list[str]) -> Reply:
        jobs = [partial(self.project.delete, external_id) for external_id in external_ids]
        self._jobs.add(jobs, self.options.delete_delay or self.options.queue_delay)
        return Reply(NO_CONTENT)

    def _list_users(self, call: Call) -> Reply:
        query = dict(call.query)
        wanted = query.get("q", "").casefold()
        found = (
            user
            for user in self.project.users
            if any(wanted in (text or "").casefold() for text in (user.external_id, user.email))
        )
        return Reply(200, encode(page(found if wanted else self.project.users, query, COLUMNS)))

    def _get_user(self, call: Call) -> Reply:
        return Reply(200, encode(self._named(call)))

    def _named(self, call: Call) -> User:
        """Return the user that a path names.

        Raises:
            Problem: 404, there is no such user.
        """
        user = self.project.users.find(call.user_id)
        if user is None:
            raise Problem(404, "resource_missing", "There is no such user.")
        return user

    def _list_states(self, call: Call) -> Reply:
        states = self.project.subscriptions.of(self._named(call).id)
        return Reply(200, encode(page(states, dict(call.query))))

    def _get_project(self, _: Call) -> Reply:
        about = {"id": self.options.project_id, "name": self.options.project_name}
        return Reply(200, encode(about))

    def _track(self, call: Call) -> Reply:
        return self._queue(call, self._accept(call, bodies.events), self.project.track)

    def _list_events(self, call: Call) -> Reply:
        query = dict(call.query)
        with_data = one_of(query, "include_payload", ("false", "true")) == "true"

        def shown(event: Event) -> dict[str, object]:
            user = self.project.users.get(event.user_id)
            ids = {name: getattr(user, name) for name in ("id", "external_id", "anonymous_id")}
            return event.plain(ids, with_data=with_data)

        return Reply(200, encode(page(self._events(call), query, show=shown)))

    def _events(self, call: Call) -> Iterator[Event]:
        """Yield the events that a query asks for."""
        first, end = moment(call, "from"), moment(call, "to")
        names = call.values("event_name")
        external_ids = call.values("external_id")
        users = {user.id for user in map(self.project.users.find, external_ids) if user}
        for event in self.project.events:
            if (
                first <= event.at < end
                and (not names or event.name in names)
                and (not external_ids or event.user_id in users)
            ):
                yield event

    def _list_types(self, call: Call) -> Reply:
        more = {
            "project_id": self.options.project_id,
            "created_at": self._began,
            "updated_at": self._began,
        }
        types = self.project.subscriptions.types.values()
        shown = page(types, dict(call.query), show=lambda kind: asdict(kind) | more)
        return Reply(200, encode(shown))

    def _toggle(self, call: Call) -> Reply:
        def toggle(item: Item) -> dict[str, object]:
            refuse_on_purpose(item, call.faults)
            self.project.toggle(item)
            return {"state": item["state"]}

        items = self._accept(call, bodies.toggles)
        return self._each(items, toggle, ("subscription_id",))

    def _accept(self, call: Call, check: Callable[[Json], list[Item]]) -> list[Item]:
        """Return the items of a request.

        Raises:
            Problem: The request is refused whole.
        """
        items = check(call.value)
        refuse_batch_on_purpose(items, call.faults)
        return items

    def _each(
        self,
        items: list[Item],
        apply: Callable[[Item], Mapping[str, object]],
        named: tuple[str, ...] = (),
    ) -> Reply:
        """Apply items and return an answer with one result for each.

        Args:
            items: What was sent.
            apply: Applies one, and returns what its result holds if it was not refused.
            named: The fields of an item that its result always repeats.
        """
        ids = ("external_id", "anonymous_id") if self.options.ids_in_results else ()
        results: list[dict[str, Any]] = []
        failed = 0
        for index, item in enumerate(items):
            result = {"index": index} | {name: item.get(name) for name in (*ids, *named)}
            try:
                result |= apply(item)
            except Refusal as refusal:
                failed += 1
                result["error"] = {"code": refusal.code, "message": refusal.message}
            results.append(result)
        body = {"results": results, "succeeded": len(results) - failed, "failed": failed}
        return Reply(200, encode(body), failed=failed)


def moment(call: Call, name: str) -> datetime:
    """Return a moment in the query.

    Raises:
        Problem: 400, it is missing, or not a complete date and time.
    """
    values = call.values(name)
    if not values:
        raise Problem(400, "parameter_missing", f"{name} is required.", param=name)
    try:
        return moments.read_complete(values[-1])
    except ValueError as error:
        message = f"{name} must be a date and time with an offset, such as 2026-11-01T00:00:00Z."
        raise Problem(400, "parameter_invalid_format", message, param=name) from error
