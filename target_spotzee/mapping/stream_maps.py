"""The ``stream_maps`` setting as text: which of it is a stream's, and what can never work."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase

_GIVEN = frozenset({"_", "record", "config", "__stream_name__", "__original_stream_name__"})
"""Names that the SDK gives to every expression."""
_REMOVED = "__NULL__"


def definitions_of(stream: str, stream_maps: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield what is defined for a stream, once for each name that it gets.

    Args:
        stream: The stream, as the tap calls it.
        stream_maps: The setting.
    """
    for key, definition in stream_maps.items():
        if isinstance(definition, dict):
            source = definition.get("__source__") or key
            if stream == source or fnmatchcase(stream, str(source)):
                yield definition


def is_option(name: str) -> bool:
    """Say whether the SDK takes a name for one of its options: ``__filter__``."""
    return name.startswith("__") and name.endswith("__")


def faults(
    definition: Mapping[str, object],
    columns: Collection[str],
    functions: Collection[str],
) -> Iterator[tuple[str, str, str]]:
    """Yield the expressions that fail for every record: what they name is nowhere.

    Args:
        definition: What is defined for a stream.
        columns: All of the stream's columns.
        functions: What expressions can call.

    Returns:
        The column that the expression makes, the expression, and the name.
    """
    for column, expression in definition.items():
        if not isinstance(expression, str) or expression == _REMOVED:
            continue
        if is_option(column) and column != "__filter__":
            continue
        known = {*columns, *functions, *_GIVEN}
        if column in columns:
            known.add("self")
        for name in _names(expression):
            if name not in known:
                yield column, expression, name
                break


def _names(expression: str) -> Iterator[str]:
    """Yield the names that an expression takes from outside; none if it can't be parsed."""
    try:
        nodes = [node for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)]
    except (SyntaxError, ValueError):  # the SDK says so itself
        return
    own = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}  # a comprehension's
    yield from (node.id for node in nodes if node.id not in own)
