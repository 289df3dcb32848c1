"""What is known of each stream: the fields it writes, how many users it had, and its passes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from target_spotzee.snapshot.bits import Bits
from target_spotzee.snapshot.file import SnapshotFile
from target_spotzee.snapshot.passes import Pass

NOW, BEFORE = "now", "before"
EVERYTHING = "data.*"
"""Stands for attributes that no SCHEMA names."""


@dataclass(eq=False)
class Stream:
    """One stream.

    Attributes:
        number: Its number in the file.
        name: After stream maps.
        writes: The fields and attributes that it has ever written, in order.
        issued: How many users it had so far; the next one's number.
        recipe: Stands for all that decides what its records are mapped to.
        tour: Its current pass.
        now: Who was seen in the current pass.
        before: Who was seen in the pass before that, or since.
        has_changed: Whether it is to be written.
        is_new: Whether its recipe is another than in the run before.
        is_kept: Whether the file knows it.
    """

    number: int
    name: str
    writes: list[str] = field(default_factory=list)
    issued: int = 0
    recipe: bytes = b""
    tour: Pass = field(default_factory=Pass)
    now: Bits = field(default_factory=Bits)
    before: Bits = field(default_factory=Bits)
    has_changed: bool = True
    is_new: bool = False
    is_kept: bool = False

    def show(self, version: int | None, identity: str | None, run: int) -> None:
        """Note a record, before its user is marked as seen."""
        if self.tour.begins_with(version):
            self.begin(version)
        self.tour.show(version, identity, run)
        self.has_changed = True

    def begin(self, version: int | None) -> None:
        """Begin a pass; who was seen in one that was cut short counts as seen since the last."""
        if not self.tour.is_over:
            self.before |= self.now
        self.now = Bits()
        self.tour.begin(version)

    def activate(self, version: int, run: int) -> bool:
        """Note an ACTIVATE_VERSION; return whether it is of a pass that has just begun or ended."""
        tour = self.tour
        if not tour.activates(version, run):
            return False
        if tour.is_over or tour.version != version:
            self.begin(version)
        tour.activate(run)
        self.has_changed = True
        return True

    def end_pass(self) -> None:
        """Note that the pass is over and was whole."""
        self.tour.end(self.issued)
        self.before, self.now = self.now, Bits()
        self.before.touch()
        self.has_changed = True

    def drop_pass(self) -> None:
        """Note that the pass says nothing of who is missing, only of who is there."""
        self.before |= self.now
        self.now = Bits()
        self.tour.drop()
        self.has_changed = True

    def overlaps(self, other: Stream) -> bool:
        """Say whether two streams may write the same field."""
        mine, others = set(self.writes), set(other.writes)
        if EVERYTHING in mine | others and any(
            name.startswith("data.") for name in (others if EVERYTHING in mine else mine)
        ):
            return True
        return not mine.isdisjoint(others)


class Streams:
    """The streams of a snapshot.

    Args:
        file: Where they are kept.
    """

    def __init__(self, file: SnapshotFile) -> None:
        self._file = file
        self._by_name: dict[str, Stream] = {}
        for number, name, writes, issued, recipe, tour in file.rows(
            "SELECT number, name, writes, issued, recipe, pass FROM streams",
        ):
            self._by_name[name] = Stream(
                number,
                name,
                json.loads(writes),
                issued,
                recipe,
                msgspec.json.decode(tour, type=Pass),
                Bits(self._pages(number, NOW)),
                Bits(self._pages(number, BEFORE)),
                has_changed=False,
                is_kept=True,
            )
        for stream in self._by_name.values():  # how far a pass read is a matter of one run
            stream.tour.has_met = stream.tour.has_passed = False
        self._by_number = {stream.number: stream for stream in self._by_name.values()}
        self._others: dict[int, frozenset[int]] = {}

    def _pages(self, stream: int, which: str) -> list[tuple[int, bytes]]:
        return self._file.rows(
            "SELECT page, bits FROM seen WHERE stream = ? AND pass = ?", (stream, which)
        )

    def __iter__(self) -> Iterator[Stream]:
        """Yield each stream."""
        return iter([*self._by_name.values()])

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_name)

    def get(self, name: str) -> Stream:
        """Return a stream by its name, a new one if need be."""
        stream = self._by_name.get(name)
        if stream is None:
            number = 1 + max(self._by_number, default=0)
            stream = self._by_name[name] = self._by_number[number] = Stream(number, name)
            self._others.clear()
        return stream

    def by_number(self, number: int) -> Stream:
        """Return a stream by its number."""
        return self._by_number[number]

    def issue(self, number: int) -> int:
        """Return the number of a stream's next user; whoever is new was seen just now."""
        stream = self._by_number[number]
        stream.issued += 1
        stream.now.add(stream.issued - 1)
        stream.has_changed = True
        return stream.issued - 1

    def others(self, stream: Stream) -> frozenset[int]:
        """Return the numbers of the other streams that may write a field that a stream writes."""
        others = self._others.get(stream.number)
        if others is None:
            others = self._others[stream.number] = frozenset(
                other.number for other in self if other is not stream and other.overlaps(stream)
            )
        return others

    def learn(self, stream: Stream, writes: Iterable[str]) -> None:
        """Note what a stream writes."""
        new = [name for name in writes if name not in stream.writes]
        if new:
            stream.writes += new
            self._others.clear()
            stream.has_changed = True

    @property
    def are_new(self) -> bool:
        """Whether the file does not know one of them."""
        return not all(stream.is_kept for stream in self._by_name.values())

    def write(self) -> None:
        """Write what changed; in a transaction."""
        for stream in self:
            if not stream.has_changed:
                continue
            self._file.write(
                "INSERT INTO streams VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET"
                " writes = excluded.writes, issued = excluded.issued, recipe = excluded.recipe,"
                " pass = excluded.pass",
                [
                    (
                        stream.number,
                        stream.name,
                        json.dumps(stream.writes),
                        stream.issued,
                        stream.recipe,
                        msgspec.json.encode(stream.tour).decode(),
                    ),
                ],
            )
            for which, bits in ((NOW, stream.now), (BEFORE, stream.before)):
                if not bits.is_kept:
                    self._file.write(
                        "DELETE FROM seen WHERE stream = ? AND pass = ?", [(stream.number, which)]
                    )
                self._file.write(
                    "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)",
                    [(stream.number, which, page, bits_) for page, bits_ in bits.changed()],
                )
            stream.has_changed, stream.is_kept = False, True
