"""Taps from PyPI that nobody here wrote, each with habits of its own, piped into the target."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from target_spotzee.sandbox import Sandbox
from tests.process import Result, Target

ROOT = Path(__file__).resolve().parents[2]

CUSTOMERS = [
    {
        "id": number,
        "email": f"customer.{number}@example.com",
        "name": ("Zoë 'Zo' O\"Neil", "林 美", "🎪, Ltd")[number % 3],
        "signed_up_at": f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}T08:30:00Z",
        "spent": number / 4,
        "orders": number % 40,
    }
    for number in range(1, 251)
]


def executable(environment: str, tap: str) -> str:
    """Return a tap's command, from the environment that `make test` gives it."""
    path = ROOT / environment / "bin" / tap
    if not path.exists():
        pytest.skip(f"a bare pytest has no {tap}; `make test` installs it first")
    return str(path)


def pipe(tap: list[str], target: Target, folder: Path, **settings: Any) -> Result:
    """Run ``tap | target``."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TAP_")}
    with (
        (folder / "tap.log").open("wb") as log,
        subprocess.Popen(tap, cwd=folder, stdout=subprocess.PIPE, stderr=log, env=env) as source,
    ):
        process = target.start(stdin=source.stdout or 0, **settings)
        assert source.stdout is not None
        source.stdout.close()
        out, err = process.communicate()
    result = target.result(process, out, err)
    ended_well = source.returncode == 0 or result.exit_code
    assert ended_well, (folder / "tap.log").read_text(encoding="utf-8")
    return result


def config(folder: Path, **settings: Any) -> list[str]:
    path = folder / "tap.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return ["--config", path.name]


def data(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Return what the sandbox has as the rows were, in their order."""
    users = sandbox.users
    return [
        {"id": number, "email": users[str(number)]["email"], **users[str(number)]["data"]}
        for number in sorted(map(int, users))
    ]


