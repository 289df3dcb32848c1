"""Whole runs in which it takes a second look to see whom a no is about, or until when it holds."""

from __future__ import annotations

from typing import Any

import pytest

from target_spotzee.sandbox import Fault
from tests import tap
from tests.consents import COLUMNS, EMAIL, TEXT, Consenting, contact, customer
from tests.nights import counts

SYNC_AND_ASYNC = pytest.mark.parametrize("delivery", ["sync", "async"])
WITH_AND_WITHOUT_SNAPSHOT = pytest.mark.parametrize("memory", [{}, {"snapshot_path": None}])
DELETABLE = tap.schema("customers", (*COLUMNS, "_sdc_deleted_at")) + tap.schema(
    "contacts", ("id", "email", "phone")
)
GONE = "2026-11-25T10:00:00+00:00"
LINKED: dict[str, Any] = {
    "schema": tap.schema("customers", ("external_id", "anonymous_id", "email", "wants_mail"), []),
    "entry": {"mapping": {}, "subscriptions": {"1": "wants_mail"}},
}
E, A = {"external_id": "e"}, {"anonymous_id": "a"}
EMAIL_OF_E = {"email": "e@example.test"}
NO: dict[str, Any] = {"wants_mail": False}

STALL = Fault(effect="stall", path="/users/batch", nth=[1], seconds=0.3)


class TestAYesThatWaits:
    def test_is_not_taken_back_by_a_no_to_another_type(self, source: Consenting) -> None:
        source.there("u", {})
        source.sandbox.faults.add(STALL)
        records = [customer("u", wants_mail=True), customer("u", no_texts=True)]
        source.give(*records, opt_in="unless_opted_out")
        assert source.states["u"] == {EMAIL: 1, TEXT: 0}

    def test_is_taken_back_by_a_no_as_is_each_one_before(self, source: Consenting) -> None:
        source.there("u", {})
        source.sandbox.faults.add(STALL)
        words = [True, True, False]
        records = [customer("u", wants_mail=word, plan=n) for n, word in enumerate(words)]
        ended = source.give(*records, opt_in="unless_opted_out")
        assert source.subscriptions(ended) == {"opted_out": 1, "kept_out": 2}
        assert all(moment.states.get(EMAIL) != 1 for moment in source.sandbox.moments[1:])


class TestADeletedRowThatSaysNo:
    NO = customer("u", wants_mail=False, _sdc_deleted_at=GONE)

    @SYNC_AND_ASYNC
    @WITH_AND_WITHOUT_SNAPSHOT
    @pytest.mark.parametrize(("how", "ends"), [("keep", "ignored"), ("mark", "confirmed")])
    def test_tells_the_no_of_who_stays(
        self, source: Consenting, how: str, ends: str, delivery: str, memory: dict[str, Any]
    ) -> None:
        entry = {"removed_users": how}
        config = {"schema": DELETABLE, "entry": entry, "delivery": delivery, **memory}
        source.give(customer("u"), **config)
        ended = source.give(self.NO, **config)
        assert counts(ended) == {"read": 1, ends: 1}
        assert source.states["u"] == {EMAIL: 0, TEXT: 1}
        assert source.subscriptions(ended) == {"opted_out": 1}
        assert ("removed_at" in source.users["u"]["data"]) is (how == "mark")

    @pytest.mark.parametrize("how", ["mark", "delete"])
    def test_tells_the_no_of_who_is_in_another_stream(self, source: Consenting, how: str) -> None:
        config = {"schema": DELETABLE, "removed_users": how}
        source.give(customer("u"), contact("u", email="u@example.test"), **config)
        ended = source.give(self.NO, **config)
        assert counts(ended) == {"read": 1, "ignored": 1}
        assert source.states["u"] == {EMAIL: 0, TEXT: 1}

    @pytest.mark.parametrize("runs", [1, 2])
    def test_is_remembered_should_its_user_come_back(self, source: Consenting, runs: int) -> None:
        config = {"schema": DELETABLE, "removed_users": "delete"}
        source.give(customer("u"), **config)
        looked_at = len(source.sandbox.moments)
        back = contact("u", email="u@example.test")
        if runs == 1:
            source.give(self.NO, back, **config)
        else:
            source.give(self.NO, **config)
            source.give(back, **config)
        assert source.users["u"]["email"] == "u@example.test"
        assert source.states["u"] == {EMAIL: 0}
        assert EMAIL not in source.sandbox.moments[-1].reached
        looked_at += next(
            n for n, each in enumerate(source.sandbox.moments[looked_at:]) if not each.reached
        )
        assert not any(EMAIL in each.reached for each in source.sandbox.moments[looked_at:])

    @WITH_AND_WITHOUT_SNAPSHOT
    def test_holds_the_state_until_the_no_is_told(
        self, source: Consenting, memory: dict[str, Any]
    ) -> None:
        config = {"schema": DELETABLE, **memory}
        source.give(customer("u"), **config)
        source.sandbox.faults.add(Fault(effect="quota", path="/subscriptions/batch"))
        ended = source.give(self.NO, **config)
        assert (ended.code, ended.out) == (1, "")
        assert counts(ended) == {"read": 1, "unsettled": 1}
        source.sandbox.faults.replace()
        source.give(self.NO, **config)
        assert source.states["u"] == {EMAIL: 0, TEXT: 1}

    def test_is_rejected_if_the_no_is_refused(self, source: Consenting) -> None:
        source.give(customer("u"), schema=DELETABLE)
        refusal = Fault(
            effect="item_error",
            path="/subscriptions/batch",
            external_id="u",
            code="state_conflict",
            nth=[1],
        )
        source.sandbox.faults.add(refusal)
        ended = source.give(self.NO, schema=DELETABLE)
        assert counts(ended) == {"read": 1, "rejected": 1}
        source.give(contact("u", email="u@example.test"), schema=DELETABLE)
        assert source.states["u"] == {EMAIL: 0, TEXT: 1}

    def test_of_nobody_tells_nobody(self, source: Consenting) -> None:
        ended = source.give(self.NO, {**self.NO, "id": None}, schema=DELETABLE)
        assert counts(ended) == {"read": 2, "ignored": 2}
        assert source.users == {}

    def test_tells_the_no_though_the_deletion_is_refused(self, source: Consenting) -> None:
        config = {"schema": DELETABLE, "removed_users": "delete"}
        source.give(customer("u"), **config)
        source.sandbox.faults.add(Fault(effect="status", status=422, method="DELETE"))
        ended = source.give(self.NO, **config)
        assert counts(ended) == {"read": 1, "rejected": 1}
        assert source.states["u"] == {EMAIL: 0, TEXT: 1}


