"""The settings: declared once, checked without ever telling what was given."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.streams import StreamConfig, StreamConfigs
from target_spotzee.settings.declaration import CONFIG_JSONSCHEMA
from target_spotzee.settings.problems import problems
from target_spotzee.settings.values import Settings, read_settings
from tests import strategies

KEY = {"api_key": "sk_secret"}
NO_KEY = "api_key: is required (set TARGET_SPOTZEE_API_KEY and give --config ENV)"
PROPERTIES: dict[str, Any] = CONFIG_JSONSCHEMA["properties"]

DEFAULTS = {
    "api_key": None,
    "api_url": "https://apix.spotzee.com/api/client",
    "api_version": "2026-04-28",
    "delivery": "sync",
    "streams": None,
    "unlisted_streams": "fail",
    "batch_size_rows": 100,
    "batch_wait_limit_seconds": 60,
    "max_in_flight": 32,
    "max_requests_per_10s": 1000,
    "timeout_seconds": 30,
    "max_retry_seconds": 600,
    "null_values": "send",
    "invalid_fields": "drop",
    "phone_region": None,
    "reject_mode": "fail",
    "max_rejects": None,
    "rejects_path": None,
    "snapshot_path": None,
    "resend_after_days": 30,
    "removed_users": "keep",
    "max_removed_percent": 10,
    "run_id": None,
    "summary_path": None,
    "validate_records": False,
}


def settings(environ: dict[str, str] | None = None, /, **config: Any) -> Settings:
    """Check a configuration as the target does and return the settings."""
    config = {**KEY, **config}
    found = problems(config, CONFIG_JSONSCHEMA)
    if found:
        raise SettingsError("; ".join(found))
    return read_settings(config, environ or {})


def refusal(**config: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(**config)
    return str(caught.value)


class TestDeclared:
    def test_every_setting_of_the_design_with_its_default(self) -> None:
        declared = {name: schema.get("default") for name, schema in PROPERTIES.items()}
        assert declared == DEFAULTS

    def test_the_key_alone_is_required_and_secret(self) -> None:
        assert CONFIG_JSONSCHEMA["required"] == ["api_key"]
        assert [name for name, schema in PROPERTIES.items() if schema.get("secret")] == ["api_key"]
        assert "pattern" not in PROPERTIES["api_key"]

    def test_every_one_is_described(self) -> None:
        assert all(schema.get("title") and schema["description"] for schema in PROPERTIES.values())

    def test_what_is_set_where_only_the_key_is(self) -> None:
        assert settings() == Settings(
            api_key="sk_secret",
            api_url="https://apix.spotzee.com/api/client",
            api_version="2026-04-28",
            delivery="sync",
            streams=StreamConfigs(StreamConfig()),
            unlisted_streams="fail",
            batch_size_rows=100,
            batch_wait_limit_seconds=60,
            max_in_flight=32,
            max_requests_per_10s=1000,
            timeout_seconds=30,
            max_retry_seconds=600,
            reject_mode="fail",
            max_rejects=None,
            rejects_path=None,
            snapshot_path=None,
            resend_after_days=30,
            max_removed_percent=10,
            run_id=None,
            summary_path=None,
            validate_records=False,
        )

    def test_a_null_is_as_good_as_not_set(self) -> None:
        given_nulls: dict[str, Any] = dict.fromkeys(DEFAULTS.keys() - KEY.keys())
        assert settings(**given_nulls) == settings()

    def test_an_integer_may_be_written_with_a_point(self) -> None:
        """JSON Schema says so."""
        budget = settings(max_requests_per_10s=20.0).max_requests_per_10s
        assert (budget, type(budget)) == (20, int)


class TestRead:
    def test_policies_of_the_settings_hold_for_every_stream(self) -> None:
        read = settings(
            null_values="omit", invalid_fields="reject", phone_region="au", streams={"s": {}}
        )
        policies = StreamConfig(null_values="omit", invalid_fields="reject", phone_region="AU")
        assert read.streams == StreamConfigs(policies, {"s": policies})

    def test_paths(self, tmp_path: Path) -> None:
        read = settings(rejects_path=str(tmp_path / "r"), summary_path=str(tmp_path / "s"))
        assert (read.rejects_path, read.summary_path) == (tmp_path / "r", tmp_path / "s")
        assert settings(rejects_path="", summary_path="").rejects_path is None

    @pytest.mark.parametrize(
        ("setting", "environ", "run_id"),
        [
            ("own", {"MELTANO_RUN_ID": "meltano"}, "own"),
            (None, {"MELTANO_RUN_ID": "meltano"}, "meltano"),
            ("", {"MELTANO_RUN_ID": "meltano"}, "meltano"),
            (None, {"MELTANO_RUN_ID": ""}, None),
            (None, {}, None),
        ],
    )
    def test_the_run_id_is_one_s_own_or_meltano_s(
        self, setting: str | None, environ: dict[str, str], run_id: str | None
    ) -> None:
        assert settings(environ, run_id=setting).run_id == run_id

    def test_a_run_id_of_meltano_s_is_text_too(self) -> None:
        with pytest.raises(SettingsError, match=r"^MELTANO_RUN_ID: must be text in one line$"):
            settings({"MELTANO_RUN_ID": "\udcff"})

    def test_no_reject_at_all_can_be_the_limit(self) -> None:
        assert settings(max_rejects=0).max_rejects == 0
        assert settings(max_retry_seconds=0).max_retry_seconds == 0

    def test_settings_do_not_show_themselves(self) -> None:
        assert repr(settings()) == "Settings(…)"
        assert "sk_secret" not in f"{settings()}"


class TestBounds:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("batch_size_rows", 0, "must be at least 1"),
            ("batch_size_rows", 101, "must be at most 100"),
            ("batch_wait_limit_seconds", 0, "must be at least 1"),
            ("max_in_flight", 0, "must be at least 1"),
            ("max_in_flight", 65, "must be at most 64"),
            ("max_requests_per_10s", 0, "must be at least 1"),
            ("timeout_seconds", 0, "must be at least 1"),
            ("max_retry_seconds", -1, "must be at least 0"),
            ("max_rejects", -1, "must be at least 0"),
            ("batch_size_rows", 2.5, "must be of type integer"),
            ("batch_size_rows", "5", "must be of type integer"),
            ("batch_size_rows", True, "must be of type integer"),
            ("validate_records", "yes", "must be of type boolean"),
            ("delivery", "push", "must be one of sync, async"),
            ("reject_mode", "x", "must be one of fail, fail_fast, skip"),
            ("unlisted_streams", "x", "must be one of fail, ignore"),
            ("null_values", "x", "must be one of send, omit"),
            ("invalid_fields", "x", "must be one of drop, null, reject"),
            ("streams", [], "must be of type object"),
            ("api_key", None, NO_KEY.removeprefix("api_key: ")),
            ("api_key", 5, "must be of type string"),
            ("phone_region", "ZZ", "must be a two-letter ISO country such as AU"),
            ("batch_wait_limit_seconds", 10**18, "must be at most 1000000"),
            ("timeout_seconds", 10**18, "must be at most 1000000"),
            ("max_retry_seconds", 10**400, "must be at most 1000000"),
            ("max_requests_per_10s", 10**400, "must be at most 1000000"),
            ("run_id", "a\nb", "must be text in one line"),
            ("run_id", "\ud800", "must be text in one line"),
            ("rejects_path", "a\ud800", "is not a path"),
            ("summary_path", "a\ud800", "is not a path"),
            ("api_version", "latest", "must be a date such as 2026-04-28"),
            ("api_version", "2026-02-30", "must be a date such as 2026-04-28"),
            ("api_version", "0000-00-00", "must be a date such as 2026-04-28"),
            ("api_version", "20260428", "must be a date such as 2026-04-28"),
            ("api_version", "2026-04-28\n", "must be a date such as 2026-04-28"),
            ("api_version", "\uff12\uff10\uff12\uff16-04-28", "must be a date such as 2026-04-28"),
            ("rejects_path", "a\0b", "is not a path"),
            ("summary_path", "a\0b", "is not a path"),
        ],
    )
    def test_what_is_out_of_them_is_refused(self, name: str, value: object, message: str) -> None:
        assert refusal(**{name: value}) == f"{name}: {message}"

    @pytest.mark.parametrize(
        "config",
        [
            {"batch_size_rows": 1, "max_in_flight": 1, "max_requests_per_10s": 1},
            {"batch_size_rows": 100, "max_in_flight": 64, "max_requests_per_10s": 10**6},
            {"batch_wait_limit_seconds": 1, "timeout_seconds": 1, "max_retry_seconds": 0},
        ],
    )
    def test_what_is_just_within_is_not(self, config: dict[str, int]) -> None:
        assert settings(**config)

    def test_no_key_at_all(self) -> None:
        assert problems({}, CONFIG_JSONSCHEMA) == [NO_KEY]

    def test_all_that_is_wrong_is_told_at_once(self) -> None:
        config = {"batch_size_rows": 0, "delivery": "x"}
        assert problems(config, CONFIG_JSONSCHEMA) == [
            NO_KEY,
            "batch_size_rows: must be at least 1",
            "delivery: must be one of sync, async",
        ]

    def test_rejects_and_summary_are_two_files(self) -> None:
        message = "rejects_path and summary_path: must be two files"
        assert refusal(rejects_path="a/b", summary_path="a/./b") == message


class TestNearMisses:
    """What is nearly a setting would else be ignored, and the columns it excludes be sent."""

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("stream", "streams"),
            ("Streams", "streams"),
            ("reject_path", "rejects_path"),
            ("rejectsPath", "rejects_path"),
            ("apiKey", "api_key"),
            ("api-key", "api_key"),
            ("validate_record", "validate_records"),
            ("batch_size_row", "batch_size_rows"),
            ("timeout", "timeout_seconds"),
            ("null_value", "null_values"),
            ("streams.s.exclude", '{"streams": {"s": {"exclude": …}}}'),
            ("stream.a.b.mapping", '{"streams": {"a": {"b": {"mapping": …}}}}'),
            ("exclude", '{"streams": {"*": {"exclude": …}}}'),
            ("mapping", '{"streams": {"*": {"mapping": …}}}'),
            ("excludes", '{"streams": {"*": {"exclude": …}}}'),
            ("rejects.path", "rejects_path"),
        ],
    )
    def test_are_refused_with_what_to_write(self, name: str, meant: str) -> None:
        message = f"{name}: is no setting of this target; did you mean {meant}?"
        assert problems({**KEY, name: "QXZJ"}, CONFIG_JSONSCHEMA) == [message]

    @pytest.mark.parametrize(
        "name",
        [
            "add_metadata_columns",
            "add_record_metadata",
            "batch_config",
            "batch_size",
            "default_target_schema",
            "disable_collection",
            "hard_delete",
            "load_method",
            "max_batch_age",
            "max_batch_rows",
            "max_parallelism",
            "process_activate_version_messages",
            "primary_key_required",
            "schema_mapping",
            "start_date",
            "user_agent",
            "host",
            "password",
            "schema",
            "url",
            "colour",
            "",
            "*",
        ],
    )
    def test_are_not_what_is_said_to_any_target(self, name: str) -> None:
        assert problems({**KEY, name: 1}, CONFIG_JSONSCHEMA) == []

    def test_hold_no_line_break(self) -> None:
        found = problems({**KEY, "streams.a\nb": 1}, CONFIG_JSONSCHEMA)
        assert "\n" not in str(SettingsError("; ".join(found)))


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "why"),
        [
            ("pk_live_QXZJ", "publishable key (pk_), which may not write users; use a secret key"),
            ("ok_live_QXZJ", "organisation key (ok_), which works on the admin API only; use a"),
            ("QXZJ", "must be a secret key: sk_ and then no spaces or line breaks"),
            ("SK_QXZJ", "must be a secret key"),
            ("", "must be a secret key"),
            ("sk_", "must be a secret key"),
            (" sk_QXZJ", "must be a secret key"),
            ("sk_QXZJ\n", "must be a secret key"),
            ("sk_a\r\nX-Evil: QXZJ", "must be a secret key"),
            ("sk_QXZJé", "must be a secret key"),
            ("sk_" + "QXZJ" * 1000, "must be a secret key"),
        ],
    )
    def test_one_that_cannot_work_is_refused_with_why(self, key: str, why: str) -> None:
        message = refusal(api_key=key)
        assert message.startswith("api_key: ")
        assert why in message
        assert "QXZJ" not in message


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "read"),
        [
            ("https://apix.spotzee.com/api/client", "https://apix.spotzee.com/api/client"),
            ("https://proxy.example:8443/spotzee/", "https://proxy.example:8443/spotzee"),
            ("HTTPS://proxy.example", "HTTPS://proxy.example"),
            ("http://127.0.0.1:8080/api/client", "http://127.0.0.1:8080/api/client"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("https://proxy_1.example./a", "https://proxy_1.example./a"),
        ],
    )
    def test_https_anywhere_and_http_on_this_machine(self, address: str, read: str) -> None:
        assert settings(api_url=address).api_url == read

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "apix.spotzee.com/api/client",
            "//apix.spotzee.com",
            "ftp://apix.spotzee.com",
            "file:///etc/hosts",
            "https://",
            "https:///api/client",
            "https://:443/api",
            "http://apix.spotzee.com/api/client",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "https://user:pass@apix.spotzee.com",
            "https://user@apix.spotzee.com",
            "https://@apix.spotzee.com",
            "https://apix.spotzee.com\r\nX-Evil: 1",
            "https://apix.spotzee.com/\n",
            " https://apix.spotzee.com",
            "https://apix.spotzee.com/a b",
            "https://apix.spotzee.com:99999",
            "https://apix.spotzee.com:port",
            "https://[::1",
            "https://apix.spotzee.com/?",
            "https://apix.spotzee.com/?x=1",
            "https://apix.spotzee.com/#",
            "https://apix.spotzee.com\\.example.com",
            "https://bücher.example",
            "https://.spotzee.com",
            "https://apix..spotzee.com",
            "https://*.spotzee.com",
            "https://a{b}.spotzee.com",
            "https://a%b.spotzee.com",
            "https://" + "a" * 64 + ".spotzee.com",
        ],
    )
    def test_anything_else_is_refused_without_being_told(self, address: str) -> None:
        message = refusal(api_url=address)
        assert message.startswith("api_url: ")
        assert "spotzee.com" not in message
        assert "\n" not in message


prefixes = st.sampled_from(
    [
        "",
        "sk_",
        "pk_",
        "ok_",
        "https://",
        "http://",
        "https://u:",
        "http://localhost/?",
        "2026-",
        "/",
    ]
)
suffixes = st.sampled_from(["", "\n", "\r\nevil: 1", "@host/", "\0", " ", ":x", "é", "/"])
marked = st.builds(lambda *parts: "".join(parts), prefixes, strategies.secrets, suffixes)
numbers = st.integers(10**11, 10**12)
values = st.recursive(
    marked | numbers | numbers.map(lambda number: -number - 0.5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["a", "mapping", "exclude", "unmapped", "data", "b.c"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=3,
)


class TestMessages:
    @given(st.sampled_from(sorted(DEFAULTS)), values)
    def test_never_hold_a_value_whatever_was_given(self, name: str, value: Any) -> None:
        told = ""
        try:
            settings(**{name: value})
        except SettingsError as error:
            told = str(error)
        for leaf in strategies.leaves(value):
            secret = "".join(re.findall("[QXZJ]", leaf)) if isinstance(leaf, str) else str(leaf)
            assert secret not in told
        assert "\n" not in told

    @given(st.dictionaries(st.sampled_from(sorted(DEFAULTS)), strategies.json_values, max_size=5))
    def test_are_all_that_bad_settings_lead_to(self, config: dict[str, Any]) -> None:
        plain = json.loads(json.dumps(config, default=float))
        with suppress(SettingsError):
            assert settings(**plain).api_key.startswith("sk_")
