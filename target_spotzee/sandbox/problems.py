"""What a refusal looks like: problem+json for requests, a code and a message for items.

The rules are those of Spotzee's API reference, release 2026-04-28.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeAlias

from target_spotzee.sandbox.codec import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ParamStyle: TypeAlias = Literal["dot", "bracket", "pointer", "none"]


@dataclass(frozen=True)
class Reply:
    """An answer, ready to be sent.

    Attributes:
        status: The HTTP status.
        body: What is sent.
        content_type: The body's.
        headers: Besides those of every answer.
        failed: How many items it refuses.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    failed: int = 0


@dataclass(frozen=True)
class Flaw:
    """What is wrong with one item of a request that is refused whole.

    Attributes:
        index: The item's position.
        field: The field at fault, as a dotted path; empty for the item itself.
        code: One of Spotzee's codes.
        message: What is wrong, for a person.
    """

    index: int
    field: str
    code: str
    message: str

    def param(self, style: ParamStyle) -> str:
        """Return the path to the flaw, in one of the three spellings that have been seen."""
        parts = [str(self.index), *self.field.split(".")] if self.field else [str(self.index)]
        if style == "pointer":
            return "/" + "/".join(parts)
        if style == "bracket":
            parts[0] = f"[{self.index}]"
        return ".".join(parts)


class Refusal(Exception):  # noqa: N818 - an item that is refused is an ordinary outcome
    """An item that can't be accepted; the others of its request can.

    Args:
        code: One of Spotzee's codes.
        message: One sentence for a person.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Problem(Exception):  # noqa: N818 - named as in RFC 7807
    """A request that is refused whole.

    Args:
        status: The HTTP status.
        code: One of Spotzee's codes, or a legacy number.
        message: One sentence for a person.
        param: The parameter that is to blame, if it is a single one.
        flaws: The items that are to blame.
        headers: Extra headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str | int,
        message: str,
        *,
        param: str | None = None,
        flaws: Sequence[Flaw] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.flaws = flaws
        self.headers = headers or {}

    def reply(self, request_id: str, style: ParamStyle = "dot") -> Reply:
        """Return the answer that says so.

        Args:
            request_id: The API's.
            style: How ``errors[].param`` names an item; ``none``: no ``errors`` at all.
        """
        body: dict[str, object] = {
            "status": "error",
            "code": self.code,
            "title": _title(self.status),
            "message": self.message,
            "error": self.message,
            "type": f"https://spotzee.example/problems/{self.code}",
            "request_id": request_id,
        }
        if self.param is not None:
            body["param"] = self.param
        if self.flaws and style != "none":
            body["errors"] = [
                {"param": flaw.param(style), "code": flaw.code, "message": flaw.message}
                for flaw in self.flaws
            ]
        return Reply(
            self.status,
            encode(body),
            "application/problem+json",
            self.headers,
            failed=len({flaw.index for flaw in self.flaws}),
        )


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
