"""What an excluded column was made from: the tap's own columns, before stream maps renamed them.

Records are kept in the rejects file as the tap sent them, and ``exclude`` names columns as they are
after stream maps. What must not leave the machine must not be kept under its old name either.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from target_spotzee.entries import Entry


def hidden_columns(
    stream: str,
    stream_maps: Mapping[str, object],
    entry: Entry,
    mapped: Collection[str],
    separator: str | None = None,
) -> frozenset[str]:
    """Return the tap's columns that only live on in excluded ones.

    Args:
        stream: The stream, as the tap calls it.
        stream_maps: The setting.
        entry: Says which columns are excluded.
        mapped: The columns after stream maps and flattening.
        separator: What flattening joins names with; ``None`` where nothing is flattened.
    """
    found: set[str] = set()
    for key, definition in stream_maps.items():
        if not isinstance(definition, dict):
            continue
        source = definition.get("__source__", key)
        if stream != source and not fnmatchcase(stream, source):
            continue
        for column, expression in definition.items():
            made = [column]
            if separator is not None:
                made += [name for name in mapped if name.startswith(column + separator)]
            if isinstance(expression, str) and any(map(entry.excludes, made)):
                found |= _names(expression)
    return frozenset(found.difference(name for name in mapped if not entry.excludes(name)))


def _names(expression: str) -> set[str]:
    """Return every name and text in an expression, ``record["plan"]`` being one, too."""
    nodes = list(ast.walk(ast.parse(expression)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return names | {text for text in texts if isinstance(text, str)}
