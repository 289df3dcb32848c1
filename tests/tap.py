"""Singer messages for tests, as a tap would print them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

ANY: dict[str, Any] = {}


def schema(
    stream: str = "customers",
    properties: Mapping[str, Any] | Iterable[str] = ("id",),
    keys: Iterable[str] = ("id",),
) -> str:
    if not isinstance(properties, Mapping):
        properties = dict.fromkeys(properties, ANY)
    body = {"type": "object", "properties": dict(properties)}
    return line({"type": "SCHEMA", "stream": stream, "schema": body, "key_properties": [*keys]})


def record(stream: str = "customers", /, **columns: Any) -> str:
    return line({"type": "RECORD", "stream": stream, "record": columns})


def state(value: Any) -> str:
    return line({"type": "STATE", "value": value})


def line(message: Mapping[str, Any]) -> str:
    return json.dumps(message) + "\n"
