"""What Spotzee's answers mean (API reference, release 2026-04-28).

Codes, not messages, leave this module for the log: a message may repeat a value of the record, so
it goes to the rejects file only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

import msgspec

from target_spotzee.api.states import states_of
from target_spotzee.api.waits import retry_after_seconds
from target_spotzee.exceptions import RunError
from target_spotzee.objects.kinds import Answered, Kind

_RETRIED_CODES = frozenset({"rate_limited", "service_unavailable", "internal_error"})
_CLIENT_CODES = frozenset({"idempotency_key_invalid", "version_unsupported", "version_required"})
_CODES = frozenset(
    {
        *_RETRIED_CODES,
        *_CLIENT_CODES,
        "authentication_required",
        "idempotency_in_progress",
        "idempotency_key_mismatch",
        "parameter_invalid_empty",
        "parameter_invalid_format",
        "parameter_missing",
        "parameter_unknown",
        "permission_denied",
        "quota_exceeded",
        "resource_already_exists",
        "resource_missing",
        "state_conflict",
        "validation_failed",
    },
)
_CODE = re.compile(r"[a-z0-9_.-]{1,64}")
_REQUEST_ID = re.compile(r"[\w.-]{1,100}")
_INDEX = re.compile(r"[\[/]?(\d{1,3})(?:[\]./]|$)")


ELSEWHERE = (
    "this is no answer of Spotzee's: a firewall or proxy in between, or another server at this"
    " address; check api_url and what lies between"
)
"""What to make of an answer that is not the API's."""


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why Spotzee refuses an item.

    Attributes:
        code: From the API's list, or ``http_422`` where it gave none.
        message: Spotzee's words; may hold values.
        field: The field at fault, where named.
    """

    code: str
    message: str = ""
    field: str | None = None

    @property
    def is_transient(self) -> bool:
        """Whether the moment is at fault and not the data."""
        return self.code in _RETRIED_CODES


@dataclass(frozen=True, slots=True)
class Delivered:
    """The request was taken.

    Attributes:
        errors: Refused items by their position; every other item is settled.
        is_there: Whether what was asked for is there; it is not, after a 404.
        found: What was asked for.
        is_kept_out: Whether nothing was changed, since Spotzee knows of a no.
    """

    errors: dict[int, ItemError] = field(default_factory=dict)
    is_there: bool = True
    found: dict[str, Any] = field(default_factory=dict)
    is_kept_out: bool = False

    @property
    def states(self) -> dict[int, object]:
        """A user's states, if these were asked for, by subscription type."""
        return states_of(self.found) or {}

    @property
    def opt_outs(self) -> list[int]:
        """The subscription types that they say no to."""
        return [type_ for type_, state in self.states.items() if state == 0]


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was refused whole for its data; nothing of it was written.

    Attributes:
        error: Why.
        guilty: The items that it names, by position; empty if it names none.
    """

    error: ItemError
    guilty: dict[int, ItemError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """The moment's fault: the same bytes with the same key, later.

    Attributes:
        reason: For the log.
        retry_after_seconds: What Spotzee asked for, if it did.
        limited: It was a 429.
        is_awaited: Spotzee is well, and what is waited for has not happened yet.
        key_is_spoilt: It was a success that could not be read; if Spotzee remembers it under the
            key, the key is useless.
    """

    reason: str
    retry_after_seconds: float | None = None
    limited: bool = False
    is_awaited: bool = False
    key_is_spoilt: bool = False


@dataclass(frozen=True, slots=True)
class StaleKey:
    """Spotzee knows the key from somewhere else; the answer confirms nothing."""


Meaning = Delivered | Refused | Retry | StaleKey


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole.

    Attributes:
        status: The HTTP status.
        headers: Case-insensitive.
        body: At most as much as the client reads.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        """Spotzee's id of the request, to quote to a person."""
        request_id = self.headers.get("X-Request-Id", "")
        return request_id if _REQUEST_ID.fullmatch(request_id) else None

    @property
    def taken(self) -> bool:
        """Whether it is a success for the request as a whole."""
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether it is text that the API can't have written: not JSON, and without its id."""
        if not self.body.strip() or (self.request_id or "").startswith("req_"):
            return False
        return read_object(self) is None

    @property
    def tier(self) -> str | None:
        """The tier of the key, where Spotzee limits keys by tier."""
        return self.headers.get("X-RateLimit-Tier")

    @property
    def replayed(self) -> bool:
        """Whether Spotzee answered from its memory of the key."""
        return self.headers.get("Idempotent-Replayed", "").lower() == "true"


