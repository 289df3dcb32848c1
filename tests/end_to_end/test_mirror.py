"""Whole runs with a snapshot: what is not sent, who is removed, and what stands in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.nights import (
    COLUMNS,
    SCHEMA,
    Nights,
    Rows,
    activate,
    counts,
    people,
    refusing,
    row,
    why,
    without,
)
from tests.played import SECRET, Ended
from tests.process import Target


class TestUnchanged:
    def test_what_did_not_change_is_not_sent(self, nights: Nights) -> None:
        assert counts(nights.show(people(250))) == {"read": 250, "confirmed": 250}
        assert len(nights.written()) == 3
        again = nights.show(people(250))
        assert (again.code, counts(again)) == (0, {"read": 250, "unchanged": 250})
        assert nights.written() == []
        assert again.out == '{"version": null}\n'

    def test_what_changed_is_sent(self, nights: Nights) -> None:
        nights.show(people(250))
        changed = nights.show({**people(250), "u7": {"email": "new@example.test"}})
        assert counts(changed) == {"read": 250, "confirmed": 1, "unchanged": 249}
        assert nights.users["u7"]["email"] == "new@example.test"

    def test_there_and_back_is_sent_both_times(self, nights: Nights) -> None:
        for plan in ("a", "b", "a"):
            assert counts(nights.show({"u": {"plan": plan}})) == {"read": 1, "confirmed": 1}
            assert nights.users["u"]["data"]["plan"] == plan

    def test_there_and_back_in_one_run_is_sent_whole(self, nights: Nights) -> None:
        nights.show({"u": {"plan": "a"}})
        ended = nights.load(row("u", plan="b"), row("u", plan="a"))
        assert counts(ended) == {"read": 2, "confirmed": 1, "folded": 1}
        assert nights.users["u"]["data"]["plan"] == "a"
        assert counts(nights.show({"u": {"plan": "a"}})) == {"read": 1, "unchanged": 1}

    def test_a_changed_mapping_sends_again(self, nights: Nights) -> None:
        nights.show(people(3, plan="pro"))
        streams = {"customers": {"mapping": {"external_id": "id", "data": {"tier": "plan"}}}}
        assert counts(nights.show(people(3, plan="pro"), streams=streams)) == {
            "read": 3,
            "confirmed": 3,
        }

    def test_what_is_only_queued_is_sent_again(self, nights: Nights) -> None:
        for _ in range(2):
            ended = nights.show(people(3), delivery="async")
            assert counts(ended) == {"read": 3, "accepted": 3}

    def test_nothing_is_too_young_to_be_sent_again_at_zero_days(self, nights: Nights) -> None:
        nights.show(people(3))
        assert counts(nights.show(people(3), resend_after_days=0)) == {"read": 3, "confirmed": 3}

    def test_an_unchanged_record_supersedes_an_older_reject(self, nights: Nights) -> None:
        nights.show({"u": {"email": "good@example.test"}})
        lines = [row("u", email="no address"), row("u", email="good@example.test")]
        ended = nights.load(*lines, invalid_fields="reject")
        assert counts(ended) == {"read": 2, "rejected": 1, "unchanged": 1}
        assert '"done":false' not in nights.rejects_path.read_text(encoding="utf-8")

    def test_another_stream_that_wrote_the_same_field_makes_it_sent(self, nights: Nights) -> None:
        streams = {
            "customers": {"mapping": {"external_id": "id"}},
            "contacts": {"mapping": {"external_id": "id"}},
        }
        both = SCHEMA + tap.schema("contacts", COLUMNS)
        mine, other = row("u", plan="mine"), tap.record("contacts", id="u", plan="other")
        nights.load(mine, schema=both, streams=streams)
        nights.load(other, schema=both, streams=streams)
        assert nights.users["u"]["data"]["plan"] == "other"
        ended = nights.load(mine, schema=both, streams=streams)
        assert counts(ended) == {"read": 1, "confirmed": 1}
        assert nights.users["u"]["data"]["plan"] == "mine"

    def test_another_stream_that_writes_other_fields_does_not(self, nights: Nights) -> None:
        streams = {
            "customers": {"mapping": {"external_id": "id"}},
            "contacts": {"mapping": {"external_id": "id"}},
        }
        both = tap.schema("customers", ("id", "plan")) + tap.schema("contacts", ("id", "city"))
        mine, other = row("u", plan="mine"), tap.record("contacts", id="u", city="Ulm")
        for sent in (2, 0):
            ended = nights.load(mine, other, schema=both, streams=streams)
            assert ended.summary["records"]["unchanged"] == 2 - sent

    def test_linked_ids_are_one_user(self, nights: Nights) -> None:
        schema = tap.schema("customers", ("external_id", "anonymous_id", "plan"), [])
        alone = tap.record("customers", anonymous_id="a", plan="old")
        both = tap.record("customers", external_id="e", anonymous_id="a", plan="new")
        nights.load(alone, schema=schema)
        nights.load(both, schema=schema)
        ended = nights.load(alone, schema=schema)
        assert counts(ended) == {"read": 1, "confirmed": 1}
        ended = nights.load(both, schema=schema)
        assert counts(ended) == {"read": 1, "confirmed": 1}


class TestUnknownFate:
    def test_after_a_lost_answer_the_user_is_sent_in_the_next_run_and_in_one_more(
        self, nights: Nights
    ) -> None:
        nights.show({"u": {"plan": "a"}})
        nights.sandbox.faults.replace([Fault(effect="reset_after", method="POST", first=99)])
        assert nights.show({"u": {"plan": "b"}}).code == 1
        nights.sandbox.faults.replace([])
        for confirmed in (1, 1, 0):
            ended = nights.show({"u": {"plan": "a"}})
            assert ended.summary["records"]["confirmed"] == confirmed
            assert nights.users["u"]["data"]["plan"] == "a"

    def test_a_refused_change_leaves_what_was_confirmed(self, nights: Nights) -> None:
        nights.show({"u": {"plan": "a"}})
        nights.sandbox.faults.replace(refusing("u"))
        assert nights.show({"u": {"plan": "b"}}).code == 3
        nights.sandbox.faults.replace([])
        assert counts(nights.show({"u": {"plan": "a"}})) == {"read": 1, "unchanged": 1}


class TestWhose:
    def test_another_project_is_refused(self, nights: Nights) -> None:
        nights.show(people(1))
        with Sandbox(keys={SECRET: "editor"}, project_id=2) as other:
            ended = nights.show(people(1), api_url=other.api_url)
            assert ended.code == 2
            assert "belongs to another Spotzee project" in why(ended)
            assert other.users == {}


@pytest.mark.parametrize("how", ["mark", "delete"])
class TestProvedPasses:
    def test_who_is_missing_is_removed(self, nights: Nights, how: str) -> None:
        nights.show(people(20), 1, removed_users=how)
        ended = nights.show(without(people(20), "u3"), 2, removed_users=how)
        assert ended.code == 0
        removed = ended.summary["removed"]
        if how == "delete":
            assert "u3" not in nights.users
            assert removed == {"deleted": 1, "marked": 0, "held_back": 0, "why": None}
        else:
            assert nights.users["u3"]["data"]["removed_at"]
            assert removed == {"deleted": 0, "marked": 1, "held_back": 0, "why": None}
        assert len(nights.users) == (19 if how == "delete" else 20)
        nights.written()
        again = nights.show(without(people(20), "u3"), 3, removed_users=how)
        assert (again.code, nights.written()) == (0, [])

    def test_who_comes_back_is_sent_whole(self, nights: Nights, how: str) -> None:
        nights.show(people(20), 1, removed_users=how)
        nights.show(without(people(20), "u3"), 2, removed_users=how)
        ended = nights.show(people(20), 3, removed_users=how)
        assert counts(ended) == {"read": 20, "confirmed": 1, "unchanged": 19}
        assert nights.users["u3"]["email"] == "a3@example.test"
        assert nights.users["u3"]["data"].get("removed_at") is None

    def test_more_than_the_share_is_held_back_until_it_is_confirmed(
        self, nights: Nights, how: str
    ) -> None:
        nights.show(people(20), 1, removed_users=how)
        few = without(people(20), "u1", "u2", "u3")
        ended = nights.show(few, 2, removed_users=how)
        assert ended.code == 4
        assert ended.summary["removed"]["held_back"] == 3
        assert "max_removed_percent" in ended.summary["removed"]["why"]
        assert "--confirm-removals" in why(ended)
        assert len(nights.users) == 20
        assert nights.show(few, 3, removed_users=how, max_removed_percent=50).code == 0
        gone = sum(1 for user in nights.users.values() if user["data"].get("removed_at"))
        assert 20 - len(nights.users) + gone == 3

    def test_an_empty_pass_removes_nobody(self, nights: Nights, how: str) -> None:
        nights.show(people(5), 1, removed_users=how)
        ended = nights.show({}, 2, removed_users=how, max_removed_percent=100)
        assert ended.code == 4
        assert "showed no user" in ended.summary["removed"]["why"]
        assert len(nights.users) == 5

    def test_a_record_that_names_nobody_holds_all_back(self, nights: Nights, how: str) -> None:
        nights.show(people(20), 1, removed_users=how)
        rows = without(people(20), "u3")
        lines = [row(id_, 2, **columns) for id_, columns in rows.items()]
        nobody = tap.line(
            {"type": "RECORD", "stream": "customers", "record": {"id": None}, "version": 2}
        )
        ended = nights.load(*lines, nobody, activate(2), tap.state({}), removed_users=how)
        assert ended.code == 3
        assert ended.summary["removed"]["held_back"] == 1
        assert "names nobody" in ended.summary["removed"]["why"]
        assert len(nights.users) == 20

    def test_a_rejected_user_was_seen(self, nights: Nights, how: str) -> None:
        nights.show(people(20), 1, removed_users=how)
        nights.sandbox.faults.replace(refusing("u3"))
        ended = nights.show({**people(20), "u3": {"plan": "x"}}, 2, removed_users=how)
        assert ended.code == 3
        assert ended.summary["removed"]["deleted"] == ended.summary["removed"]["marked"] == 0
        assert len(nights.users) == 20

    def test_an_old_version_and_the_same_again_remove_nobody(
        self, nights: Nights, how: str
    ) -> None:
        nights.show(people(20), 5, removed_users=how)
        for version in (5, 4):
            lines = [row("u1", version, plan="x"), activate(version), tap.state({})]
            ended = nights.load(*lines, removed_users=how, max_removed_percent=100)
            assert ended.summary["removed"]["deleted"] == ended.summary["removed"]["marked"] == 0
        assert len(nights.users) == 20

    def test_users_of_another_stream_stay(self, nights: Nights, how: str) -> None:
        streams: dict[str, Any] = {"customers": {}, "contacts": {}}
        both = SCHEMA + tap.schema("contacts", COLUMNS)
        config: dict[str, Any] = {"schema": both, "streams": streams, "removed_users": how}
        lines = [row(id_, 1, **columns) for id_, columns in people(20).items()]
        nights.load(*lines, activate(1), tap.record("contacts", id="u3"), **config)
        rows = without(people(20), "u3")
        lines = [row(id_, 2, **columns) for id_, columns in rows.items()]
        ended = nights.load(*lines, activate(2), tap.state({}), **config)
        assert (ended.code, ended.summary["removed"]["held_back"]) == (0, 0)
        assert nights.users["u3"]["data"].get("removed_at") is None

    def test_a_respelling_is_no_removal(self, nights: Nights, how: str) -> None:
        nights.show({**people(20), "Zoë": {}}, 1, removed_users=how)
        ended = nights.show({**people(20), "ZOE": {}}, 2, removed_users=how)
        assert ended.summary["removed"]["deleted"] == ended.summary["removed"]["marked"] == 0
        assert {"Zoë", "ZOE"} <= nights.users.keys()

    def test_users_that_are_gone_already_are_not_made_again(self, nights: Nights, how: str) -> None:
        nights.show(people(20), 1, removed_users=how)
        nights.erase("u3")
        ended = nights.show(without(people(20), "u3"), 2, removed_users=how)
        assert ended.code == 0
        assert "u3" not in nights.users


class TestWeakPasses:
    def early(self, nights: Nights, rows: Rows, version: int, **config: Any) -> Ended:
        lines = [row(id_, version, **columns) for id_, columns in rows.items()]
        given = {"removed_users": "delete", **config}
        return nights.load(activate(version), *lines, tap.state({"v": version}), **given)

    def test_an_early_version_removes_nobody_at_once(self, nights: Nights) -> None:
        self.early(nights, people(20), 1)
        self.early(nights, without(people(20), "u3"), 2)
        assert len(nights.users) == 20

    def test_two_passes_that_end_at_the_same_place_only_mark(self, nights: Nights) -> None:
        for version, rows in enumerate([people(20), *2 * [without(people(20), "u3")]], 1):
            ended = self.early(nights, rows, version)
        assert ended.summary["removed"]["marked"] == 1
        assert nights.users["u3"]["data"]["removed_at"]

    def test_a_second_pass_that_reads_on_deletes(self, nights: Nights) -> None:
        self.early(nights, people(20), 1)
        self.early(nights, without(people(20), "u3"), 2)
        ended = self.early(nights, without(people(21), "u3"), 3)
        assert ended.summary["removed"]["deleted"] == 1
        assert "u3" not in nights.users

    def test_missing_once_and_then_there_removes_nobody(self, nights: Nights) -> None:
        self.early(nights, people(20), 1)
        self.early(nights, without(people(20), "u3"), 2)
        self.early(nights, people(20), 3)
        ended = self.early(nights, without(people(20), "u3"), 4)
        assert ended.summary["removed"]["marked"] == ended.summary["removed"]["deleted"] == 0

    def test_without_a_state_at_its_end_it_is_no_pass(self, nights: Nights) -> None:
        self.early(nights, people(20), 1)
        for version in (2, 3):
            lines = [row(id_, version) for id_ in without(people(20), "u3")]
            nights.load(activate(version), *lines, removed_users="delete")
        assert nights.users["u3"]["data"].get("removed_at") is None

    def test_a_version_that_is_activated_between_its_records_proves_nothing(
        self, nights: Nights
    ) -> None:
        nights.show(people(20), 1, removed_users="delete")
        half = [row(id_, 2, **columns) for id_, columns in people(20).items()]
        lines = [*half[:10], activate(2), *half[10:19], tap.state({})]
        ended = nights.load(*lines, removed_users="delete", max_removed_percent=100)
        assert ended.summary["removed"]["deleted"] == 0
        assert len(nights.users) == 20

    def test_the_same_version_again_is_no_pass(self, nights: Nights) -> None:
        people_ = people(41)
        for rows in (people_, without(people_, "u39", "u40"), without(people_, "u40")):
            self.early(nights, rows, 7)
        assert len(nights.users) == 41
        assert not any(user["data"].get("removed_at") for user in nights.users.values())

    def test_records_that_bear_no_version_are_no_pass(self, nights: Nights) -> None:
        rows = people(41)
        for version, shown in enumerate(
            (rows, without(rows, "u39", "u40"), without(rows, "u40")), 1001
        ):
            lines = [row(id_, **columns) for id_, columns in shown.items()]
            nights.load(activate(version), *lines, tap.state({"v": 1}), removed_users="delete")
        assert len(nights.users) == 41
        assert not any(user["data"].get("removed_at") for user in nights.users.values())

    @pytest.mark.parametrize(
        "state",
        [
            {"bookmarks": {"customers": {"replication_key_signpost": "2026-11-25"}}},
            {"bookmarks": {"customers": {"progress_markers": {"replication_key": "id"}}}},
            {"bookmarks": {"customers": {"partitions": [{"starting_replication_value": 1}]}}},
            {"bookmarks": {}, "currently_syncing": "customers"},
            {"bookmarks": {"customers": {"replication_key_value": "2026-11-25"}}},
        ],
    )
    def test_a_state_that_says_it_is_unfinished_ends_no_pass(
        self, nights: Nights, state: dict[str, Any]
    ) -> None:
        rows = people(41)
        for version, shown in enumerate((rows, without(rows, "u39", "u40"), without(rows, "u40"))):
            lines = [row(id_, version, **columns) for id_, columns in shown.items()]
            nights.load(activate(version), *lines, tap.state(state), removed_users="delete")
        assert len(nights.users) == 41
        assert not any(user["data"].get("removed_at") for user in nights.users.values())

    def test_complete_pass_is_a_signal(self, nights: Nights) -> None:
        streams = {"customers": {"complete_pass": True, "removed_users": "delete"}}
        nights.show(people(20), streams=streams)
        nights.show(without(people(20), "u3"), streams=streams)
        ended = nights.show(without(people(21), "u3"), streams=streams)
        assert ended.summary["removed"]["deleted"] == 1

    def test_complete_pass_of_a_stream_that_reads_what_changed_is_refused(
        self, nights: Nights
    ) -> None:
        streams = {"customers": {"complete_pass": True, "removed_users": "delete"}}
        state = tap.state({"bookmarks": {"customers": {"replication_key_value": 7}}})
        ended = nights.load(row("u"), state, streams=streams)
        assert ended.code == 2
        assert "complete_pass" in why(ended)


class TestDeletedRows:
    SCHEMA = tap.schema("customers", (*COLUMNS, "_sdc_deleted_at"))

    def deleted(self, id_: str) -> str:
        return row(id_, _sdc_deleted_at="2026-11-25T10:00:00+00:00")

    @pytest.mark.parametrize("remembers", [True, False])
    @pytest.mark.parametrize("delivery", ["sync", "async"])
    def test_they_are_deleted_at_once_and_in_order(
        self, nights: Nights, delivery: str, remembers: bool
    ) -> None:
        lines = [row("u", plan="a"), self.deleted("u"), row("u", plan="b"), row("v", plan="c")]
        config = {"removed_users": "delete", "delivery": delivery}
        if not remembers:
            config["snapshot_path"] = ""
        ended = nights.load(*lines, schema=self.SCHEMA, **config)
        nights.sandbox.settle()
        assert ended.code == 0
        assert ended.summary["removed"]["deleted"] == 1
        assert nights.users["u"]["data"] == {"plan": "b"}
        assert nights.sandbox.overlaps == []

    def test_they_are_marked(self, nights: Nights) -> None:
        lines = [row("u", plan="a"), self.deleted("u")]
        ended = nights.load(*lines, schema=self.SCHEMA, removed_users="mark")
        assert counts(ended) == {"read": 2, "confirmed": 2}
        data = nights.users["u"]["data"]
        assert data == {"plan": "a", "removed_at": "2026-11-25T10:00:00+00:00"}
        nights.load(row("u", plan="a"), schema=self.SCHEMA, removed_users="mark")
        assert nights.users["u"]["data"] == {"plan": "a", "removed_at": None}

    def test_a_user_that_never_was_is_not_made(self, nights: Nights) -> None:
        for how in ("mark", "delete"):
            ended = nights.load(self.deleted("u"), schema=self.SCHEMA, removed_users=how)
            assert (ended.code, counts(ended)) == (0, {"read": 1, "confirmed": 1})
        assert nights.users == {}

    def test_they_are_ignored_where_users_are_kept(self, nights: Nights) -> None:
        ended = nights.load(row("u", plan="a"), self.deleted("u"), schema=self.SCHEMA)
        assert counts(ended) == {"read": 2, "confirmed": 1, "ignored": 1}
        assert nights.users["u"]["data"] == {"plan": "a"}


class TestSettings:
    def test_removal_needs_a_snapshot(self, nights: Nights) -> None:
        ended = nights.load(row("u"), removed_users="delete", snapshot_path="")
        assert ended.code == 2
        assert "needs snapshot_path" in why(ended)

    def test_removal_needs_an_external_id(self, nights: Nights) -> None:
        streams = {"customers": {"mapping": {"anonymous_id": "id", "external_id": None}}}
        ended = nights.load(row("u"), streams=streams, removed_users="delete")
        assert ended.code == 2
        assert "external_id" in why(ended)


def test_the_snapshot_is_its_owners_only_and_one_file(nights: Nights) -> None:
    nights.show(people(3))
    assert nights.snapshot_path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in nights.snapshot_path.parent.glob("snapshot*")] == ["snapshot.db"]


def test_the_summary_has_the_figures(nights: Nights) -> None:
    summary = nights.show(people(3)).summary
    assert json.dumps(summary["removed"]) == json.dumps(
        {"deleted": 0, "marked": 0, "held_back": 0, "why": None}
    )


@pytest.mark.parametrize("how", ["mark", "delete"])
def test_many_are_deleted_in_few_requests(nights: Nights, how: str) -> None:
    nights.show(people(300), 1, removed_users=how)
    nights.written()
    gone = [f"u{number}" for number in range(120)]
    ended = nights.show(without(people(300), *gone), 2, removed_users=how, max_removed_percent=100)
    assert ended.summary["removed"]["deleted" if how == "delete" else "marked"] == 120
    assert len(nights.written()) <= 4


def test_a_marked_user_that_is_shown_again_is_not_deleted_though_it_is_rejected(
    nights: Nights,
) -> None:
    weak = {"customers": {"complete_pass": True, "removed_users": "delete"}}
    some = without(people(20), "u3")
    for rows in (people(20), some, some):
        nights.show(rows, streams=weak)
    assert nights.users["u3"]["data"]["removed_at"]
    nights.sandbox.faults.replace(refusing("u3"))
    assert nights.show({**some, "u3": {}, "v": {}}, streams=weak).code == 3
    nights.sandbox.faults.replace([])
    config = {"streams": {"customers": {"removed_users": "delete"}}}
    ended = nights.show({**some, "v": {}, "w": {}}, 7, **config)
    assert ended.summary["removed"]["deleted"] == 0
    assert "u3" in nights.users


def test_removals_that_a_run_did_not_come_to_are_done_by_the_next(nights: Nights) -> None:
    nights.show(people(20), 1, removed_users="delete")
    nights.sandbox.faults.replace([Fault(effect="status", status=503, method="DELETE", first=99)])
    ended = nights.show(without(people(20), "u3"), 2, removed_users="delete")
    assert (ended.code, ended.out) == (1, '{"version": 2}\n')
    nights.sandbox.faults.replace([])
    ended = nights.load(tap.state({"version": 2}), removed_users="delete")
    assert (ended.code, ended.summary["removed"]["deleted"]) == (0, 1)
    assert "u3" not in nights.users


def test_who_is_back_before_the_removal_was_done_stays(nights: Nights) -> None:
    nights.show(people(20), 1, removed_users="delete")
    nights.sandbox.faults.replace([Fault(effect="status", status=503, method="DELETE", first=99)])
    assert nights.show(without(people(20), "u3"), 2, removed_users="delete").code == 1
    nights.sandbox.faults.replace([])
    ended = nights.show(people(20), 3, removed_users="delete")
    assert (ended.code, ended.summary["removed"]["deleted"]) == (0, 0)
    assert nights.users["u3"]["email"] == "a3@example.test"


def test_only_who_can_be_read_is_deleted_and_then_read_until_gone(nights: Nights) -> None:
    nights.sandbox.options.delete_delay = 0.3
    nights.show(people(20), 1, removed_users="delete")
    before = len(nights.sandbox.requests)
    ended = nights.show(without(people(20), "u3"), 2, removed_users="delete")
    assert ended.code == 0
    seen = [(each.method, each.path) for each in nights.sandbox.requests[before:]]
    read = ("GET", "/api/client/users/u3")
    deleted = seen.index(("DELETE", "/api/client/users"))
    assert read in seen[:deleted]
    assert seen[deleted + 1 :].count(read) >= 2
    assert "u3" not in nights.users


class TestCommands:
    """By the command itself, as a person gives it."""

    @pytest.fixture
    def config(self, target: Target) -> Path:
        path = str(target.folder / "snapshot.db")
        lines = [SCHEMA, row("Ada", plan="a"), row("b", plan="b"), tap.state({"n": 1})]
        assert target.run(lines, snapshot_path=path).exit_code == 0
        assert target.run(lines, snapshot_path=path).records == {"read": 2, "unchanged": 2}
        return target.configure(snapshot_path=path)

    def test_explain(self, target: Target, config: Path) -> None:
        told = target.command(["--config", str(config), "--explain", "ADA"])
        assert (told.returncode, "is sent if it has changed" in told.stdout) == (0, True)
        told = target.command(["--config", str(config), "--explain", "Ada", "--format", "json"])
        (known,) = json.loads(told.stdout)["streams"]
        assert known["stream"] == "customers"
        assert known["confirmed"]["request_id"].startswith("req_")
        assert known["unchanged"]["run_id"] != known["confirmed"]["run_id"]

    def test_explain_nobody(self, target: Target, config: Path) -> None:
        told = target.command(["--config", str(config), "--explain", "nobody"])
        assert (told.returncode, told.stdout) == (0, "the snapshot does not know this user\n")

    def test_history(self, target: Target, config: Path) -> None:
        told = target.command(["--config", str(config), "--history", "--format", "json"])
        found = [
            (run["read"], run["unchanged"], run["exit_code"]) for run in json.loads(told.stdout)
        ]
        assert found == [(2, 2, 0), (2, 0, 0)]

    def test_neither_works_without_a_snapshot(self, target: Target) -> None:
        config = target.configure()
        for option in (["--history"], ["--explain", "Ada"]):
            told = target.command(["--config", str(config), *option])
            assert (told.returncode, "needs snapshot_path" in told.stderr) == (2, True)

    def test_check_changes_nothing(self, target: Target, config: Path) -> None:
        before = (target.folder / "snapshot.db").read_bytes()
        told = target.command(["--config", str(config), "--check"])
        assert told.returncode == 0
        assert "ok     the snapshot is this project's" in told.stdout
        assert (target.folder / "snapshot.db").read_bytes()[100:] == before[100:]

    def test_a_dry_run_tells_what_changed_and_changes_nothing(
        self, target: Target, config: Path
    ) -> None:
        before = (target.folder / "snapshot.db").read_bytes()
        lines = SCHEMA + row("Ada", plan="a") + row("b", plan="x") + row("c", plan="c")
        told = target.command(["--config", str(config), "--dry-run"], stdin=lines)
        assert told.returncode == 0
        assert "new 1, changed 1, unchanged 1" in told.stdout
        assert "data.plan 1" in told.stdout
        assert (target.folder / "snapshot.db").read_bytes()[100:] == before[100:]

    def test_another_key_of_a_project_that_is_not_told_is_refused_until_it_is_adopted(
        self, tmp_path: Path
    ) -> None:
        with Sandbox(keys={"sk_one": "editor", "sk_two": "editor"}) as sandbox:
            sandbox.faults.replace([Fault(effect="status", status=404, path="/me")])
            target = Target(tmp_path, sandbox.api_url, "sk_one")
            path = str(tmp_path / "snapshot.db")
            lines = [SCHEMA, row("a")]
            assert target.run(lines, snapshot_path=path).exit_code == 0
            refused = target.run(lines, snapshot_path=path, api_key="sk_two")
            assert refused.exit_code == 2
            assert "--adopt-snapshot" in refused.stderr
            config = target.configure(snapshot_path=path, api_key="sk_two")
            adopted = target.command(
                ["--config", str(config), "--adopt-snapshot"], stdin="".join(lines)
            )
            assert adopted.returncode == 0
            assert target.run(lines, snapshot_path=path, api_key="sk_two").exit_code == 0
