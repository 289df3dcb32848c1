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
            pytest.skip(f"a bare pytest has no {executable.name}; `make test` installs it first")
    return MELTANO


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    binaries = servers.find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server here; `make test` installs one where it may")
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
