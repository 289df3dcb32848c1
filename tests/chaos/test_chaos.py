"""A short run of the harness; ``make chaos`` is the long one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.chaos.finding import Finding, find
from tests.chaos.scenario import CELLS, scenario
from tests.chaos.table import Table

SEEDS = range(4, len(CELLS), 10)
"""A few of the table's cells, no two of one fault."""


def test_runs_across_the_table_keep_every_promise() -> None:
    with ThreadPoolExecutor(4) as pool:
        findings = list(pool.map(find, SEEDS))
    broken = [
        f"{problem.kind}: {problem.text}; again: python -m tests.chaos --seed {finding.seed}"
        for finding in findings
        for problem in finding.problems
    ]
    assert broken == []


def test_a_seed_draws_the_same_run_each_time() -> None:
    assert [scenario(seed) for seed in range(100)] == [scenario(seed) for seed in range(100)]


def test_seeds_in_a_row_go_round_all_cells() -> None:
    cells = {scenario(seed).cell for seed in range(len(CELLS))}
    assert len(cells) == len(CELLS)


def test_the_table_adds_up() -> None:
    table = Table()
    for processes in (1, 3):
        table.add(Finding(7, ("500", "sync", 8), processes, 200, [], 0.5 * processes))
    head, line, total = table.text([("500", "sync", 8), ("503", "sync", 8)]).splitlines()
    assert head.split()[:3] == ["fault", "delivery", "in"]
    assert " ".join(line.split()) == "500 sync 8 2 4 400 0 0 0 0 0 1.5 s"
    assert " ".join(total.split()) == "all 2 4 400 0 0 0 0 0 1.5 s"
