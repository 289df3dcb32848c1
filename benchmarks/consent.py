"""What consent costs: ``python -m benchmarks.consent``, or ``--users 20000`` for a rough idea.

Loads customers of whom some opted out, twice, with a snapshot, and prints requests and seconds as
Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import FailedError, Usage, end
from benchmarks.runs import COMMANDS
from benchmarks.spotzee import Spotzee

SHARES = (None, 0, 5, 50)
"""Percent who opted out; ``None``: the settings say nothing of subscriptions."""
COLUMNS = ("id", "email", "plan", "wants_mail")


@dataclass(frozen=True)
class Load:
    """One load.

    Attributes:
        requests: That the target made.
        opted_out: Toggles.
        usage: What the process took.
    """

    requests: int
    opted_out: int
    usage: Usage


def lines(users: int, percent: int, night: int) -> Iterator[str]:
    """Yield what a tap prints; by the second night one plan in ten has changed."""
    schema = {"type": "object", "properties": {name: {} for name in COLUMNS}}
    message = {"type": "SCHEMA", "stream": "customers", "schema": schema, "key_properties": ["id"]}
    yield json.dumps(message)
    for number in range(users):
        record = {
            "id": f"user-{number}",
            "email": f"user-{number}@example.test",
            "plan": night if number % 10 == 0 else 0,
            "wants_mail": number % 100 >= percent,
        }
        yield json.dumps({"type": "RECORD", "stream": "customers", "record": record})
    yield json.dumps({"type": "STATE", "value": {"night": night}})


def load(spotzee: Spotzee, folder: Path, users: int, percent: int | None, night: int) -> Load:
    """Load all users.

    Raises:
        FailedError: The load failed.
    """
    input_path, summary = folder / "input", folder / "summary.json"
    input_path.write_text("\n".join(lines(users, percent or 0, night)) + "\n", encoding="utf-8")
    entry: dict[str, object] = {"mapping": {"external_id": "id"}, "exclude": ["wants_mail"]}
    if percent is not None:
        entry = {"mapping": {"external_id": "id"}, "subscriptions": {"Newsletter": "wants_mail"}}
    config = {
        "api_key": spotzee.key,
        "api_url": spotzee.api_url,
        "streams": {"customers": entry},
        "snapshot_path": str(folder / f"snapshot-{percent}.db"),
        "summary_path": str(summary),
        "max_requests_per_10s": 1_000_000,
    }
    config_path = folder / "config.json"
    config_path.write_text(json.dumps(config), encoding="utf-8")
    config_path.chmod(0o600)
    with input_path.open("rb") as stdin:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*COMMANDS["target-spotzee"], "--config", str(config_path)],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        usage = end(process, started)
    told = json.loads(summary.read_text(encoding="utf-8"))
    return Load(told["requests"]["sent"], told["subscriptions"]["opted_out"], usage)


def main() -> int:
    """Run the bench; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.consent")
    parser.add_argument("--users", type=int, default=100_000, help="(default: %(default)s)")
    users: int = parser.parse_args().users
    print(f"{users:,} users, of whom a tenth changed before the second load.\n")
    print("| opted out | load | requests | toggles | seconds | CPU seconds |")
    print("|---|---|---|---|---|---|")
    try:
        for percent in SHARES:
            name = "no `subscriptions`" if percent is None else f"{percent} %"
            with tempfile.TemporaryDirectory(prefix="bench-") as folder, Spotzee() as spotzee:
                for night, which in enumerate(("first", "second")):
                    done = load(spotzee, Path(folder), users, percent, night)
                    cells = (name, which, f"{done.requests:,}", f"{done.opted_out:,}")
                    took = f"{done.usage.seconds:.1f}", f"{done.usage.cpu_seconds:.1f}"
                    print(f"| {' | '.join((*cells, *took))} |", flush=True)
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