class Sender(Enum):
    """Who gave an answer."""

    API = auto()
    ELSEWHERE = auto()
    UNSURE = auto()


class _Blame(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None
    param: str | None = None


class _Result(msgspec.Struct):
    index: int
    error: _Blame | str | None = None


class _Results(msgspec.Struct):
    results: list[_Result]


class _Problem(_Blame):
    errors: list[_Blame] | None = None


_decode_results = msgspec.json.Decoder(_Results).decode
_decode_problem = msgspec.json.Decoder(_Problem).decode


def read(answer: Answer, kind: Kind, items: int, now: datetime) -> Meaning:
    """Say what an answer means for a batch.

    Args:
        answer: The answer.
        kind: What the request carried.
        items: How many items it carried.
        now: For a ``Retry-After`` that is a date.

    Raises:
        RunError: The run's fault; nothing more should be sent.
    """
    status = answer.status
    if answer.taken:
        return _read_success(answer, kind, items)
    if status in (404, 405) and (meaning := _read_absence(answer, kind)) is not None:
        return meaning
    problem = _read_problem(answer)
    code = _code(problem, status)
    wait = retry_after_seconds(answer.headers, now)
    if status == 429:
        return Retry("429 rate_limited", wait, limited=True)
    if status >= 500 or status in (408, 425) or code == "idempotency_in_progress":
        return Retry(_label(status, code), wait)
    if code == "idempotency_key_mismatch":
        return StaleKey()
    if status in (400, 409, 422) and answer.is_page:
        raise RunError(f"{ELSEWHERE} ({_label(status, code)})", answer.request_id)
    if status in (400, 409, 413, 422) and code not in _CLIENT_CODES:
        error = ItemError(code, problem.message or "", problem.param)
        return Refused(error, _guilty(problem, items, error))
    raise RunError(f"{_advice(answer, kind)} ({_label(status, code)})", answer.request_id)


def sender(answer: Answer) -> Sender:
    """Say whether an answer is the API's own or a firewall's, a proxy's, another server's.

    The API marks a refusal by its body and every answer by its request id. JSON without its marks,
    and a page with its request id, may be somebody else's.
    """
    body = read_object(answer)
    signed = (answer.request_id or "").startswith("req_")
    if body is None:
        return Sender.UNSURE if signed else Sender.ELSEWHERE
    if signed or body.get("status") == "error" or str(body.get("code")) in _CODES:
        return Sender.API
    return Sender.UNSURE if "code" in body or answer.taken else Sender.ELSEWHERE


def read_object(answer: Answer) -> dict[str, Any] | None:
    """Return an answer's JSON object, if it holds one."""
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _label(status: int, code: str) -> str:
    return f"HTTP {status}" if code.startswith("http_") else f"HTTP {status} {code}"


def _advice(answer: Answer, kind: Kind) -> str:
    status = answer.status
    if 300 <= status < 400:
        return "Spotzee's address redirects elsewhere, which is refused; set api_url to the API"
    if status == 407:
        return "the proxy asks for credentials; check HTTPS_PROXY"
    if status in (404, 405):
        nothing = "there is no Spotzee API at this address"
        if sender(answer) is Sender.API:
            return f"{nothing}; check api_url"
        return f"{nothing}, or a firewall or proxy in between answers for it; check api_url"
    if sender(answer) is Sender.ELSEWHERE:
        return ELSEWHERE
    advice = {
        400: "Spotzee refuses the client itself; check api_version",
        401: "Spotzee does not accept the key; set api_key to a current secret key (sk_…)",
        402: "the Spotzee account's quota is exceeded; raise it, then start again",
        403: f"the key's role may not write {kind.name}; give it the role editor or higher",
    }.get(status, "Spotzee refuses the request; check api_url and proxies in between")
    if sender(answer) is Sender.UNSURE:
        advice += "; or a firewall or proxy in between refuses: the answer is not quite Spotzee's"
    return advice


def _read_success(answer: Answer, kind: Kind, items: int) -> Meaning:
    if kind.answered is Answered.EACH:
        return _read_results(answer, items)
    if kind.answered is Answered.QUEUED:
        return _read_acceptance(answer)
    found = read_object(answer)
    if found is None:
        return Retry(f"HTTP {answer.status} with an unreadable body")
    if kind.answered is Answered.GONE:
        return Retry("a deleted user can still be read", is_awaited=True)
    return _read_states(found, kind) if kind.lists_states else Delivered(found=found)


def _read_states(found: dict[str, Any], kind: Kind) -> Meaning:
    if states_of(found) is None:
        return Retry("HTTP 200 with subscriptions that make no sense")
    if kind.removes and found.get("nextCursor"):  # not all fit, and in doubt nobody is removed
        return Delivered({0: ItemError("too_many_states")})
    return Delivered(found=found)


def _read_absence(answer: Answer, kind: Kind) -> Meaning | None:
    """Return what it means that something is not there, if the API itself says so."""
    if kind.answered is Answered.KNOWN:
        return None if sender(answer) is Sender.ELSEWHERE else Delivered(is_there=False)
    is_asked_for = kind.removes is not None or kind.answered is Answered.THERE
    if not is_asked_for or answer.status != 404 or sender(answer) is not Sender.API:
        return None
    if kind.answered is Answered.QUEUED:
        return Delivered()  # whether they are gone is read next
    if kind.is_patient:
        return Retry("a user that was accepted can't be read yet", is_awaited=True)
    return Delivered(is_there=False)


def _read_acceptance(answer: Answer) -> Meaning:
    if answer.status in (202, 204):
        return Delivered()
    return Retry(f"HTTP {answer.status} where 204 was due", key_is_spoilt=True)


def _read_results(answer: Answer, items: int) -> Meaning:
    """Read one outcome per item; a list that misses an item is no success."""
    try:
        results = _decode_results(answer.body).results
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Retry(f"HTTP {answer.status} with an unreadable body", key_is_spoilt=True)
    if sorted([result.index for result in results]) != list(range(items)):
        return Retry(
            f"HTTP {answer.status} with results that do not match the request",
            key_is_spoilt=True,
        )
    return Delivered(
        {result.index: _item_error(result.error) for result in results if result.error is not None},
    )


def _item_error(error: _Blame | str) -> ItemError:
    if isinstance(error, str):
        return ItemError("unknown", error)
    return ItemError(_known_code(error.code) or "unknown", error.message or "", error.param)


def _read_problem(answer: Answer) -> _Problem:
    """Read problem+json; a proxy's page, or anything else, reads as an empty one."""
    try:
        return _decode_problem(answer.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Problem()


def _known_code(code: str | int | None) -> str | None:
    """Return a code if it is fit for a log; legacy numbers mean nothing."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _code(problem: _Problem, status: int) -> str:
    return _known_code(problem.code) or f"http_{status}"


def _guilty(problem: _Problem, items: int, whole: ItemError) -> dict[int, ItemError]:
    """Return the items that ``errors[].param`` names: ``0.email``, ``[0].email``, ``/0/email``."""
    guilty: dict[int, ItemError] = {}
    for error in (*(problem.errors or ()), problem):
        match = _INDEX.match(error.param or "")
        if match and int(match[1]) < items:
            rest = re.findall(r"\w+", (error.param or "")[match.end() :])
            code = _known_code(error.code) or whole.code
            guilty.setdefault(
                int(match[1]),
                ItemError(code, error.message or whole.message, ".".join(rest) or None),
            )
    return guilty
