"""What a SCHEMA message says, read with a sense for what taps write.

Taps leave out what they don't know: a document store has no properties to tell, a table no key.
What is missing is read as nothing said; only what makes no sense is the tap's fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Number
from typing import Any, NamedTuple

from target_spotzee.exceptions import InputError

_TYPES = ((bool, "boolean"), (str, "string"), (list, "array"), (dict, "object"), (Number, "number"))
_NO_OBJECTS = frozenset({"string", "number", "integer", "boolean", "array"})


class Schema(NamedTuple):
    """A stream as its tap describes it.

    Attributes:
        body: JSON Schema of a record; ``properties`` and each column in it are objects.
        key_properties: The columns that make the stream's key; may be none.
    """

    body: dict[str, Any]
    key_properties: list[str]


def read_schema(message: Mapping[str, Any]) -> Schema:
    """Read a SCHEMA message that has a ``stream`` and a ``schema``.

    Where no columns are named at all, records may hold any; those of the key are among them.

    Raises:
        InputError: It makes no sense.
    """
    of_stream = f"the SCHEMA of stream {message['stream']!r}"
    body = message["schema"]
    if not isinstance(body, dict):
        raise InputError(f"{of_stream} is no object; the tap is broken")
    properties = body.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, dict):
        raise InputError(f"{of_stream} has properties that are no object; the tap is broken")
    keys = _read_keys(of_stream, message.get("key_properties"))
    if not properties:
        body = {"additionalProperties": True, **body}
        properties = dict.fromkeys(keys, True) if is_open(body) else properties
    columns = {name: _read_column(of_stream, name, column) for name, column in properties.items()}
    return Schema({**body, "properties": columns}, keys)


def _read_keys(of_stream: str, keys: object) -> list[str]:
    if keys is None:
        return []
    if isinstance(keys, str):
        return [keys]
    if isinstance(keys, list) and all(isinstance(key, str) for key in keys):
        return list(dict.fromkeys(keys))
    raise InputError(f"{of_stream} has key_properties that are no column names; mend the tap")


def _read_column(of_stream: str, name: str, column: object) -> dict[str, Any]:
    """Return a column's schema; JSON Schema also has ``true``, anything, and ``false``, nothing."""
    if isinstance(column, bool) or column is None:
        return {} if column is not False else {"not": {}}
    if isinstance(column, dict):
        return column
    raise InputError(f"{of_stream} has a column {name!r} that is no schema; mend the tap")


def is_open(body: Mapping[str, Any]) -> bool:
    """Say whether a schema tells that records hold columns that it does not name."""
    more = body.get("additionalProperties")
    return more is True or isinstance(more, dict) or bool(body.get("patternProperties"))


def with_plain_types(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns whose types are said as ``type``, however they were said.

    For the SDK's flattening, which takes the first of several choices for all of them.
    """
    return {name: _with_plain_type(column) for name, column in properties.items()}


def _with_plain_type(column: object) -> object:
    if not isinstance(column, dict):
        return {}
    if "type" in column:
        inner = column.get("properties")
        return (
            {**column, "properties": with_plain_types(inner)} if isinstance(inner, dict) else column
        )
    types = set(_types(column))
    if "any" in types:
        options = column.get("enum")
        types = {_type_of(option) for option in options} if isinstance(options, list) else set()
    return {"type": sorted(types)} if types else {}


def _type_of(value: object) -> str:
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    return "null"


def obstacle(column: str, schema: object, path: list[str]) -> str | None:
    """Return why a column can't hold what a path reaches for, as far as its schema tells.

    Args:
        column: Its name.
        schema: Its schema.
        path: Names of objects within, and of what is in the innermost.

    Returns:
        Nothing if it can, or may: a schema need not tell. Else what the path does wrong, for a
        person: "reaches into column …", "names column …".
    """
    for place, name in enumerate(path):
        if not isinstance(schema, dict):
            return None
        types = set(_types(schema)) - {"null"}
        if types and types <= _NO_OBJECTS:
            reached = ".".join([column, *path[:place]])
            kinds = " or ".join(sorted(types))
            return f"reaches into column {reached!r}, which is {kinds} by its SCHEMA, no object"
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties or is_open(schema):
            return None
        if name not in properties:
            missing = ".".join([column, *path])
            return f"names column {missing!r}, which its SCHEMA does not have"
        schema = properties[name]
    return None


def _types(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the types that a schema names; one it can't be known by, where it names none."""
    kinds = schema.get("type")
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(kinds, str):
        yield kinds
    elif isinstance(kinds, list) and kinds:
        yield from map(str, kinds)
    elif isinstance(choices, list):
        for choice in choices:
            yield from _types(choice) if isinstance(choice, dict) else ("any",)
    else:
        yield "any"
