"""The snapshot's file: SQLite, for its owner only, and for one process at a time."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from target_spotzee.exceptions import RunError, SettingsError

APPLICATION_ID = 0x53_5A_53_4E
"""Marks the file as one of ours: ``SZSN``."""

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE runs (
  number INTEGER PRIMARY KEY, run_id TEXT, began TEXT, seconds REAL, exit_code INTEGER, figures TEXT
);
CREATE TABLE requests (
  number INTEGER PRIMARY KEY, run INTEGER, at INTEGER, request_id TEXT
);
CREATE TABLE streams (
  number INTEGER PRIMARY KEY, name TEXT UNIQUE, writes TEXT, issued INTEGER, recipe BLOB, pass TEXT
);
CREATE TABLE users (
  identity TEXT, stream INTEGER, number INTEGER, request INTEGER, doubt INTEGER, digests BLOB,
  spelling TEXT, columns BLOB, PRIMARY KEY (identity, stream)
) WITHOUT ROWID;
CREATE TABLE open (number INTEGER PRIMARY KEY, users TEXT);
CREATE TABLE links (
  anonymous TEXT, external TEXT, PRIMARY KEY (anonymous, external)
) WITHOUT ROWID;
CREATE TABLE seen (
  stream INTEGER, pass TEXT, page INTEGER, bits BLOB, PRIMARY KEY (stream, pass, page)
) WITHOUT ROWID;
CREATE TABLE due (
  identity TEXT, stream INTEGER, spelling TEXT, how TEXT, PRIMARY KEY (identity, stream)
) WITHOUT ROWID;
CREATE TABLE removed (
  identity TEXT, stream INTEGER, spelling TEXT, how TEXT, run INTEGER,
  PRIMARY KEY (identity, stream)
) WITHOUT ROWID;
CREATE TABLE rejects (
  identity TEXT, stream INTEGER, run INTEGER, code TEXT, PRIMARY KEY (identity, stream)
) WITHOUT ROWID;
CREATE TABLE opt_outs (user BLOB, type INTEGER, PRIMARY KEY (user, type)) WITHOUT ROWID;
"""
_CONSENTS = """
ALTER TABLE opt_outs RENAME TO opt_outs_before;
CREATE TABLE opt_outs (
  user BLOB, type INTEGER, stream TEXT, is_pending INTEGER, PRIMARY KEY (user, type, stream)
) WITHOUT ROWID;
INSERT INTO opt_outs SELECT user, type, '', 0 FROM opt_outs_before;
DROP TABLE opt_outs_before;
CREATE TABLE opt_ins (
  user BLOB, type INTEGER, stream TEXT, PRIMARY KEY (user, type, stream)
) WITHOUT ROWID;
"""
_MIGRATIONS: Sequence[str] = (_TABLES, _CONSENTS)
"""What makes each version of the file out of the one before, from an empty file on."""

VERSION = len(_MIGRATIONS)
_CACHE_KIB = 8_192
_ROWS_AT_ONCE = 50
MOST_LOOKED_UP = 250
"""Values that are looked up at once."""
_ROOMS = {room: f" ({', '.join('?' * room)})" for room in (1, 16, 64, MOST_LOOKED_UP)}
"""Few statements for any number of values, so that SQLite has them ready."""
_WAL_PAGES = 4_096
"""The log is written into the file when it has so many pages: 16 MiB."""

_IN_USE = "snapshot_path: is in use by another run; wait for its end"
_DAMAGED = (
    "snapshot_path: is damaged; delete the file, and the next run sends everything and makes a new"
    " one"
)


