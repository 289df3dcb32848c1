"""With a snapshot or without: Spotzee holds the same in the end, whatever goes wrong on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from target_spotzee.api import waits
from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.played import SECRET, Played

COLUMNS = ("external_id", "anonymous_id", "email", "plan", "visits")
STREAMS: dict[str, Any] = {"customers": {}, "contacts": {"mapping": {"data": {"tier": "plan"}}}}
SCHEMAS = tap.schema("customers", COLUMNS, []) + tap.schema("contacts", COLUMNS, [])

# Two records of a user always share an id: otherwise nobody can tell that they are one user's.
USERS = st.sampled_from(
    [
        {"external_id": "a"},
        {"external_id": "A"},
        {"external_id": "b"},
        {"external_id": "c", "anonymous_id": "x"},
        {"external_id": "c"},
        {"external_id": "d", "anonymous_id": "y"},
        {"anonymous_id": "y"},
        {"anonymous_id": "z"},
    ]
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["one@example.test", "two@example.test", None, "no address"]),
        "plan": st.sampled_from(["free", "pro", None]),
        "visits": st.integers(0, 2),
    },
)
RECORDS = st.tuples(st.sampled_from(["customers", "customers", "contacts"]), USERS, VALUES)
FAULTS = st.sampled_from(
    [
        None,
        None,
        Fault(effect="reset_after", method="POST", first=1),
        Fault(effect="reset_after", method="POST", every=2),
        Fault(effect="item_error", external_id="a", first=1, code="internal_error"),
        Fault(effect="status", status=503, method="POST", every=2),
        Fault(effect="refuse_batch", method="POST", index=0, first=1),
    ]
)
NIGHTS = st.lists(
    st.tuples(
        st.lists(RECORDS, min_size=1, max_size=12),
        FAULTS,
        st.sampled_from(["send", "send", "omit"]),
        st.sampled_from([0, 5]),
    ),
    min_size=2,
    max_size=5,
)


def plain(users: dict[str, Any]) -> dict[str, Any]:
    """Return users without what tells when they were made."""
    return {
        id_: {name: user[name] for name in ("anonymous_id", "email", "data")}
        for id_, user in users.items()
    }


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(waits, "_FIRST_BACKOFF_SECONDS", 0.001)
    return tmp_path


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=NIGHTS)
def test_spotzee_holds_the_same(
    nights: list[Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each night's records are sent until they are through; faults strike the first try only."""
    ends = []
    for remembers in (False, True):
        for path in folder.iterdir():
            path.unlink()
        with Sandbox(keys={SECRET: "editor"}) as sandbox:
            played = Played(sandbox, folder, capsys)
            for records, fault, null_values, patience in nights:
                config: dict[str, Any] = {
                    "streams": STREAMS,
                    "null_values": null_values,
                    "batch_size_rows": 3,
                    "max_retry_seconds": patience,
                    "timeout_seconds": 1,
                }
                if remembers:
                    config["snapshot_path"] = str(folder / "snapshot.db")
                lines = [tap.record(name, **ids, **values) for name, ids, values in records]
                for faults in ([fault] if fault else [], []):
                    sandbox.faults.replace(faults)
                    ended = played.run([SCHEMAS, *lines, tap.state({"n": 1})], **config)
                    if ended.code == 0:
                        break
                assert ended.code in (0, 3), ended.err
            ends.append([plain(sandbox.users), plain(sandbox.anonymous_users)])
            assert sandbox.overlaps == []
    assert ends[0] == ends[1]
