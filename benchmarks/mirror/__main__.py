"""The mirror's bench: `python -m benchmarks.mirror`, or ``--users 10000000`` for all of it.

Prints its results as Markdown; one with ten million users also renews them in `mirror.md`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.mirror.plan import measure
from benchmarks.mirror.results import markdown
from benchmarks.mirror.runs import Bench
from benchmarks.processes import FailedError

PAGE = Path(__file__).parents[1] / "mirror.md"
USERS, MANY = 1_000_000, 10_000_000


def main() -> int:
    """Run the bench; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mirror")
    parser.add_argument(
        "--users",
        type=int,
        default=USERS,
        help="known to the snapshot; beyond a million, only what must not depend on their number"
        " is measured with so many (default: %(default)s)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="of what is compared, in turn")
    parser.add_argument("--folder", type=Path, help="for snapshots; the default is a temporary one")
    given = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as folder:
        try:
            results = measure(
                Bench(Path(folder)),
                users=min(given.users, USERS),
                many=given.users if given.users > USERS else 0,
                rounds=given.rounds,
            )
        except FailedError as error:
            print(error, file=sys.stderr)
            return 1
    text = markdown(results, time.perf_counter() - began)
    print(text)
    if given.users >= MANY:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
