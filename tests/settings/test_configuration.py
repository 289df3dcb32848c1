"""Configurations as files and variables: read strictly, refused in one line without a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from target_spotzee.exceptions import SettingsError
from target_spotzee.settings.configuration import ignored_variables, read_environment, read_file
from target_spotzee.singer.target import TargetSpotzee

TargetSpotzee.append_builtin_config(TargetSpotzee.config_jsonschema)
PROPERTIES: dict[str, Any] = TargetSpotzee.config_jsonschema["properties"]
PREFIX = "TARGET_SPOTZEE_"


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "it is not a JSON object (line 1, column 1)"),
            (b"[]", "it is not a JSON object"),
            (b"[[]]", "it is not a JSON object"),
            (b'[["run_id", "QXZJ"]]', "it is not a JSON object"),
            (b'"QXZJ"', "it is not a JSON object"),
            (b'""', "it is not a JSON object"),
            (b"5", "it is not a JSON object"),
            (b"null", "it is not a JSON object"),
            (b"false", "it is not a JSON object"),
            (b'{"run_id": "QXZJ"', "it is not a JSON object (line 1, column 18)"),
            (b"{'run_id': 'QXZJ'}", "it is not a JSON object (line 1, column 2)"),
            (b'{"a": 1, "a": 1}', "it is not a JSON object (it holds a twice)"),
            (b'{"a": [{"b": 1, "b": 2}]}', "it is not a JSON object (it holds b twice)"),
            (b'{"a\\n": 1, "a\\n": 2}', "it is not a JSON object (it holds a? twice)"),
            (b'{"a": NaN}', "it is not a JSON object (it holds NaN)"),
            (b'{"a": -Infinity}', "it is not a JSON object (it holds -Infinity)"),
            (b'{"a": 1e400}', "it is not a JSON object (it holds a number out of bounds)"),
            (b'{"a": ' + b"9" * 5000 + b"}", "it is not a JSON object (it holds a number out of"),
            (b"[" * 100_000, "it is not a JSON object (it is nested too deep)"),
            (b'{"a": "\\ud800"}', "it is not a JSON object (it holds half of a surrogate pair)"),
            (b'{"run_id": "\xff"}', "it is not UTF-8"),
            ('{"run_id": "é"}'.encode("utf-16"), "it is not UTF-8"),
        ],
        ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "",
    )
    def test_anything_but_a_json_object_is_refused(
        self, tmp_path: Path, content: bytes, problem: str
    ) -> None:
        path = tmp_path / "config.json"
        path.write_bytes(content)
        with pytest.raises(SettingsError) as caught:
            read_file(str(path))
        assert str(caught.value).startswith(problem)
        assert "QXZJ" not in str(caught.value)

    def test_what_is_not_there_or_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="No such file or directory"):
            read_file(str(tmp_path / "missing.json"))
        with pytest.raises(SettingsError, match="Is a directory"):
            read_file(str(tmp_path))

    def test_a_byte_order_mark_changes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        path.write_bytes(b'\xef\xbb\xbf{"run_id": "x"}')
        assert read_file(str(path)) == {"run_id": "x"}


def read(**variables: str) -> dict[str, Any]:
    environ = {PREFIX + name: value for name, value in variables.items()}
    return read_environment(PROPERTIES, PREFIX, environ)


def refusal(**variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(**variables)
    return str(caught.value)


class TestVariables:
    @pytest.mark.parametrize("name", ["VALIDATE_RECORDS", "FLATTENING_ENABLED"])
    @pytest.mark.parametrize(
        ("texts", "value"),
        [
            (["true", "TRUE", " true ", "t", "y", "Y", "yes", "on", "1"], True),
            (["false", "FALSE", " false ", "f", "n", "N", "no", "off", "0"], False),
        ],
    )
    def test_booleans_are_said_in_many_ways(
        self, name: str, texts: list[str], *, value: bool
    ) -> None:
        for text in texts:
            assert read(**{name: text}) == {name.lower(): value}

    @pytest.mark.parametrize("text", ["2", "-1", "QXZJ", "yess", "null", "tru e", "[]", '"true"'])
    def test_what_is_no_boolean_is_not_false(self, text: str) -> None:
        assert refusal(VALIDATE_RECORDS=text) == (
            "TARGET_SPOTZEE_VALIDATE_RECORDS: is not of its setting's type: must be true or false"
        )

    @pytest.mark.parametrize("text", ["20", " 20 ", "20.0", "2e1"])
    def test_integers_are_what_json_takes_for_one(self, text: str) -> None:
        value = read(MAX_IN_FLIGHT=text)["max_in_flight"]
        assert (value, type(value)) == (20, int)

    @pytest.mark.parametrize(
        "text", ["20.5", "QXZJ", "1_000", "٢٠", "0x14", "true", "NaN", "1e999", "[20]", "9" * 5000]
    )
    def test_what_is_no_integer_is_refused(self, text: str) -> None:
        message = refusal(MAX_IN_FLIGHT=text)
        assert message.startswith("TARGET_SPOTZEE_MAX_IN_FLIGHT: is not of its setting's type")
        assert "QXZJ" not in message

    @pytest.mark.parametrize("name", ["STREAMS", "STREAM_MAPS", "STREAM_MAP_CONFIG"])
    @pytest.mark.parametrize(
        "text", ["QXZJ", "[]", "5", '"QXZJ"', "{", '{"a": {}, "a": {}}', '{"a": NaN}']
    )
    def test_what_is_no_json_object_is_refused_by_its_name(self, name: str, text: str) -> None:
        message = refusal(**{name: text})
        assert message.startswith(f"TARGET_SPOTZEE_{name}: is not of its setting's type")
        assert "a JSON object" in message
        assert "QXZJ" not in message

    def test_objects(self) -> None:
        assert read(STREAMS=' {"a": {"mapping": {}}} ') == {"streams": {"a": {"mapping": {}}}}

    def test_a_null_sets_nothing(self) -> None:
        assert read(STREAM_MAPS="null") == {}

    def test_strings_are_taken_to_the_letter(self) -> None:
        assert read(REJECTS_PATH=" a b ", RUN_ID="1") == {"rejects_path": " a b ", "run_id": "1"}

    @pytest.mark.parametrize("name", ["VALIDATE_RECORDS", "MAX_REJECTS", "STREAMS", "REJECTS_PATH"])
    def test_an_empty_one_sets_nothing(self, name: str) -> None:
        assert read(**{name: ""}) == {}
        assert read(**{name: " "}) == {}

    def test_all_that_are_wrong_are_told_at_once(self) -> None:
        message = refusal(VALIDATE_RECORDS="x", MAX_REJECTS="x", STREAM="{}")
        assert message.count("; ") == 3
        for name in ("VALIDATE_RECORDS", "MAX_REJECTS", "STREAM: is no setting"):
            assert f"TARGET_SPOTZEE_{name}" in message

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("STREAM", "STREAMS"),
            ("REJECT_PATH", "REJECTS_PATH"),
            ("APIKEY", "API_KEY"),
            ("API_KEY_FILE", "API_KEY"),
            ("api_key", "API_KEY"),
            ("STREAMS_CUSTOMERS_EXCLUDE", "STREAMS"),
            ("STREAMS__CUSTOMERS__EXCLUDE", "STREAMS"),
            ("EXCLUDE", "STREAMS"),
            ("VALIDATE_RECORD", "VALIDATE_RECORDS"),
        ],
    )
    def test_one_that_is_nearly_a_setting_s_is_refused(self, name: str, meant: str) -> None:
        assert refusal(**{name: "QXZJ"}) == (
            f"TARGET_SPOTZEE_{name}: is no setting of this target; did you mean"
            f" TARGET_SPOTZEE_{meant}?"
        )

    def test_one_that_is_far_from_any_is_ignored_by_its_name(self) -> None:
        """Of a cluster that has a service of this name, of Meltano, and the SDK's own."""
        names = ["SERVICE_HOST", "PORT", "PORT_80_TCP", "_LOAD_SCHEMA", "LOGLEVEL"]
        environ = {PREFIX + name: "x" for name in names} | {"TARGET_OTHER_STREAM": "x"}
        assert read_environment(PROPERTIES, PREFIX, environ) == {}
        ignored = ignored_variables(PROPERTIES, PREFIX, environ)
        assert ignored == sorted(PREFIX + name for name in names[:-1])
