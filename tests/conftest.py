"""What the tests share: a sandbox, and a target that runs as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from target_spotzee.sandbox import Sandbox
from tests.process import Target

settings.register_profile("default", deadline=None, derandomize=True)
settings.load_profile("default")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def target(sandbox: Sandbox, tmp_path: Path) -> Target:
    return Target(tmp_path, api_url=sandbox.api_url, api_key=sandbox.key)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that tests recorded, wherever they ran: other processes can't print them."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
