"""What Meltano is told of the target: in step with ``--about``, here and nowhere else.

``python -m tests.meltano.definition`` renews meltano.yml, the hub definition and .env.example.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.process import COMMAND

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "meltano.yml"
HUB = ROOT / "hub" / "target-spotzee.yml"
ENV = ROOT / ".env.example"
MARK = "    # The rest is what `target-spotzee --about` tells; `make docs` renews it.\n"

_ONLY_IN_THE_HUB = {"validate-records"}
"""Meltano's schema of a project file does not know this capability."""


class _Dumper(yaml.SafeDumper):
    """Writes YAML as Meltano and its hub do: no aliases, no line breaks inside a value."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def about() -> dict[str, Any]:
    """Return what the target says of itself."""
    answer = subprocess.run(
        [*COMMAND, "--about", "--format=json"],
        capture_output=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def settings(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the settings as Meltano declares them."""
    return [_setting(name, schema) for name, schema in told["settings"]["properties"].items()]


def _setting(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    setting: dict[str, Any] = {
        "name": name,
        "label": schema["title"],
        "description": schema["description"],
        "kind": _kind(schema),
    }
    if schema.get("secret"):
        setting["sensitive"] = True
    if "enum" in schema:
        setting["options"] = [
            {"label": value.replace("_", " ").capitalize(), "value": value}
            for value in schema["enum"]
        ]
    if "default" in schema:
        setting["value"] = schema["default"]
    return setting


def _kind(schema: dict[str, Any]) -> str:
    if schema.get("secret"):
        return "password"
    if "enum" in schema:
        return "options"
    kinds = [kind for kind in schema["type"] if kind != "null"]
    assert kinds[0] in {"string", "integer", "boolean", "object"}, schema
    kind: str = kinds[0]
    return kind


def project(told: dict[str, Any]) -> dict[str, Any]:
    """Return the part of the loader in meltano.yml that the target determines."""
    return {
        "capabilities": [name for name in told["capabilities"] if name not in _ONLY_IN_THE_HUB],
        "settings_group_validation": [told["settings"]["required"]],
        "settings": settings(told),
    }


def hub(told: dict[str, Any]) -> dict[str, Any]:
    """Return the hub's definition: what stands in it, and what the target determines."""
    definition: dict[str, Any] = yaml.safe_load(HUB.read_text(encoding="utf-8"))
    return {
        **definition,
        "capabilities": told["capabilities"],
        "settings": settings(told),
        "settings_group_validation": [told["settings"]["required"]],
    }


def env(told: dict[str, Any]) -> str:
    """Return .env.example: the secrets of both plugins, and where the database is."""
    secrets = [
        f"# {schema['description']}\nTARGET_SPOTZEE_{name.upper()}=\n"
        for name, schema in told["settings"]["properties"].items()
        if schema.get("secret")
    ]
    database = "".join(
        f"TAP_POSTGRES_{name}={value}\n"
        for name, value in [
            ("HOST", "127.0.0.1"),
            ("DATABASE", ""),
            ("USER", ""),
            ("PASSWORD", ""),
        ]
    )
    return (
        "# Copy to .env, which git ignores, and fill in; then: chmod 600 .env\n\n"
        + "\n".join(secrets)
        + "\n# The database that customers come from; a role that may only read is enough.\n"
        + database
    )


def dump(value: object, *, sort_keys: bool) -> str:
    """Return YAML."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=sort_keys,
        allow_unicode=True,
        width=10_000,
    )
    return text


def project_text(told: dict[str, Any]) -> str:
    """Return meltano.yml with that part renewed."""
    own, _, _ = PROJECT.read_text(encoding="utf-8").partition(MARK)
    lines = dump(project(told), sort_keys=False).splitlines()
    return own + MARK + "".join(f"    {line}\n" for line in lines)


def hub_text(told: dict[str, Any]) -> str:
    """Return the hub's definition as its file."""
    return dump(hub(told), sort_keys=True)


def main() -> None:
    """Renew the files."""
    told = about()
    PROJECT.write_text(project_text(told), encoding="utf-8")
    HUB.write_text(hub_text(told), encoding="utf-8")
    ENV.write_text(env(told), encoding="utf-8")


if __name__ == "__main__":
    main()
