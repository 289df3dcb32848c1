"""Whole runs of sources that say who wants what: nobody who said no is reached for a moment."""

from __future__ import annotations

import json
from threading import Thread
from typing import Any

import pytest

from target_spotzee.sandbox import Fault
from target_spotzee.sandbox.subscriptions import SubscriptionType
from tests import tap
from tests.consents import COLUMNS, EMAIL, TEXT, Consenting, contact, customer
from tests.nights import counts, why

TOGGLES = "/subscriptions/batch"
SYNC_AND_ASYNC = pytest.mark.parametrize("delivery", ["sync", "async"])
WITH_AND_WITHOUT_SNAPSHOT = pytest.mark.parametrize("memory", [{}, {"snapshot_path": None}])


REFUSAL = Fault(effect="item_error", path=TOGGLES, external_id="u", code="state_conflict")


def asked(source: Consenting) -> list[str]:
    """The paths of what was read."""
    return [request.path for request in source.sandbox.requests if request.method == "GET"]


class TestOptOutFirst:
    @SYNC_AND_ASYNC
    def test_a_new_user_who_said_no_is_never_reached(
        self, source: Consenting, delivery: str
    ) -> None:
        ended = source.give(
            customer("out", wants_mail=False), customer("in", wants_mail=True), delivery=delivery
        )
        assert ended.code == 0
        assert not source.reached("out")
        assert source.reached("out", TEXT)
        assert source.states["out"] == {EMAIL: 0, TEXT: 1}
        assert source.users["out"]["email"] == "out@example.test"
        assert source.reached("in")
        assert source.subscriptions(ended) == {"opted_out": 1, "kept_out": 1}

    def test_it_takes_three_requests_a_hundred_users(self, source: Consenting) -> None:
        people = [customer(f"u{number}", wants_mail=False) for number in range(250)]
        ended = source.give(*people, customer("yes"))
        assert counts(ended) == {"read": 251, "confirmed": 251}
        assert len(source.written()) == 9
        assert not any(source.reached(person["id"]) for person in people)

    def test_who_said_nothing_costs_nothing_more(self, source: Consenting) -> None:
        source.give(*[customer(f"u{number}") for number in range(250)], snapshot_path=None)
        assert source.written() == ["POST /users/batch"] * 3
        assert asked(source) == ["/api/client/subscriptions"]

    def test_a_type_without_an_address_is_toggled_behind_the_user(self, source: Consenting) -> None:
        entry = {"subscriptions": {"App": "wants_mail"}}
        source.give(customer("u", wants_mail=False), entry=entry)
        assert source.written() == ["POST /users/batch", f"POST {TOGGLES}"]
        assert source.states["u"] == {EMAIL: 1, TEXT: 1, 3: 0}

    @SYNC_AND_ASYNC
    def test_a_phone_that_was_withheld_wipes_nothing(
        self, source: Consenting, delivery: str
    ) -> None:
        source.give(customer("u", plan="pro", no_texts=True), delivery=delivery)
        assert source.users["u"]["data"] == {"plan": "pro"}
        assert source.users["u"]["phone"] == "+61400123456"
        assert not source.reached("u", TEXT)

    def test_an_address_that_is_cleared_is_cleared(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 1})
        source.give(customer("u", wants_mail=False) | {"email": None})
        assert source.users["u"]["email"] is None
        assert source.states["u"] == {EMAIL: 0}

    @SYNC_AND_ASYNC
    def test_an_anonymous_user_can_say_no(self, source: Consenting, delivery: str) -> None:
        entry = {"mapping": {"anonymous_id": "id", "external_id": None}}
        ended = source.give(customer("u", wants_mail=False), entry=entry, delivery=delivery)
        assert ended.code == 0
        assert source.sandbox.anonymous_users["u"]["email"] == "u@example.test"
        assert not any(EMAIL in moment.reached for moment in source.sandbox.moments)

    @SYNC_AND_ASYNC
    def test_yes_and_no_in_turn_end_as_the_last_word(
        self, source: Consenting, delivery: str
    ) -> None:
        words = [True, False, True, None, False, True]
        records = [customer("u", wants_mail=word, plan=n) for n, word in enumerate(words)]
        source.give(*records, opt_in="follow", delivery=delivery)
        assert source.states["u"][EMAIL] == 1
        source.give(*records[:5], opt_in="follow", delivery=delivery)
        assert source.states["u"][EMAIL] == 0
        assert source.users["u"]["data"] == {"plan": 4}


