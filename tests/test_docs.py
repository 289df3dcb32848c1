"""What the README shows is what the program does.

``make docs`` (``python -m tests.test_docs``) renews the parts between ``<!-- name -->`` marks; the
rest is run, parsed or looked up here.
"""

from __future__ import annotations

import configparser
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import target_spotzee
from target_spotzee import exceptions, run
from target_spotzee.api import answers
from target_spotzee.api.answers import Answer, Delivered, Refused, Retry, StaleKey
from target_spotzee.exceptions import RecordError, RunError
from target_spotzee.mapping.streams import StreamConfig, read_streams
from target_spotzee.mapping.users import Mapping
from target_spotzee.objects.kinds import USERS_BATCH, USERS_QUEUED
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.rejects import Reason, RejectsFile
from target_spotzee.outcome.summary import Records, Requests, Summary
from target_spotzee.records import Origin
from target_spotzee.sandbox import Fault, Sandbox
from target_spotzee.sandbox.__main__ import FAULTS
from target_spotzee.settings.declaration import problems, read_settings
from tests import tap
from tests.chaos.scenario import CELLS
from tests.process import COMMAND, Target
from tests.strategies import encode

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PACKAGE = Path(target_spotzee.__file__).parent


# What is generated


@cache
def about() -> dict[str, Any]:
    """The settings' schema as ``--about`` tells it."""
    command = [*COMMAND, "--about", "--format=json"]
    schema: dict[str, Any] = json.loads(subprocess.check_output(command))["settings"]
    return schema


def settings_table() -> str:
    """The settings, the SDK's own after ours."""
    schema = about()
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, setting in schema["properties"].items():
        default = setting.get("default")
        shown = "required" if name in schema["required"] else f"`{json.dumps(default)}`"
        meaning = setting["description"].replace("|", "\\|") + _range(setting)
        lines.append(f"| `{name}` | {'' if shown == '`null`' else shown} | {meaning} |")
    return "\n".join(lines).replace('`"', "`").replace('"`', "`")


def _range(setting: dict[str, Any]) -> str:
    lowest, highest = setting.get("minimum"), setting.get("maximum")
    if highest is not None:
        return f" {lowest} to {highest}."
    return "" if lowest is None else f" {lowest} or more."


def demo_run() -> str:
    """What ``make demo`` prints once its environments are there."""
    # A warning of the SDK's, on one of the Pythons, that holds a path of this machine.
    environ = {**os.environ, "PYTHONWARNINGS": "ignore:Python 3.10 reached its end of life"}
    output = subprocess.check_output(
        [ROOT / "demo" / "run"], stderr=subprocess.STDOUT, env=environ, text=True
    )
    return _block("console", f"$ make demo\n{output}")


def demo_summary() -> str:
    """The summary file that the demo left."""
    return _block("json", (ROOT / ".demo" / "summary.json").read_text(encoding="utf-8"))


def reject_line() -> str:
    """A line of a rejects file, unfolded."""
    row = {"id": 400, "email_address": "ada@@example.com", "plan": "team"}
    origin = Origin("customers", tap.schema(properties=row), lambda _: False)
    ticket = Ledger().issue(origin, tap.record(**row))
    reason = Reason("field_invalid", "email is not an e-mail address", "email")
    with TemporaryDirectory() as folder:
        path = Path(folder, "rejects.singer")
        file = RejectsFile(path, "nightly-17", lambda: datetime(2026, 11, 22, tzinfo=timezone.utc))
        file.write(ticket, reason)
        file.sync()
        file.close()
        _, line = path.read_text(encoding="utf-8").splitlines()
    return _block("json", json.dumps(json.loads(line), indent=2))


def module_table() -> str:
    """Every module and the first line of its docstring, from the top layer down."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:way"]["layers"]
    names = [name.removeprefix("target_spotzee.") for name in re.findall(r"[\w.]+", layers)]
    lines = ["| module | holds |", "|---|---|"]
    for name in [*names, "sandbox"]:
        doc = inspect.getdoc(import_module(f"target_spotzee.{name}")) or ""
        lines.append(f"| `{name}` | {doc.splitlines()[0].replace('``', '`')} |")
    return "\n".join(lines)


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```"


GENERATED: dict[str, Callable[[], str]] = {
    "demo": demo_run,
    "settings": settings_table,
    "reject": reject_line,
    "summary": demo_summary,
    "modules": module_table,
}


def generated(name: str, text: str) -> re.Match[str]:
    found = re.search(rf"(?<=<!-- {name} -->\n)(.*?)(?=<!-- /{name} -->)", text, re.DOTALL)
    assert found, name
    return found


def renew() -> None:
    """Write the generated parts anew."""
    text = README.read_text(encoding="utf-8")
    for name, make in GENERATED.items():
        part = generated(name, text)
        text = f"{text[: part.start()]}\n{make()}\n\n{text[part.end() :]}"
    README.write_text(text, encoding="utf-8")


# Reading it


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


def blocks(text: str, *kinds: str) -> list[tuple[str, str]]:
    """Return the code blocks with these info strings, in order: info string and content."""
    found = re.findall(r"^```([^\n]+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(kind, content) for kind, content in found if kind in kinds]


def section(text: str, title: str) -> str:
    """Return what stands below a heading, until the next of its rank."""
    _, _, rest = text.partition(f"\n## {title}\n")
    assert rest, title
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all table rows but the headings."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("answer", "code", "figure", "field")]


def stable(text: str) -> str:
    """Return a run's output without what differs from run to run."""
    for pattern, name in (
        (r'"timer","metric":"(\w+)","value":[\d.]+', r'"timer","metric":"\1","value":SECONDS'),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "TIME"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "RUN"),
        (r"after [\d.]+ s", "after N s"),
        (r"\([\d,]+/s\)", "(N/s)"),
        (r"\d+ p(50|95) ms", r"N p\1 ms"),
        (r'"(seconds|p50_ms|p95_ms|pid)": ?[\d.]+', r'"\1": N'),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    ):
        text = re.sub(pattern, name, text)
    return text


