"""What a run did, in figures that add up."""

from __future__ import annotations

import json
import logging
import os
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.delivery.dry_run import FIGURES
from target_spotzee.objects.attempts import Attempts
from target_spotzee.outcome.summary import Records, Requests, Summary, as_text, keep, problem_with

ENDS = ("confirmed", "accepted", "folded", "unchanged", "ignored", "filtered", "rejected")


def summary_of(**streams: Records) -> Summary:
    summary = Summary("run-1")
    summary.streams.update(streams)
    return summary


def as_dict(summary: Summary, exit_code: int = 0, seconds: float = 2.0) -> dict[str, Any]:
    return summary.as_dict(exit_code=exit_code, seconds=seconds, held_at=None, why=None)


records = st.builds(Records, **{name: st.integers(0, 9) for name in asdict(Records())})


class TestRecords:
    def test_are_read_and_end_in_eight_ways(self) -> None:
        assert set(asdict(Records())) == {"read", *ENDS, "unsettled"}

    @given(st.dictionaries(st.sampled_from("abc"), records))
    def test_of_the_run_are_the_sum_of_its_streams(self, streams: dict[str, Records]) -> None:
        summary = as_dict(summary_of(**streams))
        assert summary["streams"] == {name: asdict(found) for name, found in streams.items()}
        for name, total in summary["records"].items():
            assert total == sum(found[name] for found in summary["streams"].values())

    def test_of_a_new_stream_are_none(self) -> None:
        assert summary_of().streams["new"] == Records()

    def test_say_how_far_the_run_is(self) -> None:
        summary = summary_of(a=Records(read=1200, confirmed=1000), b=Records(read=34, unsettled=3))
        assert summary.progress() == "1,234 read, 1,000 confirmed, 3 unsettled"
        assert Summary("r").progress() == "0 read"