class TestRefusals:
    @WITH_AND_WITHOUT_SNAPSHOT
    def test_a_refused_toggle_withholds_the_address(
        self, source: Consenting, memory: dict[str, Any]
    ) -> None:
        source.sandbox.faults.add(REFUSAL)
        ended = source.give(
            customer("u", wants_mail=False), customer("v", wants_mail=False), **memory
        )
        assert counts(ended) == {"read": 2, "confirmed": 1, "rejected": 1}
        assert source.users["u"]["email"] is None
        assert ended.out  # the reject is safe in its file

        again = source.rejects_path.rename(source.rejects_path.with_name("again"))
        source.sandbox.faults.replace()
        lines = again.read_text(encoding="utf-8").splitlines(keepends=True)
        replay = source.give(*lines[1:], schema=lines[0], **memory)
        assert counts(replay)["confirmed"] == 1
        assert source.users["u"]["email"] == "u@example.test"
        assert source.states["u"][EMAIL] == 0
        assert not source.reached("u")

    def test_a_no_that_is_pending_is_not_forgotten(self, source: Consenting) -> None:
        source.sandbox.faults.add(REFUSAL)
        source.give(customer("u", wants_mail=False))
        source.sandbox.faults.replace()
        source.give(contact("u", email="other@example.test"))
        assert source.states["u"][EMAIL] == 0
        assert source.users["u"]["email"] == "other@example.test"
        assert not source.reached("u")

    def test_it_is_told_with_whatever_is_sent_next(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 1})
        source.sandbox.faults.add(REFUSAL)
        source.give(customer("u", wants_mail=False))
        source.sandbox.faults.replace()
        source.give({"id": "u", "plan": "new"}, entry={"subscriptions": {}})
        assert source.states["u"][EMAIL] == 0

    def test_a_record_of_which_half_was_done_is_no_longer_what_spotzee_has(
        self, source: Consenting
    ) -> None:
        before = customer("u", plan="a")
        source.give(before)
        source.sandbox.faults.add(REFUSAL)
        source.give(customer("u", wants_mail=False, plan="b"))
        source.sandbox.faults.replace()
        assert source.users["u"]["data"] == {"plan": "b"}
        source.give(before)
        assert source.users["u"]["data"] == {"plan": "a"}

    def test_a_yes_does_not_overtake_a_no_that_is_pending(self, source: Consenting) -> None:
        source.sandbox.faults.add(REFUSAL)
        source.give(customer("u", wants_mail=False), opt_in="unless_opted_out")
        source.sandbox.faults.replace()
        ended = source.give(customer("u", wants_mail=True), opt_in="unless_opted_out")
        assert source.subscriptions(ended) == {"opted_out": 1, "kept_out": 1}
        assert not source.reached("u")

    def test_a_batch_of_toggles_that_is_refused_whole_is_split(self, source: Consenting) -> None:
        source.sandbox.faults.add(
            Fault(effect="refuse_batch", path=TOGGLES, external_id="u3", named=False)
        )
        people = [customer(f"u{number}", wants_mail=False) for number in range(8)]
        ended = source.give(*people)
        assert counts(ended) == {"read": 8, "confirmed": 7, "rejected": 1}
        assert source.users["u3"]["email"] is None
        assert not any(source.reached(person["id"]) for person in people)

    def test_what_is_neither_yes_nor_no_is_rejected(self, source: Consenting) -> None:
        ended = source.give(customer("u", wants_mail="perhaps"), customer("v", wants_mail="No "))
        assert counts(ended) == {"read": 2, "confirmed": 1, "rejected": 1}
        assert [*ended.summary["rejects"]] == ["field_invalid"]
        assert "perhaps" not in ended.err
        assert source.users.keys() == {"v"}
        assert source.states["v"][EMAIL] == 0