class TestGenerated:
    """The README's generated parts are what would be generated now; ``make docs`` renews them."""

    @pytest.mark.parametrize("name", ["settings", "reject", "modules"])
    def test_part_is_up_to_date(self, readme: str, name: str) -> None:
        assert generated(name, readme)[0].strip() == GENERATED[name]()

    @pytest.mark.skipif(
        not (ROOT / ".venv-tap" / "ready").exists(), reason="the demo's tap is not installed"
    )
    def test_the_demo_prints_what_the_first_screen_shows(self, readme: str) -> None:
        assert stable(generated("demo", readme)[0]).strip() == stable(demo_run())
        assert stable(generated("summary", readme)[0]).strip() == stable(demo_summary())

    def test_every_module_is_listed(self, readme: str) -> None:
        listed = {row[0].strip("`") for row in rows(generated("modules", readme)[0])}
        modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
        assert modules <= listed


class TestMappingGuide:
    """Each example of the mapping guide, through the real mapping."""

    def examples(self, text: str) -> list[tuple[dict[str, Any], dict[str, Any], str, Any]]:
        found = []
        entry: dict[str, Any] = {}
        record: dict[str, Any] = {}
        for kind, content in blocks(text, "json entry", "json record", "json user", "json reject"):
            parsed = json.loads(content, parse_float=Decimal)
            if kind == "json entry":
                entry = parsed
            elif kind == "json record":
                record = parsed
            else:
                found.append((entry, record, kind, parsed))
        return found

    def test_what_goes_in_comes_out_as_shown(self, readme: str) -> None:
        examples = self.examples(readme)
        assert len(examples) > 5
        for entry, record, kind, expected in examples:
            entries = read_streams({"customers": entry}, StreamConfig())
            found = entries.find("customers")
            assert found is not None
            mapping = Mapping("customers", {column: {} for column in record}, ["id"], found)
            if kind == "json reject":
                with pytest.raises(RecordError) as rejected:
                    mapping.user(record)
                assert {"code": rejected.value.code, "field": rejected.value.field} == expected
            else:
                user = json.loads(encode(mapping.user(record)), parse_float=Decimal)
                assert user == expected


MEANINGS = {"delivered": Delivered, "again": Retry, "refused": Refused, "new key": StaleKey}


class TestTables:
    """What tables say, the code does."""

    def test_answers_lead_where_the_table_says(self, readme: str) -> None:
        found = rows(section(readme, "What each answer leads to"))
        assert len(found) > 10
        for statuses, codes, kind, _ in found:
            expected = MEANINGS.get(kind)
            for status in re.findall(r"\d\w\w", statuses.replace("3xx", "301 302 307 308")):
                for code in re.findall(r"`(\w+)`", codes) or [None]:
                    body = {"code": code, "results": [] if codes else [{"index": 0}]}
                    answer = Answer(int(status), {}, json.dumps(body).encode())
                    now = datetime.now(timezone.utc)
                    if kind == "stop":
                        with pytest.raises(RunError):
                            answers.read(answer, USERS_BATCH, 1, now)
                    else:
                        of = USERS_QUEUED if status == "204" else USERS_BATCH
                        meaning = answers.read(answer, of, 1, now)
                        assert expected, kind
                        assert isinstance(meaning, expected), (status, code, meaning)

    def test_exit_codes_and_their_order(self, readme: str) -> None:
        text = section(readme, "Exit codes")
        order = re.search(r"in this order counts: ([\d, ]+)\.", text)
        assert order
        assert tuple(map(int, order[1].split(","))) == run._BY_WEIGHT
        assert sorted(int(row[0]) for row in rows(text)) == sorted(run._BY_WEIGHT)
        for error in (exceptions.SettingsError, exceptions.MappingError):
            assert error.exit_code == 2
        assert exceptions.RunError.exit_code == 1
        assert exceptions.RejectLimitError.exit_code == 3

    def test_every_figure_of_the_summary_is_explained(self, readme: str) -> None:
        text = section(readme, "Summary")
        figures = {name for row in rows(text) for name in re.findall(r"`(\w+)`", row[0])}
        expected = {*Records.__slots__, *Requests.__slots__, "p50_ms", "p95_ms"}
        assert figures == expected - {"durations_ms"}
        ((_, shown),) = blocks(text, "json")
        real = Summary("run").as_dict(exit_code=0, seconds=1, held_at=None, why=None)
        assert json.loads(shown).keys() == real.keys()
        identity = re.search(r"Always `read` = (.*?), for", text, re.DOTALL)
        assert identity
        ends = re.findall(r"`(\w+)`", identity[1])
        assert [*Records.__slots__] == ["read", *ends]


