"""Runs seeds and prints the table: ``python -m tests.chaos [--runs N] [--seed N] [--write F]``."""

# ruff: noqa: T201 - a command talks by printing

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import datetime, timezone
from multiprocessing import get_context
from pathlib import Path

from tests.chaos.finding import find
from tests.chaos.page import page
from tests.chaos.run import play
from tests.chaos.scenario import CELLS, ROWS, scenario
from tests.chaos.table import Table
from tests.chaos.verdict import judge


def show(seed: int) -> bool:
    """Run one seed and tell all about it; say whether all promises were kept."""
    drawn = scenario(seed)
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    print(f"{' / '.join(map(str, drawn.cell))}: {drawn.feed.end} records, files in {folder}")
    print(f"target  {drawn.settings}\nsandbox {drawn.sandbox}")
    for fault in drawn.faults:
        print(f"fault   {fault}")
    outcome = play(drawn, folder)
    for number, leg in enumerate(outcome.legs, 1):
        states = [look.position for look in leg.looks]
        print(f"process {number}: {leg.trouble}, exit {leg.exit_code}, states {states}")
        (folder / f"stderr-{number}").write_text(leg.err, encoding="utf-8")
    problems = judge(drawn, outcome)
    for problem in problems:
        print(f"{problem.kind}: {problem.text}")
    print("all promises were kept" if not problems else f"{len(problems)} promises were not kept")
    return not problems


def sweep(seeds: list[int], jobs: int, write: Path | None) -> bool:
    """Run many seeds, print the table and write the page; say whether all promises were kept."""
    table = Table()
    broken = []
    began = time.monotonic()
    # A fresh interpreter for each worker: threads of a sandbox do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(find, seed) for seed in seeds]):
            finding = future.result()
            table.add(finding)
            for problem in finding.problems[:3]:
                print(f"seed {finding.seed} {finding.cell}: {problem.kind}: {problem.text}")
            if finding.problems:
                broken.append(finding.seed)
                print(f"  again: python -m tests.chaos --seed {finding.seed}", flush=True)
    order = [(row.name, delivery, count) for row, delivery, count in CELLS]
    print(table.text(order))
    print(f"{len(seeds)} runs, {len(broken)} with problems, {time.monotonic() - began:.0f} s")
    if write is not None:
        today = datetime.now(timezone.utc).date()
        text = page(table, order, seeds=seeds, broken=broken, day=today)
        write.write_text(text, encoding="utf-8")
    return not broken


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--runs", type=int, default=4 * len(CELLS), help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one only, told at length")
    parser.add_argument("--row", choices=[row.name for row in ROWS], help="this fault only")
    parser.add_argument(
        "--jobs", type=int, default=6, help="how many at once; they wait most of the time"
    )
    parser.add_argument("--write", type=Path, help="write the table as a page in Markdown")
    options = parser.parse_args()
    if options.seed is not None:
        sys.exit(not show(options.seed))
    seeds = [
        seed
        for seed in range(options.first, options.first + options.runs)
        if options.row in (None, CELLS[seed % len(CELLS)][0].name)
    ]
    sys.exit(not sweep(seeds, options.jobs, options.write))


if __name__ == "__main__":
    main()