class TestFaults:
    @SYNC_AND_ASYNC
    @pytest.mark.parametrize("effect", ["reset_after", "reset_before", "garbage", "results_short"])
    @pytest.mark.parametrize("path", ["/users/batch", "/users", TOGGLES])
    def test_answers_that_are_lost(
        self, source: Consenting, delivery: str, effect: Any, path: str
    ) -> None:
        source.sandbox.faults.add(Fault(effect=effect, path=path, nth=[1, 2, 4]))
        people = [customer(f"u{n}", wants_mail=False, no_texts=True) for n in range(5)]
        ended = source.give(*people, delivery=delivery, batch_size_rows=2)
        assert ended.code == 0
        for person in people:
            assert source.users[person["id"]]["email"] == person["email"]
            assert source.users[person["id"]]["phone"] == person["phone"]
            assert source.states[person["id"]] == {EMAIL: 0, TEXT: 0}
            assert not source.reached(person["id"])
            assert not source.reached(person["id"], TEXT)

    @WITH_AND_WITHOUT_SNAPSHOT
    @pytest.mark.parametrize("path", ["/users/batch", TOGGLES])
    @pytest.mark.parametrize("nth", [1, 2])
    def test_a_run_that_ends_between_two_steps_is_resumed(
        self, source: Consenting, memory: dict[str, Any], path: str, nth: int
    ) -> None:
        source.give(customer("u", wants_mail=True, plan="a"), **memory)
        source.sandbox.faults.add(Fault(effect="quota", path=path, nth=[nth]))
        no = customer("u", wants_mail=False, plan="b")
        yes = customer("u", wants_mail=True, plan="a")
        ended = source.give(no, **memory)
        source.sandbox.faults.replace()
        assert (ended.code, ended.out) == (1, "") or nth == 2
        for record in (no, yes):
            assert source.give(record, **memory).code == 0
            assert source.states["u"][EMAIL] == 0
            assert source.users["u"]["email"] == "u@example.test"
            assert source.users["u"]["data"] == {"plan": record["plan"]}
        assert source.resubscribed() == []


