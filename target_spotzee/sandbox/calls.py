"""A request, as an operation sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

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
        method: Of HTTP.
        path: Below the API's base address, still percent-encoded.
        query: Its parameters, decoded, in order.
        body: As it was sent.
        request_id: The API's.
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
            Problem: 400, the body is empty or not JSON.
        """
        return bodies.parse(self.body)

    @cached_property
    def _parted(self) -> tuple[str, str | None]:
        match self.path.split("/"):
            case ["", "users", user_id, *rest] if user_id and self.path != "/users/batch":
                return "/".join(["/users/{id}", *rest]), unquote(user_id)
        return self.path, None

    @property
    def template(self) -> str:
        """The path, with ``{id}`` in place of a user's id."""
        return self._parted[0]

    @property
    def user_id(self) -> str | None:
        """The ``external_id`` in the path, if it names a user."""
        return self._parted[1]

    def values(self, name: str) -> list[str]:
        """Return every value that the query has under a name."""
        return [value for known, value in self.query if known == name]

    @cached_property
    def items(self) -> list[Json]:
        """The items that the request carries, valid or not; for a DELETE, one per id."""
        if self.method == "DELETE":
            external_ids = self.values("user_id")
            if self.user_id is not None:
                external_ids.append(self.user_id)
            return [{"external_id": external_id} for external_id in external_ids]
        try:
            return self.value if self.body and isinstance(self.value, list) else []
        except Problem:
            return []

    def ids(self, kind: str) -> tuple[str, ...]:
        """Return the ids of one kind that the request names.

        Args:
            kind: ``external_id`` or ``anonymous_id``.
        """
        if self.method == "GET" and self.user_id is not None:
            return (self.user_id,) if kind == "external_id" else ()
        return tuple(
            item[kind]
            for item in self.items
            if isinstance(item, dict) and isinstance(item.get(kind), str)
        )
