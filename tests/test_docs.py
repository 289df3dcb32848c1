"""What the documentation shows is what the program does.

``make docs`` (``python -m tests.test_docs``) renews the parts between ``<!-- name -->`` marks; the
rest is run, parsed or looked up here.
"""

from __future__ import annotations

import ast
import configparser
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

import target_spotzee
from target_spotzee import exceptions, run
from target_spotzee.api import answers
from target_spotzee.api.answers import Answer, Delivered, Refused, Retry, StaleKey
from target_spotzee.exceptions import RecordError, RunError
from target_spotzee.mapping.streams import StreamConfig, read_streams
from target_spotzee.mapping.users import Mapping
from target_spotzee.objects.kinds import USERS_BATCH, USERS_QUEUED
from target_spotzee.outcome import summary as summaries
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.rejects import Reason, RejectsFile
from target_spotzee.outcome.summary import Records, Removed, Requests, Subscriptions, Summary
from target_spotzee.records import Origin
from target_spotzee.sandbox import Fault, Sandbox
from target_spotzee.sandbox.__main__ import DELAYS, FAULTS, HABITS, option
from target_spotzee.settings.configuration import read_environment
from target_spotzee.settings.declaration import CONFIG_JSONSCHEMA
from target_spotzee.settings.problems import problems
from target_spotzee.settings.values import read_settings
from tests import tap
from tests.chaos.consent.scenario import CELLS as CONSENT_CELLS
from tests.chaos.mirror.scenario import CELLS as MIRROR_CELLS
from tests.chaos.scenario import CELLS
from tests.process import COMMAND, Target
from tests.strategies import encode

ROOT = Path(__file__).parents[1]
PACKAGE = Path(target_spotzee.__file__).parent

PAGES: dict[str, tuple[set[str], set[str]]] = {
    "README.md": ({"demo", "settings"}, {"json config", "bash run"}),
    "CHANGELOG.md": (set(), set()),
    "CONTRIBUTING.md": ({"packages"}, set()),
    "SECURITY.md": (set(), set()),
    "docs/consent.md": (set(), {"json config"}),
    "docs/delivery.md": (set(), set()),
    "docs/faults.md": (set(), set()),
    "docs/mapping.md": (set(), {"json entry", "json record", "json user", "json reject"}),
    "docs/meltano.md": (set(), set()),
    "docs/mirror.md": ({"compared", "explained", "history"}, {"json config"}),
    "docs/operations.md": (set(), set()),
    "docs/rejects.md": ({"reject"}, {"bash run"}),
    "docs/sandbox.md": (set(), {"json faults", "python run"}),
    "docs/summary.md": ({"figures", "summary"}, set()),
}
"""Every page: its generated parts, and the code blocks that are tested by what they do."""


# What is generated


@cache
def about() -> dict[str, Any]:
    """The settings' schema as ``--about`` tells it."""
    command = [*COMMAND, "--about", "--format=json"]
    schema: dict[str, Any] = json.loads(subprocess.check_output(command))["settings"]
    return schema


def settings_table() -> str:
    """The settings, and the names of those that the SDK adds."""
    schema = about()
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name in CONFIG_JSONSCHEMA["properties"]:
        setting = schema["properties"][name]
        default = setting.get("default")
        shown = "required" if name in schema["required"] else f"`{json.dumps(default)}`"
        meaning = setting["description"].replace("|", "\\|") + _range(setting)
        lines.append(f"| `{name}` | {'' if shown == '`null`' else shown} | {meaning} |")
    others = [f"`{name}`" for name in schema["properties"].keys() - CONFIG_JSONSCHEMA["properties"]]
    more = (
        "For [stream maps](https://sdk.meltano.com/en/latest/stream_maps.html) and flattening, the"
        f" Singer SDK adds {', '.join(sorted(others))}."
    )
    table = "\n".join(lines).replace('`"', "`").replace('"`', "`")
    return f"{table}\n\n{textwrap.fill(more, 100, break_on_hyphens=False)}"