class TestKnownOptOuts:
    @SYNC_AND_ASYNC
    @WITH_AND_WITHOUT_SNAPSHOT
    def test_another_stream_of_the_run_does_not_reach_who_said_no(
        self, source: Consenting, delivery: str, memory: dict[str, Any]
    ) -> None:
        ended = source.give(
            {"id": "u", "wants_mail": False, "phone": None, "email": None},
            contact("u", email="u@example.test", phone="+61400123456"),
            contact("U", email="U@example.test"),
            delivery=delivery,
            **memory,
        )
        assert ended.code == 0
        assert source.users["u"]["email"] == "U@example.test"
        assert source.states["u"][EMAIL] == 0
        assert not source.reached("u")

    @SYNC_AND_ASYNC
    def test_nor_does_one_of_the_next_run_though_somebody_erased_the_user(
        self, source: Consenting, delivery: str
    ) -> None:
        source.give(customer("u", wants_mail=False), delivery=delivery)
        source.erase("u")
        source.give(contact("u", email="u@example.test"), delivery=delivery)
        assert source.users["u"]["email"] == "u@example.test"
        assert source.states["u"] == {EMAIL: 0}
        assert not source.reached("u")

    def test_a_changed_record_of_who_said_no_goes_the_same_way(self, source: Consenting) -> None:
        for plan in ("a", "b"):
            source.give(customer("u", wants_mail=False, plan=plan))
            assert source.written() == ["POST /users/batch", f"POST {TOGGLES}", "POST /users/batch"]
            source.erase("u")
        assert not source.reached("u")

    def test_what_did_not_change_is_not_sent(self, source: Consenting) -> None:
        record = customer("u", wants_mail=False)
        source.give(record)
        source.written()
        assert counts(source.give(record)) == {"read": 1, "unchanged": 1}
        assert source.written() == []

    def test_a_no_alone_is_a_change(self, source: Consenting) -> None:
        source.give(customer("u", wants_mail=True))
        assert counts(source.give(customer("u", wants_mail=False))) == {"read": 1, "confirmed": 1}
        assert source.states["u"][EMAIL] == 0

    def test_only_who_follows_lets_a_yes_unsay_another_streams_no(self, source: Consenting) -> None:
        other = {"contacts": {"mapping": {"external_id": "id"}, "subscriptions": {"1": "!phone"}}}
        said_no = contact("u", phone=True)
        source.give(said_no, streams=other)
        for opt_in in ("never", "unless_opted_out"):
            source.give(customer("u", wants_mail=True, phone=None, plan=opt_in), opt_in=opt_in)
            assert source.states["u"][EMAIL] == 0
            assert not source.reached("u")
        source.give(customer("u", wants_mail=True, phone=None), opt_in="follow")
        assert source.states["u"][EMAIL] == 1

    def test_a_yes_unsays_the_streams_own_no_but_changes_no_state(self, source: Consenting) -> None:
        """Who said yes in Spotzee since, and in the source, is not unsubscribed for ever."""
        source.give(customer("u", wants_mail=False))
        source.give(customer("u", wants_mail=True))
        assert source.states["u"][EMAIL] == 0
        source.sandbox.say("u", EMAIL, 1)
        source.give(customer("u", wants_mail=True, plan="new"))
        assert source.states["u"][EMAIL] == 1

    def test_a_link_of_two_ids_keeps_a_no(self, source: Consenting) -> None:
        schema = tap.schema("customers", ("external_id", "anonymous_id", "email", "wants_mail"), [])
        entry = {"mapping": {}, "subscriptions": {"1": "wants_mail"}}
        rows: list[dict[str, Any]] = [
            {"external_id": "e", "anonymous_id": "a", "wants_mail": False},
            {"anonymous_id": "a", "email": "e@example.test"},
        ]
        for record in rows:
            source.give(record, schema=schema, entry=entry)
        assert source.users["e"]["email"] == "e@example.test"
        assert not source.reached("e")


class TestDeletedAndBack:
    SCHEMA = tap.schema("customers", (*COLUMNS, "_sdc_deleted_at")) + tap.schema(
        "contacts", ("id", "email", "phone")
    )
    DELETED = tap.record("customers", id="u", _sdc_deleted_at="2026-11-25T10:00:00+00:00")

    @pytest.mark.parametrize("runs", [1, 2])
    def test_a_no_that_only_spotzee_knew_is_set_again_before_the_address(
        self, source: Consenting, runs: int
    ) -> None:
        for opt_in in ("never", "unless_opted_out"):
            config = {
                "schema": self.SCHEMA,
                "removed_users": "delete",
                "opt_in": opt_in,
            }
            source.give(customer("u", wants_mail=True), **config)
            source.sandbox.say("u", EMAIL, 0)
            source.give(customer("u", wants_mail=True, plan="new"), **config)
            looked_at = len(source.sandbox.moments)
            back = customer("u", wants_mail=True, plan="back")
            if runs == 1:
                source.give(self.DELETED, back, **config)
            else:
                for records in ([self.DELETED], [back]):
                    source.give(*records, **config)
            assert source.users["u"]["email"] == "u@example.test"
            assert source.states["u"][EMAIL] == 0
            assert not any(EMAIL in each.reached for each in source.sandbox.moments[looked_at:])

    def test_who_said_nothing_comes_back_as_any_new_user(self, source: Consenting) -> None:
        config = {"schema": self.SCHEMA, "removed_users": "delete"}
        source.give(customer("u"), **config)
        source.give(self.DELETED, customer("u", plan="back"), **config)
        assert source.users["u"]["email"] == "u@example.test"
        assert source.users["u"]["phone"] == "+61400123456"
        assert source.reached("u")
        assert source.reached("u", TEXT)

    @pytest.mark.parametrize(
        ("config", "words"),
        [({"snapshot_path": None}, "needs snapshot_path"), ({"delivery": "async"}, "needs deliv")],
    )
    def test_deletion_needs_a_snapshot_and_sync(
        self, source: Consenting, config: dict[str, Any], words: str
    ) -> None:
        """An address that is only queued may arrive after the deletion."""
        ended = source.give(customer("u"), schema=self.SCHEMA, removed_users="delete", **config)
        assert ended.code == 2
        assert words in why(ended)


