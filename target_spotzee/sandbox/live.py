"""What the page shows, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_spotzee.sandbox.codec import encode

if TYPE_CHECKING:
    from target_spotzee.sandbox.journal import Journal
    from target_spotzee.sandbox.users import Users

SHOWN_USERS = 25
SHOWN_REQUESTS = 25


def live(users: Users, journal: Journal, key: str) -> bytes:
    """Return the counters, the latest users, the last requests, and a key.

    Args:
        users: All users.
        journal: All requests.
        key: What the page can make requests with.
    """
    rows = [
        # As text, since a browser would round the numbers.
        {**user.plain(), "data": encode(user.data).decode(), "updated_at": user.updated_at}
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
