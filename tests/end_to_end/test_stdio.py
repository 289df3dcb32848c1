"""Standard input, output and error that a shell closed or a disk fails, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from target_spotzee.sandbox import Sandbox
from tests import tap
from tests.process import COMMAND, Target

LINES = [tap.schema(), tap.record(id=1), tap.state({"read": 1})]

full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk")
CLOSED_OUTPUT = "standard output is closed; send it to a file or a pipe"


@pytest.fixture
def shell(target: Target) -> Shell:
    return Shell(target)


class Shell:
    """Runs the command with redirections, as a person would."""

    def __init__(self, target: Target) -> None:
        self._target = target
        (target.folder / "input").write_text("".join(LINES), encoding="utf-8")

    def run(self, arguments: str, redirections: str, **env: str) -> tuple[int, str, list[str]]:
        """Return the exit code, stdout and the lines on stderr that tell of an error."""
        config = self._target.configure(rejects_path=None, summary_path=None)
        config.chmod(0o600)
        quoted = " ".join(f"'{part}'" for part in COMMAND)
        done = subprocess.run(
            ["sh", "-c", f"{quoted} {arguments} {redirections}"],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._target.folder,
            timeout=60,
            env={**os.environ, "TARGET_SPOTZEE_LOGLEVEL": "ERROR", **env},
        )
        return done.returncode, done.stdout, done.stderr.splitlines()


LOAD = "--config config.json"


class TestOutput:
    @pytest.mark.parametrize(
        ("redirection", "words"),
        [
            (">&-", CLOSED_OUTPUT),
            pytest.param(">/dev/full", "No space left on device", marks=full),
            ("1</dev/null", "Bad file descriptor"),
        ],
        ids=["closed", "full", "read only"],
    )
    @pytest.mark.parametrize("option", ["", "--dry-run", "--check"])
    def test_that_can_t_be_written_is_one_line_before_anything_is_sent(
        self, shell: Shell, sandbox: Sandbox, option: str, redirection: str, words: str
    ) -> None:
        code, _, (error,) = shell.run(f"{LOAD} {option}", f"<input {redirection}")
        assert code == 1
        assert words in error
        assert sandbox.users == {}

    def test_that_is_not_needed_may_be_closed(self, shell: Shell, sandbox: Sandbox) -> None:
        assert shell.run(f"{LOAD} --limit 1", "<input >&-") == (0, "", [])
        assert list(sandbox.users) == ["1"]

    @full
    @pytest.mark.parametrize("option", ["--about", "--about --format=json", "--version", "--help"])
    def test_of_what_is_asked_for_is_not_lost_in_silence(self, shell: Shell, option: str) -> None:
        code, _, (error,) = shell.run(option, ">/dev/full")
        assert (code, error) == (1, "standard output can't be written (No space left on device)")

    def test_in_a_narrow_encoding_shows_what_it_can(self, shell: Shell, target: Target) -> None:
        lines = tap.schema(properties=["id", "näme"]) + tap.record(id=1, näme="ä")
        (target.folder / "input").write_text(lines, encoding="utf-8")
        code, out, errors = shell.run(f"{LOAD} --dry-run", "<input", PYTHONIOENCODING="ascii")
        assert (code, errors) == (0, [])
        assert "n\\xe4me" in out


class TestErrors:
    @pytest.mark.parametrize("redirection", ["2>&-", pytest.param("2>/dev/full", marks=full)])
    def test_that_can_t_be_written_change_nothing(
        self, shell: Shell, sandbox: Sandbox, redirection: str
    ) -> None:
        assert shell.run(LOAD, f"<input {redirection}") == (0, '{"read": 1}\n', [])
        assert list(sandbox.users) == ["1"]
        code, out, _ = shell.run("--config missing.json", f"<input {redirection}")
        assert (code, out) == (2, "")

    def test_nor_does_it_change_the_code_if_nothing_can(self, shell: Shell) -> None:
        assert shell.run(LOAD, "<input >&- 2>&-") == (1, "", [])
        assert shell.run(LOAD, "<&- >&- 2>&-") == (1, "", [])


class TestInput:
    @pytest.mark.parametrize(
        ("redirection", "words"),
        [
            ("<&-", "standard input is closed; pipe a tap into this target"),
            ("0>write-only", "the input can't be read (Bad file descriptor)"),
        ],
    )
    def test_that_can_t_be_read_is_one_line(
        self, shell: Shell, redirection: str, words: str
    ) -> None:
        code, out, (error,) = shell.run(LOAD, redirection)
        assert (code, out) == (2, "")
        assert words in error


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_place_that_was_closed_is_given_to_no_file(tmp_path: Path, redirection: str) -> None:
    """Else what a library prints to it would end in the rejects file."""
    program = (
        "from target_spotzee.singer.stdio import keep_places; keep_places();"
        f"file = open('{tmp_path}/number', 'w'); file.write(str(file.fileno()))"
    )
    command = ["sh", "-c", f'{sys.executable} -c "$0" {redirection}', program]
    subprocess.run(command, check=True, timeout=60)
    assert int((tmp_path / "number").read_text()) > 2
