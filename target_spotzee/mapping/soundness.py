"""Values that can be sent as JSON, of records that may hold odd ones."""

from __future__ import annotations

from typing import Any

from target_spotzee import codec
from target_spotzee.exceptions import RecordError
from target_spotzee.mapping.streams import StreamConfig


def sound(
    columns: dict[str, Any],
    config: StreamConfig,
    prefix: str = "",
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return columns without numbers that JSON does not have, and the names of those that had some.

    Args:
        columns: Column to value; it is not changed.
        config: Says whether such numbers are sent as null.
        prefix: Of the columns' names in messages.

    Raises:
        RecordError: Such a number is not to be sent as null; or a column is nested too deeply.
    """
    cleared: dict[str, Any] = {}
    for name, value in columns.items():
        try:
            proper = codec.proper(value)
        except RecursionError:
            path = prefix + name
            raise RecordError("record_too_deep", f"{path} is too deep", path) from None
        if proper is not value:
            if config.invalid_fields != "null":
                path = prefix + name
                message = f"{path} holds NaN, an infinite number, or one out of bounds"
                raise RecordError("number_invalid", message, path)
            cleared[name] = proper
    return {**columns, **cleared}, tuple(prefix + name for name in cleared)
