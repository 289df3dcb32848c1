"""Names of columns: whose they are, and which one a misspelt one may be."""

from __future__ import annotations

from collections.abc import Iterable

_OF_TAPS = ("_sdc_", "__sdc_")


def is_tap_own(column: str) -> bool:
    """Say whether a column is the tap's own note on a record, and none of the source's."""
    return column.casefold().startswith(_OF_TAPS)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question that a name's likeness to a known one raises, if to any.

    Case is no difference: what ``id`` is here, databases like to call ``ID``.
    """
    import difflib  # noqa: PLC0415 - few need it

    folded = {column.casefold(): column for column in known}
    alike = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f" (did you mean {folded[alike[0]]!r}?)" if alike else ""
