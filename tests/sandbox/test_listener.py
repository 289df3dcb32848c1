"""Clients that break off: nothing is said of it, and the sandbox goes on."""

from __future__ import annotations

import socket
import struct
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from target_spotzee.sandbox import Fault, Sandbox
from tests.sandbox.test_main import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_spotzee.sandbox.journal import Request

USERS = b'[{"external_id":"ada"}]'
WAYS = ["close", "reset"]


def post(body: bytes, *headers: bytes, promised: int | None = None) -> bytes:
    """A request as bytes, which promises a body of its own length, or of another."""
    length = len(body) if promised is None else promised
    lines = [
        b"POST /api/client/users/batch HTTP/1.1",
        b"Host: sandbox",
        b"Authorization: Bearer sk_sandbox",
        *(headers or [b"Content-Length: %d" % length]),
    ]
    return b"\r\n".join([*lines, b"", body])


WHOLE = post(USERS)
CHUNKED = b"Transfer-Encoding: chunked"
EXPECTING = (b"Content-Length: 23", b"Expect: 100-continue")
CUT_OFF = {
    "in the body": post(USERS, promised=100),
    "before the body": post(b"", promised=100),
    "in a chunk": post(b"17\r\n[{", CHUNKED),
    "after a chunk": post(b"17\r\n" + USERS + b"\r\n", CHUNKED),
    "before it may continue": post(b"", *EXPECTING),
    "in a body that is too large": post(USERS, promised=100_000_000),
}
NO_REQUEST = {
    "in the first line": WHOLE[:9],
    "in the headers": WHOLE[:60],
    "before the headers end": WHOLE[: WHOLE.index(b"\r\n\r\n") + 2],
    "at once": b"",
    "without speaking HTTP": b"\x16\x03\x01\r\n\r\n",
    "in a chunk that is none": post(b"zz\r\n", CHUNKED),
    "in an endless address": b"GET /" + b"a" * 70_000,
}


def break_off(url: str, sent: bytes, way: str, *, read: int = 0) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(sent)
        if read:
            assert connection.recv(read, socket.MSG_WAITALL)
        if way == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def break_off_unseen(sandbox: Sandbox, sent: bytes, way: str) -> None:
    """Hangs up before the sandbox has looked: it stands still meanwhile."""
    sandbox._ask(lambda: break_off(sandbox.url, sent, way))


def ended(sandbox: Sandbox) -> Request:
    """The one request, once it has ended."""
    sandbox.wait_until(lambda sandbox: sandbox.statuses.get("none", 0) == 1)
    (request,) = sandbox.requests
    return request


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing may be said, neither by the log nor on stderr."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call")] == []
    assert capfd.readouterr().err == ""


def goes_on(sandbox: Sandbox) -> bool:
    headers = {"Authorization": f"Bearer {sandbox.key}"}
    return requests.get(f"{sandbox.api_url}/me", headers=headers, timeout=10).ok


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sent", CUT_OFF.values(), ids=CUT_OFF.keys())
def test_what_has_not_arrived_whole_is_not_applied(sent: bytes, way: str) -> None:
    with Sandbox() as sandbox:
        break_off(sandbox.url, sent, way)
        request = ended(sandbox)

        assert (request.status, request.applied) == (None, False)
        assert (sandbox.in_flight, sandbox.users) == (0, {})
        assert goes_on(sandbox)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sent", NO_REQUEST.values(), ids=NO_REQUEST.keys())
def test_what_ends_before_its_headers_is_no_request(sent: bytes, way: str) -> None:
    with Sandbox() as sandbox:
        break_off_unseen(sandbox, sent, way)

        assert goes_on(sandbox)
        assert [request.path for request in sandbox.requests] == ["/api/client/me"]


@pytest.mark.parametrize("sent", [WHOLE, WHOLE * 3], ids=["one", "pipelined"])
def test_what_has_arrived_whole_is_applied_but_not_answered(sent: bytes) -> None:
    with Sandbox(latency_ms=1) as sandbox:
        break_off_unseen(sandbox, sent, "close")
        request = ended(sandbox)

        assert (request.status, request.applied) == (None, True)
        assert (sandbox.in_flight, set(sandbox.users)) == (0, {"ada"})
        assert goes_on(sandbox)


@pytest.mark.parametrize("way", WAYS)
def test_so_it_is_while_the_answer_is_held_back(way: str) -> None:
    with Sandbox([Fault(effect="stall_after", seconds=3600)]) as sandbox:
        break_off(sandbox.url, WHOLE, way)

        assert ended(sandbox).applied


@pytest.mark.parametrize("way", WAYS)
def test_so_it_is_while_the_answer_drips(way: str) -> None:
    with Sandbox([Fault(effect="drip", path="/users/batch", seconds=0.02)]) as sandbox:
        # By then the first bytes of the body have been let go.
        break_off(sandbox.url, WHOLE, way, read=300)
        request = ended(sandbox)

        assert (request.status, request.applied) == (None, True)
        assert goes_on(sandbox)


def test_nothing_is_said_on_stderr() -> None:
    """As a person sees it: a process of its own, whose log goes where nobody set it up to go."""
    with subprocess.Popen(
        (*COMMAND, "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        words = process.stdout.readline().split()
        for sent in (*CUT_OFF.values(), *NO_REQUEST.values(), WHOLE):
            for way in WAYS:
                break_off(words[3], sent, way)
        answer = requests.get(
            f"{words[3]}/me", headers={"Authorization": f"Bearer {words[5]}"}, timeout=10
        )
        process.terminate()
        assert process.stderr.read() == ""

    assert answer.ok
