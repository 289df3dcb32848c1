"""The target that the SDK's template leads to, with all of its defaults, for comparison.

A `BatchSink` with one ``requests.post`` for each batch: `python -m benchmarks.canonical`.
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import requests
from singer_sdk import Target
from singer_sdk import typing as th
from singer_sdk.sinks import BatchSink

FIELDS = ("email", "phone", "timezone", "locale")


class CanonicalSink(BatchSink):
    """Sends batches to Spotzee, one at a time."""

    max_size = 100

    def process_batch(self, context: dict[str, Any]) -> None:
        """Send a batch."""
        users = [self._user(record) for record in context["records"]]
        response = requests.post(
            f"{self.config['api_url']}/users/batch",
            data=json.dumps(users, default=_plain),
            headers={
                "Authorization": f"Bearer {self.config['api_key']}",
                "Content-Type": "application/json",
                "Spotzee-Version": "2026-04-28",
            },
            timeout=30,
        )
        response.raise_for_status()

    @staticmethod
    def _user(record: dict[str, Any]) -> dict[str, Any]:
        return {
            "external_id": str(record.pop("id")),
            **{name: record.pop(name) for name in FIELDS},
            "data": record,
        }


def _plain(value: Decimal | dt.datetime) -> float | str:
    """Return what the SDK made of a number or a date-time as JSON has it."""
    return float(value) if isinstance(value, Decimal) else value.isoformat()


class CanonicalTarget(Target):
    """Canonical target for Spotzee."""

    name = "target-canonical"
    config_jsonschema = th.PropertiesList(
        th.Property("api_url", th.StringType, required=True),
        th.Property("api_key", th.StringType, required=True, secret=True),
    ).to_dict()
    default_sink_class = CanonicalSink


if __name__ == "__main__":
    CanonicalTarget.cli()
