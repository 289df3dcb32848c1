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
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from target_spotzee.exceptions import RunError, SettingsError
from target_spotzee.ledger import Origin, Ticket

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_START = b'{"type":"'


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


class RejectsFile:
    """Appends rejected records; they are safe once `sync` returns.

    Args:
        path: The file; made with mode 0600 if it isn't there.
        run_id: Goes into each reject.
        now: The time of day, with its zone.

    Raises:
        SettingsError: It can't be opened, or isn't a plain file.
    """

    def __init__(self, path: Path, run_id: str, now: Callable[[], datetime]) -> None:
        self._path = path
        self._run_id = run_id
        self._now = now
        self._described: dict[str, Origin] = {}
        self._pending: list[bytes] = []
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._fd = os.open(path, flags, 0o600)
            problem = self._prepare()
        except OSError as error:
            raise SettingsError(f"rejects_path: can't be opened ({error.strerror})") from None
        if problem:
            os.close(self._fd)
            raise SettingsError(f"rejects_path: {problem}")

    def is_file(self, fd: int) -> bool:
        """Say whether a descriptor reads the very file that is written here."""
        return os.path.samestat(os.fstat(fd), os.fstat(self._fd))

    def write(self, ticket: Ticket, reason: Reason) -> None:
        """Add a record; it is not safe before `sync`."""
        origin = ticket.origin
        message = {"type": "RECORD", **_decode(ticket.line)}
        stream = message["stream"]
        if self._described.get(stream) is not origin:
            self._described[stream] = origin
            self._pending.append(_encode(_without_excluded(origin)))
        message["record"] = {
            column: value
            for column, value in message["record"].items()
            if not origin.excludes(column)
        }
        message["reject"] = {
            **asdict(reason),
            "stream": origin.stream,
            "record_number": ticket.number,
            "run_id": self._run_id,
            "time": self._now().isoformat(),
        }
        self._pending.append(_encode(message))

    def sync(self) -> None:
        """Write what was added and wait until the disk has it.

        Raises:
            RunError: The disk would not take it.
        """
        if not self._pending:
            return
        data = memoryview(b"\n".join([*self._pending, b""]))
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            os.fsync(self._fd)
        except OSError as error:
            raise RunError(
                f"the rejects file can't be written ({error.strerror}); make room, then start"
                " again to go on from the last state",
            ) from None
        self._pending.clear()

    def close(self) -> None:
        """Close the file, and leave none behind that holds nothing."""
        if not os.fstat(self._fd).st_size:
            self._path.unlink(missing_ok=True)
        os.close(self._fd)

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


def _without_excluded(origin: Origin) -> dict[str, Any]:
    """Return a SCHEMA message that fits records without their excluded columns."""
    message: dict[str, Any] = {"type": "SCHEMA", **_decode(origin.schema)}
    for names in ("key_properties", "bookmark_properties"):
        if isinstance(message.get(names), list):
            message[names] = [name for name in message[names] if not origin.excludes(name)]
    schema = message["schema"]
    schema["properties"] = {
        column: value
        for column, value in schema["properties"].items()
        if not origin.excludes(column)
    }
    if isinstance(schema.get("required"), list):
        schema["required"] = [name for name in schema["required"] if not origin.excludes(name)]
    return message
