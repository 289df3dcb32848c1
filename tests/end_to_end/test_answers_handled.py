"""What the target does about each answer Spotzee can give: real requests, real faults."""

from __future__ import annotations

import json
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Result, Target, read_until


def stream(count: int) -> list[str]:
    lines = [tap.schema(properties=["id", "plan"])]
    lines += [tap.record(id=number, plan="pro") for number in range(count)]
    lines.append(tap.state({"read": count}))
    return lines


def rejected(target: Target) -> dict[int, str]:
    """Return the rejects file's records: id to code."""
    messages = [json.loads(line) for line in target.rejects_path.read_text().splitlines()]
    assert messages[0]["type"] == "SCHEMA"
    records = [message for message in messages if message["type"] == "RECORD"]
    return {message["record"]["id"]: message["reject"]["code"] for message in records}


class TestItems:
    def test_three_bad_and_two_flaky_of_a_thousand(self, target: Target, sandbox: Sandbox) -> None:
        """997 arrive, 3 are in the rejects file, and the file delivers exactly those."""
        bad = {
            "5": "validation_failed",
            "505": "state_conflict",
            "999": "resource_already_exists",
        }
        flaky = {"17": "rate_limited", "600": "internal_error"}
        sandbox.faults.add(
            *(Fault(effect="item_error", external_id=id_, code=code) for id_, code in bad.items()),
            *(
                Fault(effect="item_error", external_id=id_, code=code, times=1)
                for id_, code in flaky.items()
            ),
        )

        result = target.run(stream(1000))

        assert result.exit_code == 3
        assert len(sandbox.users) == 997
        assert rejected(target) == {int(id_): code for id_, code in bad.items()}
        assert result.records == {"read": 1000, "confirmed": 997, "rejected": 3}
        assert result.states == [{"read": 1000}]

        sandbox.faults.replace([])
        again = target.folder / "again.singer"
        target.rejects_path.rename(again)
        replay = target.run(again.read_bytes())

        assert replay.exit_code == 0
        assert replay.records == {"read": 3, "confirmed": 3}
        assert len(sandbox.users) == 1000
        assert not target.rejects_path.exists()

    def test_a_flaky_item_goes_again_alone_under_a_new_key(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        fault = Fault(effect="item_error", external_id="3", code="service_unavailable", times=1)
        sandbox.faults.add(fault)
        assert target.run(stream(10)).exit_code == 0
        first, second = sandbox.requests
        assert second.external_ids == ("3",)
        assert second.idempotency_key != first.idempotency_key

    def test_only_the_bad_record_of_a_folded_user_is_lost(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        columns = ["id", "email", "plan"]
        lines = [
            tap.schema(properties=columns),
            tap.record(id=1, email="one@example.test", plan="a"),
            # Spotzee's check is stricter than ours here, as it may always be.
            tap.record(id=1, email="refused@example.test", plan="b"),
            tap.record(id=1, plan="c"),
        ]
        sandbox.faults.add(Fault(effect="item_error", external_id="1", nth=[1, 3]))

        result = target.run(lines)

        assert result.exit_code == 3
        assert result.records == {"read": 3, "confirmed": 2, "rejected": 1}
        assert [user["data"] for user in sandbox.history("1")] == [{"plan": "a"}, {"plan": "c"}]
        assert sandbox.overlaps == []

    def test_ids_may_be_missing_from_results(self, target: Target, sandbox: Sandbox) -> None:
        sandbox.options.ids_in_results = False
        sandbox.faults.add(Fault(effect="item_error", external_id="7"))
        assert target.run(stream(50)).records == {"read": 50, "confirmed": 49, "rejected": 1}
        assert rejected(target) == {7: "validation_failed"}

    @pytest.mark.parametrize("effect", ["results_shuffled", "results_key"])
    def test_results_may_be_out_of_order_or_hold_contacts(
        self,
        target: Target,
        sandbox: Sandbox,
        effect: Any,
    ) -> None:
        sandbox.faults.add(Fault(effect=effect))
        assert target.run(stream(50)).records == {"read": 50, "confirmed": 50}
        assert len(sandbox.requests) == 1


class TestWholeBatches:
    @pytest.mark.parametrize("style", ["dot", "bracket", "pointer"])
    def test_named_items_are_rejected_and_the_rest_goes_again_at_once(
        self,
        tmp_path: Path,
        style: str,
    ) -> None:
        faults = [Fault(effect="refuse_batch", external_id=["4", "90"], status=422)]
        with Sandbox(param_style=style, faults=faults) as sandbox:
            target = Target(tmp_path, sandbox.api_url, sandbox.key)
            result = target.run(stream(100))
            assert sorted(rejected(target)) == [4, 90]
            assert result.records == {"read": 100, "confirmed": 98, "rejected": 2}
            assert len(sandbox.requests) <= 3

    @pytest.mark.parametrize("status", [400, 413, 422])
    @pytest.mark.parametrize("guilty", [0, 63, 99])
    def test_one_unnamed_item_is_found_by_halving(
        self,
        target: Target,
        sandbox: Sandbox,
        status: int,
        guilty: int,
    ) -> None:
        sandbox.faults.add(
            Fault(effect="refuse_batch", external_id=str(guilty), status=status, named=False),
        )
        result = target.run(stream(100))
        assert list(rejected(target)) == [guilty]
        assert result.records == {"read": 100, "confirmed": 99, "rejected": 1}
        assert len(sandbox.requests) <= 2 * 7 + 1
        assert result.states == [{"read": 100}]


class TestMoments:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault(effect="status", status=500, first=2),
            Fault(effect="status", status=502, html=True, first=1),
            Fault(effect="status", status=503, retry_after=1, first=1),
            Fault(effect="rate_limited", retry_after=1, first=1),
            Fault(effect="in_progress", retry_after=1, first=1),
            Fault(effect="reset_before", first=2),
            Fault(effect="reset_after", first=1),
            Fault(effect="truncated", first=1),
            Fault(effect="garbage", first=1),
            Fault(effect="empty", first=1),
            Fault(effect="results_short", first=1),
            Fault(effect="results_doubled", first=1),
        ],
        ids=lambda fault: f"{fault.effect} {fault.status or ''}".strip(),
    )
    def test_a_fault_that_passes_costs_nothing_but_time(
        self,
        target: Target,
        sandbox: Sandbox,
        fault: Fault,
    ) -> None:
        """The same bytes go again under the same key until they are taken."""
        sandbox.faults.add(fault)
        result = target.run(stream(50))
        assert result.exit_code == 0, result.stderr
        assert result.records == {"read": 50, "confirmed": 50}
        assert len(sandbox.users) == 50
        assert len({(request.idempotency_key, request.body) for request in sandbox.requests}) == 1
        assert result.summary["requests"]["retried"] == len(sandbox.requests) - 1

    def test_a_time_out_and_a_drip_are_no_answers(self, target: Target, sandbox: Sandbox) -> None:
        sandbox.faults.add(
            Fault(effect="stall", seconds=60, first=1),
            Fault(effect="drip", seconds=0.25, nth=[2]),
        )
        result = target.run(stream(5), timeout_seconds=1)
        assert result.exit_code == 0, result.stderr
        assert len(sandbox.users) == 5
        assert len(sandbox.requests) == 3

    def test_retry_after_may_be_a_date(self, target: Target, sandbox: Sandbox) -> None:
        sandbox.faults.add(
            Fault(
                effect="status",
                status=503,
                retry_after=formatdate(usegmt=True),
                first=1,
            ),
        )
        assert target.run(stream(1)).exit_code == 0

    def test_after_a_429_everybody_waits(self, tmp_path: Path) -> None:
        with Sandbox(requests_per_10s=20, latency_ms=1) as sandbox:
            target = Target(tmp_path, sandbox.api_url, sandbox.key)
            result = target.run(stream(24), batch_size_rows=1, max_requests_per_10s=1000)
            assert result.exit_code == 0, result.stderr
            assert len(sandbox.users) == 24
            assert 1 <= result.summary["requests"]["status_429"] <= 20

    def test_a_known_limit_is_met_without_a_429(self, tmp_path: Path) -> None:
        """The next window is filled as soon as there is one."""
        with Sandbox(requests_per_10s=20, latency_ms=50) as sandbox:
            target = Target(tmp_path, sandbox.api_url, sandbox.key)
            result = target.run(stream(35), batch_size_rows=1, max_requests_per_10s=20)
            assert result.exit_code == 0, result.stderr
            assert len(sandbox.users) == len(sandbox.requests) == 35

    def test_nor_does_one_follow_where_answers_tell_of_the_key_s_own(self, tmp_path: Path) -> None:
        """A starter's key may write 150 times in a second; this would do so 500 times."""
        with Sandbox(tier="starter") as sandbox:
            target = Target(tmp_path, sandbox.api_url, sandbox.key)
            result = target.run(stream(400), batch_size_rows=1)
            assert result.exit_code == 0, result.stderr
            assert len(sandbox.users) == len(sandbox.requests) == 400

    def test_a_spent_budget_ends_the_run_and_loses_nothing(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        sandbox.faults.add(Fault(effect="status", status=500, external_id="250"))
        result = target.run(stream(300), max_retry_seconds=1, max_in_flight=1)
        assert result.exit_code == 1
        assert "gave up after" in result.stderr
        assert "req_" in result.stderr
        assert result.records == {"read": 300, "confirmed": 200, "unsettled": 100}
        assert result.states == []

    def test_asked_waits_cost_no_budget_but_attempts_do(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        sandbox.faults.add(Fault(effect="status", status=503, retry_after=1))
        result = target.run(stream(3), max_retry_seconds=0)
        assert result.exit_code == 1
        assert len(sandbox.requests) == 1

    def test_a_refused_connection_is_waited_out(self, target: Target, sandbox: Sandbox) -> None:
        sandbox.refuse()
        process = target.start()
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("".join(stream(3)).encode())
        process.stdin.close()
        read_until(process, b"connection refused")
        sandbox.accept()
        assert process.wait() == 0
        assert len(sandbox.users) == 3
        process.stderr.close()
        assert process.stdout is not None
        process.stdout.close()


class TestKeys:
    def test_a_key_that_is_known_from_elsewhere_is_given_up_once(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        sandbox.faults.add(Fault(effect="mismatch", first=1))
        assert target.run(stream(5)).exit_code == 0
        first, second = sandbox.requests
        assert first.body == second.body
        assert first.idempotency_key != second.idempotency_key

    def test_a_refusal_out_of_memory_does_not_outlive_its_cause(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        sandbox.faults.add(Fault(effect="status", status=403, code="permission_denied", first=1))
        assert target.run(stream(5), run_id="same").exit_code == 1
        assert target.run(stream(5), run_id="same").exit_code == 0
        assert len(sandbox.users) == 5

    def test_the_same_run_again_repeats_its_keys(self, target: Target, sandbox: Sandbox) -> None:
        for _ in range(2):
            target.run(stream(5), run_id="same")
        first, second, third = sandbox.requests
        assert first.idempotency_key == second.idempotency_key != third.idempotency_key


class TestRejectModes:
    @staticmethod
    def run(target: Target, sandbox: Sandbox, **settings: Any) -> Result:
        sandbox.faults.add(Fault(effect="item_error", external_id=["10", "110"]))
        lines = stream(300)
        lines.insert(101, tap.state({"read": 100}))
        return target.run(lines, **settings)

    def test_fail_sends_all_that_can_be_sent(self, target: Target, sandbox: Sandbox) -> None:
        result = self.run(target, sandbox, reject_mode="fail")
        assert result.exit_code == 3
        assert result.records == {"read": 300, "confirmed": 298, "rejected": 2}
        assert result.states[-1] == {"read": 300}

    def test_fail_fast_stops_at_the_first(self, target: Target, sandbox: Sandbox) -> None:
        result = self.run(target, sandbox, reject_mode="fail_fast", max_in_flight=1)
        assert result.exit_code == 3
        assert result.records["rejected"] == 1
        assert "fail_fast" in result.stderr

    def test_skip_ends_with_0_and_lets_state_pass(self, target: Target, sandbox: Sandbox) -> None:
        result = self.run(target, sandbox, reject_mode="skip", rejects_path=None)
        assert result.exit_code == 0
        assert result.records == {"read": 300, "confirmed": 298, "rejected": 2}
        assert result.states[-1] == {"read": 300}

    def test_max_rejects_stops_the_run(self, target: Target, sandbox: Sandbox) -> None:
        result = self.run(target, sandbox, max_rejects=1, max_in_flight=1)
        assert result.exit_code == 3
        assert result.records["rejected"] == 2
        assert "max_rejects is 1" in result.stderr

    def test_without_a_file_state_never_passes_a_reject(
        self,
        target: Target,
        sandbox: Sandbox,
    ) -> None:
        result = self.run(target, sandbox, rejects_path=None)
        assert result.exit_code == 3
        assert result.records == {"read": 300, "confirmed": 298, "rejected": 2}
        assert result.states == []
        assert result.summary["state"]["held_at"] == 11
        assert "state held at record 11: set rejects_path or mend the record" in result.stderr
