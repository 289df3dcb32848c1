"""What the page shows, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_spotzee.sandbox.codec import encode

if TYPE_CHECKING:
    from target_spotzee.sandbox.journal import Journal
    from target_spotzee.sandbox.project import Project
    from target_spotzee.sandbox.users import User

SHOWN_USERS = 25
SHOWN_REQUESTS = 25


STATES = {0: "no", 1: "yes", 2: "confirmed"}


def live(project: Project, journal: Journal, key: str) -> bytes:
    """Return the counters, the latest users, the last requests, and a key.

    Args:
        project: All users, and what they are subscribed to.
        journal: All requests.
        key: What the page can make requests with.
    """
    users = project.users

    def states(user: User) -> str:
        found = project.subscriptions.of(user.id)
        return ", ".join(f"{each.name}: {STATES[each.state]}" for each in found)

    rows = [
        {
            **user.plain(),
            "data": encode(user.data).decode(),  # as text: a browser would round the numbers
            "subscriptions": states(user),
            "updated_at": user.updated_at,
        }
        for user in users.latest(SHOWN_USERS)
    ]
    requests = [
        {
            "number": request.number,
            "time": request.wall,
            "method": request.method,
            "path": request.path,
            "items": request.items,
            "status": request.status,
            "failed": request.failed,
            "replayed": request.replayed,
            "fault": request.fault,
            "milliseconds": round(request.milliseconds, 1),
            "request_id": request.request_id,
            "running": journal.is_running(request),
        }
        for request in journal.last(SHOWN_REQUESTS)
    ]
    return encode(
        {
            "key": key,
            "users": len(users),
            "requests": journal.count,
            "statuses": dict(journal.statuses),
            "in_flight": journal.in_flight,
            "rates": journal.rates(),
            "latest_users": rows,
            "last_requests": requests,
        }
    )
