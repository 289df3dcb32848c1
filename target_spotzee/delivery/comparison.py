"""How records differ from the snapshot: what a dry run tells of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from target_spotzee.objects.kinds import Payload
from target_spotzee.snapshot.digests import fingerprints
from target_spotzee.snapshot.entries import Entry


@dataclass
class Found:
    """What a dry run tells of a stream.

    Attributes:
        new: Records of users that the snapshot does not know.
        changed: Records that differ from what was confirmed.
        unchanged: Records that do not.
        compared: How many of the changed ones are known field by field.
        columns: Of those, how many differ in which field.
        removed: How many users would be removed.
        held_back: How many left and would not be removed.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    compared: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    removed: int = 0
    held_back: int = 0

    def compare(self, entry: Entry | None, payload: Payload, writes: Sequence[str]) -> None:
        """Count a record that would be sent.

        Args:
            entry: What is known of its user.
            payload: What it is mapped to.
            writes: The fields that its stream writes.
        """
        if entry is None or not entry.digests:
            self.new += 1
            return
        self.changed += 1
        if entry.columns is not None:
            self.compared += 1
            now = fingerprints(payload, writes)
            before = entry.columns.ljust(len(now), b"\0")
            self.columns.update(
                name for name, old, new in zip(writes, before, now, strict=True) if old != new
            )
