"""A PostgreSQL of the tests' own: unprivileged, on loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

PASSWORD = "a password / with = signs"  # what has to be quoted somewhere breaks here


def find_binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs: Debian's, macOS's, or the path's."""
    patterns = ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql@*/bin")
    folders = [folder for pattern in patterns for folder in sorted(Path("/").glob(pattern))]
    folders += [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    programs = ("initdb", "postgres", "pg_isready", "psql")
    return next((f for f in folders if all((f / name).exists() for name in programs)), None)


class Postgres:
    """A running server.

    Args:
        binaries: Where its programs are.
        folder: Its data; belongs to whom it runs as.
    """

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._user = _unprivileged()
        self._server: subprocess.Popen[bytes] | None = None
        self.port = 0  # until it is started

    @property
    def env(self) -> dict[str, str]:
        """What tap-postgres needs to know."""
        return {
            "TAP_POSTGRES_HOST": "127.0.0.1",
            "TAP_POSTGRES_PORT": str(self.port),
            "TAP_POSTGRES_DATABASE": "shop",
            "TAP_POSTGRES_USER": "owner",
            "TAP_POSTGRES_PASSWORD": PASSWORD,
        }

    def start(self) -> None:
        """Make a data folder and start a server on it."""
        password_file = self._folder / "password"
        password_file.write_text(PASSWORD, encoding="utf-8")
        if self._user is not None:
            for path in (self._folder, password_file):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        data = self._folder / "data"
        initdb = ["--encoding=UTF8", "--no-locale", "--no-sync", "--auth=scram-sha-256"]
        initdb += ["--username=owner", f"--pwfile={password_file}", f"--pgdata={data}"]
        self._call("initdb", *initdb).check_returncode()
        self.port = _free_port()  # only now, lest a test beside this one takes it meanwhile
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "wal_level": "logical",  # for what reads the log; others don't notice
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._server = subprocess.Popen(
            [str(self._binaries / "postgres"), "-D", str(data), *options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as_user(),
        )
        deadline = time.monotonic() + 60
        while self._call("pg_isready", "--host=127.0.0.1", f"--port={self.port}").returncode:
            assert self._server.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)  # its "fast shutdown"
            self._server.wait()

    def create(self, sql: str) -> None:
        """Start over with a new database."""
        self.execute("DROP DATABASE IF EXISTS shop", database="postgres")
        self.execute("CREATE DATABASE shop", database="postgres")
        self.execute(sql)

    def execute(self, sql: str, *, database: str = "shop") -> str:
        """Run SQL and return what it prints, a row a line."""
        result = self._psql(sql, database)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def has(self, library: str) -> bool:
        """Return whether it can load a library, such as one that reads its log."""
        return not self._psql(f"LOAD '{library}'", "postgres").returncode

    def _psql(self, sql: str, database: str) -> subprocess.CompletedProcess[str]:
        arguments = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]
        arguments += ["--set=ON_ERROR_STOP=1", f"--dbname={database}", "--file=-"]
        arguments += ["--host=127.0.0.1", f"--port={self.port}", "--username=owner"]
        return self._call("psql", *arguments, stdin=sql)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a table's rows as PostgreSQL writes them as JSON, in the order of updates."""
        sql = f"SET TIME ZONE 'UTC'; SELECT row_to_json(t) FROM {table} t ORDER BY updated_at"
        return [json.loads(line, parse_float=Decimal) for line in self.execute(sql).splitlines()]

    def _call(
        self,
        program: str,
        *arguments: str,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._binaries / program), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            env={**os.environ, "PGPASSWORD": PASSWORD, "PGCLIENTENCODING": "UTF8"},
            **self._as_user(),
        )

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def running(binaries: Path) -> Iterator[Postgres]:
    """Run a server while the block does."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        postgres = Postgres(binaries, Path(folder))
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.stop()


def _unprivileged() -> pwd.struct_passwd | None:
    """Return whom to run as; PostgreSQL refuses to be root. ``None`` is whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
