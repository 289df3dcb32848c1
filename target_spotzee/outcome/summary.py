"""What a run did, in figures that add up. Never a value from a record."""

from __future__ import annotations

import errno
import json
import logging
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from target_spotzee.objects.attempts import Attempts

_PLACES_SHOWN = 5

logger = logging.getLogger("target-spotzee")


@dataclass(slots=True)
class Records:
    """How the records of a stream, or of the run, ended.

    ``read`` is always the sum of the others.
    """

    read: int = 0
    confirmed: int = 0
    accepted: int = 0
    folded: int = 0
    unchanged: int = 0
    ignored: int = 0
    filtered: int = 0
    rejected: int = 0
    unsettled: int = 0


@dataclass(slots=True)
class Removed:
    """Users that left the source.

    Attributes:
        deleted: How many are gone.
        marked: How many bear the time in ``data.removed_at``.
        held_back: How many were not removed though they left.
        reasons: Why not.
    """

    deleted: int = 0
    marked: int = 0
    held_back: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def why(self) -> str | None:
        """The reasons in one line."""
        return "; ".join(self.reasons) or None


@dataclass(slots=True)
class Subscriptions:
    """Toggles of subscriptions, each of one user and one type.

    Attributes:
        opted_out: How many unsubscribed.
        opted_in: How many subscribed.
        kept_out: How many opt-ins were not sent, by what the settings say of them.
    """

    opted_out: int = 0
    opted_in: int = 0
    kept_out: int = 0


@dataclass(slots=True)
class Requests:
    """What went over the wire."""

    sent: int = 0
    retried: int = 0
    split: int = 0
    status_429: int = 0
    limit_wait_seconds: float = 0.0
    replayed: int = 0
    durations_ms: Counter[int] = field(default_factory=Counter)

    def add(self, attempts: Attempts) -> None:
        """Add what one batch took; a retry of failed items is one more retried request."""
        self.sent += attempts.made
        self.retried += attempts.made if attempts.earlier else max(0, attempts.made - 1)
        self.status_429 += attempts.limited
        self.limit_wait_seconds += attempts.asked_seconds
        self.replayed += attempts.replayed
        self.durations_ms.update(attempts.durations_ms)

    def mean_ms(self) -> float:
        """Return the mean duration of the answered requests; 0 if there were none."""
        total = sum(duration * count for duration, count in self.durations_ms.items())
        return total / (self.durations_ms.total() or 1)

    def percentile_ms(self, share: float) -> int | None:
        """Return the duration that a share of the answered requests did not exceed."""
        wanted = share * self.durations_ms.total()
        for duration in sorted(self.durations_ms):
            wanted -= self.durations_ms[duration]
            if wanted <= 0:
                return duration
        return None


class Summary:
    """Collects a run's figures.

    Args:
        run_id: The run.
        words: What figures are called for a person, where that is not their name.
    """

    def __init__(self, run_id: str, words: Mapping[str, str] | None = None) -> None:
        self.run_id = run_id
        self._words = words or {}
        self.streams: defaultdict[str, Records] = defaultdict(Records)
        self.requests = Requests()
        self.removed = Removed()
        self.subscriptions = Subscriptions()
        self.invalid_fields: Counter[str] = Counter()
        self.mended_fields: Counter[str] = Counter()
        self.states_printed = 0
        self._reject_counts: Counter[str] = Counter()
        self._reject_places: defaultdict[str, list[str]] = defaultdict(list)

    @property
    def rejected(self) -> int:
        """How many records were rejected so far."""
        return self._reject_counts.total()

    def reject(self, code: str, stream: str, number: int) -> None:
        """Note a reject by its code and the record's number."""
        self._reject_counts[code] += 1
        if len(self._reject_places[code]) < _PLACES_SHOWN:
            self._reject_places[code].append(f"{stream}:{number}")

    def records(self) -> Records:
        """Return the run's records: the sum of its streams'."""
        total: Counter[str] = Counter()
        for records in self.streams.values():
            total.update(asdict(records))
        return Records(**total)

    def progress(self) -> str:
        """Return one line that says how far the run is."""
        return _figures(asdict(self.records()), self._words)

    def as_dict(
        self,
        *,
        exit_code: int,
        seconds: float,
        held_at: int | None,
        why: str | None,
    ) -> dict[str, Any]:
        """Return the summary as ``summary_path`` gets it.

        Args:
            exit_code: The process's.
            seconds: The run's length.
            held_at: Number of the record that state does not pass, if there is one.
            why: What ended the run or holds its state.
        """
        requests = asdict(self.requests)
        del requests["durations_ms"]
        requests["limit_wait_seconds"] = round(self.requests.limit_wait_seconds, 3)
        return {
            "run_id": self.run_id,
            "exit_code": exit_code,
            "seconds": round(seconds, 3),
            "records": asdict(self.records()),
            "requests": {
                **requests,
                "p50_ms": self.requests.percentile_ms(0.50),
                "p95_ms": self.requests.percentile_ms(0.95),
            },
            "rejects": {
                code: {"count": count, "keys": self._reject_places[code]}
                for code, count in self._reject_counts.most_common()
            },
            "removed": {
                "deleted": self.removed.deleted,
                "marked": self.removed.marked,
                "held_back": self.removed.held_back,
                "why": self.removed.why,
            },
            "subscriptions": asdict(self.subscriptions),
            "invalid_fields": dict(self.invalid_fields),
            "mended_fields": dict(self.mended_fields),
            "streams": {name: asdict(records) for name, records in self.streams.items()},
            "state": {"held_at": held_at, "why": why, "printed": self.states_printed},
        }


