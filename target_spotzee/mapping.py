"""From a record to a Spotzee user.

A stream's mapping is compiled once, when its SCHEMA arrives; what is wrong with it is said then,
before anything of that stream is sent. After that a record takes one pass.

What Spotzee makes of a user: an absent field is left alone, a first-class field that is null is
cleared, ``data`` is merged key by key (API reference, release 2026-04-28).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingType
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import msgspec

from target_spotzee import fields
from target_spotzee.entries import Entry
from target_spotzee.exceptions import MappingError, RecordError

Record = dict[str, Any]
Ids = tuple[str | None, str | None]
"""An ``external_id`` and an ``anonymous_id``."""

IDS = ("external_id", "anonymous_id")
FIELDS = ("email", "phone", "timezone", "locale")

_ABSENT: Any = object()
_MAX_KNOWN_COLUMNS = 10_000


class User(msgspec.Struct):
    """One user as a request carries it.

    Attributes:
        payload: The item of the request's array: ids, first-class fields, ``data``.
        invalid: First-class fields that could not be right and were dropped or cleared.
        ids: The ``external_id`` and the ``anonymous_id``, exactly as they will be sent.
        identities: What a user must not share to be somebody else for certain: the ids, their kinds
            kept apart, casefolded since Spotzee's collation may be case-blind.
    """

    payload: dict[str, Any]
    invalid: tuple[str, ...] = ()
    ids: Ids = (None, None)
    identities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        external = self.payload.get("external_id")
        anonymous = self.payload.get("anonymous_id")
        self.ids = external, anonymous
        if external is None:
            self.identities = ("a" + str(anonymous).casefold(),)
        elif anonymous is None:
            self.identities = ("e" + external.casefold(),)
        else:
            self.identities = "e" + external.casefold(), "a" + anonymous.casefold()


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


class Mapping:
    """A stream's compiled mapping.

    Args:
        stream: The stream's name, for messages.
        columns: The SCHEMA's properties: column name to JSON Schema.
        key_properties: The stream's key.
        entry: How its owner wants it mapped.

    Raises:
        MappingError: The entry does not fit the SCHEMA, or gives no way to an identity.
    """

    def __init__(
        self,
        stream: str,
        columns: dict[str, Any],
        key_properties: Iterable[str],
        entry: Entry,
    ) -> None:
        self.stream = stream
        self._entry = entry
        self._columns = columns
        self._send_nulls = entry.null_values == "send"
        self._invalid_fields = entry.invalid_fields
        self._used: set[str] = set()

        mapped = self._mapped_sources(list(key_properties))
        self._external_id_source = mapped.get(("external_id",), "")
        self._ids = [(name, self._source(mapped.pop((name,)))) for name in IDS if (name,) in mapped]
        self._fields = [
            (name, self._source(mapped.pop((name,))), fields.ORDINARY[name], self._normaliser(name))
            for name in FIELDS
            if (name,) in mapped
        ]
        self._attributes = [(path[1:], self._source(source)) for path, source in mapped.items()]
        self._taken = {path[0] for path, _ in self._attributes if len(path) == 1}
        self._known: set[str] = set()
        self._elsewhere: list[str] = []
        self._columns_before: tuple[str, ...] = ()
        self._learn(columns)

    def warnings(self, before_maps: Iterable[str] | None = ()) -> list[str]:
        """Return what a person should know about this mapping though it can be run.

        Args:
            before_maps: The tap's own columns, which may be excluded by name, too; ``None`` if the
                excluded ones are not among them any more.
        """
        found = []
        if before_maps is not None:
            columns = {*self._columns, *before_maps}
            found += [
                f"stream {self.stream!r}: exclude {pattern!r} fits no column"
                for pattern in self._entry.exclude
                if not any(fnmatchcase(column, pattern) for column in columns)
            ]
        if "email" in self._external_id_source.lower().replace("-", ""):
            found.append(
                f"stream {self.stream!r}: external_id comes from a column that looks like an e-mail"
                " address; a user who changes address becomes another user",
            )
        return found

    def table(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return where each column goes: its name, or a path into it, and the path in the user.

        The latter is empty for a column that is not sent.
        """
        rows: list[tuple[str, tuple[str, ...]]]
        rows = [(str(source), (name,)) for name, source in self._ids]
        rows += [(str(source), (name,)) for name, source, _, _ in self._fields]
        rows += [(str(source), ("data", *path)) for path, source in self._attributes]
        own = self._entry.unmapped == "data"
        for column in self._columns:
            if column not in self._elsewhere:
                rows.append((column, ("data", column) if own else ()))
            elif column not in self._used and column not in self._taken:
                rows.append((column, ()))
        return rows

    def user(self, record: Record) -> User:
        """Map a record.

        Args:
            record: Column to value; it is not changed, but the user may share its objects.

        Raises:
            RecordError: It has no identity, or a field that can't be right under ``reject``.
        """
        payload = self._identity(record)
        invalid: tuple[str, ...] = ()
        for name, (column, path), ordinary, normalise in self._fields:
            value = record.get(column, _ABSENT)
            if path:
                value = _inside(value, path)
            if type(value) is str and ordinary(value):
                payload[name] = value
            elif value is not _ABSENT and not self._take(payload, name, value, normalise):
                invalid += (name,)
        data = self._data(record)
        if data:
            payload["data"] = data
        return User(payload, invalid)

    def _take(
        self,
        payload: dict[str, Any],
        name: str,
        value: Any,  # noqa: ANN401 - a record holds any JSON value
        normalise: Callable[[Any], str],
    ) -> bool:
        """Put a field into a payload as it should be; say whether it could be right."""
        if type(value) is str:
            value = value.strip() or None  # a blank one counts as null
        if value is None:
            if self._send_nulls:
                payload[name] = None
            return True
        try:
            payload[name] = normalise(value)
        except ValueError as error:
            if self._invalid_fields == "reject":
                raise RecordError("field_invalid", f"{name} {error}", name) from None
            if self._invalid_fields == "null":
                payload[name] = None
            return False
        return True

    def ids(self, record: Record) -> Ids | None:
        """Return the ids of a record that may be no user, if it has any."""
        try:
            return User(self._identity(record)).ids
        except RecordError:
            return None

    def _identity(self, record: Record) -> dict[str, Any]:
        """Return a payload that holds the ids; a null one beside another is left out."""
        payload: dict[str, Any] = {}
        for name, (column, path) in self._ids:
            value = record.get(column)
            if path:
                value = _inside(value, path)
            if value is None or (type(value) is str and not value.strip()):
                continue
            try:
                payload[name] = fields.identity(value)
            except ValueError as error:
                raise RecordError("identity_invalid", f"{name} {error}", name) from None
        if not payload:
            names = " or ".join(name for name, _ in self._ids)
            raise RecordError("identity_missing", f"no value for {names}", self._ids[0][0])
        return payload

    def _data(self, record: Record) -> dict[str, Any]:
        data: dict[str, Any] = {}
        if self._entry.unmapped == "data":
            columns = tuple(record)
            if columns != self._columns_before:
                if not record.keys() <= self._known:
                    self._learn(record)
                self._columns_before = columns
            data = record.copy()
            for column in self._elsewhere:
                data.pop(column, None)
            if not self._send_nulls:
                data = {column: value for column, value in data.items() if value is not None}
        for path, (column, inside) in self._attributes:
            value = _inside(record.get(column, _ABSENT), inside)
            if value is _ABSENT or (value is None and not self._send_nulls):
                continue
            place = data
            for key in path[:-1]:
                inner = place.get(key)
                place[key] = dict(inner) if isinstance(inner, dict) else {}  # not the record's own
                place = place[key]
            place[path[-1]] = value
        return data

    def _learn(self, columns: Iterable[str]) -> None:
        """Decide once which columns don't go to data under their own names.

        Args:
            columns: All of a record's: what is forgotten when there are too many is learnt anew.
        """
        if len(self._known) > _MAX_KNOWN_COLUMNS:
            self._known.clear()
            self._elsewhere.clear()
        for column in columns:
            if column in self._known:
                continue
            self._known.add(column)
            if (
                column in self._used
                or column in self._taken
                or column.startswith("_sdc_")
                or self._entry.excludes(column)
            ):
                self._elsewhere.append(column)

    def _normaliser(self, name: str) -> Callable[[Any], str]:
        if name == "phone":
            region = self._entry.phone_region
            return lambda value: fields.phone(value, region)
        normaliser: Callable[[Any], str] = getattr(fields, name)
        return normaliser

    def _mapped_sources(self, key_properties: list[str]) -> dict[tuple[str, ...], str]:
        """Return the source of every mapped path, the automatic ones included."""
        mapping = self._entry.mapping
        problems = [problem for path in mapping for problem in _path_problems(path, mapping)]
        problems += [problem for source in mapping.values() for problem in self._doubts(source)]
        if problems:
            raise MappingError(f"stream {self.stream!r}: {'; '.join(dict.fromkeys(problems))}")
        sources = dict(mapping)
        for name in (*IDS, *FIELDS):
            if (name,) not in sources and self._is_free(name):
                sources[name,] = name
        if not any((name,) in mapping for name in IDS) and len(key_properties) == 1:
            (key,) = key_properties
            if self._is_free(key):
                sources.setdefault(("external_id",), key)
        sources = {path: source for path, source in sources.items() if source}
        if not any((name,) in sources for name in IDS):
            raise MappingError(
                f"stream {self.stream!r}: no way to an identity; map a column to external_id or"
                f" anonymous_id in streams.{self.stream}.mapping",
            )
        return sources

    def _is_free(self, column: str) -> bool:
        return column in self._columns and not self._entry.excludes(column)

    def _doubts(self, source: str) -> Iterator[str]:
        """Say what is wrong with a source that was given."""
        if not source:
            return
        try:
            column = self._source(source).column
        except LookupError:
            yield (
                f"the mapping names column {source!r}, which its SCHEMA does not have"
                + _did_you_mean(source, self._columns)
            )
        else:
            if self._entry.excludes(column):
                yield f"column {column!r} is both mapped and excluded"

    def _source(self, source: str) -> Source:
        """Compile a source: a column of exactly that name, else a path into one.

        Raises:
            LookupError: There is no such column.
        """
        if source in self._columns:
            self._used.add(source)
            return Source(source)
        return self._split(source)

    def _split(self, source: str) -> Source:
        """Split a path at the longest prefix that is a column."""
        parts = source.split(".")
        for end in range(len(parts) - 1, 0, -1):
            column = ".".join(parts[:end])
            if column in self._columns:
                if _can_hold(self._columns[column], parts[end:]):
                    return Source(column, tuple(parts[end:]))
                break
        raise LookupError(source)


