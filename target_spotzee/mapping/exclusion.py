"""What an excluded column was made from: the tap's own columns, before stream maps renamed them.

Records are kept in the rejects file as the tap sent them, and ``exclude`` names columns as they are
after stream maps. A value that must not leave the machine must not be kept under its old name
either.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping

from target_spotzee.mapping.stream_maps import definitions_of, is_option
from target_spotzee.mapping.streams import StreamConfig


def hidden_columns(
    stream: str,
    stream_maps: Mapping[str, object],
    config: StreamConfig,
    mapped: Collection[str],
    separator: str | None = None,
) -> Callable[[str], bool]:
    """Return which of the tap's columns an excluded one may have been made from.

    An expression can reach a column in ways that its text does not show. So once a stream map makes
    an excluded column, a column is safe only if it also leaves as it is, under some name.

    Args:
        stream: The stream, as the tap calls it.
        stream_maps: The setting.
        config: Says which columns are excluded.
        mapped: The columns after stream maps and flattening.
        separator: What flattening joins names with; ``None`` where nothing is flattened.
    """
    mapped = frozenset(mapped)  # names only: a view would keep the whole schema

    def names_of(column: str) -> list[str]:
        """Return what a column is called once it is flattened, and its own name."""
        if separator is None:
            return [column]
        return [column, *(name for name in mapped if name.startswith(column + separator))]

    made: dict[str, object] = {}
    for definition in definitions_of(stream, stream_maps):
        made |= {name: text for name, text in definition.items() if not is_option(name)}
    secret = {column for column in made if any(map(config.excludes, names_of(column)))}
    if all(made[column] in (None, "__NULL__") for column in secret):
        return lambda _: False
    copied = {_copied(column, made[column]) for column in made.keys() - secret}
    untouched = {name for name in mapped if name not in made}

    def hidden(column: str) -> bool:
        leaves = column in copied or (
            column not in made and not untouched.isdisjoint(names_of(column))
        )
        return not leaves

    return hidden


def _copied(column: str, expression: object) -> str | None:
    """Return the column that an expression merely copies, if it does."""
    try:
        node = ast.parse(str(expression).strip(), mode="eval").body
    except SyntaxError:
        return None
    if isinstance(node, ast.Name):
        return column if node.id == "self" else node.id
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        whole = isinstance(node.value, ast.Name) and node.value.id in ("record", "_")
        return str(node.slice.value) if whole else None
    return None
