from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from target_spotzee.sandbox import Sandbox
from target_spotzee.sandbox.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = (sys.executable, "-m", "target_spotzee.sandbox")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_when_asked(number: int, tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"effect": "status", "status": 503, "nth": [2]}]))
    arguments = ("--port", "0", "--key", "sk_a=support", "--faults", str(faults))

    with subprocess.Popen((*COMMAND, *arguments), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        *_, api_url, _, key = line.split()
        headers = {"Authorization": f"Bearer {key}"}
        statuses = [
            requests.request(method, f"{api_url}/users", headers=headers, timeout=10).status_code
            for method in ("GET", "GET", "PATCH")
        ]
        os.kill(process.pid, number)
        assert process.stdout.read() == ""

    assert line.startswith("Spotzee sandbox: api_url http://127.0.0.1:")
    assert statuses == [200, 503, 403]
    assert process.returncode == 0


@pytest.mark.parametrize("how", ["on", "off"])
def test_each_trap_can_be_set(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = []

    def begin(self: Sandbox) -> None:
        begun.append(self.options)
        raise OSError(errno.EADDRINUSE, "")

    monkeypatch.setattr(Sandbox, "start", begin)
    switches = ["--case-blind", "--accent-blind", "--phone-attributes", "--phone-wipes"]
    switches += ["--doubles", "--subscribe-on-create"]
    main([*switches, "--queue-delay", "2", "--delete-delay", "0.5"] if how == "on" else [])
    (options,) = begun

    assert capsys.readouterr().out == ""
    assert {
        options.case_blind,
        options.accent_blind,
        options.phone_attributes,
        options.phone_wipes,
        options.doubles,
        options.subscribe_on_create,
    } == {how == "on"}
    delays = (options.queue_delay, options.delete_delay)
    assert delays == ((2, 0.5) if how == "on" else (0, 0))


def test_a_port_that_is_taken_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1

    assert capsys.readouterr().err.strip() == (
        f"target-spotzee-sandbox: can't listen on 127.0.0.1:{port}: "
        "Address already in use. Choose another --port."
    )


def test_without_aiohttp_it_says_what_to_install() -> None:
    without = (
        "import sys; sys.modules['aiohttp'] = None;"
        "from target_spotzee.sandbox.__main__ import main; sys.exit(main([]))"
    )
    done = subprocess.run(
        (sys.executable, "-c", without), capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.strip() == (
        "target-spotzee-sandbox: aiohttp is missing; in the checkout: pip install '.[sandbox]'"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--key", "pk_a"],
        ["--key", "sk_a=viewer"],
        ["--faults", "nowhere.json"],
        ["--tier", "free"],
        ["--delete-delay", "soon"],
        ["--delete-delay", "-1"],
        ["--queue-delay", "inf"],
        ["--queue-delay", "nan"],
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)

    told = capsys.readouterr().err
    assert arguments[1] in told
    assert "invalid _" not in told


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ([{"efect": "status"}], "a fault has no efect; it takes effect, method, path,"),
        ([{"status": 503}], "a fault needs an effect: drip, empty,"),
        ([{"effect": ["status"]}], "not a fault: "),
        (["status"], "a fault is an object"),
        ({"effect": "status"}, "is not a JSON array of faults"),
        (None, "is not a JSON array of faults"),
    ],
)
def test_a_wrong_fault_is_one_clear_line(
    faults: object, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(faults))
    with pytest.raises(SystemExit) as ended:
        main(["--faults", str(path)])

    told = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2
    assert words in told
    assert "__init__" not in told
