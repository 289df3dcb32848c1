"""What a snapshot knows of one user."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from target_spotzee.snapshot.bits import Bits
from target_spotzee.snapshot.entries import CLOSED, ONCE_MORE
from target_spotzee.snapshot.file import SnapshotFile

_STREAMS = "SELECT number, name, pass FROM streams ORDER BY number"
_ENTRY = (
    "SELECT users.number, doubt, request, at, request_id, runs.run_id, requests.run FROM users"
    " LEFT JOIN requests ON requests.number = request LEFT JOIN runs ON runs.number = requests.run"
    " WHERE identity = ? AND stream = ?"
)
_NEXT = {
    CLOSED: "is sent if it has changed",
    ONCE_MORE: "is sent once more: what was sent before may have been applied late",
}
_OF_RUN = "FROM {} JOIN runs ON runs.number = run WHERE identity = ? AND stream = ?"


def explain(file: SnapshotFile, identities: list[str]) -> list[dict[str, Any]]:
    """Return what is known of a user, for each stream that knows it.

    Args:
        file: The snapshot's.
        identities: What the user may be known by.
    """
    return [
        found
        for identity in identities
        for number, name, tour in file.rows(_STREAMS)
        if (found := _in_stream(file, identity, number, name, json.loads(tour)))
    ]


def _in_stream(
    file: SnapshotFile, identity: str, stream: int, name: str, tour: dict[str, Any]
) -> dict[str, Any] | None:
    key = identity, stream
    entry = file.rows(_ENTRY, key)
    rejected = file.rows(
        f"SELECT code, run_id, began {_OF_RUN.format('rejects')}",
        key,
    )
    removed = file.rows(
        f"SELECT how, run_id, began {_OF_RUN.format('removed')}",
        key,
    )
    if not (entry or rejected or removed):
        return None
    found: dict[str, Any] = {
        "stream": name,
        "known_by": "external_id" if identity[0] == "e" else "anonymous_id",
        "sent": None,
        "confirmed": None,
        "unchanged": None,
        "rejected": None,
        "removed": None,
        "next": "is sent: it is not known",
    }
    for number, doubt, request, at, request_id, run_id, run in entry:
        if request:
            found["sent"] = {"at": _time(at), "run_id": run_id, "request_id": request_id}
            found["confirmed"] = found["sent"] if doubt in (CLOSED, ONCE_MORE) else None
        shown = tour.get("run")
        seen = Bits(
            file.rows("SELECT page, bits FROM seen WHERE stream = ? AND pass = 'now'", [stream])
            or file.rows(
                "SELECT page, bits FROM seen WHERE stream = ? AND pass = 'before'", [stream]
            )
        )
        if number in seen and shown and shown != run:
            (last,) = file.rows("SELECT run_id, began FROM runs WHERE number = ?", [shown])
            found["unchanged"] = {"at": last[1], "run_id": last[0]}
        found["next"] = _NEXT.get(doubt, "is sent: its last fate is unknown")
    for code, run_id, began in rejected:
        found["rejected"] = {"code": code, "at": began, "run_id": run_id}
    for how, run_id, began in removed:
        found["removed"] = {"how": how, "at": began, "run_id": run_id}
    return found


def _time(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, timezone.utc).isoformat()
