"""What the snapshot knows, for a person or for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_HISTORY = (
    "began",
    "seconds",
    "read",
    "confirmed",
    "unchanged",
    "removed",
    "held_back",
    "rejected",
    "exit_code",
)


def explanation(
    id_: str,
    streams: Sequence[Mapping[str, Any]],
    opt_outs: Sequence[Mapping[str, Any]],
    *,
    is_json: bool,
) -> str:
    """Return what is known of one user.

    Args:
        id_: As it was asked for.
        streams: What each stream knows; see `target_spotzee.snapshot.explanation`.
        opt_outs: What the user said no to; see `target_spotzee.snapshot.opt_outs`.
        is_json: Whether a program reads it.
    """
    if is_json:
        return json.dumps({"id": id_, "streams": streams, "opt_outs": opt_outs}, indent=2)
    if not streams and not opt_outs:
        return "the snapshot does not know this user"
    lines: list[str] = []
    for found in streams:
        lines.append(f"stream {found['stream']}, by {found['known_by']}")
        forgotten = "not remembered" if found["removed"] and not found["sent"] else "never"
        rows = [
            (name, _moment(found[name]) or forgotten) for name in ("sent", "confirmed", "unchanged")
        ]
        rows += [(name, _moment(found[name]) or "never") for name in ("rejected", "removed")]
        rows.append(("next time", found["next"]))
        lines += [f"  {name.ljust(10)}{said}" for name, said in rows]
    for no in opt_outs:
        state = "confirmed" if no["is_confirmed"] else "pending: is told with what is sent next"
        lines += [
            f"opted out of subscription {no['type']}, by {no['known_by']}",
            f"  told by   {no['told_by']}",
            f"  state     {state}",
        ]
    return "\n".join(lines)


def _moment(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    first = [found[name] for name in ("code", "how") if name in found]
    more = [
        f"{name.removesuffix('_id')} {found[name]}"
        for name in ("run_id", "request_id")
        if found.get(name)
    ]
    return ", ".join([*first, str(found["at"]), *more])


def history(runs: Iterable[Mapping[str, Any]], *, is_json: bool) -> str:
    """Return the last runs, the newest first.

    Args:
        runs: See `target_spotzee.snapshot.history`.
        is_json: Whether a program reads it.
    """
    runs = [*runs]
    if is_json:
        return json.dumps(runs, indent=2)
    rows: list[list[str]] = [[*_HISTORY, "run"]]
    rows += [[*(_cell(run.get(name)) for name in _HISTORY), str(run["run_id"])] for run in runs]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
