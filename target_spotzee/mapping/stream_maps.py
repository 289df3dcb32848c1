"""The ``stream_maps`` setting as text: which of it is a stream's, and what can never work."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from target_spotzee.mapping.names import did_you_mean

_GIVEN = frozenset({"_", "record", "config", "__stream_name__", "__original_stream_name__"})
"""Names that the SDK gives to every expression."""
_OPTIONS = frozenset({"__alias__", "__else__", "__filter__", "__key_properties__", "__source__"})
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
    """Say whether the SDK takes a name for one of its options, and not for a column."""
    return name in _OPTIONS


def faults(
    definition: Mapping[str, object],
    columns: Collection[str] | None,
    functions: Collection[str],
    expressions: Collection[type[ast.AST]],
) -> Iterator[tuple[str, str, str]]:
    """Yield the expressions that fail for every record.

    Args:
        definition: What is defined for a stream.
        columns: All of the stream's columns; ``None`` if nobody knows which there are.
        functions: What expressions can call.
        expressions: What expressions can be made of.

    Yields:
        The column that the expression makes, the expression, and what is wrong with it.
    """
    for column, expression in definition.items():
        if not isinstance(expression, str) or expression == _REMOVED:
            continue
        if is_option(column) and column != "__filter__":
            continue
        own = {"self"} if columns is not None and column in columns else set()
        fault = _fault(expression, columns, {*functions, *_GIVEN, *own}, expressions)
        if fault:
            yield column, expression, fault


def _fault(
    expression: str,
    columns: Collection[str] | None,
    names: Collection[str],
    expressions: Collection[type[ast.AST]],
) -> str | None:
    try:
        statements = ast.parse(expression).body
    except (SyntaxError, ValueError, RecursionError):
        return "which is no expression"
    if not statements or not isinstance(statements[0], ast.Expr):
        return "which is no expression"
    nodes = list(ast.walk(statements[0].value))
    for node in nodes:
        if isinstance(node, ast.expr) and not isinstance(node, tuple(expressions)):
            return f"and expressions can have no {type(node).__name__}"
    if columns is None:
        return None
    loaded = [node for node in nodes if isinstance(node, ast.Name)]
    stored = {node.id for node in loaded if isinstance(node.ctx, ast.Store)}  # a comprehension's
    for node in loaded:
        if node.id not in stored and node.id not in columns and node.id not in names:
            known = [*columns, *names]
            question = did_you_mean(node.id, known)
            return f"and {node.id!r} is neither a column of its SCHEMA nor a function{question}"
    return None