def as_csv() -> str:
    """Return the customers as a spreadsheet would have them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CUSTOMERS[0].keys())
    writer.writeheader()
    writer.writerows(CUSTOMERS)
    return text.getvalue()


class TestJsonl:
    """SDK; bookmarks in partitions; `_sdc_` columns."""

    def test_every_customer_arrives(self, target: Target, sandbox: Sandbox, tmp_path: Path) -> None:
        lines = "".join(json.dumps(customer) + "\n" for customer in CUSTOMERS)
        (tmp_path / "customers.jsonl").write_text(lines, encoding="utf-8")
        tap = executable(".venv-tap", "tap-jsonl")
        arguments = config(
            tmp_path, path="customers.jsonl", stream_name="customers", primary_keys=["id"]
        )

        result = pipe([tap, *arguments], target, tmp_path)

        assert result.exit_code == 0, result.stderr
        assert data(sandbox) == CUSTOMERS
        assert "partitions" in result.states[-1]["bookmarks"]["customers"]


class TestSpreadsheets:
    """SDK; whatever a sheet holds is text, so the target warns of numbers in strings."""

    def test_every_customer_arrives(self, target: Target, sandbox: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "customers.csv").write_text(as_csv(), encoding="utf-8")
        tap = executable(".venv-tap-spreadsheets", "tap-spreadsheets")
        sheet = {
            "path": "customers.csv",
            "format": "csv",
            "table_name": "customers",
            "primary_keys": ["id"],
        }

        result = pipe([tap, *config(tmp_path, files=[sheet])], target, tmp_path)

        assert result.exit_code == 0, result.stderr
        assert [{**row, "id": str(row["id"])} for row in data(sandbox)] == [
            {name: str(value) for name, value in customer.items()} for customer in CUSTOMERS
        ]
        assert "spent" in result.stderr
        assert "orders" in result.stderr
        assert "replication_key_value" in result.states[-1]["bookmarks"]["customers"]


class TestRestApi:
    """singer-python 6; never a key property; a STATE per window, with JSON inside a string."""

    TYPES = {  # noqa: RUF012 - a constant
        "id": ["null", "integer"],
        "email": ["null", "string"],
        "name": ["null", "string"],
        "signed_up_at": ["null", "string"],
        "spent": ["null", "number"],
        "orders": ["null", "integer"],
    }

    def run(self, target: Target, tmp_path: Path, **settings: Any) -> Result:
        schema = {
            "type": "object",
            "selected": True,
            "properties": {name: {"type": types} for name, types in self.TYPES.items()},
        }
        stream = {"stream": "customers", "tap_stream_id": "customers", "schema": schema}
        for folder, content in (("schema", schema), ("catalog", {"streams": [stream]})):
            (tmp_path / folder).mkdir()
            name = "customers.json" if folder == "schema" else "catalog.json"
            (tmp_path / folder / name).write_text(json.dumps(content), encoding="utf-8")
        tap = executable(".venv-tap-rest-api", "tap-rest-api")
        with _api() as address:
            arguments = config(
                tmp_path,
                url=address + "?page={current_page}&from={start_datetime}&to={end_datetime}",
                schema="customers",
                record_list_level="$.items[*]",
                auth_method="no_auth",
                items_per_page=20,
                datetime_key="signed_up_at",
                start_datetime="2025-01-01T00:00:00+00:00",
                end_datetime="2026-01-01T00:00:00+00:00",
                window_size_hours=720,
                assume_sorted=False,
            )
            return pipe(
                [tap, *arguments, "--catalog", "catalog/catalog.json"], target, tmp_path, **settings
            )

    def test_every_customer_arrives(self, target: Target, sandbox: Sandbox, tmp_path: Path) -> None:
        streams = {"customers": {"mapping": {"external_id": "id"}}}

        result = self.run(target, tmp_path, streams=streams)

        assert result.exit_code == 0, result.stderr
        assert data(sandbox) == CUSTOMERS
        nested = result.states[-1]["bookmarks"]["customers"]["last_record_extracted"]
        assert json.loads(nested).keys() == {"digest"}

    def test_without_a_mapping_one_line_says_that_there_is_no_identity(
        self, target: Target, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        result = self.run(target, tmp_path)

        assert result.exit_code == 2
        errors = [line for line in result.stderr.splitlines() if "| ERROR" in line]
        assert len(errors) == 1
        assert "external_id" in errors[0]
        assert not sandbox.requests


class TestSftp:
    """singer-python 5; an empty STATE before the SCHEMA; one STATE a file; two types at once."""

    def test_every_customer_arrives(self, target: Target, sandbox: Sandbox, tmp_path: Path) -> None:
        served = tmp_path / "served"
        served.mkdir()
        (served / "customers.csv").write_text(as_csv(), encoding="utf-8")
        tap = executable(".venv-tap-sftp", "tap-sftp")
        table = {
            "table_name": "customers",
            "search_prefix": "/",
            "search_pattern": r"customers\.csv",
            "key_properties": ["id"],
            "delimiter": ",",
        }
        numbers = {"id": ["integer"], "orders": ["integer"], "spent": ["number"]}
        types = {
            name: {"type": ["null", *numbers.get(name, ()), "string"]} for name in CUSTOMERS[0]
        }
        breadcrumbs: list[list[str]] = [[], *(["properties", name] for name in types)]
        stream = {
            "stream": "customers",
            "tap_stream_id": "customers",
            "schema": {"type": "object", "properties": types},
            "metadata": [
                {
                    "breadcrumb": breadcrumb,
                    "metadata": {"selected": True, "table-key-properties": ["id"]},
                }
                for breadcrumb in breadcrumbs
            ],
        }
        catalog = tmp_path / "catalog.json"
        catalog.write_text(json.dumps({"streams": [stream]}), encoding="utf-8")
        with _sftp(served, tmp_path / "key") as port:
            arguments = config(
                tmp_path,
                host="127.0.0.1",
                port=str(port),
                username="anybody",
                private_key_file="key",
                start_date="2020-01-01T00:00:00Z",
                tables=json.dumps([table]),
            )
            result = pipe([tap, *arguments, "--catalog", catalog.name], target, tmp_path)

        assert result.exit_code == 0, result.stderr
        assert data(sandbox) == CUSTOMERS
        (state,) = result.states  # not the empty one
        assert state["bookmarks"]["customers"].keys() == {"modified_since"}


@contextmanager
def _api() -> Iterator[str]:
    """Serve the customers that signed up in a window, in pages of 20."""

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            first, last = query["from"][0][:10], query["to"][0][:10]
            found = [row for row in CUSTOMERS if first <= str(row["signed_up_at"])[:10] < last]
            page = int(query["page"][0])
            body = json.dumps({"items": found[page * 20 : page * 20 + 20]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _sftp(folder: Path, key: Path) -> Iterator[int]:
    """Serve a folder over SFTP."""
    script = str(Path(__file__).with_name("sftp-server"))
    command = [executable(".venv-tap-sftp", "python"), script, str(folder), str(key)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()
