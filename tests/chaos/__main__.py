"""Runs seeds and prints the table.

``python -m tests.chaos [--mirror | --consent] [--runs N] [--seed N] [--write F]``
"""

# ruff: noqa: T201 - a command talks by printing

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing import get_context
from pathlib import Path

from tests.chaos.consent.finding import COLUMNS as CONSENT
from tests.chaos.consent.finding import find as find_in_consent
from tests.chaos.consent.scenario import CELLS as CONSENT_CELLS
from tests.chaos.consent.show import show as show_consent
from tests.chaos.finding import find
from tests.chaos.mirror.finding import COLUMNS as MIRROR
from tests.chaos.mirror.finding import find as find_in_mirror
from tests.chaos.mirror.scenario import CELLS as MIRROR_CELLS
from tests.chaos.mirror.show import show as show_mirror
from tests.chaos.page import page
from tests.chaos.scenario import CELLS
from tests.chaos.show import show
from tests.chaos.table import FAULTS, Columns, Finding, Table


@dataclass(frozen=True)
class Sort:
    """A sort of run.

    Attributes:
        command: What plays one.
        order: The lines of its table.
        columns: Their columns.
        find: Runs a seed.
        show: Runs a seed and tells all about it.
    """

    command: str
    order: Sequence[tuple[str | int, ...]]
    columns: Columns
    find: Callable[[int], Finding]
    show: Callable[[int], bool]


LOADS = Sort(
    "python -m tests.chaos",
    [(row.name, delivery, in_flight) for row, delivery, in_flight in CELLS],
    FAULTS,
    find,
    show,
)
MIRRORS = Sort(
    "python -m tests.chaos --mirror",
    MIRROR_CELLS,
    MIRROR,
    find_in_mirror,
    show_mirror,
)
CONSENTS = Sort(
    "python -m tests.chaos --consent",
    CONSENT_CELLS,
    CONSENT,
    find_in_consent,
    show_consent,
)


def sweep(sort: Sort, seeds: list[int], jobs: int, write: Path | None) -> bool:
    """Run many seeds, print the table and write the page; say whether all promises were kept."""
    table = Table(sort.columns)
    broken = []
    began = time.monotonic()
    # A fresh interpreter for each worker: threads of a sandbox do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(sort.find, seed) for seed in seeds]):
            finding = future.result()
            table.add(finding)
            for problem in finding.problems[:3]:
                print(f"seed {finding.seed} {finding.cell}: {problem.kind}: {problem.text}")
            if finding.problems:
                broken.append(finding.seed)
                print(f"  again: {sort.command} --seed {finding.seed}", flush=True)
    print(table.text(sort.order))
    print(f"{len(seeds)} runs, {len(broken)} with problems, {time.monotonic() - began:.0f} s")
    if write is not None:
        today = datetime.now(timezone.utc).date()
        text = page(table, sort.order, seeds=seeds, broken=broken, day=today)
        write.write_text(text, encoding="utf-8")
    return not broken


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--mirror", action="store_true", help="nights with a snapshot instead")
    parser.add_argument("--consent", action="store_true", help="nights of yes and no instead")
    parser.add_argument("--runs", type=int, help="how many seeds; four for each line if not given")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one only, told at length")
    parser.add_argument("--row", help="this fault, signal or policy only")
    parser.add_argument(
        "--jobs", type=int, default=6, help="how many at once; they wait most of the time"
    )
    parser.add_argument("--write", type=Path, help="write the table as a page in Markdown")
    options = parser.parse_args()
    sort = MIRRORS if options.mirror else CONSENTS if options.consent else LOADS
    if options.seed is not None:
        sys.exit(not sort.show(options.seed))
    order, write = sort.order, options.write
    if options.row not in (None, *(place[0] for place in order)):
        parser.error(f"--row: there are {', '.join(sorted({str(place[0]) for place in order}))}")
    if sort is not LOADS and write:
        parser.error("--write: goes without --mirror and --consent")
    runs = 4 * len(order) if options.runs is None else options.runs
    seeds = [
        seed
        for seed in range(options.first, options.first + runs)
        if options.row in (None, order[seed % len(order)][0])
    ]
    sys.exit(not sweep(sort, seeds, options.jobs, write))


if __name__ == "__main__":
    main()