class TestOptIns:
    def test_a_no_in_spotzee_is_respected_whenever_it_comes(self, source: Consenting) -> None:
        """It is read before each attempt: this one's answer is lost, and then the user says no."""
        source.there("u", {})
        lost = Fault(effect="stall_after", path=TOGGLES, nth=[1], seconds=2)
        source.sandbox.faults.add(lost)

        def say_no(sandbox: Any) -> bool:
            if sandbox.subscriptions["u"].get(EMAIL) != 1:
                return False
            sandbox.say("u", EMAIL, 0)
            return True

        person = Thread(target=lambda: source.sandbox.wait_until(say_no))
        person.start()
        ended = source.give(customer("u", wants_mail=True), opt_in="unless_opted_out")
        person.join()
        assert source.states["u"] == {EMAIL: 0}
        assert source.subscriptions(ended) == {"kept_out": 1}
        assert source.resubscribed() == []

    def test_every_attempt_is_preceded_by_a_question(self, source: Consenting) -> None:
        source.there("u", {})
        source.sandbox.faults.add(Fault(effect="status", status=503, path=TOGGLES, first=2))
        source.give(customer("u", wants_mail=True), opt_in="unless_opted_out", snapshot_path=None)
        about = [
            f"{request.method} {request.path.rpartition('/')[2]}"
            for request in source.sandbox.requests
            if "subscriptions/" in request.path or "/u/" in request.path
        ]
        assert about == ["GET subscriptions", "POST batch"] * 3
        assert source.states["u"] == {EMAIL: 1}

    def test_who_is_subscribed_is_not_subscribed_again(self, source: Consenting) -> None:
        source.there("u", {EMAIL: 2})
        ended = source.give(customer("u", wants_mail=True), opt_in="unless_opted_out")
        assert source.states["u"] == {EMAIL: 2}
        assert source.subscriptions(ended) == {"opted_in": 1}

    def test_with_a_snapshot_only_a_yes_that_is_new_is_sent(self, source: Consenting) -> None:
        source.there("u", {})
        for plan in ("a", "b"):
            ended = source.give(
                customer("u", wants_mail=True, plan=plan), opt_in="unless_opted_out"
            )
        assert source.subscriptions(ended) == {}
        assert asked(source).count("/api/client/users/u/subscriptions") == 1

    def test_a_no_takes_back_a_yes_that_still_waits(self, source: Consenting) -> None:
        source.there("u", {})
        source.sandbox.faults.add(Fault(effect="stall", path="/users/batch", nth=[1], seconds=0.3))
        records = [customer("u", wants_mail=True), customer("u", wants_mail=False)]
        ended = source.give(*records, opt_in="unless_opted_out")
        assert source.subscriptions(ended) == {"opted_out": 1, "kept_out": 1}
        assert all(moment.states.get(EMAIL) != 1 for moment in source.sandbox.moments[1:])

    def test_all_pages_of_a_users_states_are_read(self, source: Consenting) -> None:
        types = [SubscriptionType(number, f"type {number}", "push") for number in range(10, 130)]
        known = source.sandbox._project.subscriptions.types
        known.update({type_.id: type_ for type_ in types})
        source.there("u", {type_.id: 0 for type_ in types})
        entry = {"subscriptions": {"type 129": "wants_mail"}}
        ended = source.give(customer("u", wants_mail=True), opt_in="unless_opted_out", entry=entry)
        assert source.subscriptions(ended) == {"kept_out": 1}
        assert source.states["u"][129] == 0

    def test_an_anonymous_users_yes_is_refused_by_name(self, source: Consenting) -> None:
        schema = tap.schema("customers", ("external_id", "anonymous_id", "wants_mail"), [])
        ended = source.give(
            {"anonymous_id": "a", "wants_mail": True},
            {"anonymous_id": "b", "wants_mail": False},
            schema=schema,
            entry={"mapping": {}, "subscriptions": {"1": "wants_mail"}},
            opt_in="unless_opted_out",
        )
        assert [*ended.summary["rejects"]] == ["opt_in_unreadable"]
        assert counts(ended) == {"read": 2, "confirmed": 1, "rejected": 1}

    def test_where_all_are_anonymous_it_is_refused_at_once(self, source: Consenting) -> None:
        entry = {"mapping": {"anonymous_id": "id", "external_id": None}}
        ended = source.give(customer("u"), entry=entry, opt_in="unless_opted_out")
        assert ended.code == 2
        assert "external_id" in why(ended)

    def test_who_follows_is_told_what_that_means(
        self, source: Consenting, caplog: pytest.LogCaptureFixture
    ) -> None:
        source.give(customer("u"), customer("v"), opt_in="follow")
        assert caplog.text.count("opt_in: follow") == 1


