"""What a project holds: users and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_spotzee.sandbox import moments
from target_spotzee.sandbox.doubles import as_doubles
from target_spotzee.sandbox.events import Events
from target_spotzee.sandbox.problems import Refusal
from target_spotzee.sandbox.subscriptions import Subscriptions
from target_spotzee.sandbox.users import FIRST_CLASS, IDS, Users

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_spotzee.sandbox.bodies import Item
    from target_spotzee.sandbox.options import Options
    from target_spotzee.sandbox.users import User

LONGEST_NAME = 255


class Project:
    """The users, their events and their subscriptions. Every change is made here.

    Args:
        options: See `Options`.
        now: Returns the time as an ISO 8601 string.

    Attributes:
        users: The users.
        events: Their events.
        subscriptions: Their subscriptions.
    """

    def __init__(self, options: Options, now: Callable[[], str]) -> None:
        self._options = options
        self._now = now
        self.users = Users(
            now,
            project_id=options.project_id,
            case_blind=options.case_blind,
            accent_blind=options.accent_blind,
            phone_attributes=options.phone_attributes,
            phone_wipes=options.phone_wipes,
            doubles=options.doubles,
            keep_versions=options.keep_requests,
        )
        self.events = Events(options.keep_requests)
        self.subscriptions = Subscriptions(options.subscription_types, watch=options.watch)

    def upsert(self, item: Item) -> User:
        """Create or change a user.

        Returns:
            The user as it is now.

        Raises:
            Refusal: The item can't be accepted.
        """
        change = self.users.upsert(item)
        if change.merged is not None:
            self.events.move(change.merged.id, change.user.id)
            self.subscriptions.move(change.merged.id, change.user.id)
        if change.before is None and self._options.subscribe_on_create:
            self.subscriptions.subscribe(change.user)
        self.subscriptions.look(change.user)
        return change.user

    def delete(self, external_id: str) -> None:
        """Remove a user, if there is one, with all that belongs to it."""
        user = self.users.delete(external_id)
        if user is not None:
            self.events.forget(user.id)
            self.subscriptions.forget(user.id)

    def track(self, event: Item) -> None:
        """Add an event; its user is created if need be, and changed if the event says so.

        Raises:
            Refusal: The event, or its user, can't be accepted.
        """
        if len(event["name"]) > LONGEST_NAME:
            code = "validation_failed"
            raise Refusal(code, f"name has more than {LONGEST_NAME} characters")
        user = self.users.find(event.get("external_id"), event.get("anonymous_id"))
        if user is None or "user" in event:
            ids = {name: event[name] for name in IDS if name in event}
            told = event.get("user", {})
            user = self.upsert(
                {name: told[name] for name in (*FIRST_CLASS, "data") if name in told} | ids
            )
        if self._options.doubles and event.get("data"):
            event = event | {"data": as_doubles(event["data"])}
        self.events.add(user.id, moments.read(event.get("created_at") or self._now()), event)

    def toggle(self, item: Item) -> None:
        """Set the state of a user's subscription.

        Raises:
            Refusal: There is no such user, or no such type.
        """
        user = self.users.find(item.get("external_id"), item.get("anonymous_id"))
        if user is None or item["subscription_id"] not in self.subscriptions.types:
            missing = "user" if user is None else "subscription"
            code = "resource_missing"
            raise Refusal(code, f"The {missing} could not be resolved.")
        self.subscriptions.set(user.id, int(item["subscription_id"]), int(item["state"]))
        self.subscriptions.look(user)