def _range(setting: dict[str, Any]) -> str:
    lowest, highest = setting.get("minimum"), setting.get("maximum")
    if highest is not None:
        return f" {lowest} to {highest}."
    return "" if lowest is None else f" {lowest} or more."


def demo_run() -> str:
    """What ``make demo`` prints once its environments are there, without the log on stderr."""
    output = subprocess.check_output([ROOT / "demo" / "run"], text=True)
    return _block("console", f"$ make demo\n{output}")


def demo_summary() -> str:
    """The summary file that the demo left."""
    return _block("json", _summary_file().read_text(encoding="utf-8"))


def demo_figures() -> str:
    """The same as the log has it."""
    return _block("console", summaries.as_text(json.loads(_summary_file().read_bytes())))


def _summary_file() -> Path:
    return ROOT / ".demo" / "summary.json"


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


def compared() -> str:
    """What a dry run tells of the third night."""
    return _block("console", mirrored()["compared"])


def explained() -> str:
    """What the snapshot tells of a user after that."""
    return _block("console", mirrored()["explained"])


def history() -> str:
    """What it tells of the runs."""
    return _block("console", mirrored()["history"])


NIGHTS = {"monday": "2026-11-23T03:00:01+00:00", "tuesday": "2026-11-24T03:00:02+00:00"}
"""The runs of a case, and when they are said to have been."""


@cache
def mirrored() -> dict[str, str]:
    """Load a table of customers on two nights; return what the reports print then."""
    with Sandbox() as sandbox, TemporaryDirectory() as folder:
        entry = {"mapping": {"external_id": "id", "email": "email"}, "removed_users": "delete"}
        config = {
            "api_url": sandbox.api_url,
            "api_key": sandbox.key,
            "snapshot_path": "snapshot.db",
            "streams": {"customers": entry},
        }
        path = Path(folder, "config.json")
        path.write_text(json.dumps(config), encoding="utf-8")

        def target(night: str, options: str, given: str = "") -> str:
            command = [*COMMAND, "--config", path.name, *options.split()]
            environ = {**os.environ, "MELTANO_RUN_ID": night}
            output = subprocess.check_output(
                command, input=given, text=True, cwd=folder, env=environ, stderr=subprocess.DEVNULL
            )
            shown = (
                f"$ {'some-tap | ' if given else ''}target-spotzee --config config.json {options}"
            )
            # The nights of the case are seconds apart.
            when = rf"[\d-]+T[\d:]+\+00:00(?=.*({'|'.join(NIGHTS)}))"
            return f"{shown}\n{re.sub(when, lambda found: NIGHTS[found[1]], output)}"

        for version, night in enumerate(NIGHTS, start=1):
            target(night, "", _table(range(2_350), version, teams=version))
        wednesday = _table(range(3, 2_352), 3, teams=9)
        return {
            "compared": target("wednesday", "--dry-run", wednesday),
            "explained": target("", "--explain 7"),
            "history": target("", "--history"),
        }


def _table(customers: Iterable[int], version: int, *, teams: int) -> str:
    """Show a table of customers, the first of them on the plan for teams."""
    lines = [tap.schema(properties=("id", "email", "plan"))]
    for id_ in customers:
        plan = "team" if id_ < teams else "starter"
        row = {"id": id_, "email": f"customer.{id_}@example.org", "plan": plan}
        message = {"type": "RECORD", "stream": "customers", "record": row, "version": version}
        lines.append(tap.line(message))
    end = {"type": "ACTIVATE_VERSION", "stream": "customers", "version": version}
    return "".join([*lines, tap.line(end), tap.state({"version": version})])


