"""What Meltano makes of the target's log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests.meltano.faults import Counting
from tests.meltano.project import Outcome, Project

pytestmark = pytest.mark.usefixtures("meltano")

RECORDS = 300


@pytest.fixture
def counting(tmp_path: Path, meltano: Path, sandbox: Sandbox) -> Project:
    source = Counting()
    env = {
        **source.env,
        "TAP_COUNTING_RECORDS": str(RECORDS),
        "TARGET_SPOTZEE_API_URL": sandbox.api_url,
        "TARGET_SPOTZEE_API_KEY": sandbox.key,
    }
    return Project(tmp_path / "project", meltano, env).create(source.plugins)


def run(project: Project) -> Outcome:
    arguments = ("--log-format=json", "run", "--no-install", Counting.tap, "target-spotzee")
    return project.meltano(*arguments)


def of_target(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the target's lines; every line of the log is JSON."""
    events = [json.loads(line) for line in outcome.log.splitlines()]
    return [event for event in events if event.get("string_id") == "target-spotzee"]


def test_structured_lines_keep_their_level_and_the_summary_is_one_event(
    counting: Project,
    sandbox: Sandbox,
) -> None:
    sandbox.faults.add(Fault(effect="status", status=503, first=1))

    outcome = run(counting)

    assert outcome.exit_code == 0
    lines = of_target(outcome)
    warnings = [line["event"] for line in lines if line["level"] == "warning"]
    assert any("503 service_unavailable (req_" in warning for warning in warnings)
    (summary,) = (line["event"] for line in lines if ": exit 0 after" in line["event"])
    assert "300 read, 300 confirmed" in summary


def test_the_records_metric_counts_the_records(counting: Project) -> None:
    metrics = [line["metric_info"] for line in of_target(run(counting)) if "metric_info" in line]

    (records,) = (metric for metric in metrics if metric["metric"] == "record_count")
    assert records["value"] == RECORDS
    assert records["tags"]["stream"] == "customers"


def test_an_error_is_one_line_with_the_request_id(counting: Project, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(effect="status", status=403))

    outcome = run(counting)

    assert outcome.exit_code == 1
    (error,) = (line["event"] for line in of_target(outcome) if line["level"] == "error")
    assert "\n" not in error
    ids = [request.request_id for request in sandbox.requests]  # any of those under way
    told = [f"Request {id_}: the key's role may not write users" for id_ in ids]
    assert any(line in error for line in told)


def test_the_log_tells_the_targets_own_exit_code(counting: Project, sandbox: Sandbox) -> None:
    """Meltano itself exits 1 whatever the target's code is."""
    sandbox.faults.add(Fault(effect="item_error", external_id="7"))

    outcome = run(counting)

    assert outcome.exit_code == 1
    (ended,) = (event for event in outcome.events if event["event"] == "Block run completed")
    assert ended["exit_codes"] == {"loaders": 3}
