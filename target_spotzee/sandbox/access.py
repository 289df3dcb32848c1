"""Who may do what, and which release of the API is asked for.

The rules are those of Spotzee's API reference, release 2026-04-28. The names of headers are in
lower case everywhere.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, get_args

from target_spotzee.sandbox.options import Role
from target_spotzee.sandbox.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROLES = get_args(Role)
_WRITERS = _ROLES[_ROLES.index("editor") :]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_KINDS = {
    "pk_": "This is a publishable key: it can't be used here.",
    "ok_": "This is an organisation key: it can only be used on /api/admin.",
}


def bearer(headers: Mapping[str, str]) -> str:
    """Return the key in the ``Authorization`` header; an empty text if there is none."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def authenticate(headers: Mapping[str, str], keys: Mapping[str, Role]) -> str:
    """Return the secret key that a request shows.

    Args:
        headers: The request's.
        keys: The role of each known key.

    Raises:
        Problem: 401, it shows no known key.
    """
    key = bearer(headers)
    if key in keys:
        return key
    message = _KINDS.get(key[:3], "A known secret key (sk_…) is required.")
    challenge = {"WWW-Authenticate": "Bearer"}
    raise Problem(401, "authentication_required", message, headers=challenge)


def check_may_write(role: Role) -> None:
    """Check that a role may write: editor, or one above it.

    Raises:
        Problem: 403, it may not.
    """
    if role not in _WRITERS:
        raise Problem(403, "permission_denied", "The key's role must be editor or higher.")


def version(headers: Mapping[str, str], known: tuple[str, ...]) -> str:
    """Return the release that a request asks for, the first known one by default.

    Args:
        headers: The request's.
        known: The dates of the releases that there are.

    Raises:
        Problem: 400, it is not known, or not a date.
    """
    name = "Spotzee-Version"
    wanted = headers.get(name.lower())
    if wanted is None:
        return known[0]
    if not _DATE.fullmatch(wanted) or not _is_date(wanted):
        raise Problem(400, "parameter_invalid_format", f"{name} must be a date.", param=name)
    if wanted not in known:
        raise Problem(400, "version_unsupported", f"There is no version {wanted}.", param=name)
    return wanted


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
