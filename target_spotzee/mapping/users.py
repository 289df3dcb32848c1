"""From a record to a Spotzee user.

A stream's mapping is compiled once, when its SCHEMA arrives; what is wrong with it is said then,
before anything of that stream is sent. After that a record takes one pass.

What Spotzee makes of a user: an absent field is left alone, a first-class field that is null is
cleared, ``data`` is merged key by key (measured on the platform that Spotzee descends from,
November 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from target_spotzee import codec, fields
from target_spotzee.exceptions import RecordError
from target_spotzee.mapping.columns import is_tap_own
from target_spotzee.mapping.identities import folded
from target_spotzee.mapping.soundness import sound
from target_spotzee.mapping.sources import IDS, Source, Sources, listed
from target_spotzee.mapping.streams import StreamConfig
from target_spotzee.mapping.toggles import OPT_INS, Wishes, noes, wishes
from target_spotzee.mapping.values import ABSENT, ASTRAY, Path, inside, put, trimmed
from target_spotzee.records import Ids, Record

_MAX_KNOWN_COLUMNS = 10_000


class User(msgspec.Struct):
    """One user as a request carries it.

    Attributes:
        payload: The item of the request's array: ids, first-class fields, ``data``.
        invalid: What could not be valid and was dropped or cleared: fields, and attributes by their
            path (``data.plan``).
        mended: Fields that are right once something that did not belong there was taken away.
        ids: The ``external_id`` and the ``anonymous_id``, exactly as they will be sent.
        identities: The ids, each marked with its kind, without case and accents, which Spotzee may
            ignore. Users that share one may be the same.
        wishes: What the record says of subscriptions.
    """

    payload: dict[str, Any]
    invalid: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    ids: Ids = (None, None)
    identities: tuple[str, ...] = ()
    wishes: Wishes = ()

    def __post_init__(self) -> None:
        external = self.payload.get("external_id")
        anonymous = self.payload.get("anonymous_id")
        self.ids = external, anonymous
        if external is None:
            self.identities = ("a" + folded(str(anonymous)),)
        elif anonymous is None:
            # As `folded` would: a call less for nearly every user.
            bare = external.lower() if external.isascii() else folded(external)
            self.identities = ("e" + bare,)
        else:
            self.identities = "e" + folded(external), "a" + folded(anonymous)


class Mapping:
    """A stream's compiled mapping.

    Args:
        stream: The stream's name, for messages.
        columns: The SCHEMA's properties: column name to JSON Schema.
        key_properties: The stream's key.
        config: How its owner wants it mapped.
        field_names: The first-class fields of what its records are sent as.
        is_open: Whether records hold columns that the SCHEMA does not name.

    Raises:
        MappingError: The entry does not fit the SCHEMA, or gives no way to an identity.
    """

    def __init__(
        self,
        stream: str,
        columns: dict[str, Any],
        key_properties: Iterable[str],
        config: StreamConfig,
        field_names: Sequence[str] = fields.USER_FIELDS,
        *,
        is_open: bool = False,
    ) -> None:
        self.stream = stream
        self._config = config
        self._columns = columns
        self._is_open = is_open
        self._send_nulls = config.null_values == "send"
        self._invalid_fields = config.invalid_fields

        sources = Sources(stream, columns, config, field_names, is_open=is_open)
        found = sources.compile(list(key_properties))
        self._consents = sources.consents()
        self._opt_in = OPT_INS[config.opt_in]
        self._warnings = sources.warnings
        self._used = sources.used
        self._ids = [(name, found.pop((name,))) for name in IDS if (name,) in found]
        self._fields = [
            (name, *found.pop((name,)), *fields.FIELDS[name])
            for name in field_names
            if (name,) in found
        ]
        self._attributes = [(path[1:], source) for path, source in found.items()]
        self._taken = {path[0] for path, _ in self._attributes if len(path) == 1}
        self._known: set[str] = set()
        self._elsewhere: list[str] = []
        self._unnamed: list[str] = []
        self._columns_before: tuple[str, ...] = ()
        self._learn(columns)

    def warnings(self, before_maps: Iterable[str] | None = ()) -> list[str]:
        """Return what a person should know about this mapping, though it works.

        Args:
            before_maps: The tap's own columns, which may be excluded by name, too; ``None`` if the
                excluded ones are not among them any more.
        """
        found = []
        if before_maps is not None:
            columns = {*self._columns, *before_maps}
            found += [
                f"stream {self.stream!r}: exclude {pattern!r} fits no column"
                for pattern in self._config.exclude
                if not any(fnmatchcase(column, pattern) for column in columns)
            ]
        external_id = str(dict(self._ids).get("external_id", ""))
        if "email" in external_id.lower().replace("-", ""):
            found.append(
                f"stream {self.stream!r}: external_id comes from a column that looks like an e-mail"
                " address; a user who changes address becomes another user",
            )
        return found + self._warnings

    @property
    def opt_in(self) -> str | None:
        """What becomes of a yes, if the entry names subscriptions."""
        return self._config.opt_in if self._consents else None

    @property
    def removes_nobody(self) -> bool:
        """Whether its users bear no external_id, without which Spotzee removes nobody."""
        return all(name != "external_id" for name, _ in self._ids)

    @property
    def id_column(self) -> str | None:
        """The column that alone tells its users' ids, if there is one: an external_id."""
        if len(self._ids) != 1:
            return None
        ((name, (column, path)),) = self._ids
        return column if name == "external_id" and not path else None

    @property
    def written(self) -> int:
        """How many columns were found that no SCHEMA names; `writes` grows with it."""
        return len(self._unnamed)

    @property
    def writes(self) -> list[str]:
        """What its users can hold besides their ids: ``email``, ``data.plan``, ``data.*``."""
        names = [name for name, *_ in self._fields]
        names += [f"data.{path[0]}" for path, _ in self._attributes]
        if self._config.unmapped == "data":
            names += [f"data.{name}" for name in self._columns if name not in self._elsewhere]
            if self._is_open or self._unnamed:
                names.append("data.*")
        return list(dict.fromkeys(names))

    def warnings_of_records(self) -> list[str]:
        """Return what a person should know about the records that were mapped so far."""
        if not self._unnamed:
            return []
        names = listed(self._unnamed)
        return [f"stream {self.stream!r}: its SCHEMA does not name what goes to data: {names}"]

    def table(self) -> list[tuple[str, Path]]:
        """Return where each column goes: its name, or a path into it, and the path in the user.

        The latter is empty for a column that is not sent.
        """
        rows: list[tuple[str, Path]]
        rows = [(str(source), (name,)) for name, source in self._ids]
        rows += [(str(Source(column, path)), (name,)) for name, column, path, _, _ in self._fields]
        rows += [(str(source), ("data", *path)) for path, source in self._attributes]
        rows += [
            ("!" * is_no + str(source), ("subscriptions", type_))
            for type_, source, is_no in self._consents
        ]
        own = self._config.unmapped == "data"
        for column in self._columns:
            if column not in self._elsewhere:
                rows.append((column, ("data", column) if own else ()))
            elif column not in self._used and column not in self._taken:
                rows.append((column, ()))
        return rows + [(column, ("data", column)) for column in self._unnamed]

    def user(self, record: Record) -> User:
        """Map a record.

        Args:
            record: Column to value; it is not changed, but the user may share its objects.

        Raises:
            RecordError: It has no identity, or a field that can't be right under ``reject``.
        """
        payload = self._identity(record)
        invalid: tuple[str, ...] = ()
        mended: tuple[str, ...] = ()
        for name, column, path, is_ordinary, normalise in self._fields:
            value = record.get(column, ABSENT)
            if path:
                value = inside(value, path)
            if type(value) is str and is_ordinary(value):
                payload[name] = value
            elif value is not ABSENT:
                if not self._put_field(payload, name, value, normalise):
                    invalid += (name,)
                elif name == "email" and payload.get(name) not in (None, trimmed(value)):
                    mended += (name,)
        data, astray = self._data(record)
        # On the platform that Spotzee descends from, a phone without data wipes all attributes.
        if data or "phone" in payload:
            payload["data"] = data
        user = User(payload, invalid + astray, mended)
        if self._consents:
            user.wishes = wishes(record, self._consents, self._opt_in, user.ids)
        return user

    def sound(self, user: User) -> User:
        """Return a user whose data can be sent as JSON, though the record may hold odd values.

        Raises:
            RecordError: Its data holds a number that JSON does not have, and that is not to be sent
                as null; or it is nested too deeply.
        """
        data, cleared = sound(user.payload.get("data", {}), self._config, "data.")
        if not cleared:
            return user
        found = User({**user.payload, "data": data}, user.invalid + cleared, user.mended)
        found.wishes = user.wishes
        return found

    def _put_field(
        self,
        payload: dict[str, Any],
        name: str,
        value: Any,  # noqa: ANN401 - a record holds any JSON value
        normalise: Callable[[Any, str | None], str],
    ) -> bool:
        """Put a field, normalised, into a payload; say whether it could be right."""
        value = trimmed(value)
        if value is None or value == "":  # a blank one counts as null
            if self._send_nulls:
                payload[name] = None
            return True
        try:
            payload[name] = normalise(value, self._config.phone_region)
        except ValueError as error:
            if self._invalid_fields == "reject":
                raise RecordError("field_invalid", f"{name} {error}", name) from None
            if self._invalid_fields == "null":
                payload[name] = None
            return False
        return True

    def ids(self, record: Record) -> Ids | None:
        """Return the ids of a record, if it has any, even if it can't become a user."""
        try:
            ids = User(self._identity(record)).ids
        except RecordError:
            return None
        return ids if all(codec.is_text(id_ or "") for id_ in ids) else None

    def noes(self, record: Record) -> Wishes:
        """Return what a record says no to, even if it can't become a user."""
        return noes(record, self._consents) if self._consents else ()

    def _identity(self, record: Record) -> dict[str, Any]:
        """Return a payload that holds the ids; a null or blank one is left out.

        Raises:
            RecordError: An id can't be right, or there is none.
        """
        payload: dict[str, Any] = {}
        for name, (column, path) in self._ids:
            value = record.get(column)
            if path:
                value = inside(value, path)
            if value is None or value is ABSENT or (type(value) is str and not value.strip()):
                continue
            try:
                payload[name] = fields.identity(value)
            except ValueError as error:
                raise RecordError("identity_invalid", f"{name} {error}", name) from None
        if not payload:
            names = " or ".join(name for name, _ in self._ids)
            raise RecordError("identity_missing", f"no value for {names}", self._ids[0][0])
        return payload

    def _data(self, record: Record) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return a record's attributes, and the names of those that could not be valid."""
        data: dict[str, Any] = {}
        astray: tuple[str, ...] = ()
        if self._config.unmapped == "data":
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
        for path, (column, below) in self._attributes:
            value = inside(record.get(column, ABSENT), below)
            if value is None and not self._send_nulls:
                continue
            if value is ASTRAY:
                name = ".".join(("data", *path))
                value = self._stray(name, column)
                astray += (name,)
            if value is not ABSENT:
                put(data, path, value)
        return data, astray

    def _stray(self, name: str, column: str) -> Any:  # noqa: ANN401 - null or `ABSENT`
        """Return what becomes of an attribute whose path leads into something other than an object.

        Raises:
            RecordError: Under ``reject``.
        """
        if self._invalid_fields == "reject":
            message = f"{name} is mapped from inside {column!r}, which is no object"
            raise RecordError("field_invalid", message, name)
        return None if self._invalid_fields == "null" else ABSENT

    def _learn(self, columns: Iterable[str]) -> None:
        """Decide once which columns don't go to data under their own names.

        Args:
            columns: All of a record's, known or not: when too many are known, all are forgotten.
        """
        if len(self._known) > _MAX_KNOWN_COLUMNS:
            self._known.clear()
            self._elsewhere.clear()
            self._unnamed.clear()
        for column in columns:
            if column in self._known:
                continue
            self._known.add(column)
            if (
                column in self._used
                or column in self._taken
                or is_tap_own(column)
                or self._config.excludes(column)
            ):
                self._elsewhere.append(column)
            elif column not in self._columns:
                self._unnamed.append(column)