def as_text(summary: dict[str, Any], words: Mapping[str, str] | None = None) -> str:
    """Return a summary as a block that a person reads, zeros left out.

    Args:
        summary: The summary.
        words: What figures are called, where that is not their name.
    """
    words = words or {}
    records, requests, state = summary["records"], summary["requests"], summary["state"]
    rate = records["read"] / summary["seconds"] if summary["seconds"] else 0
    lines = [
        f"run {summary['run_id']}: exit {summary['exit_code']} after {summary['seconds']:.1f} s",
        f"  records   {_figures(records, words)} ({rate:,.0f}/s)",
        f"  requests  {_figures(requests, words)}",
    ]
    if len(summary["streams"]) > 1:
        lines += [
            f"  stream    {name}: {_figures(of_stream, words)}"
            for name, of_stream in summary["streams"].items()
        ]
    lines += [
        f"  rejects   {reject['count']:,} {code}: record {', '.join(reject['keys'])}"
        + (", …" if reject["count"] > len(reject["keys"]) else "")
        for code, reject in summary["rejects"].items()
    ]
    removed = {name: count for name, count in summary["removed"].items() if name != "why"}
    if any(removed.values()):
        lines.append(f"  removed   {_figures(removed, words)}")
    if any(summary["subscriptions"].values()):
        lines.append(f"  consent   {_figures(summary['subscriptions'], words)}")
    lines += [
        f"  invalid   {count:,} {name} could not be valid"
        for name, count in summary["invalid_fields"].items()
    ]
    lines += [
        f"  mended    {count:,} {name} had something in them that did not belong there"
        for name, count in summary["mended_fields"].items()
    ]
    if "sent" not in words:  # a dry run sends nothing, so no state is due
        lines.append(f"  states    {state['printed']:,} printed")
    if state["why"]:
        lines.append(f"  {state['why']}")
    return "\n".join(lines)


def _figures(figures: dict[str, Any], words: Mapping[str, str]) -> str:
    return ", ".join(
        f"{value:,} {words.get(name, name.replace('_', ' '))}"
        for name, value in figures.items()
        if value or name in ("read", "sent")
    )


def problem_with(path: Path) -> str | None:
    """Return why a summary can't be kept in a file, if so; the file's content is left alone."""
    try:
        if path.is_dir() and not path.is_symlink():
            return os.strerror(errno.EISDIR)
        if path.exists() and not (path.is_file() or path.is_dir()):
            return "it is a device or a pipe, which the file would replace"
        fd, temporary = _beside(path)
    except OSError as error:
        return error.strerror
    except ValueError:
        return "is not a path"
    os.close(fd)
    Path(temporary).unlink()
    return None


def _beside(path: Path) -> tuple[int, str]:
    """Make the file that takes a summary's place once it is whole."""
    return tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)


def keep(summary: dict[str, Any], path: Path | None) -> int:
    """Write a summary to its file, whole or not at all.

    Args:
        summary: The summary.
        path: The file; ``None`` keeps nothing.

    Returns:
        The exit code: the summary's own, or 1 if the file can't be written.
    """
    code: int = summary["exit_code"]
    if path is None:
        return code
    try:
        fd, temporary = _beside(path)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(summary, file, indent=2)
                file.write("\n")
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        logger.error("summary_path: can't be written (%s)", error.strerror)  # noqa: TRY400
        return code if code in (1, 2) else 1
    return code
