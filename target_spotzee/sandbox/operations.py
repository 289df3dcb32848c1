"""What each operation of the API does, away from HTTP."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from target_spotzee.sandbox import bodies
from target_spotzee.sandbox.codec import encode
from target_spotzee.sandbox.pages import page
from target_spotzee.sandbox.problems import Flaw, Problem, Refusal, Reply
from target_spotzee.sandbox.users import IDS, Users

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from target_spotzee.sandbox.bodies import Item
    from target_spotzee.sandbox.calls import Call
    from target_spotzee.sandbox.codec import Json
    from target_spotzee.sandbox.faults import Fault
    from target_spotzee.sandbox.options import Options

BASE = "/api/client"
WRITES = frozenset({"POST", "PATCH", "DELETE"})
NO_CONTENT = 204
# What a query may hold.
PARAMETERS: Final[Mapping[tuple[str, str], Collection[str]]] = {
    ("GET", "/users"): ("limit", "cursor", "page", "sort", "direction", "q"),
    ("DELETE", "/users"): ("user_id",),
    ("GET", "/subscriptions"): ("limit", "cursor"),
}


@dataclass(frozen=True)
class Subscription:
    """A type of message that a user can subscribe to."""

    id: int
    name: str
    channel: Literal["email", "text", "push", "webhook", "in_app"]


SUBSCRIPTIONS = (Subscription(1, "Newsletter", "email"), Subscription(2, "Offers", "text"))


@dataclass(frozen=True)
class Dropped:
    """A queued item that could not be applied. Nobody is told."""

    request_id: str
    index: int
    item: Item
    code: str
    message: str


class Operations:
    """The operations, and the state they share.

    Args:
        options: See `Options`.
        now: The time as an ISO 8601 string.
        defer: Runs a function after some seconds.
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
        keep = options.keep_requests
        # One moment for a whole request: to ask the clock for each item costs as much as an upsert.
        self._moment = self._now()
        self.users = Users(
            lambda: self._moment,
            case_blind=options.case_blind,
            phone_attributes=options.phone_attributes,
            keep_versions=keep,
        )
        self.events: deque[Item] = deque(maxlen=keep)
        self.dropped: deque[Dropped] = deque(maxlen=keep)
        self.subscribed: dict[tuple[int, int], int] = {}
        self._random = random.Random(options.seed)  # nosec B311  # noqa: S311 - chance, not secrecy
        self._queue: list[Callable[[], object]] = []
        self._routes: dict[str, dict[str, Callable[[Call], Reply]]] = {
            "/users": {
                "GET": self._list_users,
                "PATCH": self._queue_users,
                "DELETE": self._delete_users,
            },
            "/users/batch": {"POST": self._upsert_users},
            "/events": {"POST": self._track},
            "/subscriptions": {"GET": self._list_subscriptions},
            "/subscriptions/batch": {"POST": self._toggle},
        }

    def route(self, method: str, path: str) -> Callable[[Call], Reply]:
        """The operation at ``path``.

        Raises:
            Problem: 404 if there is none, 405 if not with this method.
        """
        operations = self._routes.get(path)
        if operations is None and path.startswith("/users/") and path != "/users/":
            operations = {"GET": self._get_user}
        if operations is None:
            raise Problem(404, "resource_missing", "There is nothing at this path.")
        if method not in operations:
            allowed = ", ".join(operations)
            message = f"{method} is not possible here, only {allowed}."
            raise Problem(405, "resource_missing", message, headers={"Allow": allowed})
        return operations[method]

    def run(self, operation: Callable[[Call], Reply], call: Call) -> Reply:
        """Lets an operation answer.

        Raises:
            Problem: If it can't.
        """
        known = PARAMETERS.get((call.method, call.path), ())
        for name, _ in call.query:
            if name not in known:
                message = f"There is no parameter {name} here."
                raise Problem(400, "parameter_unknown", message, param=name)
        self._moment = self._now()
        return operation(call)

    def settle(self) -> None:
        """Applies all that is queued, now."""
        queue, self._queue = self._queue, []
        if self.options.shuffle_queue:
            self._random.shuffle(queue)
        self._moment = self._now()
        for apply in queue:
            apply()

    @property
    def queued(self) -> int:
        """How many items wait to be applied."""
        return len(self._queue)

    def _upsert_users(self, call: Call) -> Reply:
        items = self._accept(call, bodies.users)
        results: list[dict[str, object]] = []
        failed = 0
        for index, item in enumerate(items):
            result = self._result(index, item)
            try:
                refuse_on_purpose(item, call.faults)
                result[self.options.success_key] = self.users.upsert(item)
            except Refusal as refusal:
                failed += 1
                result["error"] = {"code": refusal.code, "message": refusal.message}
            results.append(result)
        return outcome(results, failed)

    def _queue_users(self, call: Call) -> Reply:
        items = self._accept(call, bodies.users)
        for index, item in enumerate(items):
            self._enqueue(call, index, item)
        return self._queued()

    def _enqueue(self, call: Call, index: int, item: Item) -> None:
        def apply() -> None:
            try:
                refuse_on_purpose(item, call.faults)
                self.users.upsert(item)
            except Refusal as refusal:
                dropped = Dropped(call.request_id, index, item, refusal.code, refusal.message)
                self.dropped.append(dropped)

        self._queue.append(apply)

    def _queued(self) -> Reply:
        if self.options.queue_delay:
            self._defer(self.options.queue_delay, self.settle)
        else:
            self.settle()
        return Reply(NO_CONTENT)

    def _delete_users(self, call: Call) -> Reply:
        external_ids = [value for name, value in call.query if name == "user_id"]
        if not external_ids:
            raise Problem(400, "parameter_missing", "user_id is required.", param="user_id")
        if not all(external_ids):
            raise Problem(400, "parameter_invalid_empty", "user_id is empty.", param="user_id")
        for external_id in external_ids:
            self._queue.append(partial(self.users.delete, external_id))
        return self._queued()

    def _list_users(self, call: Call) -> Reply:
        query = dict(call.query)
        wanted = query.get("q", "").casefold()
        found = (
            user
            for user in self.users
            if any(wanted in (text or "").casefold() for text in (user.external_id, user.email))
        )
        return Reply(200, encode(page(found if wanted else self.users, query)))

    def _get_user(self, call: Call) -> Reply:
        # What follows is one id, whatever slashes it has.
        user = self.users.find(unquote(call.path.removeprefix("/users/")))
        if user is None:
            raise Problem(404, "resource_missing", "There is no such user.")
        return Reply(200, encode(user))

    def _track(self, call: Call) -> Reply:
        items = self._accept(call, bodies.events)
        for index, event in enumerate(items):
            self.events.append(event)
            if "user" in event:
                ids = {name: event[name] for name in IDS if name in event}
                self._enqueue(call, index, event["user"] | ids)
        return self._queued()

    def _list_subscriptions(self, call: Call) -> Reply:
        return Reply(200, encode(page(SUBSCRIPTIONS, dict(call.query))))

    def _toggle(self, call: Call) -> Reply:
        items = self._accept(call, bodies.toggles)
        known = {subscription.id for subscription in SUBSCRIPTIONS}
        results: list[dict[str, object]] = []
        failed = 0
        for index, item in enumerate(items):
            number, state = item["subscription_id"], item["state"]
            user = self.users.find(item.get("external_id"), item.get("anonymous_id"))
            result = self._result(index, item) | {"subscription_id": number}
            if user is None or number not in known:
                failed += 1
                missing = "user" if user is None else "subscription"
                message = f"The {missing} could not be resolved."
                result["error"] = {"code": "resource_missing", "message": message}
            else:
                self.subscribed[user.id, number] = state
                result["state"] = state
            results.append(result)
        return outcome(results, failed)

    def _accept(self, call: Call, check: Callable[[Json], list[Item]]) -> list[Item]:
        """The items of a request that is not refused whole."""
        items = check(call.value)
        refuse_batch_on_purpose(items, call.faults)
        return items

    def _result(self, index: int, item: Mapping[str, Json]) -> dict[str, object]:
        result: dict[str, object] = {"index": index}
        if self.options.ids_in_results:
            result["external_id"] = item.get("external_id")
            result["anonymous_id"] = item.get("anonymous_id")
        return result


