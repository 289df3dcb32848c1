"""The settings: declared once, for ``--about`` and for checking, and read into typed values.

Messages name the setting and what it takes. They never repeat what was given: it may be the key.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from jsonschema import Draft7Validator, ValidationError
from singer_sdk import typing as th

from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.names import nearest
from target_spotzee.mapping.streams import (
    INVALID_FIELDS,
    KEYS,
    NULL_VALUES,
    StreamConfig,
    StreamConfigs,
    read_region,
    read_streams,
)

DELIVERIES = ("sync", "async")
UNLISTED_STREAMS = ("fail", "ignore")
REJECT_MODES = ("fail", "fail_fast", "skip")

_LONGEST_SECONDS = 1_000_000  # eleven days; the clocks of sockets end at twice that

_OTHERS = (
    "activate_version",
    "add_metadata_columns",
    "add_record_metadata",
    "batch_config",
    "batch_size",
    "client_id",
    "client_secret",
    "data_flattening_max_level",
    "default_target_schema",
    "default_target_schema_select_permission",
    "disable_collection",
    "flush_all_streams",
    "hard_delete",
    "load_method",
    "max_batch_age",
    "max_batch_rows",
    "max_batch_size",
    "max_parallelism",
    "parallelism",
    "parallelism_max",
    "persist_empty_tables",
    "primary_key_required",
    "process_activate_version_messages",
    "schema_mapping",
    "start_date",
    "state_support",
    "temp_dir",
    "user_agent",
)
"""Settings that people give to any target; here they are no misspelt ones."""

CONFIG_JSONSCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description="Secret key of the Spotzee project (`sk_…`), with the role editor or higher.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://apix.spotzee.com/api/client",
        title="API address",
        description="Base address of the API: https, or http on this machine.",
    ),
    th.Property(
        "api_version",
        th.StringType,
        default="2026-04-28",
        title="API version",
        description="The API release that answers are read by, sent as `Spotzee-Version`.",
    ),
    th.Property(
        "delivery",
        th.StringType,
        default="sync",
        allowed_values=list(DELIVERIES),
        title="Delivery",
        description="`sync` confirms every user (`POST /users/batch`); `async` only queues them"
        " (`PATCH /users`).",
    ),
    th.Property(
        "streams",
        th.ObjectType(additional_properties=th.ObjectType(additional_properties=True)),
        title="Streams",
        description="How each stream (name or glob, `*` for the rest) is mapped to users; without"
        " it every stream maps itself.",
    ),
    th.Property(
        "unlisted_streams",
        th.StringType,
        default="fail",
        allowed_values=list(UNLISTED_STREAMS),
        title="Unlisted streams",
        description="A stream without an entry, once `streams` is set: `fail`, or `ignore` it.",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1, maximum=100),
        default=100,
        title="Batch size",
        description="Users a request.",
    ),
    th.Property(
        "batch_wait_limit_seconds",
        th.IntegerType(minimum=1, maximum=_LONGEST_SECONDS),
        default=60,
        title="Batch wait limit",
        description="The longest that a record waits in a part-filled batch, even when the tap"
        " falls silent.",
    ),
    th.Property(
        "max_in_flight",
        th.IntegerType(minimum=1, maximum=64),
        default=32,
        title="Requests in flight",
        description="Requests in flight at once.",
    ),
    th.Property(
        "max_requests_per_10s",
        th.IntegerType(minimum=1, maximum=1_000_000),
        default=1000,
        title="Requests per 10 seconds",
        description="This process's share of Spotzee's limit for one address.",
    ),
    th.Property(
        "timeout_seconds",
        th.IntegerType(minimum=1, maximum=_LONGEST_SECONDS),
        default=30,
        title="Time-out",
        description="For one attempt.",
    ),
    th.Property(
        "max_retry_seconds",
        th.IntegerType(minimum=0, maximum=_LONGEST_SECONDS),
        default=600,
        title="Retry budget",
        description="The longest that one batch keeps being tried; waits that Spotzee asks for"
        " don't count.",
    ),
    th.Property(
        "null_values",
        th.StringType,
        default="send",
        allowed_values=list(NULL_VALUES),
        title="Nulls",
        description="A null clears the field in Spotzee (`send`), or is left out (`omit`).",
    ),
    th.Property(
        "invalid_fields",
        th.StringType,
        default="drop",
        allowed_values=list(INVALID_FIELDS),
        title="Invalid fields",
        description="An email, phone, timezone or locale that can't be right: `drop` it, send"
        " `null`, or `reject` the record. With `null`, a NaN in data becomes null, too.",
    ),
    th.Property(
        "phone_region",
        th.StringType,
        title="Phone region",
        description="ISO country of national phone numbers (`AU`), which become E.164; without it"
        " national ones go as they are.",
    ),
    th.Property(
        "reject_mode",
        th.StringType,
        default="fail",
        allowed_values=list(REJECT_MODES),
        title="Reject mode",
        description="`fail`: send all that can be sent, exit 3; `fail_fast`: stop at the first"
        " reject; `skip`: exit 0.",
    ),
    th.Property(
        "max_rejects",
        th.IntegerType(minimum=0),
        title="Reject limit",
        description="More rejects than this stop the run.",
    ),
    th.Property(
        "rejects_path",
        th.StringType,
        title="Rejects file",
        description="Where rejected records are kept, ready to be sent again. Without it, state"
        " never passes a rejected record.",
    ),
    th.Property(
        "run_id",
        th.StringType,
        title="Run id",
        description="Makes idempotency keys repeatable when a queue runs the same run again;"
        " `MELTANO_RUN_ID`, else random.",
    ),
    th.Property(
        "summary_path",
        th.StringType,
        title="Summary file",
        description="Where the run's figures go as JSON, on every exit.",
    ),
    th.Property(
        "validate_records",
        th.BooleanType,
        default=False,
        title="Validate records",
        description="Reject records that break their stream's own schema. What of the schema can't"
        " be used is told once and left out.",
    ),
).to_dict()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, checked and typed; see `CONFIG_JSONSCHEMA` for what they mean."""

    api_key: str
    api_url: str
    api_version: str
    delivery: str
    streams: StreamConfigs
    unlisted_streams: str
    batch_size_rows: int
    batch_wait_limit_seconds: int
    max_in_flight: int
    max_requests_per_10s: int
    timeout_seconds: int
    max_retry_seconds: int
    reject_mode: str
    max_rejects: int | None
    rejects_path: Path | None
    run_id: str | None
    summary_path: Path | None
    validate_records: bool

    @property
    def most_rejects(self) -> int | None:
        """How many rejects do not end the run; ``None``: any number."""
        return 0 if self.reject_mode == "fail_fast" else self.max_rejects

    def __repr__(self) -> str:
        """Say nothing: the key is in here."""
        return "Settings(…)"


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a configuration by its schema, value-free, a line each."""
    known: Mapping[str, Any] = schema["properties"]
    found = {_near_miss(name, known) for name in config.keys() - known.keys()} - {""}
    try:
        given = {name: value for name, value in config.items() if value is not None}
        found |= {_problem(error) for error in Draft7Validator(schema).iter_errors(given)}
    except AttributeError:
        # The SDK's own schema of stream_maps says "null" where {"type": "null"} is due.
        found.add("stream_maps: is not valid")
    return sorted(found)


def nearest_setting(name: str, known: Collection[str]) -> str | None:
    """Return the setting that an unknown name was meant to be; ``None`` if it is far from any.

    Args:
        name: It may be a key of an entry of ``streams``, which is nothing by itself.
        known: The settings there are.
    """
    meant = _meant(name, known)
    return "streams" if meant in KEYS and meant not in known else meant


def _meant(name: str, known: Collection[str]) -> str | None:
    candidates = [*known, *(KEYS - set(known)), *_OTHERS]
    meant = nearest(name, candidates) or nearest(name.partition(".")[0], candidates)
    return None if meant in _OTHERS else meant


def _near_miss(name: str, known: Mapping[str, Any]) -> str:
    """Say what to write in place of a name that is nearly a setting; nothing if it is not."""
    meant = _meant(name, known)
    if meant is None:
        return ""
    if meant not in known:
        meant = f'{{"streams": {{"*": {{"{meant}": …}}}}}}'
    elif "." in name and "object" in known[meant]["type"]:
        # Meltano unfolds dots, a plain file keeps them.
        path = [meant, *name.split(".")[1:]]
        meant = "".join(f'{{"{part}": ' for part in path) + "…" + "}" * len(path)
    return f"{name}: is no setting of this target; did you mean {meant}?"


def _problem(error: ValidationError) -> str:
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        required = cast("list[str]", error.validator_value)
        given = cast("dict[str, Any]", error.instance)
        missing = [name for name in required if name not in given]
        advice = " (set TARGET_SPOTZEE_API_KEY and give --config ENV)"
        return f"{', '.join(missing)}: is required" + advice * ("api_key" in missing)
    rule = {
        "type": "must be of type {}",
        "minimum": "must be at least {}",
        "maximum": "must be at most {}",
        "enum": "must be one of {}",
    }.get(str(error.validator), "is not valid")
    takes = error.validator_value
    if isinstance(takes, list):
        shown = [item for item in takes if error.validator != "type" or item != "null"]
        takes = ", ".join(str(item) for item in shown if item is not None)
    return f"{place}: {rule.format(takes)}"


def read_settings(config: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Check what a schema can't say and return the settings typed.

    Args:
        config: A configuration that `problems` finds nothing wrong with.
        environ: The environment, for ``MELTANO_RUN_ID``.

    Raises:
        SettingsError: A setting is wrong.
    """
    values = {
        name: _value(config, name, schema)
        for name, schema in CONFIG_JSONSCHEMA["properties"].items()
    }
    default = StreamConfig(
        null_values=values.pop("null_values"),
        invalid_fields=values.pop("invalid_fields"),
        phone_region=read_region("phone_region", values.pop("phone_region")),
    )
    values["streams"] = read_streams(values["streams"], default)
    values["api_key"] = _secret_key(values["api_key"])
    values["api_url"] = _address(values["api_url"])
    if not _is_date(values["api_version"]):
        raise SettingsError("api_version: must be a date such as 2026-04-28")
    for name in ("rejects_path", "summary_path"):
        values[name] = _path(name, values[name])
    if values["rejects_path"] and values["rejects_path"] == values["summary_path"]:
        raise SettingsError("rejects_path and summary_path: must be two files")
    values["run_id"] = _run_id(values["run_id"], environ)
    return Settings(**values)