def package_table() -> str:
    """What each package holds, by its docstring, and its modules; imports only go down."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = re.findall(r"\w+", contracts["importlinter:contract:house"]["layers"])
    lines = ["| in `target_spotzee/` | holds | modules |", "|---|---|---|"]
    for name in (*layers, "sandbox"):
        doc = inspect.getdoc(import_module(f"target_spotzee.{name}")) or ""
        holds = doc.splitlines()[0].replace("``", "`")
        modules = sorted(path.stem for path in (PACKAGE / name).glob("[a-z]*.py"))
        lines.append(f"| `{name}` | {holds} | {', '.join(modules)} |")
    return "\n".join(lines)


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```"


GENERATED: dict[str, Callable[[], str]] = {
    "demo": demo_run,  # first, since others show what it left
    "settings": settings_table,
    "packages": package_table,
    "reject": reject_line,
    "figures": demo_figures,
    "summary": demo_summary,
    "compared": compared,
    "explained": explained,
    "history": history,
}


def generated(name: str) -> re.Match[str]:
    """Find a generated part, on whichever page it is."""
    (page,) = (page for page, (parts, _) in PAGES.items() if name in parts)
    found = re.search(rf"(?<=<!-- {name} -->\n)(.*?)(?=<!-- /{name} -->)", read(page), re.DOTALL)
    assert found, f"{page} has no part {name}"
    return found


def renew() -> None:
    """Write the generated parts anew."""
    for name, make in GENERATED.items():
        (page,) = (page for page, (parts, _) in PAGES.items() if name in parts)
        part = generated(name)
        text = f"{part.string[: part.start()]}\n{make()}\n\n{part.string[part.end() :]}"
        (ROOT / page).write_text(text, encoding="utf-8")


# Reading it


def read(page: str) -> str:
    """Return a page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """Return a page without its code blocks and comments."""
    return re.sub(r"^```.*?^```$|<!--.*?-->", "", read(page), flags=re.DOTALL | re.MULTILINE)


def blocks(page: str, *kinds: str) -> list[tuple[str, str]]:
    """Return the code blocks with these info strings, in order: info string and content."""
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE)
    return [(kind, content) for kind, content in found if not kinds or kind in kinds]


