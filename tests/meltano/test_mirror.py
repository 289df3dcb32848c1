"""A table read whole again and again: who is unchanged is not sent, and who left it is removed.

With ``emit_activate_version_messages`` tap-postgres writes ACTIVATE_VERSION before the records.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import requests

from target_spotzee.sandbox import Fault, Sandbox
from tests.meltano import customers
from tests.meltano.customers import Asked
from tests.meltano.faults import plugins_of, wait_for
from tests.meltano.postgres import Postgres
from tests.meltano.project import Project
from tests.process import assert_adds_up

ROWS = 200
STRANGERS = {"another-team-1", "another-team-2"}
"""In Spotzee, but never in the table."""

STATE_EVERY = 10_000
"""After so many records tap-postgres writes a state in the middle of a stream."""

pytestmark = pytest.mark.usefixtures("meltano")


@dataclass
class Mirror:
    """A table and its image in Spotzee."""

    project: Project
    postgres: Postgres
    sandbox: Sandbox

    def run(self, target_exit_code: int = 0) -> Asked:
        """Run once, and return what that run asked of Spotzee."""
        before = len(self.sandbox.requests)
        outcome = self.project.run()
        assert outcome.exit_code == (1 if target_exit_code else 0), outcome.log
        assert self.summary["exit_code"] == target_exit_code, outcome.log
        assert_adds_up(self.summary)
        return self.asked_since(before)

    def asked_since(self, before: int) -> Asked:
        return Asked(self.sandbox.requests[before:])

    @property
    def summary(self) -> dict[str, Any]:
        return self.project.summary

    def rows(self) -> dict[str, dict[str, Any]]:
        rows = self.postgres.rows("customers")
        users = (customers.expected("customers", row) for row in rows)
        return {user["external_id"]: user for user in users}

    def users(self) -> dict[str, dict[str, Any]]:
        users = self.sandbox.users
        assert users.keys() >= STRANGERS
        return {key: user for key, user in users.items() if key not in STRANGERS}


@pytest.fixture
def mirror(project: Project, postgres: Postgres, sandbox: Sandbox) -> Mirror:
    """A project that removes, a table with some rows, and users that are not from it."""
    postgres.create(customers.FEW + customers.insert(1, ROWS))
    project.configure(
        "tap-postgres",
        config={"emit_activate_version_messages": True},
        metadata={"public-*": {"replication-method": "FULL_TABLE"}},
    )
    project.configure(
        "target-spotzee",
        config={"snapshot_path": "snapshot.db", "removed_users": "delete"},
    )
    requests.post(
        f"{sandbox.api_url}/users/batch",
        json=[{"external_id": name} for name in sorted(STRANGERS)],
        headers={"Authorization": f"Bearer {sandbox.key}"},
        timeout=10,
    ).raise_for_status()
    return Mirror(project, postgres, sandbox)


def ids(*numbers: int) -> set[str]:
    return {str(number) for number in numbers}


def sql_ids(*numbers: int) -> str:
    return f"({', '.join(map(str, numbers))})"


def delete(*numbers: int) -> str:
    return f"DELETE FROM customers WHERE id IN {sql_ids(*numbers)};"


def test_who_is_missing_from_two_passes_is_deleted_and_nobody_else_is_touched(
    mirror: Mirror,
) -> None:
    mirror.run()
    assert mirror.users() == mirror.rows()

    asked = mirror.run()

    assert not asked.named
    assert mirror.summary["records"]["unchanged"] == ROWS

    left = (1, 50, 51, 199)
    mirror.postgres.execute(
        delete(*left)
        + "UPDATE customers SET plan = 'team' WHERE id IN (2, 100, 198);"
        + customers.insert(ROWS + 1, ROWS + 4)
    )
    asked = mirror.run()

    assert asked.sent.keys() == ids(2, 100, 198, *range(ROWS + 1, ROWS + 5))
    assert asked.named == asked.sent.keys()
    assert mirror.users().keys() == mirror.rows().keys() | ids(*left)

    mirror.postgres.execute(customers.insert(ROWS + 5, ROWS + 5))  # so that it reads on past that
    asked = mirror.run()

    assert asked.sent.keys() == ids(ROWS + 5)
    assert asked.deleted == ids(*left)
    assert asked.named == asked.sent.keys() | asked.deleted
    assert mirror.summary["removed"]["deleted"] == len(left)
    assert mirror.users() == mirror.rows()

    asked = mirror.run()

    assert not asked.named


def test_who_is_marked_is_sent_whole_again_when_he_returns(mirror: Mirror) -> None:
    mirror.project.configure("target-spotzee", config={"removed_users": "mark"})
    mirror.run()
    before = mirror.users()
    mirror.postgres.execute(delete(7, 8, 9))
    mirror.run()

    asked = mirror.run()

    assert asked.named == ids(7, 8, 9)
    assert mirror.summary["removed"]["marked"] == 3
    for key, sent in asked.sent.items():
        assert sent.keys() == {"external_id", "data"}
        assert sent["data"].keys() == {"removed_at"}
        assert datetime.fromisoformat(sent["data"]["removed_at"])
        marked = mirror.users()[key]
        assert marked == {**before[key], "data": {**before[key]["data"], **sent["data"]}}

    mirror.postgres.execute(customers.insert(8, 8))
    asked = mirror.run()

    row = mirror.rows()["8"]
    assert asked.named == ids(8)
    assert mirror.users()["8"] == {**row, "data": {**row["data"], "removed_at": None}}
    assert not asked.deleted


def test_two_passes_that_end_at_the_same_place_mark_until_a_person_confirms(
    mirror: Mirror,
) -> None:
    mirror.run()
    mirror.postgres.execute(delete(7, 8))
    mirror.run()

    asked = mirror.run()

    assert not asked.deleted
    assert asked.sent.keys() == ids(7, 8)
    assert mirror.users().keys() == mirror.rows().keys() | ids(7, 8)

    before = len(mirror.sandbox.requests)
    confirm(mirror.project)
    asked = mirror.asked_since(before)

    assert asked.deleted == asked.named == ids(7, 8)
    assert mirror.users() == mirror.rows()


def confirm(project: Project) -> None:
    """Let a pass's removals through, as the documentation says."""
    meltano = shlex.quote(str(project.command))
    piped = (
        f"{meltano} invoke --no-install tap-postgres"
        f" | {meltano} invoke --no-install target-spotzee --confirm-removals"
    )
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", piped],
        cwd=project.folder,
        env={**os.environ, **project.env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("rows", [ROWS // 2, ROWS - 5])
def test_a_tap_that_ends_too_early_every_night_deletes_nobody(mirror: Mirror, rows: int) -> None:
    """And too many are not even marked."""
    mirror.run()
    whole = mirror.users()
    mirror.project.configure("tap-postgres", config={"max_record_count": rows})
    mirror.run()

    too_many = rows < ROWS * 0.9
    asked = mirror.run(target_exit_code=4 if too_many else 0)

    assert not asked.deleted
    assert asked.named == (set() if too_many else ids(*range(rows + 1, ROWS + 1)))
    assert mirror.users().keys() == whole.keys()

    mirror.project.configure("tap-postgres", config={"max_record_count": None})
    asked = mirror.run()

    assert asked.named == (set() if too_many else ids(*range(rows + 1, ROWS + 1)))
    back = {"removed_at": None}
    assert mirror.users() == {
        key: {**user, "data": {**user["data"], **(back if key in asked.named else {})}}
        for key, user in whole.items()
    }


def read_in_order_of_updates(project: Project) -> None:
    """Let the tap write a state behind the last record of a large table, too."""
    project.configure(
        "tap-postgres",
        metadata={
            "public-*": {"replication-method": "FULL_TABLE", "replication-key": "updated_at"},
        },
    )


@pytest.mark.parametrize("killed", ["tap", "target"])
def test_a_pass_that_was_killed_is_none(mirror: Mirror, killed: str) -> None:
    many = STATE_EVERY + 1_000  # so that there is a state in the middle of each pass
    mirror.postgres.execute(customers.insert(ROWS + 1, many, plan="long " * 100))
    read_in_order_of_updates(mirror.project)
    mirror.project.env["MELTANO_ELT_BUFFER_SIZE"] = "1000000"  # lest the tap be through too early
    mirror.run()
    left = (1, 100, 5_000, many - 1)
    changes = "UPDATE customers SET plan = plan || 'longer' WHERE id > 4000"
    mirror.postgres.execute(delete(*left) + changes)
    hold = Fault(effect="status", status=503, retry_after=1, external_id="9000")
    mirror.sandbox.faults.add(hold)

    process = mirror.project.start("run", "--no-install", "tap-postgres", "target-spotzee")
    wait_for(lambda: mirror.sandbox.faults.hits(hold) > 0 or process.poll() is not None)
    assert process.poll() is None, mirror.project.log
    os.kill(plugins_of(process.pid)[killed], signal.SIGKILL)
    mirror.sandbox.faults.replace()
    assert mirror.project.finish(process).exit_code == 1
    mirror.run()

    assert mirror.users().keys() == mirror.rows().keys() | ids(*left)

    mirror.postgres.execute(customers.insert(many + 1, many + 1))
    asked = mirror.run()

    assert asked.deleted == ids(*left)
    assert mirror.users() == mirror.rows()


def test_a_large_table_needs_a_key_for_a_state_behind_its_last_record(mirror: Mirror) -> None:
    """The tap writes no state twice, and without a key one state of a full table is like another.

    So for all that anybody can tell, it died.
    """
    many = STATE_EVERY + 10
    mirror.postgres.execute(customers.insert(ROWS + 1, many))
    mirror.run()
    mirror.postgres.execute(delete(1, many))
    for night in (1, 2):
        mirror.postgres.execute(customers.insert(many + night, many + night))
        mirror.run()
        assert "no STATE after its last record" in mirror.project.log

    assert mirror.users().keys() == mirror.rows().keys() | ids(1, many)