@SYNC_AND_ASYNC
@WITH_AND_WITHOUT_SNAPSHOT
class TestTwoIds:
    @pytest.mark.parametrize(("said_by", "sent_by"), [(A, E), (E, A)])
    def test_one_of_which_said_no_after_they_were_linked(
        self,
        source: Consenting,
        said_by: dict[str, str],
        sent_by: dict[str, str],
        delivery: str,
        memory: dict[str, Any],
    ) -> None:
        records = [E | A, said_by | NO, sent_by | EMAIL_OF_E]
        ended = source.give(*records, **LINKED, delivery=delivery, **memory)
        assert ended.code == 0
        assert source.users["e"]["email"] == "e@example.test"
        assert source.states["e"] == {EMAIL: 0}
        assert not source.reached("e")

    @pytest.mark.parametrize(("said_by", "sent_by"), [(A, E), (E, A)])
    @pytest.mark.parametrize("runs", [1, 3])
    def test_one_of_which_said_no_before_they_were_linked(
        self,
        source: Consenting,
        said_by: dict[str, str],
        sent_by: dict[str, str],
        runs: int,
        delivery: str,
        memory: dict[str, Any],
    ) -> None:
        """The link may come without an address."""
        records = [said_by | NO, sent_by | EMAIL_OF_E, E | A]
        if runs == 1:
            source.give(*records, **LINKED, delivery=delivery, **memory)
        else:
            for record in records:
                source.give(record, **LINKED, delivery=delivery, **memory)
        if runs == 1 or not memory:  # without a snapshot the next run knows nothing of it
            assert source.states["e"][EMAIL] == 0


@pytest.mark.parametrize("runs", [1, 2])
class TestANoThatOnlySpotzeeKnew:
    def back(self, source: Consenting, runs: int, back: dict[str, Any], **config: Any) -> None:
        """Have a user say no in Spotzee, be deleted, and come back."""
        source.give(customer("u", wants_mail=back.get("wants_mail")), **config)
        source.sandbox.say("u", EMAIL, 0)
        gone = tap.record("customers", id="u", _sdc_deleted_at=GONE)
        if runs == 1:
            source.give(gone, back, **config)
        else:
            source.give(gone, **config)
            source.give(back, **config)

    def test_does_not_outlive_a_deletion_where_the_source_decides(
        self, source: Consenting, runs: int
    ) -> None:
        config = {"schema": DELETABLE, "removed_users": "delete", "opt_in": "follow"}
        self.back(source, runs, customer("u", wants_mail=True, plan="back"), **config)
        assert source.states["u"][EMAIL] == 1
        source.give(contact("u", email="new@example.test"), **config)
        assert source.states["u"][EMAIL] == 1

    def test_does_not_overrule_what_the_user_says_in_spotzee_since(
        self, source: Consenting, runs: int
    ) -> None:
        config = {"schema": DELETABLE, "removed_users": "delete"}
        self.back(source, runs, customer("u", plan="back"), **config)
        assert source.states["u"][EMAIL] == 0
        source.sandbox.say("u", EMAIL, 1)
        source.give(contact("u", email="new@example.test"), **config)
        assert source.states["u"][EMAIL] == 1
