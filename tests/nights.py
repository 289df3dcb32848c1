"""A source that is shown night by night, to whole runs in this process with a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from target_spotzee.sandbox import Fault
from tests import tap
from tests.played import Ended, Played
from tests.process import assert_adds_up

Rows = dict[str, dict[str, Any]]

COLUMNS = ("id", "email", "plan")
SCHEMA = tap.schema("customers", COLUMNS)


class Nights(Played):
    """A source that is shown night by night."""

    snapshot_path: Path
    looked_at = 0

    def load(self, *lines: str, schema: str = SCHEMA, **config: Any) -> Ended:
        given = {"snapshot_path": str(self.snapshot_path), "resend_after_days": 30, **config}
        ended = self.run([schema, *lines], **given)
        assert_adds_up(ended.summary)
        return ended

    def show(self, rows: Rows, version: int | None = None, **config: Any) -> Ended:
        """Show a table whole; a version is activated at the end, as proof."""
        lines = [row(id_, version, **columns) for id_, columns in rows.items()]
        if version is not None:
            lines.append(activate(version))
        return self.load(*lines, tap.state({"version": version}), **config)

    def written(self) -> list[str]:
        """Return each write's method, path and what it carried, and forget it."""
        requests = self.sandbox.requests
        found = [
            f"{request.method} {request.path.removeprefix('/api/client')}"
            for request in requests[self.looked_at :]
            if request.method != "GET"
        ]
        self.looked_at = len(requests)
        return found

    @property
    def users(self) -> dict[str, Any]:
        return self.sandbox.users

    def erase(self, id_: str) -> None:
        """Delete a user as somebody else would."""
        self.sandbox._ask(lambda: self.sandbox._project.delete(id_))


def row(id_: str, version: int | None = None, /, **columns: Any) -> str:
    message = {"type": "RECORD", "stream": "customers", "record": {"id": id_, **columns}}
    return tap.line(message if version is None else {**message, "version": version})


def activate(version: int) -> str:
    return tap.line({"type": "ACTIVATE_VERSION", "stream": "customers", "version": version})


def people(count: int, **columns: Any) -> Rows:
    return {
        f"u{number}": {"email": f"a{number}@example.test", **columns} for number in range(count)
    }


def without(rows: Rows, *ids: str) -> Rows:
    return {id_: columns for id_, columns in rows.items() if id_ not in ids}


def counts(ended: Ended) -> dict[str, int]:
    return {name: count for name, count in ended.summary["records"].items() if count}


def why(ended: Ended) -> str:
    return str(ended.summary["state"]["why"])


def refusing(id_: str) -> list[Fault]:
    return [Fault(effect="item_error", code="state_conflict", external_id=id_)]
