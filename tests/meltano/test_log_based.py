"""What PostgreSQL's own log says was changed and deleted, with wal2json and the real tap."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests.meltano import customers
from tests.meltano.customers import Asked
from tests.meltano.faults import plugins_of, wait_for
from tests.meltano.postgres import Postgres
from tests.meltano.project import Project
from tests.process import assert_adds_up

ROWS = 20
SLOT = "spotzee"

pytestmark = pytest.mark.usefixtures("meltano")


@pytest.fixture
def project(project: Project, postgres: Postgres) -> Project:
    """A project that reads the log, and a table whose first rows are not in it."""
    if not postgres.has("wal2json"):
        pytest.skip("no wal2json for this PostgreSQL (Debian: package postgresql-15-wal2json)")
    postgres.create(customers.FEW + customers.insert(1, ROWS))
    postgres.execute(f"SELECT pg_create_logical_replication_slot('{SLOT}', 'wal2json')")
    project.configure(
        "tap-postgres",
        config={
            "replication_slot_name": SLOT,
            "replication_idle_exit_seconds": 1,
            "log_based_single_connection": True,
            "auto_bootstrap_log_based": True,  # the rows that were there before the log
        },
        metadata={
            "public-*": {"replication-method": "LOG_BASED", "replication-key": "_sdc_lsn"},
        },
    )
    project.configure(
        "target-spotzee",
        config={"snapshot_path": "snapshot.db", "removed_users": "delete"},
    )
    return project


def run(project: Project, sandbox: Sandbox) -> Asked:
    before = len(sandbox.requests)
    outcome = project.run()
    assert outcome.exit_code == 0, outcome.log
    assert_adds_up(project.summary)
    return Asked(sandbox.requests[before:])


def rows(postgres: Postgres) -> dict[str, dict[str, Any]]:
    """Return the users that rows become."""
    found = (customers.expected("customers", row) for row in postgres.rows("customers"))
    return {user["external_id"]: _comparable(user) for user in found}


def users(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    return {key: _comparable(user) for key, user in sandbox.users.items()}


def _comparable(user: dict[str, Any]) -> dict[str, Any]:
    """Leave out moments, which the log writes in its own way, and what one that came back has."""
    data = {name: value for name, value in user["data"].items() if name != "updated_at"}
    assert data.pop("removed_at", None) is None
    return {**user, "data": data}


def ids(*numbers: int) -> set[str]:
    return {str(number) for number in numbers}


def delete(number: int) -> str:
    return f"DELETE FROM customers WHERE id = {number};\n"


def update(number: int, plan: str) -> str:
    return f"UPDATE customers SET plan = '{plan}' WHERE id = {number};\n"


def test_rows_come_change_go_and_return_in_one_run_and_over_several(
    project: Project,
    postgres: Postgres,
    sandbox: Sandbox,
) -> None:
    run(project, sandbox)
    assert users(sandbox) == rows(postgres)

    postgres.execute(
        update(2, "team")
        + delete(3)
        + delete(4)
        + customers.insert(4, 4, "again")
        + customers.insert(21, 24)
        + delete(21)
        + update(22, "team")
        + delete(23)
        + customers.insert(23, 23, "again")
    )
    asked = run(project, sandbox)

    assert asked.named == ids(2, 3, 4, 21, 22, 23, 24)
    assert asked.deleted >= ids(3, 4)
    assert users(sandbox) == rows(postgres)

    postgres.execute(customers.insert(3, 3, "again") + delete(22) + update(23, "team") + delete(23))
    asked = run(project, sandbox)

    assert asked.named == ids(3, 22, 23)
    assert users(sandbox) == rows(postgres)
    assert not sandbox.overlaps

    asked = run(project, sandbox)

    assert not asked.named


def test_a_deleted_row_that_holds_only_its_key_clears_nothing_else(
    project: Project,
    postgres: Postgres,
    sandbox: Sandbox,
) -> None:
    project.configure("target-spotzee", config={"removed_users": "mark"})
    run(project, sandbox)
    before = sandbox.users["5"]
    postgres.execute(delete(5))

    asked = run(project, sandbox)

    assert asked.named == ids(5)
    removed_at = asked.sent["5"]["data"]["removed_at"]
    assert asked.sent["5"] == {"external_id": "5", "data": {"removed_at": removed_at}}
    assert sandbox.users["5"] == {**before, "data": {**before["data"], "removed_at": removed_at}}


def test_a_long_value_that_did_not_change_stays(
    project: Project,
    postgres: Postgres,
    sandbox: Sandbox,
) -> None:
    """PostgreSQL leaves it out of the log."""
    postgres.execute(
        "ALTER TABLE customers ADD note text;"
        "ALTER TABLE customers ALTER note SET STORAGE EXTERNAL;"
        "UPDATE customers SET note = repeat('long ', 10000)"
    )
    run(project, sandbox)
    postgres.execute(update(6, "team"))

    asked = run(project, sandbox)

    assert "note" not in asked.sent["6"]["data"]
    assert users(sandbox) == rows(postgres)


def test_what_a_killed_run_did_not_load_comes_again(
    project: Project,
    postgres: Postgres,
    sandbox: Sandbox,
) -> None:
    run(project, sandbox)
    postgres.execute(update(2, "team") + delete(3) + customers.insert(21, 21))
    hold = Fault(effect="status", status=503, retry_after=1, external_id="2")
    sandbox.faults.add(hold)

    process = project.start("run", "--no-install", "tap-postgres", "target-spotzee")
    wait_for(lambda: sandbox.faults.hits(hold) > 0 or process.poll() is not None)
    assert process.poll() is None, project.log
    os.kill(plugins_of(process.pid)["target"], signal.SIGKILL)
    sandbox.faults.replace()
    assert project.finish(process).exit_code == 1
    run(project, sandbox)

    assert users(sandbox) == rows(postgres)
