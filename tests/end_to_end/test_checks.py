"""``--check``: what it proves, and what it says when it can't."""

from __future__ import annotations

from typing import Any

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Target

PROVED = ["api_url answers", "api_key is accepted", "its role may write users"]


def check(target: Target, **settings: Any) -> tuple[int, list[str]]:
    """Return the command's exit code and what it prints beyond settings and files."""
    done = target.command(["--config", str(target.configure(**settings)), "--check"])
    return done.returncode, done.stdout.splitlines()[3:]


@pytest.mark.parametrize("delivery", ["sync", "async"])
def test_the_command_lists_what_is_proved_and_changes_nothing(
    target: Target, sandbox: Sandbox, delivery: str
) -> None:
    assert check(target, delivery=delivery) == (0, [f"ok     {fact}" for fact in PROVED])
    assert sandbox.users == {}


def test_the_command_lists_what_is_proved_before_what_is_wrong(
    target: Target, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(effect="status", method="POST", status=403, code="permission_denied"))
    code, (answers, accepted, wrong) = check(target)
    assert (code, answers, accepted) == (1, "ok     api_url answers", "ok     api_key is accepted")
    assert wrong.startswith("wrong  Request req_")
    assert "the key's role may not write users" in wrong


def test_a_load_does_not_take_a_firewall_for_the_key_s_role(
    target: Target, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(effect="status", status=403, html=True))
    result = target.run([tap.schema(), tap.record(id=1)])
    assert result.exit_code == 1
    assert "firewall or proxy in between" in result.summary["state"]["why"]
