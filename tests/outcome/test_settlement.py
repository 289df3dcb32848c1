"""How a record ends: counted, safe if refused, and only then passed by state."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.exceptions import RejectLimitError
from target_spotzee.mapping.users import User
from target_spotzee.objects.batch import Item
from target_spotzee.objects.kinds import USERS_BATCH, USERS_QUEUED, Kind
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.rejects import Reason, RejectsFile
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.outcome.summary import Records, Summary
from target_spotzee.records import Origin, Ticket
from tests import strategies
from tests.strategies import ORIGIN

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
LINE = '{"type":"RECORD","stream":"users","record":{"id":1}}'
BAD = Reason("field_invalid", "email is not an e-mail address", "email")
OTHER = Origin("orders", ORIGIN.schema, ORIGIN.excludes)


class Books:
    """A settlement with all that it writes to."""

    def __init__(
        self,
        rejects: RejectsFile | None = None,
        *,
        skip_rejects: bool = False,
        max_rejects: int | None = None,
    ) -> None:
        self.ledger = Ledger()
        self.summary = Summary("run-1")
        self.printed: list[str] = []
        self.settlement = Settlement(
            self.ledger,
            self.summary,
            rejects,
            self.printed.append,
            skip_rejects=skip_rejects,
            max_rejects=max_rejects,
        )

    def issue(self, count: int = 1, origin: Origin = ORIGIN) -> list[Ticket]:
        return [self.settlement.issue(origin, LINE) for _ in range(count)]

    def state(self, state: str = "a") -> list[str]:
        """Note a state and return what has been printed by then."""
        self.settlement.checkpoint(state)
        return self.published()

    def published(self) -> list[str]:
        self.settlement.publish()
        return self.printed

    @property
    def records(self) -> Records:
        return self.summary.streams["users"]


def item_of(*tickets: Ticket, kind: Kind = USERS_BATCH) -> Item:
    return strategies.item_of(User({"external_id": "a"}), *tickets, kind=kind)


class TestEnds:
    def test_what_was_read_is_unsettled_until_it_ends(self) -> None:
        books = Books()
        books.issue(2)
        assert books.records == Records(read=2, unsettled=2)
        assert books.state() == []

    def test_confirmed(self) -> None:
        books = Books()
        books.settlement.delivered([item_of(*books.issue())])
        assert books.records == Records(read=1, confirmed=1)
        assert books.state() == ["a"]

    def test_accepted_is_not_confirmed(self) -> None:
        books = Books()
        books.settlement.delivered([item_of(*books.issue(2), kind=USERS_QUEUED)])
        assert books.records == Records(read=2, accepted=1, folded=1)
        assert books.state() == ["a"]

    def test_folded_of_whichever_stream(self) -> None:
        books = Books()
        (older,) = books.issue(1, OTHER)
        books.settlement.delivered([item_of(older, *books.issue(2))])
        assert books.summary.streams["orders"] == Records(read=1, folded=1)
        assert books.records == Records(read=2, confirmed=1, folded=1)
        assert books.state() == ["a"]

    def test_filtered_and_ignored(self) -> None:
        books = Books()
        first, second = books.issue(2)
        books.settlement.filtered(first)
        books.settlement.ignored(second)
        assert books.records == Records(read=2, filtered=1, ignored=1)
        assert books.state() == ["a"]

    def test_invalid_fields_are_counted_beside_it(self) -> None:
        books = Books()
        for invalid, mended in ((("email", "phone"), ()), (("phone",), ("email",))):
            books.settlement.note(invalid, mended)
        assert books.summary.invalid_fields == {"email": 1, "phone": 2}
        assert books.summary.mended_fields == {"email": 1}

    @given(
        st.lists(
            st.sampled_from(["confirmed", "folded", "filtered", "ignored", "rejected", "open"])
        ),
        st.booleans(),
        st.sampled_from([None, 0]),
        st.sampled_from([USERS_BATCH, USERS_QUEUED]),
    )
    def test_whatever_happens_the_figures_add_up(
        self, ends: list[str], skip_rejects: bool, max_rejects: int | None, kind: Kind
    ) -> None:
        books = Books(skip_rejects=skip_rejects, max_rejects=max_rejects)
        for end in ends:
            (ticket,) = books.issue()
            if end == "confirmed":
                books.settlement.delivered([item_of(ticket, kind=kind)])
            elif end == "folded":
                books.settlement.delivered([item_of(ticket, *books.issue(), kind=kind)])
            elif end == "filtered":
                books.settlement.filtered(ticket)
            elif end == "ignored":
                books.settlement.ignored(ticket)
            elif end == "rejected":
                books.settlement.rejected(ticket, BAD)
        found = asdict(books.records)
        assert found.pop("read") == sum(found.values()) == len(ends) + ends.count("folded")
        assert found["unsettled"] == ends.count("open")
        holds = "open" in ends or ("rejected" in ends and not skip_rejects)
        assert books.state() == ([] if holds else ["a"])


class TestMarks:
    """A record that was read from a rejects file marks its reject there once it has its end."""

    def test_delivered(self) -> None:
        books, marked = Books(), list[int]()
        first, second = books.issue(2)
        first.on_end, second.on_end = (lambda _: marked.append(1)), (lambda _: marked.append(2))
        books.settlement.delivered([item_of(first, second)])
        assert sorted(marked) == [1, 2]

    def test_rejected_anew_only_when_it_is_safe(self, tmp_path: Path) -> None:
        path = tmp_path / "rejects.singer"
        file = RejectsFile(path, "run-1", lambda: NOW)
        books, sizes = Books(file), list[int]()
        (ticket,) = books.issue()
        ticket.on_end = lambda _: sizes.append(path.stat().st_size)
        books.settlement.rejected(ticket, BAD)
        assert sizes == []
        books.settlement.publish()
        assert sizes == [path.stat().st_size]
        assert sizes[0]
        file.close()

    def test_held_never(self) -> None:
        books, marked = Books(), list[int]()
        (ticket,) = books.issue()
        ticket.on_end = lambda _: marked.append(1)
        books.settlement.rejected(ticket, BAD)
        books.settlement.publish()
        assert marked == []

    def test_a_delivered_user_supersedes_its_older_rejects(self, tmp_path: Path) -> None:
        path = tmp_path / "rejects.singer"
        file = RejectsFile(path, "run-1", lambda: NOW)
        books = Books(file)
        older, newer = books.issue(2)
        books.settlement.rejected(older, BAD, ("a", None))
        books.settlement.publish()
        books.settlement.delivered([item_of(newer)])
        assert json.loads(path.read_text().splitlines()[1])["reject"]["done"] is True
        file.close()


class TestRejected:
    def test_without_a_file_state_never_passes(self) -> None:
        books = Books()
        first, second, third = books.issue(3)
        books.settlement.rejected(second, BAD)
        books.settlement.delivered([item_of(third)])
        books.settlement.delivered([item_of(first)])
        assert books.state() == []
        assert books.ledger.held_at == 2
        assert books.records == Records(read=3, confirmed=2, rejected=1)

    def test_without_a_file_but_to_be_skipped_it_counts_as_settled(self) -> None:
        books = Books(skip_rejects=True)
        books.settlement.rejected(books.issue()[0], BAD)
        assert books.state() == ["a"]
        assert books.ledger.held_at is None

    @pytest.mark.parametrize("max_rejects", [None, 0])
    @pytest.mark.parametrize("skip_rejects", [True, False])
    def test_with_a_file_it_is_there_before_state_passes(
        self, tmp_path: Path, *, skip_rejects: bool, max_rejects: int | None
    ) -> None:
        path = tmp_path / "rejects.singer"
        file = RejectsFile(path, "run-1", lambda: NOW)
        books = Books(file, skip_rejects=skip_rejects, max_rejects=max_rejects)
        seen: list[str] = []
        books.settlement._write_state = lambda _: seen.append(path.read_text())
        books.settlement.rejected(books.issue()[0], BAD)
        assert books.ledger.take_safe() is None
        books.state()
        (on_disk,) = seen
        assert json.loads(on_disk.splitlines()[1])["reject"]["code"] == "field_invalid"
        assert books.ledger.held_at is None
        file.close()

    def test_each_is_counted_by_its_code_and_place(self) -> None:
        books = Books()
        first, second = books.issue(2)
        books.settlement.rejected(second, BAD)
        books.settlement.rejected(first, Reason("identity_missing", ""))
        made = books.summary.as_dict(exit_code=3, seconds=0, held_at=1, why=None)
        assert made["rejects"] == {
            "field_invalid": {"count": 1, "keys": ["users:2"]},
            "identity_missing": {"count": 1, "keys": ["users:1"]},
        }


class TestLimits:
    def test_by_default_there_is_none(self) -> None:
        books = Books()
        for ticket in books.issue(100):
            books.settlement.rejected(ticket, BAD)
        assert books.settlement.exceeded is None

    def test_none_allowed_stops_at_the_first(self) -> None:
        books = Books(max_rejects=0)
        first, second = books.issue(2)
        books.settlement.rejected(first, BAD)
        exceeded = books.settlement.exceeded
        assert isinstance(exceeded, RejectLimitError)
        assert str(exceeded) == (
            "stopped at the reject of record 1, stream 'users': field_invalid (the first is one too"
            " many)"
        )
        books.settlement.rejected(second, BAD)
        assert books.settlement.exceeded is exceeded

    @pytest.mark.parametrize("skip_rejects", [True, False])
    @pytest.mark.parametrize("max_rejects", [0, 1, 5])
    def test_more_than_so_many(self, max_rejects: int, *, skip_rejects: bool) -> None:
        books = Books(skip_rejects=skip_rejects, max_rejects=max_rejects)
        *allowed, one_more = books.issue(max_rejects + 1)
        for ticket in allowed:
            books.settlement.rejected(ticket, BAD)
        assert books.settlement.exceeded is None
        books.settlement.rejected(one_more, BAD)
        limit = f"max_rejects is {max_rejects}" if max_rejects else "the first is one too many"
        assert f"({limit})" in str(books.settlement.exceeded)


class TestPublishing:
    def test_prints_the_newest_safe_state_and_counts_it(self) -> None:
        books = Books()
        first, second = books.issue(2)
        books.settlement.checkpoint("a")
        books.settlement.checkpoint("b")
        assert books.published() == []
        books.settlement.delivered([item_of(first)])
        books.settlement.delivered([item_of(second)])
        assert books.published() == ["b"]
        assert books.published() == ["b"]
        assert books.summary.states_printed == 1

    def test_does_not_hold_up_a_state_for_a_reject_behind_it(self) -> None:
        books = Books()
        (before,) = books.issue()
        books.settlement.checkpoint("a")
        (after,) = books.issue()
        books.settlement.checkpoint("b")
        books.settlement.rejected(after, BAD)
        books.settlement.delivered([item_of(before)])
        assert books.published() == ["a"]
