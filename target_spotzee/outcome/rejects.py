"""The rejects file: rejected records as a Singer stream that can be sent again.

Each record stands as the tap sent it, less the excluded columns, after the SCHEMA it came with;
the reason stands beside ``record``. The file holds people's data, so it is for its owner only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from target_spotzee import codec
from target_spotzee.exceptions import RunError, SettingsError
from target_spotzee.outcome import marks
from target_spotzee.records import Ids, Origin, Ticket

LESS_EXCLUDED = "less_excluded"
"""Key of a kept SCHEMA message that lacks columns because they were excluded."""

_START = b'{"type":"'
_SAID_OF_EACH_COLUMN = frozenset(
    {
        *("$schema", "$id", "id", "type", "required", "definitions", "$defs"),
        *("additionalProperties", "patternProperties"),
    },
)
_CHOICES = ("allOf", "anyOf", "oneOf")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record was rejected.

    Attributes:
        code: For machines; never a value.
        message: For people; Spotzee's own words may repeat a value.
        field: The field at fault, where known.
        request_id: Of the answer that refused it, if it was sent.
        attempts: Requests that carried it.
    """

    code: str
    message: str
    field: str | None = None
    request_id: str | None = None
    attempts: int = 0


@dataclass(slots=True, eq=False)
class _Kept:
    """A reject of this run.

    Attributes:
        number: The record's.
        id: The id of its content.
        line: Its line, until it is written; empty if the file held it before.
        place: Where its mark is in the file, once it is written.
        done: Whether a newer record of its user was delivered.
    """

    number: int
    id: str
    line: bytes = b""
    place: int | None = None
    done: bool = False


class RejectsFile:
    """Appends rejected records; they are safe once `sync` returns.

    A record that the file holds already, and that is not done, is not added again: a tap sends its
    boundary row in every run. A reject whose user gets a newer record delivered in the same run is
    marked as done, so that sending the file again brings back no old value.

    Args:
        path: The file; made with mode 0600 if it isn't there.
        run_id: Goes into each reject.
        now: The time of day, with its zone.

    Raises:
        SettingsError: It can't be opened, or isn't a rejects file.
    """

    def __init__(self, path: Path, run_id: str, now: Callable[[], datetime]) -> None:
        self._path = path
        self._run_id = run_id
        self._now = now
        self._described: dict[str, Origin] = {}
        self._pending: list[bytes | _Kept] = []
        self._by_user: dict[tuple[str, Ids], list[_Kept]] = {}
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._fd = os.open(path, flags, 0o600)
            # Marks are written in place, which a descriptor that appends can't do.
            self._marks_fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            problem = self._prepare()
        except OSError as error:
            raise SettingsError(f"rejects_path: can't be opened ({error.strerror})") from None
        if problem:
            os.close(self._fd)
            os.close(self._marks_fd)
            raise SettingsError(f"rejects_path: {problem}")

    def is_file(self, fd: int) -> bool:
        """Say whether a descriptor reads the very file that is written here."""
        return os.path.samestat(os.fstat(fd), os.fstat(self._fd))

    def write(self, ticket: Ticket, reason: Reason, ids: Ids | None = None) -> None:
        """Add a record; it is not safe before `sync`.

        Args:
            ticket: The record.
            reason: Why it was rejected.
            ids: Its user's, if they are known.
        """
        origin = ticket.origin
        read = codec.decode_any(ticket.line)
        stream = read["stream"]
        record = _without_excluded_columns(read["record"], origin, [])
        # Without excluded columns two records can look alike: then only their ids differ.
        whole = record == read["record"]
        id_ = marks.content_id(stream, record, None if whole else ids)
        known = whole or ids is not None
        kept = _Kept(ticket.number, id_, place=self._open_places.get(id_) if known else None)
        if kept.place is None:
            if self._described.get(stream) is not origin:
                self._described[stream] = origin
                self._pending.append(codec.encode(_schema_for(origin)))
            # The line's other members are not kept: an excluded value may be in there, too.
            message = {"type": "RECORD", "stream": stream, "record": record}
            message |= {name: read[name] for name in ("version", "time_extracted") if name in read}
            message["reject"] = {  # the last key, as `marks` expects
                "done": False,
                "id": id_,
                **asdict(reason),
                "stream": origin.stream,
                "record_number": ticket.number,
                "run_id": self._run_id,
                "time": self._now().isoformat(),
            }
            kept.line = codec.encode(message)
            self._pending.append(kept)
        if ids is not None:
            self._by_user.setdefault((origin.stream, ids), []).append(kept)

    def superseded(self, ticket: Ticket, ids: Ids) -> None:
        """Mark the older rejects of a user that was delivered.

        Only those of the same stream: another stream's record holds other columns.

        Args:
            ticket: The delivered record.
            ids: Its user's; a reject must have exactly these to be surely the same user's.
        """
        if not self._by_user:
            return
        user = ticket.origin.stream, ids
        newer = []
        for kept in self._by_user.pop(user, ()):
            if kept.number < ticket.number:
                kept.done = True
                self._mark(kept)
            else:
                newer.append(kept)
        if newer:
            self._by_user[user] = newer

    def sync(self) -> None:
        """Write what was added and wait until the disk has it.

        Raises:
            RunError: The disk would not take it.
        """
        if not self._pending:
            return
        lines = [entry.line if isinstance(entry, _Kept) else entry for entry in self._pending]
        data = memoryview(b"\n".join([*lines, b""]))
        length = len(data)
        size = os.fstat(self._fd).st_size
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            os.fsync(self._fd)
            place = os.lseek(self._fd, 0, os.SEEK_CUR) - length
        except OSError as error:
            os.ftruncate(self._fd, size)  # half a line would spoil what is written next
            raise RunError(
                f"the rejects file can't be written ({error.strerror}); make room, then start"
                " again to go on from the last state",
            ) from None
        for entry, line in zip(self._pending, lines, strict=True):
            if isinstance(entry, _Kept):
                self._written(entry, place)
            place += len(line) + 1
        self._pending.clear()

    def _written(self, kept: _Kept, place: int) -> None:
        """Note where a line was written, and give its memory back."""
        in_line = marks.place_in(kept.line)
        if in_line is not None:
            kept.place = self._open_places[kept.id] = place + in_line
        kept.line = b""
        if kept.done:
            self._mark(kept)

    def _mark(self, kept: _Kept) -> None:
        if kept.place is not None:
            self._open_places.pop(kept.id, None)
            marks.set_done(self._marks_fd, kept.place)

    @cached_property
    def _open_places(self) -> dict[str, int]:
        """The rejects that the file holds and that are not done: content id to place of the mark.

        Read when the first record is rejected, so a clean run pays nothing for a long file.
        """
        places = {}
        os.lseek(self._marks_fd, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._marks_fd), "rb") as file:
            start = 0
            for line in file:
                id_, in_line = marks.open_id(line), marks.place_in(line)
                if id_ is not None and in_line is not None:
                    places[id_] = start + in_line
                start += len(line)
        return places

    def close(self) -> None:
        """Close the file, and delete it if it is empty."""
        if not os.fstat(self._fd).st_size:
            self._path.unlink(missing_ok=True)
        os.close(self._fd)
        os.close(self._marks_fd)

    def _prepare(self) -> str | None:
        """Make the file fit to append to, or say why it isn't.

        The start of a line that a crash cut off is dropped: no state has passed it.
        """
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            return "is not a plain file"
        if status.st_size and os.pread(self._fd, len(_START), 0) != _START:
            return "is a file of something else"
        os.fchmod(self._fd, 0o600)
        size = end = status.st_size
        while end and os.pread(self._fd, 1, end - 1) != b"\n":
            step = min(end, 65_536)
            tail = os.pread(self._fd, step, end - step)
            end = end - step + tail.rfind(b"\n") + 1
        if end < size:
            os.ftruncate(self._fd, end)
        return None


