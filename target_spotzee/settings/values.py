"""The settings, checked and typed.

Messages name the setting and what it takes. They never repeat what was given: it may be the key.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.streams import (
    StreamConfig,
    StreamConfigs,
    read_region,
    read_streams,
)
from target_spotzee.settings.declaration import CONFIG_JSONSCHEMA

_FILES = ("rejects_path", "summary_path", "snapshot_path")


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
    snapshot_path: Path | None
    resend_after_days: int
    max_removed_percent: int
    run_id: str | None
    summary_path: Path | None
    validate_records: bool

    @property
    def most_rejects(self) -> int | None:
        """The most rejects that don't end the run; ``None``: any number."""
        return 0 if self.reject_mode == "fail_fast" else self.max_rejects

    def __repr__(self) -> str:
        """Say nothing: the key is in here."""
        return "Settings(…)"


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
        removed_users=values.pop("removed_users"),
    )
    values["streams"] = read_streams(values["streams"], default)
    values["api_key"] = _secret_key(values["api_key"])
    values["api_url"] = _address(values["api_url"])
    if not _is_date(values["api_version"]):
        raise SettingsError("api_version: must be a date such as 2026-04-28")
    for name in _FILES:
        values[name] = _path(name, values[name])
    for name, other in combinations(_FILES, 2):
        if values[name] and values[name] == values[other]:
            raise SettingsError(f"{name} and {other}: must be two files")
    if not values["snapshot_path"]:
        for stream, entry in (values["streams"].by_stream or {}).items():
            if entry.complete_pass:
                raise SettingsError(
                    f"streams.{stream}.complete_pass: needs snapshot_path, which remembers who was"
                    " there before",
                )
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
