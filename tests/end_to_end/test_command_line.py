"""The command as it is installed: its options, and what the SDK promises of every target."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from target_spotzee.__main__ import main
from target_spotzee.sandbox import Sandbox
from target_spotzee.settings.declaration import CONFIG_JSONSCHEMA
from tests import tap
from tests.process import PROGRAM, Target


def test_the_installed_command_is_the_module_s() -> None:
    """So what tests start as ``python -m target_spotzee`` is what people run."""
    (script,) = entry_points(group="console_scripts", name="target-spotzee")
    assert script.load() is main


def test_version_names_the_package_s(target: Target) -> None:
    done = target.command(["--version"])
    assert done.returncode == 0
    assert f"target-spotzee v{version('target-spotzee')}" in done.stdout


def test_about_lists_every_setting_and_none_for_warehouses(target: Target) -> None:
    done = target.command(["--about", "--format=json"])
    assert done.returncode == 0
    listed = json.loads(done.stdout)["settings"]["properties"]
    assert listed.keys() >= CONFIG_JSONSCHEMA["properties"].keys()
    assert {"stream_maps", "stream_map_config", "flattening_enabled"} <= listed.keys()
    assert not {"load_method", "add_record_metadata", "hard_delete"} & listed.keys()
    assert listed["api_key"]["secret"] is True


def test_about_in_markdown(target: Target) -> None:
    done = target.command(["--about", "--format=markdown"])
    assert done.returncode == 0
    assert "rejects_path" in done.stdout


def test_input_from_a_file(target: Target, sandbox: Sandbox) -> None:
    path = target.folder / "stream.singer"
    path.write_text(tap.schema() + tap.record(id=1) + tap.state({"a": 1}))
    config = str(target.configure())
    done = target.command(["--config", config, "--input", str(path)])
    assert done.returncode == 0, done.stderr
    assert done.stdout == '{"a": 1}\n'
    assert list(sandbox.users) == ["1"]


def test_later_configurations_win(target: Target, sandbox: Sandbox) -> None:
    config = str(target.configure(batch_size_rows=100))
    other = target.folder / "other.json"
    other.write_text('{"batch_size_rows": 1}')
    lines = tap.schema() + tap.record(id=1) + tap.record(id=2)
    done = target.command(["--config", config, "--config", str(other)], stdin=lines)
    assert done.returncode == 0, done.stderr
    assert len(sandbox.requests) == 2


def test_the_summary_on_stderr_and_in_the_file_are_the_same(target: Target, tmp_path: Path) -> None:
    result = target.run([tap.schema(), tap.record(id=1), tap.record(id=None)])
    assert result.exit_code == 3
    assert "2 read, 1 confirmed, 1 rejected" in result.stderr
    assert "1 identity_missing: record customers:2" in result.stderr
    assert result.summary["rejects"] == {"identity_missing": {"count": 1, "keys": ["customers:2"]}}
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.parametrize("name", ["TARGET_SPOTZEE_LOGLEVEL", "LOGLEVEL"])
def test_a_log_level_that_is_none_is_one_clear_line(target: Target, name: str) -> None:
    for arguments in ([], ["--check"], ["--version"]):
        done = target.command(arguments, env={name: "LOUD"})
        assert done.returncode == 2
        assert done.stderr == f"{name}: must be DEBUG, INFO, WARNING or ERROR\n"


def test_a_log_level_in_a_dotenv_file_is_checked_too(target: Target) -> None:
    """The SDK looks for one above its own files, or, for a program that is no file, from here."""
    (target.folder / ".env").write_text("TARGET_SPOTZEE_LOGLEVEL=LOUD\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--config", target.configure(), "--config", "ENV"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=target.folder,
    )
    assert done.returncode == 2
    assert "TARGET_SPOTZEE_LOGLEVEL: must be" in done.stderr
    assert "Traceback" not in done.stderr