def _without_excluded_columns(
    record: dict[str, Any],
    origin: Origin,
    parents: list[str],
) -> dict[str, Any]:
    """Return what may be kept of a record, or of an object in it that flattening takes apart."""
    kept = {}
    for name, value in record.items():
        flat = origin.flat_name(name, parents) if origin.flat_name else name
        # A value too deep to be read can't be flattened, so it may hold excluded columns.
        if origin.excludes(flat) or (origin.flat_name and isinstance(value, msgspec.Raw)):
            continue
        inside = origin.flat_name and isinstance(value, dict)
        kept[name] = _without_excluded_columns(value, origin, [*parents, name]) if inside else value
    return kept


def _schema_for(origin: Origin) -> dict[str, Any]:
    """Return a SCHEMA message that fits records without their excluded columns."""
    message: dict[str, Any] = {"type": "SCHEMA", **codec.decode(origin.schema)}
    for names in ("key_properties", "bookmark_properties"):
        if isinstance(message.get(names), str):
            message[names] = [message[names]]
        if isinstance(message.get(names), list):
            message[names] = [name for name in message[names] if not origin.excludes(name)]
    schema = _schema_without_excluded_columns(message["schema"], origin, [])
    if schema.get("properties") != message["schema"].get("properties"):
        message[LESS_EXCLUDED] = True
    message["schema"] = schema
    return message


def _schema_without_excluded_columns(
    schema: dict[str, Any],
    origin: Origin,
    parents: list[str],
) -> dict[str, Any]:
    """Return what a schema says of what is kept: of a record, or of an object in it."""

    def is_kept(name: str) -> bool:
        return not origin.excludes(origin.flat_name(name, parents) if origin.flat_name else name)

    def of_column(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if origin.flat_name is None or not isinstance(value, dict):
            return value
        return _schema_without_excluded_columns(value, origin, [*parents, name])

    less = dict(schema)
    for choice in _CHOICES if parents else ():
        if isinstance(schema.get(choice), list):
            less[choice] = [
                _schema_without_excluded_columns(one, origin, parents)
                if isinstance(one, dict)
                else one
                for one in schema[choice]
            ]
    properties = schema.get("properties") or {}
    if isinstance(properties, dict):
        kept = {name: of_column(name, value) for name, value in properties.items() if is_kept(name)}
        if kept != properties:
            # Anything else that a schema says may be about the columns that are gone.
            less = {name: value for name, value in schema.items() if name in _SAID_OF_EACH_COLUMN}
            less["properties"] = kept
    if isinstance(schema.get("required"), list):
        less["required"] = [
            name for name in schema["required"] if not isinstance(name, str) or is_kept(name)
        ]
    return less
