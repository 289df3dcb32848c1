"""Whether the API can be reached, takes the key, and lets it write: by requests without effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from target_spotzee.api import answers
from target_spotzee.api.answers import Answer, Retry
from target_spotzee.api.connection import Connection, NoAnswerError
from target_spotzee.exceptions import RunError
from target_spotzee.mapping.streams import StreamConfigs
from target_spotzee.mapping.subscriptions import all_types, resolve
from target_spotzee.objects.kinds import TYPES, Kind


def probe(connection: Connection, kind: Kind, now: Callable[[], datetime]) -> Iterator[str]:
    """Prove that the key works and may write a kind, by requests that change nothing.

    ``GET /me`` proves the key, or, where that does not exist, ``GET /users?limit=1``. An empty
    batch proves the role: Spotzee refuses it as empty or takes it without effect, unless the role
    is too low.

    Args:
        connection: Carries the requests; none is tried again.
        kind: What is to be written.
        now: The time of day, with its zone.

    Yields:
        Each fact, once it is proved.

    Raises:
        RunError: Spotzee can't be reached, or refuses the key or its role.
    """

    def ask(method: str, path: str, body: bytes | None = None) -> Answer:
        try:
            return connection.exchange(method, path, body, {})
        except NoAnswerError as error:
            raise RunError(f"Spotzee can't be reached: {error}; check api_url") from None

    def refuses(answer: Answer) -> bool:
        """Say whether an answer refuses a request only for what it holds."""
        if answer.taken:
            return False
        meaning = answers.read(answer, kind, 0, now())
        if isinstance(meaning, Retry):
            raise RunError(f"Spotzee is not well: {meaning.reason}", answer.request_id)
        return True

    answer = ask("GET", "/me")
    if answer.status in (404, 405):
        answer = ask("GET", "/users?limit=1")
    if refuses(answer) and answers.sender(answer) is answers.Sender.API:
        raise RunError(
            f"Spotzee refuses a check (HTTP {answer.status}); check api_url and api_version",
            answer.request_id,
        )
    if not answer.taken or answers.read_object(answer) is None:
        raise _not_spotzee(answer)
    yield "api_url answers"
    yield "api_key is accepted"
    answer = ask(*kind.request([]))
    said_nothing = answer.taken and not answer.body
    refuses(answer)
    if not said_nothing and answers.sender(answer) is answers.Sender.ELSEWHERE:
        raise _not_spotzee(answer)
    yield f"its role may write {kind.name}"


def probe_subscriptions(connection: Connection, configs: StreamConfigs) -> Iterator[str]:
    """Find the subscription types that the settings name.

    Args:
        connection: Carries the requests; none is tried again.
        configs: The streams' entries.

    Yields:
        Which column decides on which type.

    Raises:
        RunError: Spotzee does not tell its types.
        SettingsError: It has no such type.
    """
    if not configs.have_subscriptions:
        return
    entries = configs.by_stream or {}

    def ask(query: str) -> dict[str, Any]:
        try:
            answer = connection.exchange(*TYPES.request([query.encode()]), {})
        except NoAnswerError as error:
            raise RunError(f"Spotzee can't be reached: {error}; check api_url") from None
        page = answers.read_object(answer) if answer.taken else None
        if page is None:
            raise RunError(
                f"Spotzee does not tell its subscription types (HTTP {answer.status})",
                answer.request_id,
            )
        return page

    types = all_types(ask)
    for stream, entry in entries.items():
        found = resolve(f"streams.{stream}.subscriptions", entry.subscriptions, types)
        for name, column in entry.subscriptions.items():
            type_ = found[name]
            yield f"stream {stream}: {column} → {type_.id} {type_.name} ({type_.channel})"


def _not_spotzee(answer: Answer) -> RunError:
    return RunError(f"{answers.ELSEWHERE} (HTTP {answer.status})", answer.request_id)