class TestSettings:
    @pytest.mark.parametrize(
        ("subscriptions", "words"),
        [
            ({"Newsleter": "wants_mail"}, "did you mean 'Newsletter'"),
            ({"17": "wants_mail"}, "no subscription type '17'"),
            ({"1": "wants_mail", "Newsletter": "no_texts"}, "is there twice"),
            ({"1": "wants_male"}, "did you mean 'wants_mail'"),
            ({"1": "plan.wants"}, "reaches into column 'plan'"),
        ],
    )
    def test_what_can_not_be_is_refused_before_anything_is_sent(
        self, source: Consenting, subscriptions: dict[str, str], words: str
    ) -> None:
        schema = tap.schema("customers", {name: {"type": "string"} for name in COLUMNS})
        entry = {"subscriptions": subscriptions}
        ended = source.give(customer("u"), entry=entry, schema=schema)
        assert ended.code == 2
        assert words in why(ended)
        assert source.users == {}

    def test_a_name_that_two_types_bear_is_refused(self, source: Consenting) -> None:
        twin = SubscriptionType(9, "Newsletter", "text")
        source.sandbox._project.subscriptions.types[9] = twin
        ended = source.give(customer("u"))
        assert ended.code == 2
        assert "several subscription types" in why(ended)

    def test_a_column_that_is_excluded_can_not_be_looked_at(self, source: Consenting) -> None:
        ended = source.give(customer("u"), entry={"exclude": ["wants_*"]})
        assert ended.code == 2
        assert "both in subscriptions and excluded" in why(ended)

    def test_a_value_inside_a_column_can_be_looked_at(self, source: Consenting) -> None:
        schema = tap.schema("customers", ("id", "email", "consent"))
        entry = {"subscriptions": {"1": "!consent.no_mail"}}
        record = {"id": "u", "email": "u@example.test", "consent": {"no_mail": "yes"}}
        source.give(record, schema=schema, entry=entry)
        assert not source.reached("u")
        assert source.states["u"] == {EMAIL: 0}

    def test_a_column_may_also_be_an_attribute(self, source: Consenting) -> None:
        entry = {"mapping": {"external_id": "id", "data": {"wants": "wants_mail"}}}
        source.give(customer("u", wants_mail=False), entry=entry)
        assert source.users["u"]["data"] == {"wants": False}

    def test_types_on_further_pages_are_found(self, source: Consenting) -> None:
        known = source.sandbox._project.subscriptions.types
        known.update({n: SubscriptionType(n, f"type {n}", "email") for n in range(10, 130)})
        source.give(
            customer("u", wants_mail=False), entry={"subscriptions": {"type 129": "wants_mail"}}
        )
        assert source.states["u"][129] == 0
        assert not source.reached("u", 129)


def test_a_summary_tells_of_toggles(source: Consenting) -> None:
    ended = source.give(customer("u", wants_mail=False, no_texts=True), customer("v", wants_mail=1))
    assert json.dumps(ended.summary["subscriptions"]) == json.dumps(
        {"opted_out": 2, "opted_in": 0, "kept_out": 1}
    )
