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