def section(page: str, title: str) -> str:
    """Return what stands below a heading, until the next of its rank."""
    _, _, rest = read(page).partition(f"\n## {title}\n")
    assert rest, f"{page} has no section {title}"
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all table rows but the headings."""
    body = re.sub(r"^\|.*\n\|[ :|-]+$", "", text, flags=re.MULTILINE)
    lines = [line for line in body.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


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
        (r"req_\w+", "REQUEST"),
        (r"(\+00:00) +[\d.]+ +", r"\1  N  "),
    ):
        text = re.sub(pattern, name, text)
    return text


class TestPages:
    """The documentation as a whole."""

    def test_each_page_is_known_and_has_its_blocks(self) -> None:
        found = {str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*"))}
        assert {page for page in found if page.endswith(".md")} == PAGES.keys()
        for page, expected in PAGES.items():
            marks = set(re.findall(r"^<!-- (\w+) -->$", read(page), re.MULTILINE))
            kinds = {kind for kind, _ in blocks(page) if " " in kind}
            assert (page, (marks, kinds)) == (page, expected)

    def test_the_readme_is_read_in_ten_minutes(self) -> None:
        assert len(prose("README.md").split()) <= 2000

    def test_the_readme_leads_to_every_page(self) -> None:
        led = {row[0].partition("](")[2][:-1] for row in rows(read("README.md"))}
        assert PAGES.keys() - {"README.md"} <= led

    @pytest.mark.parametrize("page", [*PAGES, "benchmarks/README.md"])
    def test_links_lead_somewhere(self, page: str) -> None:
        for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
            if link.startswith("https://"):
                continue
            name, _, anchor = link.partition("#")
            path = (ROOT / page).parent / name if name else ROOT / page
            assert _installed(path.resolve()).exists(), link
            if anchor:
                headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {
                    re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings
                }, link

    @pytest.mark.parametrize("page", PAGES)
    def test_what_can_be_copied_parses(self, page: str) -> None:
        for kind, content in blocks(page):
            language = kind.partition(" ")[0]
            if language == "json":
                json.loads(content)
            elif language == "yaml":
                yaml.safe_load(content)
            elif language == "python":
                ast.parse(content)
            elif language == "bash":
                subprocess.run(["bash", "-n"], input=content.encode(), check=True)
            else:
                assert language in ("", "console")


def _installed(path: Path) -> Path:
    """Return where a file is; the package may be installed elsewhere, and its folder gone."""
    here = ROOT / PACKAGE.name
    return PACKAGE / path.relative_to(here) if path.is_relative_to(here) else path


class TestGenerated:
    """Generated parts are what would be generated now; ``make docs`` renews them."""

    @pytest.mark.parametrize("name", ["settings", "reject", "packages"])
    def test_part_is_up_to_date(self, name: str) -> None:
        assert generated(name)[0].strip() == GENERATED[name]()

    @pytest.mark.parametrize("name", ["compared", "explained", "history"])
    def test_the_mirror_tells_what_its_page_shows(self, name: str) -> None:
        assert stable(generated(name)[0]).strip() == stable(GENERATED[name]())

    @pytest.mark.skipif(
        not (ROOT / ".venv-tap" / "ready").exists(), reason="the demo's tap is not installed"
    )
    def test_the_demo_prints_what_the_first_screen_shows(self) -> None:
        for name, make in GENERATED.items():
            if name in ("demo", "figures", "summary"):
                assert stable(generated(name)[0]).strip() == stable(make())

    def test_the_first_screen_shows_no_log_lines(self) -> None:
        shown = generated("demo")[0]
        assert "row 5" in shown
        assert not re.search(r"INFO|METRIC|\d\d:\d\d:\d\d,\d", shown)

    def test_every_package_and_module_is_listed(self) -> None:
        listed = {row[0].strip("`") for row in rows(generated("packages")[0])}
        assert listed == {
            path.stem for path in PACKAGE.glob("[a-z]*") if path.suffix != ".typed"
        } | {"__main__"}

    def test_the_page_of_faults_has_every_line(self) -> None:
        lines = [tuple(row[:3]) for row in rows(read("docs/faults.md"))[:-1]]
        assert lines == [(row.name, delivery, str(count)) for row, delivery, count in CELLS]


class TestMappingGuide:
    """Each example of the mapping guide, through the real mapping."""

    def examples(self) -> Iterator[tuple[dict[str, Any], dict[str, Any], str, Any]]:
        entry: dict[str, Any] = {}
        record: dict[str, Any] = {}
        kinds = ("json entry", "json record", "json user", "json reject")
        for kind, content in blocks("docs/mapping.md", *kinds):
            parsed = json.loads(content, parse_float=Decimal)
            if kind == "json entry":
                entry = parsed
            elif kind == "json record":
                record = parsed
            else:
                yield entry, record, kind, parsed

    def test_what_goes_in_comes_out_as_shown(self) -> None:
        examples = [*self.examples()]
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


MEANINGS = {"delivered": Delivered, "retry": Retry, "refused": Refused, "new key": StaleKey}


class TestTables:
    """What tables say, the code does."""

    def test_answers_lead_where_the_table_says(self) -> None:
        found = rows(section("docs/delivery.md", "What each answer leads to"))
        assert len(found) > 10
        for statuses, codes, leads_to, _ in found:
            expected = MEANINGS.get(leads_to)
            for status in re.findall(r"\d\w\w", statuses.replace("3xx", "301 302 307 308")):
                kind = USERS_QUEUED if status == "204" else USERS_BATCH
                for code in re.findall(r"`(\w+)`", codes) or [None]:
                    body = {"code": code, "results": [] if codes else [{"index": 0}]}
                    answer = Answer(int(status), {}, json.dumps(body).encode())
                    now = datetime.now(timezone.utc)
                    if leads_to == "stop":
                        with pytest.raises(RunError):
                            answers.read(answer, kind, 1, now)
                    else:
                        meaning = answers.read(answer, kind, 1, now)
                        assert expected, leads_to
                        assert isinstance(meaning, expected), (status, code, meaning)

    def test_exit_codes_and_their_order(self) -> None:
        text = section("README.md", "Exit codes")
        order = re.search(r"in this order counts: ([\d, ]+)\.", text)
        assert order
        assert tuple(map(int, order[1].split(","))) == run._BY_WEIGHT
        assert sorted(int(row[0]) for row in rows(text)) == sorted(run._BY_WEIGHT)
        advised = rows(section("docs/operations.md", "What to do after each exit code"))
        codes = ", ".join(row[0] for row in advised).split(", ")
        assert sorted(map(int, codes)) == sorted(run._BY_WEIGHT)
        for error in (exceptions.SettingsError, exceptions.MappingError):
            assert error.exit_code == 2
        assert exceptions.RunError.exit_code == 1
        assert exceptions.RejectLimitError.exit_code == 3

    def test_every_figure_of_the_summary_is_explained(self) -> None:
        text = section("docs/summary.md", "The summary")
        figures = {name for row in rows(text) for name in re.findall(r"`(\w+)`", row[0])}
        kinds = (Records, Requests, Removed, Subscriptions)
        expected = {*(name for kind in kinds for name in kind.__slots__), "p50_ms", "p95_ms"}
        assert figures == expected - {"durations_ms", "reasons"}
        ((_, shown),) = blocks("docs/summary.md", "json")
        real = Summary("run").as_dict(exit_code=0, seconds=1, held_at=None, why=None)
        assert json.loads(shown).keys() == real.keys()
        identity = re.search(r"Always `read` = (.*?), for", text, re.DOTALL)
        assert identity
        ends = re.findall(r"`(\w+)`", identity[1])
        assert [*Records.__slots__] == ["read", *ends]

    def test_every_code_of_a_reject_is_explained(self) -> None:
        sources = "".join(
            path.read_text(encoding="utf-8")
            for path in PACKAGE.rglob("*.py")
            if "sandbox" not in path.parts
        )
        codes = set(re.findall(r'(?:RecordError|Reason|ItemError)\(\s*"(\w+)"', sources))
        assert len(codes) > 5
        listed = rows(section("docs/rejects.md", "Codes"))
        assert {row[0].strip("`") for row in listed} == codes

    def test_guards_say_what_the_table_says(self) -> None:
        delivery = PACKAGE / "delivery"
        sources = "".join(path.read_text(encoding="utf-8") for path in delivery.glob("*.py"))
        joined = re.sub(r'"\s*f?"', "", sources)
        told = [row[1] for row in rows(section("docs/mirror.md", "Guards"))]
        phrases = re.findall(r"\*(.+?)\*", " ".join(told))
        assert len(phrases) > 5
        assert [phrase for phrase in phrases if phrase not in joined] == []

    def test_every_habit_of_the_sandbox_is_explained(self) -> None:
        listed = rows(section("docs/sandbox.md", "Habits of the platform"))
        options = {name for row in listed for name in re.findall(r"`(--[a-z-]+)", row[0])}
        assert options == {option(name) for name in (*HABITS, *DELAYS)}


class TestNames:
    """What is named exists."""

    @pytest.mark.parametrize("page", PAGES)
    def test_names_in_code_font(self, page: str) -> None:
        sources = "".join(
            path.read_text(encoding="utf-8")
            for path in PACKAGE.rglob("*")
            if path.suffix in (".py", ".yaml")
        )
        names = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", prose(page)))
        settings = about()["properties"].keys()
        assert [name for name in names - settings if name not in sources] == []

    @pytest.mark.parametrize("page", PAGES)
    def test_files_in_code_font(self, page: str) -> None:
        for name in re.findall(r"`([\w/]+\.(?:py|md|toml))`", prose(page)):
            assert (ROOT / name).exists() or (PACKAGE / name).exists(), name

    def test_settings_of_the_examples(self) -> None:
        schema = about()
        pages = ("README.md", "docs/mirror.md", "docs/consent.md")
        examples = [example for page in pages for example in blocks(page, "json config")]
        assert len(examples) > 1
        for _, example in examples:
            config = {"api_key": "sk_x", **json.loads(example)}
            assert problems(config, schema) == []
            read_settings(config, {})

    def test_booleans_of_the_environment(self) -> None:
        (told,) = re.findall(r"a boolean is (.*?), or the opposite", read("README.md"), re.DOTALL)
        words = re.findall(r"`(\w+)`", told)
        assert len(words) > 3
        properties = CONFIG_JSONSCHEMA["properties"]
        for word in (*words, *map(str.upper, words)):
            found = read_environment(properties, "T_", {"T_VALIDATE_RECORDS": word})
            assert found == {"validate_records": True}

    def test_make_targets(self) -> None:
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        text = "".join(map(read, PAGES))
        commands = re.findall(r"`make ([^`]+)`|^make ([^#\n]+)", text, re.MULTILINE)
        words = " ".join(inline or line for inline, line in commands).split()
        targets = {word for word in words if "=" not in word}
        assert {"demo", "test", "unit"} <= targets
        assert targets - set(re.findall(r"^(\w+):", makefile, re.MULTILINE)) == set()
        given = {word.partition("=")[0] for word in words if "=" in word}
        assert {name for name in given if f"$({name})" not in makefile} == set()
        runs = {f"RUNS={len(cells)}" for cells in (CELLS, MIRROR_CELLS, CONSENT_CELLS)}
        assert runs == {*re.findall(r"RUNS=\d+", text + makefile)}

    @pytest.mark.parametrize("page", ["README.md", "docs/mirror.md"])
    def test_options_of_the_target(self, page: str) -> None:
        help_text = subprocess.check_output([*COMMAND, "--help"], text=True)
        named = set(re.findall(r"`(--[a-z-]+)", prose(page)))
        assert {"--dry-run", "--explain"} <= named
        assert [name for name in named if name not in help_text] == []

    def test_options_of_the_sandbox(self) -> None:
        command = [sys.executable, "-m", "target_spotzee.sandbox", "--help"]
        help_text = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        for name in re.findall(r"`(--[a-z-]+)", prose("docs/sandbox.md")):
            assert name in help_text
        ((_, faults),) = blocks("docs/sandbox.md", "json faults")
        assert faults.strip() == FAULTS
        assert [Fault.from_json(rule) for rule in json.loads(faults)]


class TestCommands:
    """What can be copied works."""

    def test_the_sandbox_in_python(self) -> None:
        ((_, code),) = blocks("docs/sandbox.md", "python run")
        exec(code, {})

    def test_quick_start_resume_and_replay(
        self, sandbox: Sandbox, target: Target, tmp_path: Path
    ) -> None:
        """A user is refused twice and arrives once the cause is mended and the file replayed."""
        ((_, config),) = blocks("README.md", "json config")
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
        records = [tap.record(id=number, email_address=None) for number in range(3)]
        schema = tap.schema(properties=["id", "email_address"])
        (tmp_path / "stream").write_text("".join([schema, *records, tap.state({"seen": 3})]))
        command = f"echo $* >> {tmp_path / 'given'}; cat {tmp_path / 'stream'}"
        _script(tmp_path / "bin" / "some-tap", ["sh", "-c", command, "some-tap"])
        _script(tmp_path / "bin" / "target-spotzee", COMMAND)
        ((_, load),) = blocks("README.md", "bash run")
        ((_, replay),) = blocks("docs/rejects.md", "bash run")
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
