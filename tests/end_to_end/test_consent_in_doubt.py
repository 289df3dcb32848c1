"""Whole runs in which it takes a second look to see whom a no is about, or until when it holds."""

from __future__ import annotations

import pytest

from target_spotzee.sandbox import Fault
from tests.consents import EMAIL, TEXT, Consenting, customer

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
