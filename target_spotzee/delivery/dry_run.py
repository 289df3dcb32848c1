"""A dry run: what would be sent, shown and not sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from target_spotzee import codec
from target_spotzee.api.answers import Delivered
from target_spotzee.delivery.comparison import Found
from target_spotzee.mapping.users import Mapping as StreamMapping
from target_spotzee.objects.batch import Batch
from target_spotzee.settings.values import Settings

FIGURES: Mapping[str, str] = {
    "confirmed": "would be sent",
    "accepted": "would be sent",
    "folded": "would be folded",
    "rejected": "would be rejected",
    "deleted": "would be deleted",
    "marked": "would be marked",
    "sent": "would be made",
    "opted_out": "would be opted out",
    "opted_in": "would be opted in",
    "kept_out": "would be kept out",
}
"""What the summary's figures are called in a dry run."""
NOTE = "dry run: nothing was sent"
_OPT_IN: Mapping[str, str] = {
    "never": "a yes is not sent",
    "unless_opted_out": "a yes is sent unless Spotzee knows of a no, which a dry run does not ask",
    "follow": "a yes is sent whatever was said in Spotzee",
}

_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    ((float, Decimal), "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


class DryRun:
    """Takes batches in place of Spotzee and remembers what they looked like.

    Args:
        show_values: Show an example of each value, and the first request's body, not types only.
    """

    def __init__(self, *, show_values: bool = False) -> None:
        self._show_values = show_values
        self._first_body: bytes | None = None
        self._examples: dict[str, dict[tuple[str, ...], Any]] = {}

    def settings(self, settings: Settings) -> Settings:
        """Return settings under which nothing is written and records are seen in order."""
        return replace(settings, max_in_flight=1, rejects_path=None, summary_path=None)

    def send(self, batch: Batch) -> Delivered:
        """Take a batch as it would have been sent."""
        batch.attempts.made = 1
        if batch.kind.removes is not None or batch.kind.sets is not None:
            return Delivered()
        self._first_body = self._first_body or batch.request.body
        for item in batch.items:
            for body, ticket in item.parts:
                examples = self._examples.setdefault(ticket.origin.stream, {})
                for path, value in _leaves(codec.decode(body)):
                    if examples.get(path) is None:
                        examples[path] = value
        return Delivered()

    def close(self) -> None:
        """Close nothing."""

    def report(
        self, mappings: Iterable[StreamMapping], found: Mapping[str, Found] | None = None
    ) -> str:
        """Return the effective mapping of each stream as a table, for a person.

        Args:
            mappings: Of the streams.
            found: How their records differ from the snapshot, if there is one.
        """
        lines: list[str] = []
        for mapping in mappings:
            examples = self._examples.get(mapping.stream, {})
            rows = [("column", "field", "example" if self._show_values else "type")]
            rows += [
                (source, ".".join(path) or "(not sent)", self._shown(examples.get(path)))
                for source, path in mapping.table()
            ]
            widths = [max(len(row[i]) for row in rows) for i in range(3)]
            lines.append(f"stream {mapping.stream}")
            if mapping.opt_in is not None:
                lines.append(f"  opt_in {mapping.opt_in}: {_OPT_IN[mapping.opt_in]}")
            if found is not None:
                lines += _differences(found.get(mapping.stream, Found()))
            lines += [
                "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                for row in rows
            ]
        if self._show_values and self._first_body is not None:
            lines += ["first request", self._first_body.decode()]
        return "\n".join(line.rstrip() for line in lines)

    def _shown(self, value: object) -> str:
        if value is None:
            return ""
        if self._show_values:
            return str(value)[:60]
        return next((name for type_, name in _TYPES if isinstance(value, type_)), "")


def _differences(found: Found) -> list[str]:
    """Return how a stream's records differ from the snapshot."""
    said = f"new {found.new:,}, changed {found.changed:,}, unchanged {found.unchanged:,}"
    left = f"would be removed {found.removed:,}, held back {found.held_back:,}"
    lines = [f"  {said}; {left}"]
    if found.columns:
        columns = ", ".join(f"{name} {count:,}" for name, count in found.columns.most_common())
        lines.append(f"  changed columns, of {found.compared:,} records: {columns}")
    return lines


def _leaves(payload: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the user's fields and attributes, and the attributes of mapped objects."""
    for name, value in payload.items():
        if name != "data":
            yield (name,), value
            continue
        for key, attribute in value.items():
            yield ("data", key), attribute
            if isinstance(attribute, dict):
                for inner, leaf in attribute.items():
                    yield ("data", key, inner), leaf