class TestNames:
    """What is named exists."""

    def test_names_in_code_font(self, readme: str) -> None:
        sources = "".join(
            path.read_text(encoding="utf-8")
            for path in PACKAGE.rglob("*")
            if path.suffix in (".py", ".yaml")
        )
        prose = re.sub(r"^```.*?^```$", "", readme, flags=re.DOTALL | re.MULTILINE)
        names = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", prose))
        settings = about()["properties"].keys()
        assert [name for name in names - settings if name not in sources] == []

    def test_settings_of_the_examples(self, readme: str) -> None:
        schema = about()
        examples = blocks(readme, "json config")
        assert examples
        for _, example in examples:
            config = {"api_key": "sk_x", **json.loads(example)}
            assert problems(config, schema) == []
            read_settings(config, {})

    def test_make_targets(self, readme: str) -> None:
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        named = set(re.findall(r"`make (?:\w+=\S+ )?(\w+)`", readme))
        assert {"demo", "test"} <= named
        assert named <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
        assert {f"RUNS={len(CELLS)}"} == {*re.findall(r"RUNS=\d+", readme + makefile)}

    def test_options_of_the_sandbox(self, readme: str) -> None:
        command = [sys.executable, "-m", "target_spotzee.sandbox", "--help"]
        help_text = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        for option in re.findall(r"`(--[a-z-]+)", section(readme, "Sandbox")):
            assert option in help_text
        ((_, faults),) = blocks(readme, "json faults")
        assert faults.strip() == FAULTS
        assert [Fault.from_json(rule) for rule in json.loads(faults)]

    def test_links(self, readme: str) -> None:
        headings = re.findall(r"^#+ (.+)$", readme, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
        for link in re.findall(r"\]\(([^)]+)\)", readme):
            if link.startswith("#"):
                assert link[1:] in anchors
            elif not link.startswith("https://"):
                assert (ROOT / link).exists(), link


class TestCommands:
    """What can be copied works."""

    def test_the_sandbox_in_python(self, readme: str) -> None:
        ((_, code),) = blocks(readme, "python run")
        exec(code, {})

    def test_quick_start_resume_and_replay(
        self, readme: str, sandbox: Sandbox, target: Target, tmp_path: Path
    ) -> None:
        """A user is refused twice and arrives once the cause is mended and the file replayed."""
        ((_, config),) = blocks(readme, "json config")
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
        records = [tap.record(id=number, email_address=None) for number in range(3)]
        schema = tap.schema(properties=["id", "email_address"])
        (tmp_path / "stream").write_text("".join([schema, *records, tap.state({"seen": 3})]))
        command = f"echo $* >> {tmp_path / 'given'}; cat {tmp_path / 'stream'}"
        _script(tmp_path / "bin" / "some-tap", ["sh", "-c", command, "some-tap"])
        _script(tmp_path / "bin" / "target-spotzee", COMMAND)
        (load, replay) = (code for _, code in blocks(readme, "bash run"))
        sandbox.faults.replace([Fault(effect="item_error", external_id="1", code="state_conflict")])

        def bash(code: str) -> None:
            environ = {
                **os.environ,
                "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
                "TARGET_SPOTZEE_API_URL": sandbox.api_url,
                "TARGET_SPOTZEE_API_KEY": sandbox.key,
            }
            subprocess.run(["bash", "-c", code], cwd=tmp_path, env=environ, check=False)

        bash(load)
        assert json.loads((tmp_path / "state.json").read_text()) == {"seen": 3}
        bash(load)
        given = (tmp_path / "given").read_text().splitlines()
        assert given == ["--config tap.json", "--config tap.json --state=state.json"]
        assert sorted(sandbox.users) == ["0", "2"]
        assert target.rejects_path.stat().st_mode & 0o777 == 0o600
        sandbox.faults.replace()
        bash(replay)
        assert sorted(sandbox.users) == ["0", "1", "2"]
        assert not target.rejects_path.exists()


def _script(path: Path, command: list[str]) -> None:
    """Make a command that runs another."""
    path.parent.mkdir(exist_ok=True)
    quoted = " ".join("'" + part.replace("'", r"'\''") + "'" for part in command)
    path.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n', encoding="utf-8")
    path.chmod(0o700)


if __name__ == "__main__":
    renew()
