"""Where the fields of a stream's users come from: its entry checked against its SCHEMA.

What is wrong with an entry is said when the SCHEMA arrives, before anything of the stream is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from target_spotzee.exceptions import MappingError
from target_spotzee.mapping.columns import is_tap_own
from target_spotzee.mapping.names import did_you_mean
from target_spotzee.mapping.streams import StreamConfig
from target_spotzee.mapping.values import Path
from target_spotzee.schemas.schema import obstacle

IDS = ("external_id", "anonymous_id")

_NAMES_SHOWN = 10


class Source(NamedTuple):
    """Where a value comes from.

    Attributes:
        column: The column.
        path: Keys into the object that it holds.
    """

    column: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.column, *self.path))


class Consent(NamedTuple):
    """Where it is said whether a user wants a type of messages.

    Attributes:
        type: As the settings name it.
        source: Where the value comes from.
        is_no: Whether true means no.
    """

    type: str
    source: Source
    is_no: bool


class Sources:
    """Compiles the sources of one stream.

    Args:
        stream: The stream's name, for messages.
        columns: The SCHEMA's properties: column name to JSON Schema.
        config: How its owner wants it mapped.
        field_names: The first-class fields of what its records are sent as.
        is_open: Whether records hold columns that the SCHEMA does not name.

    Attributes:
        used: The columns that are sources as a whole.
        warnings: What a person should know.
    """

    def __init__(
        self,
        stream: str,
        columns: Mapping[str, Any],
        config: StreamConfig,
        field_names: Sequence[str],
        *,
        is_open: bool,
    ) -> None:
        self._stream = stream
        self._columns = columns
        self._config = config
        self._field_names = field_names
        self._is_open = is_open
        self._unseen: list[str] = []
        self.used: set[str] = set()
        self.warnings: list[str] = []

    def compile(self, key_properties: Sequence[str]) -> dict[Path, Source]:
        """Return the source of every mapped place, the automatic ones included.

        Raises:
            MappingError: The entry does not fit the SCHEMA, or gives no way to an identity.
        """
        mapping = self._config.mapping
        known = (*IDS, *self._field_names)
        problems = [problem for path in mapping for problem in _path_problems(path, mapping, known)]
        problems += [problem for source in mapping.values() for problem in self._doubts(source)]
        for column in self._config.subscriptions.values():
            problems += self._doubts(column.removeprefix("!"), "subscriptions")
        if problems:
            raise MappingError(f"stream {self._stream!r}: {'; '.join(dict.fromkeys(problems))}")
        sources = {**mapping, **self._automatic(mapping, key_properties)}
        compiled = {path: self._find(source) for path, source in sources.items() if source}
        if not any((name,) in compiled for name in IDS):
            raise MappingError(
                f"stream {self._stream!r}: no way to an identity; map a column to external_id or"
                f" anonymous_id in streams.{self._stream}.mapping",
            )
        if self._unseen:
            self.warnings.append(
                f"stream {self._stream!r}: the mapping looks in the records for what its SCHEMA"
                f" does not name: {listed(self._unseen)}",
            )
        return compiled

    def _automatic(
        self,
        mapping: Mapping[Path, str],
        key_properties: Sequence[str],
    ) -> dict[Path, str]:
        """Return the sources of what the entry says nothing about."""
        sources: dict[Path, str] = {}
        for name in (*IDS, *self._field_names):
            columns = [] if (name,) in mapping else self._columns_for(name)
            if len(columns) == 1:
                sources[name,] = columns[0]
            elif columns:
                self.warnings.append(
                    f"stream {self._stream!r}: {listed(columns)} could each be {name}, so none is;"
                    " map one of them",
                )
        if not any((name,) in mapping for name in IDS) and len(key_properties) == 1:
            (key,) = key_properties
            there = self._is_free(key) or (self._is_open and not self._config.excludes(key))
            if there and not is_tap_own(key):
                sources.setdefault(("external_id",), key)
        return sources

    def _columns_for(self, name: str) -> list[str]:
        """Return the columns that fit a field by name: the very one, else those in other case."""
        if self._is_free(name):
            return [name]
        if name in IDS:  # an identity is never guessed
            return []
        return [c for c in self._columns if c.casefold() == name and self._is_free(c)]

    def _is_free(self, column: str) -> bool:
        return column in self._columns and not self._config.excludes(column)

    def consents(self) -> list[Consent]:
        """Return where it is said what users want, once `compile` found nothing wrong."""
        return [
            Consent(name, self._find(column.removeprefix("!")), is_no=column.startswith("!"))
            for name, column in self._config.subscriptions.items()
        ]

    def _doubts(self, source: str, given_in: str = "the mapping") -> Iterator[str]:
        """Yield what is wrong with a source that was given."""
        if not source:
            return
        try:
            column = self._find(source).column
        except LookupError as error:
            yield f"{given_in} {error}"
        else:
            if self._config.excludes(column):
                how = "mapped" if given_in == "the mapping" else f"in {given_in}"
                yield f"column {column!r} is both {how} and excluded"

    def _find(self, source: str) -> Source:
        """Return a source: a column of exactly that name, else a path into one.

        Raises:
            LookupError: There is no such column, or it can hold nothing at that path; the error's
                text goes on from "the mapping", or "subscriptions".
        """
        if source in self._columns:
            self.used.add(source)
            return Source(source)
        parts = source.split(".")
        for end in range(len(parts) - 1, 0, -1):
            column = ".".join(parts[:end])
            if column in self._columns:
                problem = obstacle(column, self._columns[column], parts[end:])
                if problem:
                    raise LookupError(problem)
                return Source(column, tuple(parts[end:]))
        if not self._is_open:
            raise LookupError(
                f"names column {source!r}, which its SCHEMA does not have"
                + did_you_mean(source, self._columns)
            )
        column, *path = parts
        if not path:
            self.used.add(column)
        if source not in self._unseen:
            self._unseen.append(source)
        return Source(column, tuple(path))


def listed(names: Sequence[str]) -> str:
    """Return names for a sentence, not too many of them."""
    shown = ", ".join(map(repr, names[:_NAMES_SHOWN]))
    return f"{shown}, …" if len(names) > _NAMES_SHOWN else shown


def _path_problems(
    path: Path,
    mapping: Mapping[Path, str],
    known: Sequence[str],
) -> Iterator[str]:
    """Yield what is wrong with one path in the user, as a mapping has it."""
    name = ".".join(path)
    if path[0] == "data":
        if len(path) == 1:
            if mapping[path]:
                yield "data takes an object of attribute: column"
        elif not all(path):
            yield f"{name!r} has an empty part"
        elif any(other != path and other[: len(path)] == path for other in mapping):
            yield f"{name!r} is mapped and so is something inside it"
    elif path[0] not in known or len(path) > 1:
        yield f"Spotzee has no field {name!r} (it has {', '.join((*known, 'data'))})"