def _inside(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a path leads to in a column's value; null where it leads nowhere."""
    if value is not _ABSENT:
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _path_problems(
    path: tuple[str, ...],
    mapping: MappingType[tuple[str, ...], str],
) -> Iterator[str]:
    """Say what is wrong with one path of the user that a mapping describes."""
    name = ".".join(path)
    if path[0] == "data":
        if len(path) == 1:
            if mapping[path]:
                yield "data takes an object of attribute: column"
        elif not all(path):
            yield f"{name!r} has an empty part"
        elif any(other != path and other[: len(path)] == path for other in mapping):
            yield f"{name!r} is mapped and so is something inside it"
    elif path[0] not in (*IDS, *FIELDS) or len(path) > 1:
        known = ", ".join((*IDS, *FIELDS, "data"))
        yield f"Spotzee has no field {name!r} (it has {known})"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question that a name's likeness to a known one raises, if to any."""
    import difflib

    alike = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {alike[0]!r}?)" if alike else ""


def _can_hold(schema: object, path: list[str]) -> bool:
    """Say whether an object column can hold a path, as far as its SCHEMA tells."""
    for key in path:
        if not isinstance(schema, dict):
            return True
        properties = schema.get("properties")
        if not properties or schema.get("additionalProperties"):
            return True
        if key not in properties:
            return False
        schema = properties[key]
    return True