def outcome(results: list[dict[str, Any]], failed: int) -> Reply:
    """The answer to a batch."""
    body = {"results": results, "succeeded": len(results) - failed, "failed": failed}
    return Reply(200, encode(body), failed=failed)


def refuse_on_purpose(item: Item, faults: Sequence[Fault]) -> None:
    """Lets ``item_error`` happen.

    Raises:
        Refusal: If it is this item's turn.
    """
    for fault in faults:
        if fault.effect == "item_error" and item.get("external_id") in fault.external_ids:
            raise Refusal(fault.code or "validation_failed", fault.message)


def refuse_batch_on_purpose(items: Sequence[Item], faults: Sequence[Fault]) -> None:
    """Lets ``refuse_batch`` happen.

    Raises:
        Problem: If a guilty item is there.
    """
    for fault in faults:
        if fault.effect != "refuse_batch":
            continue
        guilty = [
            index
            for index, item in enumerate(items)
            if index == fault.index or item.get("external_id") in fault.external_ids
        ]
        if not guilty:
            continue
        status = fault.status or 422
        usual = "parameter_invalid_format" if status == 400 else "validation_failed"  # noqa: PLR2004
        code = fault.code or usual
        flaws = [Flaw(index, "email", code, fault.message) for index in guilty]
        raise Problem(status, code, fault.message, flaws=flaws if fault.named else ())
