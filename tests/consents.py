"""Whole runs of sources that say who wants what, and a look at every moment of them."""

from __future__ import annotations

from typing import Any

from target_spotzee.sandbox.subscriptions import SubscriptionType
from tests import tap
from tests.nights import Nights
from tests.played import Ended

EMAIL, TEXT, PUSH = 1, 2, 3
TYPES = (
    SubscriptionType(EMAIL, "Newsletter", "email"),
    SubscriptionType(TEXT, "Offers", "text"),
    SubscriptionType(PUSH, "App", "push"),
)
HABITS: dict[str, Any] = {
    "case_blind": True,
    "accent_blind": True,
    "phone_wipes": True,
    "subscribe_on_create": True,
}
"""Of the platform that Spotzee descends from."""
COLUMNS = ("id", "email", "phone", "plan", "wants_mail", "no_texts")
SCHEMA = tap.schema("customers", COLUMNS) + tap.schema("contacts", ("id", "email", "phone"))
PLAIN = {"contacts": {"mapping": {"external_id": "id"}}}
"""Another stream of the same users, which says nothing of subscriptions."""
ENTRY: dict[str, Any] = {
    "mapping": {"external_id": "id"},
    "subscriptions": {"Newsletter": "wants_mail", "2": "!no_texts"},
}


class Consenting(Nights):
    """A source that says who wants what."""

    def give(self, *records: dict[str, Any] | str, opt_in: str = "never", **config: Any) -> Ended:
        """Load records; whatever is queued is applied before this returns."""
        entry = {**ENTRY, "opt_in": opt_in, **config.pop("entry", {})}
        streams = {"customers": entry, **PLAIN, **config.pop("streams", {})}
        schema = config.pop("schema", SCHEMA)
        lines = [
            each if isinstance(each, str) else tap.record("customers", **each) for each in records
        ]
        lines.append(tap.state({"n": len(lines)}))
        given = {"streams": streams, "timeout_seconds": 1, "max_retry_seconds": 30, **config}
        ended = self.load(*lines, schema=schema, **given)
        self.sandbox.settle()
        return ended

    def there(self, id_: str, states: dict[int, int]) -> None:
        """Make a user that Spotzee has already, with these states and no other."""
        project = self.sandbox._project
        user = {"external_id": id_, "email": f"{id_}@example.test", "phone": "+61400123456"}

        def make() -> None:
            number = project.upsert({**user, "data": {}}).id
            project.subscriptions.forget(number)
            for type_, state in states.items():
                project.subscriptions.set(number, type_, state)

        self.sandbox._ask(make)

    @property
    def states(self) -> dict[str, dict[int, int]]:
        return self.sandbox.subscriptions

    def reached(self, id_: str, type_: int = EMAIL) -> bool:
        """Whether a user could be reached at any moment."""
        return any(
            type_ in moment.reached for moment in self.sandbox.moments if moment.external_id == id_
        )

    def resubscribed(self) -> list[str]:
        """Whom anything turned from unsubscribed to subscribed."""
        found, states = [], dict[str | None, dict[int, int]]()
        for moment in self.sandbox.moments:
            before = states.get(moment.external_id, {})
            if any(state == 0 and moment.states.get(type_) != 0 for type_, state in before.items()):
                found.append(str(moment.external_id))
            states[moment.external_id] = moment.states
        return found

    def subscriptions(self, ended: Ended) -> dict[str, int]:
        return {name: count for name, count in ended.summary["subscriptions"].items() if count}


def customer(id_: str, **columns: Any) -> dict[str, Any]:
    return {"id": id_, "email": f"{id_}@example.test", "phone": "+61400123456", **columns}


def contact(id_: str, **columns: Any) -> str:
    return tap.record("contacts", id=id_, **columns)
