"""Whole runs of sources that say who wants what: nobody who said no is reached for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.api import waits
from target_spotzee.sandbox import Sandbox
from tests.consents import EMAIL, HABITS, TEXT, TYPES, Consenting, customer
from tests.played import SECRET

DELIVERIES = ("sync", "async")


@pytest.fixture
def source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Consenting]:
    monkeypatch.setattr(waits, "_FIRST_BACKOFF_SECONDS", 0.01)
    options: dict[str, Any] = {"subscription_types": TYPES, "watch": True, **HABITS}
    with Sandbox(keys={SECRET: "editor"}, queue_delay=0.05, **options) as sandbox:
        source = Consenting(sandbox, tmp_path, capsys)
        source.snapshot_path = tmp_path / "snapshot.db"
        yield source


class TestOptOutFirst:
    @pytest.mark.parametrize("delivery", DELIVERIES)
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
