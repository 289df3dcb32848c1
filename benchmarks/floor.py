"""The floor: read, map, regroup in hundreds and encode, and nothing else.

No SDK, no HTTP, no checks, no state; in the fastest exact way that pure Python has:
`python -m benchmarks.floor < STREAM`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

USERS_PER_REQUEST = 100
FIELDS = ("email", "phone", "timezone", "locale")


def bodies(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the requests' bodies."""
    decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
    encode = msgspec.json.Encoder(decimal_format="number").encode
    users: list[dict[str, Any]] = []
    for line in lines:
        message = decode(line)
        if message["type"] == "RECORD":
            data = message["record"]
            user = {"external_id": str(data.pop("id"))}
            for name in FIELDS:
                user[name] = data.pop(name)
            user["data"] = data
            users.append(user)
            if len(users) == USERS_PER_REQUEST:
                yield encode(users)
                users.clear()
    if users:
        yield encode(users)


if __name__ == "__main__":
    for _ in bodies(sys.stdin.buffer):
        pass
