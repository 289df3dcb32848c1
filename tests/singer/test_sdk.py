"""The names of the SDK that this target stands on are there, in the release it is pinned to."""

from __future__ import annotations

import ast
import inspect
from importlib.metadata import requires
from pathlib import Path
from types import FunctionType

import pytest
from singer_sdk.cli import plugin_cli

import target_spotzee
from target_spotzee.singer import sdk
from target_spotzee.singer.reader import MessageReader
from target_spotzee.singer.sink import SpotzeeSink
from target_spotzee.singer.target import TargetSpotzee

METHODS = (FunctionType, classmethod, property, sdk.classproperty, plugin_cli)
OURS = {TargetSpotzee, SpotzeeSink, MessageReader}
NAMES = [
    (base, name) for names in (sdk.OVERRIDDEN, sdk.USED) for base in names for name in names[base]
]


@pytest.mark.parametrize(("base", "name"), NAMES, ids=lambda part: getattr(part, "__name__", part))
def test_a_name_is_there(base: type, name: str) -> None:
    assert inspect.getattr_static(base, name, None) is not None, f"{base.__name__}.{name} is gone"


@pytest.mark.parametrize("base", sdk.OVERRIDDEN, ids=lambda base: base.__name__)
def test_all_that_is_overridden_is_listed(base: type) -> None:
    (ours,) = [each for each in OURS if issubclass(each, base)]
    classes = [each for each in ours.__mro__ if each.__module__.startswith("target_spotzee")]
    overridden = {
        name
        for each in classes
        for name, value in vars(each).items()
        if isinstance(value, METHODS) and inspect.getattr_static(base, name, None) is not None
    }
    assert {name for name in overridden if not name.startswith("__")} == set(sdk.OVERRIDDEN[base])


def test_what_is_private_is_imported_in_one_place() -> None:
    for path in Path(target_spotzee.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("singer_sdk"):
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                private = any(name.startswith("_") for name in names)
                assert not private or path.name == "sdk.py", path


def test_the_sdk_is_pinned_to_what_was_tested() -> None:
    (pinned,) = [line for line in requires("target-spotzee") or () if "singer-sdk" in line]
    assert "~=0.54.9" in pinned
