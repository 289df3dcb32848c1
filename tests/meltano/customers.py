"""Customers in PostgreSQL, and what becomes of a row in Spotzee."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from target_spotzee.sandbox.journal import Request

CUSTOMERS = 20_000
MEMBERS = 5_000

STREAMS: dict[str, Any] = {
    "public-customers": {
        "mapping": {
            "external_id": "id",
            "email": "email_address",
            "phone": "mobile",
            "timezone": "time_zone",
            "locale": "language",
        },
        "exclude": ["password_hash"],
    },
    "public-members": {"mapping": {"external_id": "id"}},
}
"""The first as meltano.yml has it."""

CREATE = f"""
CREATE TABLE customers (
    id bigint PRIMARY KEY,
    email_address text,
    mobile text,
    time_zone text,
    language text,
    full_name text NOT NULL,
    note text,
    tags text[],
    visits integer[],
    subscription jsonb,
    balance numeric(24, 6),
    score double precision,
    points bigint,
    opted_in boolean,
    birthday date,
    password_hash text NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ON customers (updated_at);
INSERT INTO customers
SELECT
    9000000000000000 + i,
    CASE WHEN i % 11 > 0 THEN 'customer.' || i || '@example.com' END,
    CASE WHEN i % 7 > 0 THEN '+6149157' || lpad((i % 10000)::text, 4, '0') END,
    (ARRAY['Australia/Sydney', 'Europe/Berlin', NULL])[1 + i % 3],
    (ARRAY['en-AU', 'de', NULL])[1 + i % 3],
    (ARRAY['Zoë "Zo" O''Neil', 'محمد علي', '林 美', 'Ann\\Bo', E'a\\nb'])[1 + i % 5] || ' ' || i,
    (ARRAY['🎪 met at the fair', '', NULL, 'a, b; "c" {{d}}'])[1 + i % 4],
    CASE WHEN i % 5 > 0 THEN (ARRAY['vip', 'say "hi"', 'naïve 🙂'])[1:i % 4] END,
    CASE WHEN i % 6 > 0 THEN ARRAY[i, -i, 0] END,
    CASE WHEN i % 4 > 0 THEN jsonb_build_object(
        'plan', (ARRAY['free', 'team'])[1 + i % 2],
        'seats', i % 9, 'price', 12.5, 'addons', jsonb_build_array('a', NULL, i), 'off', NULL
    ) END,
    CASE WHEN i % 9 > 0 THEN i::numeric * 123456789 / 1000 + 0.000001 END,
    i / 7.0,
    9007199254740993 + i,
    (ARRAY[true, false, NULL])[1 + i % 3],
    CASE WHEN i % 8 > 0 THEN date '1950-01-01' + i END,
    md5(i::text),
    timestamp '2020-02-29 12:34:56.789012' + i * interval '1 minute',
    timestamptz '2024-01-01 00:00:00.000001+10' + i * interval '1 second'
FROM generate_series(1, {CUSTOMERS}) i;

CREATE TABLE members (
    id uuid PRIMARY KEY,
    email text,
    nickname text NOT NULL,
    rate numeric,
    active boolean NOT NULL,
    settings json,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ON members (updated_at);
INSERT INTO members
SELECT
    md5('member ' || i)::uuid,
    CASE WHEN i % 3 > 0 THEN 'member.' || i || '@example.org' END,
    '🦘 ' || i,
    CASE WHEN i % 2 > 0 THEN i * 0.1 END,
    i % 2 = 0,
    json_build_object('theme', (ARRAY['dark', 'light'])[1 + i % 2], 'n', i),
    timestamptz '2024-06-01 00:00:00.25+00' + i * interval '1 second'
FROM generate_series(1, {MEMBERS}) i;
"""

CHANGE = """
INSERT INTO customers
SELECT (SELECT max(id) FROM customers) + i, 'new.' || i || '@example.com', NULL, NULL, 'fr',
    'New ' || i, NULL, NULL, '{}', '[]', 0, NULL, i, true, NULL, 'x', now(),
    now() + i * interval '1 microsecond'
FROM generate_series(1, 500) i;
UPDATE customers SET mobile = NULL, subscription = NULL, tags = '{changed}',
    updated_at = now() + id % 100000 * interval '1 microsecond'
WHERE id % 40 = 1;
UPDATE members SET active = NOT active, rate = NULL, updated_at = now() WHERE nickname LIKE '%7';
"""
"""500 new ones; 500 customers and 500 members changed."""


FEW = """
CREATE TABLE customers (
    id bigint PRIMARY KEY,
    email_address text,
    mobile text,
    time_zone text,
    language text,
    plan text NOT NULL,
    updated_at timestamptz NOT NULL
);
"""
"""Fewer columns, those that meltano.yml maps among them, and no rows."""


def insert(first: int, last: int, plan: str = "free") -> str:
    """Return the SQL that adds customers to such a table."""
    return (
        f"INSERT INTO customers SELECT i, 'c' || i || '@example.com', NULL, NULL, 'en', '{plan}',"
        f" now() + i * interval '1 microsecond' FROM generate_series({first}, {last}) i;\n"
    )


class Asked:
    """What a run asked of Spotzee.

    Attributes:
        named: The users that any request named.
        sent: Those that were upserted, and each as it was sent.
        deleted: Those that were to be deleted.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        self.named: set[str] = set()
        self.sent: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        for request in requests:
            self.named.update(request.external_ids)
            if request.method == "DELETE":
                self.deleted.update(request.external_ids)
            elif request.method == "POST":
                self.sent |= {user["external_id"]: user for user in json.loads(request.body)}


def expected(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the user that a row becomes."""
    values = {
        name: _moment(value) if name.endswith("_at") else value for name, value in row.items()
    }
    mapping: dict[str, str] = STREAMS[f"public-{table}"]["mapping"]
    fields = ("anonymous_id", "email", "phone", "timezone", "locale")
    user = {field: values.pop(mapping.get(field, field), None) for field in fields}
    user["external_id"] = str(values.pop("id"))
    values.pop("password_hash", None)
    return {**user, "data": values}


def _moment(text: str) -> str:
    """Return a moment as the tap writes it: all six decimals, and UTC where the column is naive."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc).isoformat(timespec="microseconds")
