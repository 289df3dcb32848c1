"""Values of a record: reached by a path, and put where a path leads."""

from __future__ import annotations

from typing import Any

Path = tuple[str, ...]
"""A place in a user, ``("data", "plan")``, or keys into an object."""

ABSENT: Any = object()
ASTRAY: Any = object()
"""What a path finds that leads into something other than an object."""


def trimmed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a text without the blanks around it; anything else as it is."""
    return value.strip() if type(value) is str else value


def put(data: dict[str, Any], path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Put a value where a path leads, without changing the record's own objects."""
    for key in path[:-1]:
        inner = data.get(key)
        data[key] = dict(inner) if isinstance(inner, dict) else {}
        data = data[key]
    data[path[-1]] = value


def inside(value: Any, path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a path leads to in a column's value.

    Returns:
        Null inside null; `ABSENT` where an object lacks the name, so that no null is invented;
        `ASTRAY` inside anything other than an object.
    """
    for key in path:
        if value is None or value is ABSENT:
            return value
        if not isinstance(value, dict):
            return ASTRAY
        value = value.get(key, ABSENT)
    return value
