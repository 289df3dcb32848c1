"""A short run of the harness; ``make chaos`` is the long one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

from tests.chaos.finding import find
from tests.chaos.page import page
from tests.chaos.scenario import CELLS, scenario
from tests.chaos.table import Finding, Table
from tests.chaos.verdict import Problem

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


def test_the_page_holds_the_table_and_names_what_broke() -> None:
    table = Table()
    problem = Problem("stale", "user 1's email is an older one")
    for seed, problems in ((7, []), (8, [problem])):
        table.add(Finding(seed, ("500", "sync", 8), 1, 200, problems, 1.5))
    order = [("503", "sync", 8), ("500", "sync", 8)]
    text = page(table, order, seeds=range(7, 9), broken=[8], day=date(2026, 11, 3))
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    heads, places, line, total = lines
    assert heads == table.rows(order)[0]
    assert len(places) == len(heads)
    assert line == ["500", "sync", "8", "2", "2", "400", "0", "1", "0", "0", "0", "1.5 s"]
    assert total[0] == "all"
    assert "2 runs on 3 November 2026, seeds 7 to 8: **promises were broken in 1**" in text
    assert "of the seeds 8." in text
    assert "- **stale**: 1. " in text
    assert "- **missing**: 0. " in text
    assert "user 1" not in text
