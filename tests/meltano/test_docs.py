"""The lines that a newcomer pastes end with users in Spotzee."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from target_spotzee.sandbox import Sandbox
from tests.meltano import customers
from tests.meltano.postgres import Postgres
from tests.meltano.project import MELTANO, ROOT

DOCS = ROOT / "docs" / "meltano.md"


def test_the_first_lines_lead_from_an_empty_folder_to_users_in_spotzee(
    tmp_path: Path,
    meltano: Path,
    postgres: Postgres,
    sandbox: Sandbox,
) -> None:
    """Meltano installs both plugins itself, this one from the checkout."""
    fewer = "DELETE FROM customers WHERE id % 40 > 0; DROP TABLE members"
    postgres.create(customers.CREATE + fewer)
    lines = re.findall(r"```bash\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert len(lines.splitlines()) < 10
    (tmp_path / "target-spotzee").symlink_to(ROOT)
    folder = tmp_path / "shop"
    folder.mkdir()
    values = {
        **postgres.env,
        "TARGET_SPOTZEE_API_KEY": sandbox.key,
        "TARGET_SPOTZEE_API_URL": sandbox.api_url,
    }
    editor = tmp_path / "editor"
    filled_in = "".join(f"{name}='{value}'\n" for name, value in values.items())
    editor.write_text(f"#!/bin/sh\ncat > \"$1\" <<'.'\n{filled_in}.\n", encoding="utf-8")
    editor.chmod(0o755)
    usual = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MELTANO_", "TARGET_SPOTZEE_", "TAP_", "VIRTUAL_ENV"))
    }
    env = {
        **usual,
        "EDITOR": str(editor),
        "PATH": f"{meltano.parent}{os.pathsep}{os.environ['PATH']}",
        "UV_SYSTEM_CERTS": "true",  # whatever authority this machine trusts
        "XDG_STATE_HOME": str(tmp_path / "logs"),
    }

    pasted = subprocess.run(
        ["bash", "-e", "-c", lines],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert pasted.returncode == 0, pasted.stdout + pasted.stderr
    expected = (customers.expected("customers", row) for row in postgres.rows("customers"))
    assert sandbox.users == {user["external_id"]: user for user in expected}
    assert len(sandbox.users) == customers.CUSTOMERS // 40
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("meltano")
def test_the_job_and_the_schedule_of_meltano_yml_are_known(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_bytes((ROOT / "meltano.yml").read_bytes())

    listed = subprocess.run(
        [MELTANO, "schedule", "list", "--format=json"],
        cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "logs")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "postgres-to-spotzee" in listed.stdout
