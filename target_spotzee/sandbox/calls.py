"""A request, as an operation sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from target_spotzee.sandbox import bodies
from target_spotzee.sandbox.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_spotzee.sandbox.codec import Json
    from target_spotzee.sandbox.faults import Fault


@dataclass
class Call:
    """One request, as an operation sees it.

    Attributes:
        path: Below the base, still percent-encoded.
        faults: What happens to it on purpose.
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    body: bytes
    request_id: str
    faults: Sequence[Fault] = ()

    @cached_property
    def value(self) -> Json:
        """The body's value, parsed once.

        Raises:
            Problem: If there is none.
        """
        return bodies.parse(self.body)

    @cached_property
    def items(self) -> list[Json]:
        """What it carries, however wrong."""
        if self.method == "DELETE":
            return [{"external_id": value} for name, value in self.query if name == "user_id"]
        try:
            return self.value if self.body and isinstance(self.value, list) else []
        except Problem:
            return []

    def ids(self, kind: str) -> tuple[str, ...]:
        """The ids of one kind in it."""
        return tuple(
            item[kind]
            for item in self.items
            if isinstance(item, dict) and isinstance(item.get(kind), str)
        )
