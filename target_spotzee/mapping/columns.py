"""Which columns are the tap's own."""

from __future__ import annotations

DELETED_AT = "_sdc_deleted_at"
"""In a record of a row that the source deleted: when that was, as log-based taps say it."""

_OF_TAPS = ("_sdc_", "__sdc_")


def is_tap_own(column: str) -> bool:
    """Say whether a column is the tap's own note on a record, and not the source's."""
    return column.casefold().startswith(_OF_TAPS)
