"""The tap is killed in the middle of a line: what it wrote before counts."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests.meltano import customers
from tests.meltano.faults import DEADLINE_SECONDS, plugins_of, wait_for
from tests.meltano.pipe import stdout_of
from tests.meltano.postgres import Postgres
from tests.meltano.project import Project
from tests.process import assert_adds_up

SMALL = 10_000
"""After so many records tap-postgres writes a state."""

LARGE = 60
"""Three times what all the buffers between the tap and Spotzee hold."""

NOTE_BYTES = 300_000
"""Far more than a pipe takes; what is shorter than 4 KiB, the system writes whole or not at all."""

CREATE = f"""
CREATE TABLE customers AS
SELECT i AS id, 'c' || i || '@example.com' AS email_address, NULL AS mobile, NULL AS time_zone,
    'en' AS language, repeat('x', CASE WHEN i > {SMALL} THEN {NOTE_BYTES} ELSE 1 END) AS note,
    to_timestamp(i) AS updated_at
FROM generate_series(1, {SMALL + LARGE}) i;
ALTER TABLE customers ADD PRIMARY KEY (id);
"""

BATCH = 99
"""The last small customer leaves with the first large ones, once those were read."""

pytestmark = [
    pytest.mark.usefixtures("meltano"),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a pipe's content"),
]


def kill_tap_in_a_line(meltano: subprocess.Popen[bytes]) -> None:
    """Kill the tap when a part of a line has left it and the rest can't."""
    tap = plugins_of(meltano.pid)["tap"]
    gone = os.pidfd_open(tap)
    meltano.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, meltano.pid, os.WSTOPPED)  # so nobody reads, and the tap gets stuck
    with stdout_of(tap) as pipe:
        wait_for(pipe.cuts_a_line)
        os.kill(tap, signal.SIGKILL)
        assert select.select([gone], [], [], DEADLINE_SECONDS)[0]  # until then it may go on writing
        assert pipe.cuts_a_line()
    os.close(gone)
    meltano.send_signal(signal.SIGCONT)


def test_what_was_read_before_a_cut_line_is_in_spotzee_and_the_next_run_completes(
    project: Project,
    postgres: Postgres,
    sandbox: Sandbox,
) -> None:
    postgres.create(CREATE)
    rows = postgres.rows("customers")
    expected = {str(row["id"]): customers.expected("customers", row) for row in rows}
    project.env |= {
        "TARGET_SPOTZEE_BATCH_SIZE_ROWS": str(BATCH),
        "TARGET_SPOTZEE_MAX_IN_FLIGHT": "1",
        "MELTANO_ELT_BUFFER_SIZE": "1000000",
    }
    hold = Fault(effect="status", status=503, retry_after=1, external_id=str(SMALL))
    sandbox.faults.add(hold)
    process = project.start("run", "--no-install", "tap-postgres", "target-spotzee")
    try:
        wait_for(lambda: sandbox.faults.hits(hold) > 0 or process.poll() is not None)
        assert process.poll() is None, project.log
        kill_tap_in_a_line(process)
        assert not project.state()
        sandbox.faults.replace()
        outcome = project.finish(process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    assert outcome.exit_code == 1
    assert "Extractor and loader failed" in outcome.log
    told = re.search(r"target-spotzee line (\d+) of the input is no message; the tap", outcome.log)
    assert told, outcome.log
    whole = int(told[1]) - 1
    read = whole - len(["SCHEMA", "STATE"])
    assert SMALL < read < SMALL + LARGE
    assert sandbox.users == dict(list(expected.items())[:read])
    bookmark = project.state()["public-customers"]["replication_key_value"]
    assert bookmark == expected[str(SMALL)]["data"]["updated_at"]
    assert project.summary["exit_code"] == 1
    assert project.summary["records"]["confirmed"] == read
    assert_adds_up(project.summary)
    for unwanted in ("Traceback", "xxx", "@example."):
        assert unwanted not in outcome.log

    outcome = project.run()

    assert outcome.exit_code == 0, outcome.log
    assert project.summary["records"]["read"] == 1 + LARGE  # the bookmark's own row comes again
    assert sandbox.users == expected