def _value(config: Mapping[str, Any], name: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - settings have many types
    value = config.get(name)
    if value is None:
        return schema.get("default")
    return int(value) if "integer" in schema["type"] else value  # JSON Schema takes 20.0 for one


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text))


def _path(name: str, value: str | None) -> Path | None:
    try:
        encoded = os.fsencode(value or "")
    except UnicodeEncodeError:  # half of a surrogate pair
        encoded = b"\0"
    if b"\0" in encoded:
        raise SettingsError(f"{name}: is not a path")
    return Path(value) if value else None


def _run_id(setting: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the run's id, which goes into the log, the summary and the rejects."""
    meltano = environ.get("MELTANO_RUN_ID")
    name, run_id = ("run_id", setting) if setting else ("MELTANO_RUN_ID", meltano)
    if run_id and not run_id.isprintable():
        raise SettingsError(f"{name}: must be text in one line")
    return run_id or None


def _secret_key(key: str) -> str:
    """Check an API key without telling it."""
    if key.startswith("pk_"):
        raise SettingsError(
            "api_key: is a publishable key (pk_), which may not write users; use a secret key"
            " (sk_) of the project",
        )
    if key.startswith("ok_"):
        raise SettingsError(
            "api_key: is an organisation key (ok_), which works on the admin API only; use a"
            " secret key (sk_) of the project",
        )
    if not re.fullmatch(r"sk_[!-~]{1,1000}", key):  # servers refuse headers of many kilobytes
        raise SettingsError("api_key: must be a secret key: sk_ and then no spaces or line breaks")
    return key


def _address(address: str) -> str:
    """Check that the key can't leave in the clear, or to somewhere unexpected."""
    if not re.fullmatch(r"[!-~]+", address) or re.search(r"[?#\\]", address):
        raise SettingsError("api_url: must be an address without spaces, line breaks, ? or #")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError("api_url: is not an address") from None
    if parts.username is not None or not _is_host(host):
        raise SettingsError("api_url: must be a plain address, https://host/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise SettingsError("api_url: must be https (http only on this machine: 127.0.0.1)")
    return address.rstrip("/")


def _is_host(host: str) -> bool:
    """Say whether a host could be one; DNS knows labels of 1 to 63 characters."""
    name, address = r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", r"[0-9a-f:.]+(%[a-z0-9]+)?"
    return bool(re.fullmatch(f"{name}|{address}", host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
