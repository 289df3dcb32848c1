"""The target with another choice of what a power cut may cost: `python -m …durability wal normal`.

Its statements about SQLite's journal are replaced on the way to SQLite; what held in the end is
said on stderr, so that nobody takes one choice for another.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

_PRAGMA = re.compile(
    r"(?i)(pragma\s+(?:\w+\.)?)(journal_mode|synchronous)\s*(?:=\s*|\()['\"\w]+\)?"
)
_LEVELS = {0: "off", 1: "normal", 2: "full", 3: "extra"}
_choice: dict[str, str] = {}


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, /, *parameters: Any) -> _Cursor:  # noqa: ANN401 - as SQLite's
        return super().execute(_chosen(sql), *parameters)


class _Connection(sqlite3.Connection):
    def cursor(self, *_: Any) -> _Cursor:  # type: ignore[override]  # noqa: ANN401 - as SQLite's
        return super().cursor(_Cursor)

    def execute(self, sql: str, /, *parameters: Any) -> sqlite3.Cursor:  # noqa: ANN401 - as SQLite's
        return super().execute(_chosen(sql), *parameters)

    def executescript(self, sql: str, /) -> sqlite3.Cursor:
        return super().executescript(_chosen(sql))

    def close(self) -> None:
        print("durability:", *self._held(), file=sys.stderr, flush=True)
        super().close()

    def _held(self) -> Iterable[str]:
        for name in ("journal_mode", "synchronous"):
            (value,) = super().execute(f"PRAGMA {name}").fetchone()
            yield str(_LEVELS.get(value, value))


def _chosen(sql: str) -> str:
    return _PRAGMA.sub(lambda found: f"{found[1]}{found[2]}={_choice[found[2].lower()]}", sql)


def main() -> None:
    """Run the target with a journal mode and a level of synchronous."""
    _choice["journal_mode"], _choice["synchronous"] = sys.argv[1:3]
    del sys.argv[1:3]
    connect = sqlite3.connect

    def connect_chosen(*options: Any, **more: Any) -> sqlite3.Connection:  # noqa: ANN401 - as SQLite's
        connection: sqlite3.Connection = connect(*options, **{**more, "factory": _Connection})
        with suppress(sqlite3.OperationalError):  # whoever may only read has no journal
            for name in _choice:
                connection.execute(f"PRAGMA {name} = {name}")
        return connection

    sqlite3.connect = connect_chosen  # type: ignore[assignment]  # it has many signatures
    from target_spotzee.__main__ import main as run  # noqa: PLC0415 - it may bind what it imports

    run()


if __name__ == "__main__":
    main()
