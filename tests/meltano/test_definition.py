"""Meltano is told what the target says of itself, and the plugin can be added like any other."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.meltano import definition
from tests.meltano.project import MELTANO

SECRETS = {"api_key"}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return definition.about()


class TestInStep:
    """`make docs` renews all three files."""

    def test_meltano_yml(self, told: dict[str, Any]) -> None:
        assert definition.PROJECT.read_text(encoding="utf-8") == definition.project_text(told)

    def test_the_hub_definition(self, told: dict[str, Any]) -> None:
        assert definition.HUB.read_text(encoding="utf-8") == definition.hub_text(told)

    def test_env_example(self, told: dict[str, Any]) -> None:
        assert definition.ENV.read_text(encoding="utf-8") == definition.env(told)


@pytest.fixture(params=["meltano.yml", "hub"])
def loader(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "hub":
        return _yaml(definition.HUB)
    (found,) = _yaml(definition.PROJECT)["plugins"]["loaders"]
    return dict(found)


class TestSettings:
    def test_all_of_about_is_declared(self, loader: dict[str, Any], told: dict[str, Any]) -> None:
        declared = {setting["name"]: setting for setting in loader["settings"]}
        schemas = told["settings"]["properties"]

        assert declared.keys() == schemas.keys()
        for name, schema in schemas.items():
            assert declared[name]["description"] == schema["description"]
            assert declared[name].get("value") == schema.get("default")
            values = [option["value"] for option in declared[name].get("options", [])]
            assert values == schema.get("enum", [])

    def test_kinds_are_those_that_survive_an_environment_variable(
        self, loader: dict[str, Any]
    ) -> None:
        """Meltano crashes on `decimal`, its hub refuses `number`, and none means a string."""
        kinds = {setting["kind"] for setting in loader["settings"]}
        assert kinds <= {"string", "integer", "boolean", "object", "options", "password"}

    def test_secrets_are_sensitive_and_nothing_else_is(self, loader: dict[str, Any]) -> None:
        sensitive = {setting["name"] for setting in loader["settings"] if "sensitive" in setting}
        assert sensitive == SECRETS
        assert loader["settings_group_validation"] == [sorted(SECRETS)]


def test_env_example_names_every_secret_of_the_project_and_holds_none() -> None:
    plugins = _yaml(definition.PROJECT)["plugins"]
    lines = definition.ENV.read_text(encoding="utf-8").splitlines()
    for plugin in plugins["extractors"] + plugins["loaders"]:
        for setting in plugin["settings"]:
            if setting.get("sensitive"):
                name = f"{plugin['name']}_{setting['name']}".upper().replace("-", "_")
                assert f"{name}=" in lines


@pytest.mark.usefixtures("meltano")
class TestMeltano:
    def test_the_project_file_is_valid(self) -> None:
        check = MELTANO.with_name("check-jsonschema")
        schema = ["--builtin-schema", "vendor.meltano"]
        subprocess.run([check, *schema, definition.PROJECT], check=True)

    def test_the_plugin_is_added_from_the_file(self, tmp_path: Path) -> None:
        _add(tmp_path, "--from-ref", str(definition.HUB))
        _assert_added(tmp_path)

    def test_the_plugin_is_added_from_a_hub(self, tmp_path: Path) -> None:
        with _hub() as (address, asked):
            _add(tmp_path, env={"MELTANO_HUB_URL": address})
        assert asked == [
            "/meltano/api/v1/plugins/loaders/index",
            "/meltano/api/v1/plugins/loaders/target-spotzee--spotzee",
        ]
        lock = tmp_path / "plugins" / "loaders" / "target-spotzee--spotzee.lock"
        locked = json.loads(lock.read_text(encoding="utf-8"))
        assert [setting["name"] for setting in locked["settings"]] == [
            setting["name"] for setting in _yaml(definition.HUB)["settings"]
        ]
        _assert_added(tmp_path)


def _yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _meltano(folder: Path, *arguments: str, env: dict[str, str]) -> str:
    done = subprocess.run(
        [MELTANO, *arguments],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _add(folder: Path, *options: str, env: dict[str, str] | None = None) -> None:
    """Make a project and add the loader to it, as a newcomer does."""
    _meltano(folder, "init", ".", "--no-usage-stats", env={})
    arguments = ["--no-install", "--plugin-type", "loader", "target-spotzee", *options]
    _meltano(folder, "add", *arguments, env=env or {})


def _assert_added(folder: Path) -> None:
    """Check that Meltano knows the settings, and keeps the secret to itself."""
    env = {"TARGET_SPOTZEE_API_KEY": "sk_made_up", "TARGET_SPOTZEE_MAX_IN_FLIGHT": "7"}
    listed = _meltano(folder, "config", "list", "target-spotzee", "--all", env=env)
    assert "sk_made_up" not in listed
    assert "current value: 7 (from the TARGET_SPOTZEE_MAX_IN_FLIGHT variable" in listed


@contextmanager
def _hub() -> Iterator[tuple[str, list[str]]]:
    """Serve the loader as MeltanoHub does; yield the address and what it was asked for."""
    asked: list[str] = []
    name = "/meltano/api/v1/plugins/loaders/target-spotzee--spotzee"

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            variants = {"spotzee": {"ref": address + name}}
            index = {"logo_url": None, "default_variant": "spotzee", "variants": variants}
            served = {"target-spotzee": index} if path.endswith("/index") else _yaml(definition.HUB)
            body = json.dumps(served).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield address, asked
        finally:
            server.shutdown()
            thread.join()