class TestRequests:
    def test_are_added_up_batch_by_batch(self) -> None:
        requests = Requests()
        requests.add(Attempts(made=3, limited=1, replayed=1, asked_seconds=2.5))
        requests.add(Attempts(made=1))
        requests.add(Attempts(earlier=1, made=2, limited=1, asked_seconds=0.5))
        requests.add(Attempts(made=0))
        assert requests == Requests(
            sent=6, retried=4, status_429=2, limit_wait_seconds=3.0, replayed=1
        )

    @pytest.mark.parametrize(
        ("durations", "p50", "p95"),
        [
            ([], None, None),
            ([7], 7, 7),
            ([5, 1], 1, 5),
            ([3, 1, 2], 2, 3),
            (list(range(1, 101)), 50, 95),
            ([10] * 19 + [500], 10, 10),
            ([10] * 18 + [500] * 2, 10, 500),
        ],
    )
    def test_took_so_long(self, durations: list[int], p50: int | None, p95: int | None) -> None:
        requests = Requests()
        for duration in durations:
            requests.add(Attempts(made=1, durations_ms=[duration]))
        assert (requests.percentile_ms(0.50), requests.percentile_ms(0.95)) == (p50, p95)

    @given(st.lists(st.integers(0, 1000), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
    def test_a_percentile_is_the_least_that_so_many_do_not_exceed(
        self, durations: list[int], share: float
    ) -> None:
        requests = Requests()
        requests.add(Attempts(durations_ms=durations))
        found = requests.percentile_ms(share)
        assert found in durations

        def within(limit: int) -> float:
            return sum(duration <= limit for duration in durations) / len(durations)

        assert within(found) >= share - 1e-9
        shorter = [duration for duration in durations if duration < found]
        assert not shorter or within(max(shorter)) < share + 1e-9


class TestRejects:
    def test_are_told_by_code_with_the_first_five_places(self) -> None:
        summary = Summary("run-1")
        summary.reject("identity_missing", "users", 3)
        for number in range(10, 17):
            summary.reject("field_invalid", "orders", number)
        assert summary.rejected == 8
        assert as_dict(summary)["rejects"] == {
            "field_invalid": {
                "count": 7,
                "keys": ["orders:10", "orders:11", "orders:12", "orders:13", "orders:14"],
            },
            "identity_missing": {"count": 1, "keys": ["users:3"]},
        }


def test_the_whole_of_it() -> None:
    summary = summary_of(users=Records(read=3, confirmed=2, rejected=1))
    summary.requests.add(Attempts(made=2, limited=1, asked_seconds=1.23456, durations_ms=[12, 30]))
    summary.requests.split += 1
    summary.reject("field_invalid", "users", 2)
    summary.invalid_fields.update(["email", "email", "phone"])
    summary.mended_fields.update(["email"])
    summary.states_printed = 4
    ended = {"read": 3, "confirmed": 2, "accepted": 0, "folded": 0, "unchanged": 0}
    ended |= {"ignored": 0, "filtered": 0, "rejected": 1, "unsettled": 0}
    made = summary.as_dict(exit_code=3, seconds=1.23456, held_at=2, why="state held at record 2")
    assert made == {
        "run_id": "run-1",
        "exit_code": 3,
        "seconds": 1.235,
        "records": ended,
        "requests": {
            "sent": 2,
            "retried": 1,
            "split": 1,
            "status_429": 1,
            "limit_wait_seconds": 1.235,
            "replayed": 0,
            "p50_ms": 12,
            "p95_ms": 30,
        },
        "rejects": {"field_invalid": {"count": 1, "keys": ["users:2"]}},
        "removed": {"deleted": 0, "marked": 0, "held_back": 0, "why": None},
        "subscriptions": {"opted_out": 0, "opted_in": 0, "kept_out": 0},
        "invalid_fields": {"email": 2, "phone": 1},
        "mended_fields": {"email": 1},
        "streams": {"users": ended},
        "state": {"held_at": 2, "why": "state held at record 2", "printed": 4},
    }
    assert json.loads(json.dumps(made)) == made


class TestText:
    def test_of_a_run_in_which_much_happened(self) -> None:
        summary = summary_of(
            users=Records(read=2000, confirmed=1990, rejected=10), orders=Records(read=5, ignored=5)
        )
        summary.requests.add(Attempts(made=21, limited=1, durations_ms=[9]))
        for number in range(1, 8):
            summary.reject("field_invalid", "users", number)
        summary.invalid_fields["phone"] = 1234
        summary.states_printed = 3
        made = summary.as_dict(exit_code=3, seconds=4.01, held_at=1, why="mend record 1")
        assert as_text(made).splitlines() == [
            "run run-1: exit 3 after 4.0 s",
            "  records   2,005 read, 1,990 confirmed, 5 ignored, 10 rejected (500/s)",
            "  requests  21 sent, 20 retried, 1 status 429, 9 p50 ms, 9 p95 ms",
            "  stream    users: 2,000 read, 1,990 confirmed, 10 rejected",
            "  stream    orders: 5 read, 5 ignored",
            "  rejects   7 field_invalid: record users:1, users:2, users:3, users:4, users:5, …",
            "  invalid   1,234 phone could not be valid",
            "  states    3 printed",
            "  mend record 1",
        ]

    def test_of_a_run_in_which_nothing_did(self) -> None:
        assert as_text(as_dict(Summary("run-1"), seconds=0.0)).splitlines() == [
            "run run-1: exit 0 after 0.0 s",
            "  records   0 read (0/s)",
            "  requests  0 sent",
            "  states    0 printed",
        ]

    def test_of_a_dry_run_says_what_would_be(self) -> None:
        summary = Summary("run-1", FIGURES)
        summary.streams["users"] = Records(read=2000, confirmed=1990, rejected=10)
        summary.streams["orders"] = Records(read=7, confirmed=1, folded=1, ignored=5)
        for _ in range(21):
            summary.requests.add(Attempts(made=1))
        assert summary.progress() == (
            "2,007 read, 1,991 would be sent, 1 would be folded, 5 ignored, 10 would be rejected"
        )
        assert as_text(as_dict(summary), FIGURES).splitlines() == [
            "run run-1: exit 0 after 2.0 s",
            f"  records   {summary.progress()} (1,004/s)",
            "  requests  21 would be made",
            "  stream    users: 2,000 read, 1,990 would be sent, 10 would be rejected",
            "  stream    orders: 7 read, 1 would be sent, 1 would be folded, 5 ignored",
        ]


class TestKeeping:
    def test_nowhere_keeps_nothing(self) -> None:
        assert keep(as_dict(Summary("r"), 3), None) == 3

    def test_in_a_file_replaces_the_one_before(self, tmp_path: Path) -> None:
        path = tmp_path / "summary.json"
        path.write_text("old" * 10_000)
        made = as_dict(summary_of(ünïcode=Records(read=1)), 3)
        assert keep(made, path) == 3
        assert json.loads(path.read_text(encoding="utf-8")) == made
        assert list(tmp_path.iterdir()) == [path]

    def test_leaves_the_old_one_whole_where_the_new_one_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        path = tmp_path / "summary.json"
        path.write_text("old")
        monkeypatch.setattr(json, "dump", full)
        with caplog.at_level(logging.ERROR):
            assert keep(as_dict(Summary("r")), path) == 1
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]
        assert caplog.messages == ["summary_path: can't be written (No space left on device)"]

    @pytest.mark.parametrize(("code", "ends"), [(0, 1), (1, 1), (2, 2), (3, 1), (130, 1), (143, 1)])
    def test_that_fails_is_a_fault_of_the_run(self, code: int, ends: int, tmp_path: Path) -> None:
        assert keep(as_dict(Summary("r"), code), tmp_path / "nowhere" / "s.json") == ends
        assert keep(as_dict(Summary("r"), code), tmp_path) == ends
        assert list(tmp_path.iterdir()) == []

    def test_is_tried_without_a_trace(self, tmp_path: Path) -> None:
        path, link = tmp_path / "summary.json", tmp_path / "link"
        path.write_text("old")
        link.symlink_to(tmp_path)
        assert problem_with(path) is None
        assert problem_with(link) is None  # a link is replaced, not followed
        assert problem_with(tmp_path) == "Is a directory"
        assert problem_with(tmp_path / ("x" * 5000)) == "File name too long"
        assert problem_with(tmp_path / "nowhere" / "s.json") == "No such file or directory"
        assert problem_with(path / "s.json") == "Not a directory"
        assert path.read_text() == "old"
        assert {*tmp_path.iterdir()} == {path, link}

    def test_does_not_replace_a_device(self, tmp_path: Path) -> None:
        """A container's root could: ``/dev/stdout`` would then be a file, for everybody."""
        stdout = tmp_path / "stdout"
        stdout.symlink_to(os.devnull)
        for path in (Path(os.devnull), stdout):
            assert problem_with(path) == "it is a device or a pipe, which the file would replace"

    def test_is_for_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "summary.json"
        keep(as_dict(Summary("r")), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
