"""Settings of any shape: a sound run, or one line and exit code 2."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from target_spotzee.exceptions import SettingsError
from target_spotzee.sandbox import Sandbox
from target_spotzee.settings.configuration import read_file
from target_spotzee.singer import command
from target_spotzee.singer.sdk import ConfigInput
from target_spotzee.singer.target import TargetSpotzee
from tests import strategies, tap

TargetSpotzee.append_builtin_config(TargetSpotzee.config_jsonschema)
ALL = sorted(TargetSpotzee.config_jsonschema["properties"])
# Where the key goes and what is written where is not for chance to say.
OWN = sorted(
    {*ALL}
    - {"api_url", "rejects_path", "summary_path"}
    - {name for name in ALL if name.startswith(("flattening", "stream_map", "faker"))}
)


def deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": value}
    return value


odd: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, 0, -1, 2.5, 10**20, 10**400, 1e308, "", "x", "a\nb", "a\0b", "é", "a" * 5000),
        *([], {}, [None], {"": ""}, {"*": {}}, {"[": {}}, {"customers": None}, {"customers": {}}),
        *({"customers": {"mapping": {"": ""}}}, {"customers": {"mapping": {"data": {}}}}),
        *({"customers": {"exclude": [""]}}, {"customers": {"exclude": ["["]}}),
        *({"customers": "__NULL__"}, {"__else__": "__NULL__"}, {"customers": {"__filter__": "1+"}}),
        *({"customers": {"x": "("}}, {"customers": {"__alias__": ""}}, {"seed": 1}, {"locale": 5}),
    ]
)
values = odd | strategies.json_values
near = st.sampled_from(["stream", "exclude", "streams.customers.exclude", "rejectsPath", "a\nb"])

FEW = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def api() -> Iterator[Sandbox]:
    with Sandbox(keys={"sk_x": "editor"}, keep_requests=10) as sandbox:
        yield sandbox


def wired(api: Sandbox, config: dict[str, Any]) -> TargetSpotzee | None:
    """Return a target, or nothing for settings that are refused in one line."""
    given_ = {"api_key": "sk_x", "api_url": api.api_url, "max_retry_seconds": 0, **config}
    try:
        target = command._wired(TargetSpotzee, ConfigInput(given_), None, command.Options())
    except SettingsError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
        return None
    assert isinstance(target, TargetSpotzee)
    return target


@FEW
@given(st.dictionaries(st.sampled_from(ALL) | near, values, max_size=3))
@example({"stream_maps": None})
@example({"summary_path": "a" * 5000})
@example({"rejects_path": "a" * 5000})
@example({"run_id": "\ud800"})
@example({"streams": deep(600)})
@example({"stream_maps": deep(600)})
def test_can_be_wired_or_are_refused(
    api: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    target = wired(api, {"api_url": api.api_url, **config})
    if target is not None:
        target.run.close()


@FEW
@given(st.dictionaries(st.sampled_from(OWN), values, max_size=3))
@example({"timeout_seconds": 10**6, "batch_wait_limit_seconds": 10**6, "max_retry_seconds": 10**6})
@example({"max_requests_per_10s": 10**6, "max_rejects": 10**400})
def test_that_are_sound_run(
    api: Sandbox,
    caplog: pytest.LogCaptureFixture,
    config: dict[str, Any],
) -> None:
    target = wired(api, config)
    if target is None:
        return
    lines = tap.schema() + tap.record(id=1) + tap.record(id=None)
    with caplog.at_level(logging.ERROR):
        code = target.run.follow(lambda: target.read(io.StringIO(lines)))
    assert code in (0, 1, 2, 3)
    assert "bug" not in caplog.text
    caplog.clear()


@FEW
@given(st.binary() | strategies.json_values.map(lambda value: json.dumps(value, default=str)))
def test_a_file_of_anything_is_an_object_or_refused(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        assert isinstance(read_file(str(path)), dict)
    except SettingsError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