class SnapshotFile:
    """Runs statements. Nobody else opens the file meanwhile.

    Chosen by measurement, see benchmarks: a write-ahead log, which is on disk before a transaction
    counts as done. So a power cut takes nothing back.

    Args:
        path: The file; made if it isn't there. ``None``: one without a name, for this process only;
            what has no room in the memory is in the temporary folder, and gone with the process.
        is_dry: Take everything back at the end; a file that isn't there counts as empty.

    Raises:
        SettingsError: It is in use, damaged, newer than this program, or something else.
    """

    def __init__(self, path: Path | None, *, is_dry: bool = False) -> None:
        self._is_dry = is_dry
        where = str(path or "")
        if path is None:
            pass
        elif is_dry and not path.exists():
            if not os.access(path.parent, os.W_OK):
                raise SettingsError("snapshot_path: can't be made in its folder")
            where = ":memory:"
        else:
            _make(path)
        with _told(opening=True):
            self._connection = sqlite3.connect(where, timeout=0, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        (mark,), (version,) = (
            run(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        if mark != APPLICATION_ID and (version or run("SELECT * FROM sqlite_master").fetchone()):
            raise SettingsError("snapshot_path: is a file of something else; choose another")
        if version > VERSION:
            raise SettingsError(
                "snapshot_path: was written by a newer version of target-spotzee; use that one, or"
                " delete the file",
            )
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        run(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        run("BEGIN IMMEDIATE")  # from now on nobody else can
        for number in range(version, VERSION):
            for statement in filter(str.strip, _MIGRATIONS[number].split(";")):
                run(statement)
        run(f"PRAGMA application_id = {APPLICATION_ID}")
        run(f"PRAGMA user_version = {VERSION}")
        if not self._is_dry:
            run("COMMIT")

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return what a query finds.

        Raises:
            SettingsError: The file is damaged.
            RunError: It can't be read.
        """
        with _told():
            return self._connection.execute(statement, values).fetchall()

    def among(self, statement: str, values: Sequence[Any]) -> Iterator[Any]:
        """Yield what a query finds for many values, so many of them at once.

        Args:
            statement: Ends in ``IN``.
            values: None of them null.
        """
        for start in range(0, len(values), MOST_LOOKED_UP):
            part = values[start : start + MOST_LOOKED_UP]
            room = next(size for size in _ROOMS if size >= len(part))
            yield from self.rows(statement + _ROOMS[room], [*part, *[None] * (room - len(part))])

    def each(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield what a query finds, without holding all of it."""
        with _told():
            yield from self._connection.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[SnapshotFile]:
        """Make what the block writes durable, all of it or nothing.

        Raises:
            SettingsError: The file is damaged.
            RunError: It can't be written.
        """
        if self._is_dry:  # the whole run is one, which is not committed
            yield self
            return
        with _told():
            self._connection.execute("BEGIN")
            try:
                yield self
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    @contextmanager
    def function(self, name: str, function: Callable[..., bool], arguments: int) -> Iterator[None]:
        """Let statements call a function of so many numbers."""
        self._connection.create_function(name, arguments, function, deterministic=True)
        try:
            yield
        finally:
            self._connection.create_function(name, arguments, None)

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of some rows; in a `transaction`."""
        self._connection.executemany(statement, rows)

    def keep(self, table: str, values: str, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows in place of those with the same key; in a `transaction`.

        Many at once, since SQLite lets the other threads run after each statement, which costs more
        than the statement.

        Args:
            table: Theirs.
            values: A row of the statement's ``VALUES``.
            rows: What goes into it.
        """
        statement = f"INSERT OR REPLACE INTO {table} VALUES "  # noqa: S608 - a name of ours
        whole = len(rows) - len(rows) % _ROWS_AT_ONCE
        self._connection.executemany(
            statement + ", ".join([values] * _ROWS_AT_ONCE),
            [
                [*chain.from_iterable(rows[start : start + _ROWS_AT_ONCE])]
                for start in range(0, whole, _ROWS_AT_ONCE)
            ],
        )
        self._connection.executemany(statement + values, rows[whole:])

    def close(self) -> None:
        """Close the file; it is then one file, without its log."""
        with _told():
            if self._connection.in_transaction:
                self._connection.rollback()
            self._connection.close()


@contextmanager
def understood() -> Iterator[None]:
    """Turn what the file holds and makes no sense into one line for a person.

    Raises:
        SettingsError: The file is damaged.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, msgspec.MsgspecError):
        raise SettingsError(_DAMAGED) from None


def _make(path: Path) -> None:
    """Make the file if it isn't there, and see that nobody else may read it.

    Raises:
        SettingsError: It can't be made, or isn't a plain file.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            plain = stat.S_ISREG(os.fstat(fd).st_mode)
            if plain:
                os.fchmod(fd, 0o600)
        finally:
            os.close(fd)
    except OSError as error:
        raise SettingsError(f"snapshot_path: can't be opened ({error.strerror})") from None
    if not plain:
        raise SettingsError("snapshot_path: is not a plain file")


@contextmanager
def _told(*, opening: bool = False) -> Iterator[None]:
    """Turn what SQLite says into one line for a person.

    Raises:
        SettingsError: The file is in use or damaged, or can't be opened.
        RunError: It can't be read or written.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        said = str(error)
        if "locked" in said or "busy" in said:
            raise SettingsError(_IN_USE) from None
        if "no such" in said or "has no column" in said:
            raise SettingsError(_DAMAGED) from None
        if opening:
            raise SettingsError(f"snapshot_path: can't be opened ({said})") from None
        raise RunError(
            f"the snapshot can't be read or written ({said}); make room, then start again to go on"
            " from the last state",
        ) from None
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        raise SettingsError(_DAMAGED) from None
