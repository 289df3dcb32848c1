"""The settings, declared once: for ``--about``, for checking, and for what they default to."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

from target_spotzee.mapping.streams import INVALID_FIELDS, NULL_VALUES, REMOVED_USERS

DELIVERIES = ("sync", "async")
UNLISTED_STREAMS = ("fail", "ignore")
REJECT_MODES = ("fail", "fail_fast", "skip")

_LONGEST_DAYS = 36_500
_LONGEST_SECONDS = 1_000_000  # eleven days; the clocks of sockets end at twice that

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
        description="The API release used to interpret answers, sent as `Spotzee-Version`.",
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
        description="Users per request.",
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
        description="The longest that one attempt may take.",
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
        description="An email, phone, timezone or locale that can't be valid: `drop` it, send"
        " `null`, or `reject` the record. With `null`, a NaN in data becomes null, too.",
    ),
    th.Property(
        "phone_region",
        th.StringType,
        title="Phone region",
        description="ISO country of national phone numbers (`AU`), which become E.164; without it"
        " national numbers are sent unchanged.",
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
        "snapshot_path",
        th.StringType,
        title="Snapshot file",
        description="Where it is remembered what Spotzee was last confirmed to have, so that what"
        " did not change is not sent again, and users that left the source can be removed.",
    ),
    th.Property(
        "resend_after_days",
        th.IntegerType(minimum=0, maximum=_LONGEST_DAYS),
        default=30,
        title="Resend after",
        description="With a snapshot: an unchanged user is sent again after so many days, since"
        " others may have edited it in Spotzee; 0: always.",
    ),
    th.Property(
        "removed_users",
        th.StringType,
        default="keep",
        allowed_values=list(REMOVED_USERS),
        title="Removed users",
        description="What becomes of users that left the source: `keep` them, `mark` them with the"
        " time in `data.removed_at`, or `delete` them.",
    ),
    th.Property(
        "max_removed_percent",
        th.IntegerType(minimum=0, maximum=100),
        default=10,
        title="Most users removed",
        description="If more than this share of a stream's users left the source, none of them is"
        " removed, unless `--confirm-removals` is given.",
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
        description="Reject records that break their stream's own schema. Parts of the schema that"
        " can't be used are skipped, with one warning.",
    ),
).to_dict()
