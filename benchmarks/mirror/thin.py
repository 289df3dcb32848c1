"""A Spotzee that knows of each user only whether it is there: `python -m benchmarks.mirror.thin`.

The sandbox keeps all that it is told, which for ten million users is more than a machine has. This
one takes a byte for each, answers as the sandbox does and is five times as quick, so that the cores
are the target's. It believes what it is told: that is checked elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections import Counter
from urllib.parse import parse_qsl, unquote

import msgspec

from benchmarks.mirror.tap import number_of

KEY = "sk_bench"
_PROJECT = {"id": 1, "name": "Bench"}
_REASONS = {200: "OK", 204: "No Content", 404: "Not Found"}
_PAGE: dict[str, object] = {"results": [], "nextCursor": None, "prevCursor": None, "limit": 25}
_MISSING = {
    "status": "error",
    "code": "resource_missing",
    "title": "Not Found",
    "message": "There is nothing at this path.",
}
# What the sandbox's answer says of a user besides what it was sent.
_MORE = (
    b',"has_push_device":false,"devices":[],"created_at":"2026-11-01T00:00:00.000000Z",'
    b'"updated_at":"2026-11-01T00:00:00.000000Z"}'
)


class _Named(msgspec.Struct):
    external_id: str


_ids_of = msgspec.json.Decoder(list[_Named]).decode
_items_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Users:
    """Which users are there.

    Args:
        known: So many are there from the start.
    """

    def __init__(self, known: int) -> None:
        self._there = bytearray(b"\1") * known
        self.count = known

    def __contains__(self, external_id: str) -> bool:
        number = number_of(external_id)
        return number < len(self._there) and bool(self._there[number])

    def add(self, external_id: str) -> None:
        """Note that a user is there."""
        number = number_of(external_id)
        if number >= len(self._there):
            self._there.extend(bytes(number + 1 - len(self._there) + len(self._there) // 2))
        self.count += not self._there[number]
        self._there[number] = 1

    def remove(self, external_id: str) -> None:
        """Note that a user is gone."""
        if external_id in self:
            self._there[number_of(external_id)] = 0
            self.count -= 1


class Api:
    """Answers requests.

    Args:
        users: Whom they are about.
    """

    def __init__(self, users: Users) -> None:
        self._users = users
        self._statuses: Counter[str] = Counter()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a request."""
        path, _, query = target.partition("?")
        if path == "/live":
            return 200, _encode(self.counts())
        words = path.removeprefix("/api/client/").split("/")
        status, answer = self._serve(method, words, query, body)
        self._statuses[str(status)] += 1
        return status, answer

    def counts(self) -> dict[str, object]:
        """Return what it counted, as the sandbox does."""
        return {
            "users": self._users.count,
            "requests": self._statuses.total(),
            "statuses": self._statuses,
        }

    def _serve(
        self,
        method: str,
        words: list[str],
        query: str,
        body: bytes,
    ) -> tuple[int, bytes]:
        match method, *words:
            case "POST", "users", "batch":
                return 200, self._upsert(body)
            case "DELETE", "users":
                for name, value in parse_qsl(query):
                    if name == "user_id":
                        self._users.remove(value)
                return 204, b""
            case "GET", "users", user_id, *rest if unquote(user_id) in self._users:
                return 200, _encode(_PAGE if rest else {"id": 1, "external_id": unquote(user_id)})
            case "GET", "users" | "subscriptions":
                return 200, _encode(_PAGE)
            case "GET", "me":
                return 200, _encode(_PROJECT)
        return 404, _encode(_MISSING)

    def _upsert(self, body: bytes) -> bytes:
        results = []
        named = zip(_ids_of(body), _items_of(body), strict=True)
        for index, (user, item) in enumerate(named):
            self._users.add(user.external_id)
            results.append(
                b'{"index":%d,"external_id":"%b","anonymous_id":null,"user":{"id":1,"project_id":1,'
                b"%b%b}" % (index, user.external_id.encode(), bytes(item)[1:-1], _MORE),
            )
        return b'{"results":[%b],"succeeded":%d,"failed":0}' % (b",".join(results), len(results))


class Connection(asyncio.Protocol):
    """One connection: requests of HTTP 1.1 with their length, one after the other.

    Args:
        api: Answers them.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._received = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._received[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (x.partition(":") for x in lines)}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self._received) < whole:
                return
            method, target, _ = first.split(" ")
            status, body = self._api.answer(method, target, bytes(self._received[end + 4 : whole]))
            del self._received[:whole]
            kind = "json" if status < 400 else "problem+json"
            head = (
                f"HTTP/1.1 {status} {_REASONS[status]}\r\nX-Request-Id: req_bench\r\n"
                f"Spotzee-Version: 2026-04-28\r\nContent-Type: application/{kind}\r\n"
            )
            if status != 204:
                head += f"Content-Length: {len(body)}\r\n"
            self._transport.write(head.encode() + b"\r\n" + body)


async def serve(known: int) -> None:
    """Serve until a signal comes."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    api = Api(Users(known))
    server = await loop.create_server(lambda: Connection(api), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"Spotzee sandbox: api_url http://127.0.0.1:{port}/api/client api_key {KEY}", flush=True)
    await stopped.wait()
    server.close()


def main() -> int:
    """Serve; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mirror.thin")
    parser.add_argument("--known", type=int, default=0, help="so many users are there already")
    asyncio.run(serve(parser.parse_args().known))
    return 0


def command(known: int) -> list[str]:
    """Return the command that serves so many users."""
    return [sys.executable, "-m", "benchmarks.mirror.thin", "--known", str(known)]


if __name__ == "__main__":
    sys.exit(main())
