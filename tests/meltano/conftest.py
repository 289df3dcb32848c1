"""What the Meltano tests share: one PostgreSQL, and projects that are quick to make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from target_spotzee.sandbox import Sandbox
from tests.meltano import postgres as servers
from tests.meltano.postgres import Postgres
from tests.meltano.project import EXECUTABLES, MELTANO, Project


@pytest.fixture(scope="session")
def meltano() -> Path:
    """Meltano's own command."""
    for executable in (MELTANO, *EXECUTABLES.values()):
        if not executable.exists():
            pytest.skip(f"no {executable.name} here; `make test` sets it up")
    return MELTANO


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    binaries = servers.find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL here, and no right to install it")
    with servers.running(binaries) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, sandbox: Sandbox, postgres: Postgres, meltano: Path) -> Project:
    env = {
        **postgres.env,
        "TARGET_SPOTZEE_API_URL": sandbox.api_url,
        "TARGET_SPOTZEE_API_KEY": sandbox.key,
    }
    return Project(tmp_path / "project", meltano, env).create()
