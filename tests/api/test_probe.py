"""What a check proves, against servers that answer as somebody may: each by a table of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import pytest

from target_spotzee.api.client import Endpoint
from target_spotzee.api.connection import Connection, new_session
from target_spotzee.api.probe import probe
from target_spotzee.exceptions import RunError
from target_spotzee.objects.kinds import KINDS

Reply: TypeAlias = tuple[int, Any]

PROJECT: Reply = (200, {"id": 7, "name": "Shop"})
USERS: Reply = (200, {"results": [], "nextCursor": None, "prevCursor": None, "limit": 1})
MISSING: Reply = (404, {"status": "error", "code": "resource_missing", "message": "no"})
EMPTY: Reply = (422, {"status": "error", "code": "validation_failed", "message": "no"})
NO_KEY: Reply = (401, {"status": "error", "code": "authentication_required", "message": "no"})
NO_ROLE: Reply = (403, {"status": "error", "code": "permission_denied", "message": "no"})
PAGE = b"<html>Hello</html>"

PROVED = ["api_url answers", "api_key is accepted", "its role may write users"]
NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
NOT_SPOTZEE = "this is no answer of Spotzee's"


class Server:
    """Answers requests by a table, and remembers them; what is not in the table is a 404."""

    def __init__(self) -> None:
        self.url = ""
        self.replies: dict[str, Reply] = {}
        self.seen: list[tuple[str, bytes]] = []

    def reply(self, request: str, body: bytes) -> tuple[int, bytes]:
        self.seen.append((request, body))
        status, answer = self.replies.get(request, MISSING)
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()


class Handler(BaseHTTPRequestHandler):
    """HTTP for a `Server`."""

    table: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self.table.reply(f"{self.command} {self.path}", body)
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PATCH = do_GET  # noqa: N815 - the base class's convention

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    table = Server()
    handler = type("Handler", (Handler,), {"table": table})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        table.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield table
        http.shutdown()
        thread.join()


def proved(server: Server, delivery: str = "sync") -> tuple[list[str], str]:
    """Return what was proved, and what is wrong."""
    endpoint = Endpoint(server.url, "sk_x", "2026-04-28")
    connection = Connection(
        endpoint.url,
        endpoint.headers,
        new_session(endpoint.url),
        timeout_seconds=endpoint.timeout_seconds,
        clock=time.monotonic,
    )
    facts: list[str] = []
    with closing(connection):
        try:
            for fact in probe(connection, KINDS["users", delivery], lambda: NOW):
                facts.append(fact)  # noqa: PERF402 - the facts before an error count
        except RunError as error:
            return facts, str(error)
    return facts, ""


@pytest.mark.parametrize(
    ("delivery", "endpoint"), [("sync", "POST /users/batch"), ("async", "PATCH /users")]
)
@pytest.mark.parametrize(
    ("replies", "asked"),
    [
        ({"GET /me": PROJECT}, ["GET /me"]),
        ({"GET /users?limit=1": USERS}, ["GET /me", "GET /users?limit=1"]),
        ({"GET /me": (405, b""), "GET /users?limit=1": USERS}, ["GET /me", "GET /users?limit=1"]),
    ],
    ids=["with /me", "without /me", "/me not allowed"],
)
def test_it_proves_the_key_and_the_endpoint_of_the_load_by_an_empty_batch(
    server: Server,
    delivery: str,
    endpoint: str,
    replies: dict[str, Reply],
    asked: list[str],
) -> None:
    server.replies = {**replies, endpoint: EMPTY}
    assert proved(server, delivery) == (PROVED, "")
    assert server.seen == [*((request, b"") for request in asked), (endpoint, b"[]")]


@pytest.mark.parametrize("delivery", ["sync", "async"])
@pytest.mark.parametrize(
    "reply",
    [
        (400, {"code": "parameter_invalid_empty"}),
        (204, b""),
        (202, b""),
        (200, b""),
        (200, {"results": [], "succeeded": 0, "failed": 0}),
    ],
    ids=str,
)
def test_an_empty_batch_may_be_refused_or_taken(
    server: Server, reply: Reply, delivery: str
) -> None:
    server.replies = {"GET /me": PROJECT, "POST /users/batch": reply, "PATCH /users": reply}
    assert proved(server, delivery) == (PROVED, "")


@pytest.mark.parametrize(
    ("replies", "count", "words"),
    [
        ({"GET /me": NO_KEY}, 0, "Spotzee does not accept the key"),
        ({"GET /users?limit=1": NO_KEY}, 0, "Spotzee does not accept the key"),
        ({"GET /me": (401, PAGE)}, 0, NOT_SPOTZEE),
        ({"GET /me": (403, PAGE)}, 0, NOT_SPOTZEE),
        ({"GET /me": (400, PAGE)}, 0, NOT_SPOTZEE),
        ({"GET /me": EMPTY}, 0, "Spotzee refuses a check (HTTP 422); check api_url and api_ver"),
        ({"GET /me": (200, PAGE)}, 0, NOT_SPOTZEE),
        ({"GET /me": (200, b"")}, 0, NOT_SPOTZEE),
        ({"GET /me": (200, [])}, 0, NOT_SPOTZEE),
        ({"GET /me": (302, b"")}, 0, "redirects elsewhere"),
        ({"GET /me": (503, PAGE)}, 0, "Spotzee is not well: HTTP 503"),
        ({}, 0, "there is no Spotzee API at this address; check api_url"),
        (
            {"GET /me": (404, PAGE), "GET /users?limit=1": (404, PAGE)},
            0,
            "there is no Spotzee API at this address, or a firewall",
        ),
        ({"GET /me": PROJECT, "POST /users/batch": NO_ROLE}, 2, "the key's role may not write"),
        ({"GET /me": PROJECT, "POST /users/batch": (403, PAGE)}, 2, NOT_SPOTZEE),
        ({"GET /me": PROJECT, "POST /users/batch": (400, PAGE)}, 2, NOT_SPOTZEE),
        ({"GET /me": PROJECT, "POST /users/batch": (200, PAGE)}, 2, NOT_SPOTZEE),
        ({"GET /me": PROJECT, "POST /users/batch": (429, b"")}, 2, "not well: 429 rate_limited"),
        ({"GET /me": PROJECT}, 2, "there is no Spotzee API at this address"),
    ],
    ids=str,
)
def test_it_tells_a_wrong_key_from_a_wrong_address(
    server: Server, replies: dict[str, Reply], count: int, words: str
) -> None:
    server.replies = replies
    facts, wrong = proved(server)
    assert facts == PROVED[:count]
    assert words in wrong
