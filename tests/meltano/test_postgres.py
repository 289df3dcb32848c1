"""PostgreSQL → Spotzee with the real Meltano and the real tap: every user equals its row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from target_spotzee.sandbox import Sandbox
from tests.meltano import customers
from tests.meltano.postgres import PASSWORD, Postgres
from tests.meltano.project import Outcome, Project
from tests.process import assert_adds_up

FEW = """
CREATE TABLE customers AS
SELECT i AS id, 'c' || i || '@example.com' AS email_address, NULL AS mobile, NULL AS time_zone,
    'en' AS language, {columns}, to_timestamp(i) AS updated_at
FROM generate_series(1, 5) i;
ALTER TABLE customers ADD PRIMARY KEY (id);
"""
"""Five customers with the columns that meltano.yml maps."""

pytestmark = pytest.mark.usefixtures("meltano")


def assert_equal(sandbox: Sandbox, postgres: Postgres) -> None:
    """Check every user against its row, field by field, and that there are no others."""
    rows = {
        user["external_id"]: user
        for table in ("customers", "members")
        for user in (customers.expected(table, row) for row in postgres.rows(table))
    }
    users = sandbox.users
    assert users.keys() == rows.keys()
    different = {key: (users[key], rows[key]) for key in rows if users[key] != rows[key]}
    assert not different, next(iter(different.values()))


def assert_quiet(outcome: Outcome, sandbox: Sandbox) -> None:
    """Check that no log line holds a secret or a customer."""
    for private in (sandbox.key, PASSWORD, "@example.", "+61491570"):
        assert private not in outcome.log


def test_full_load_then_nothing_new_then_changes(
    project: Project,
    postgres: Postgres,
    sandbox: Sandbox,
    record_property: Callable[[str, object], None],
) -> None:
    postgres.create(customers.CREATE)
    project.env["TARGET_SPOTZEE_STREAMS"] = json.dumps(customers.STREAMS)
    project.env["TAP_POSTGRES__SELECT"] = json.dumps([f"{name}.*" for name in customers.STREAMS])
    seconds = []
    read = []

    def run() -> Outcome:
        began = time.monotonic()
        outcome = project.run()
        seconds.append(time.monotonic() - began)
        assert outcome.exit_code == 0, outcome.log
        assert_adds_up(project.summary)
        assert_equal(sandbox, postgres)
        assert_quiet(outcome, sandbox)
        read.append(project.summary["records"]["read"])
        return outcome

    first = run()
    run()
    postgres.execute(customers.CHANGE)
    run()

    # tap-postgres asks for rows from the bookmark on, so each stream's last row comes once more.
    boundary = len(customers.STREAMS)
    assert read == [customers.CUSTOMERS + customers.MEMBERS, boundary, 1_500 + boundary]
    assert not sandbox.overlaps
    self_told = project.meltano("state", "get", "prod:tap-postgres-to-target-spotzee")
    state = json.loads(self_told.log.splitlines()[-1])
    assert state["singer_state"]["bookmarks"] == project.state()
    figures = " + ".join(f"{figure:.1f}" for figure in seconds)
    record_property("Meltano, 25,000 rows + nothing new + 1,500 changes", f"{figures} s")
    assert f"run {first_run_id(first)}: exit 0 after" in first.log
    assert "25,000 read, 25,000 confirmed" in first.log


def first_run_id(outcome: Outcome) -> str:
    """Return the run id of the summary in a log."""
    line = next(line for line in outcome.log.splitlines() if ": exit " in line)
    return line.partition(" run ")[2].partition(":")[0]


def test_numbers_keep_every_digit_on_the_wire(
    project: Project,
    postgres: Postgres,
    sandbox: Sandbox,
) -> None:
    """Also those that a double can't hold."""
    postgres.create(
        FEW.format(columns="12345678901234567890.123456789 AS big, 9223372036854775807 AS most"),
    )

    outcome = project.run()

    assert outcome.exit_code == 0, outcome.log
    body = sandbox.requests[0].body.decode()
    assert '"big":12345678901234567890.123456789' in body
    assert '"most":9223372036854775807' in body


def test_after_exit_3_state_goes_on_and_the_rejects_are_sent_again(
    project: Project,
    postgres: Postgres,
    sandbox: Sandbox,
) -> None:
    postgres.create(
        FEW.format(columns="'' AS note")
        + "UPDATE customers SET email_address = 'c3@@example.com' WHERE id = 3",
    )
    project.env["TARGET_SPOTZEE_INVALID_FIELDS"] = "reject"

    outcome = project.run()

    assert outcome.exit_code == 1
    assert project.summary["exit_code"] == 3
    assert "Loader failed" in outcome.log
    assert sandbox.users.keys() == {"1", "2", "4", "5"}
    bookmark = project.state()["public-customers"]["replication_key_value"]
    assert bookmark == "1970-01-01T00:00:05.000000+00:00"

    rejects = project.folder / "rejects.singer"
    again = rejects.rename(project.folder / "again.singer")
    del project.env["TARGET_SPOTZEE_INVALID_FIELDS"]
    with again.open() as file:
        process = project.start("invoke", "--no-install", "target-spotzee", stdin=file)
        outcome = project.finish(process)

    assert outcome.exit_code == 0, outcome.log
    assert sandbox.users.keys() == {"1", "2", "3", "4", "5"}
