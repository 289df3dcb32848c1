"""The table as a page of the documentation. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import date

from tests.chaos.scenario import CELLS
from tests.chaos.table import Table
from tests.chaos.verdict import KINDS, LONGEST_EXIT_SECONDS

_PAGE = """\
# What happens when everything fails

{records} records in {runs} runs on {day:%-d %B %Y}, seeds {seeds}: {verdict}.

`make chaos` plays whole loads while one fault after another hits them, and several at once: with
real processes, pipes, sockets and signals. A Spotzee of the [sandbox](sandbox.md) misbehaves. A
process that dies is started again from the last state that was printed, until the tap's input has
been read. Then the users in Spotzee are compared, field by field, with what the tap sent.

How often each promise was broken:

{promises}

Two things are Spotzee's own and can't be put right from outside. With `delivery: async`, it may
apply what it queued in any order; in the line about that, an older value does not count as stale.
And where it does not enforce idempotency keys, it can apply a lost request long after the target
has given it up. Here that happens within `timeout_seconds`, and for that long the user's next
record waits. See [Delivery](delivery.md#what-spotzee-leaves-open).

## Line by line

Each line is one fault, one `delivery` and one `max_in_flight`. A run is drawn from its seed: the
tap's records, the fault, how often and when it strikes, and the settings. Most runs get other
passing faults as well, and some get signals. *Processes* says how many it took to reach the end of
the input, *exit within* the longest time from a signal to the end of the process.

{table}

## Repeat it

```bash
make chaos                                 # every line four times
make chaos RUNS={lines}                        # every line once
make chaos WRITE=docs/faults.md            # write this page again
.venv/bin/python -m tests.chaos --seed 17  # one run, told at length
```

The faults are drawn in `tests/chaos/scenario.py`. What counts as a broken promise is in
`tests/chaos/verdict.py`.
"""

_PROMISES = {
    "missing": "Every user and every value is in Spotzee or in the rejects file, and no record was"
    " rejected without a reason.",
    "stale": "No older value stands over a newer one of the same user.",
    "ahead": "No state was printed before each record it covers was in Spotzee, or on disk as a"
    " reject.",
    "exit": f"The exit code was the promised one, within {LONGEST_EXIT_SECONDS:.0f} s of a signal.",
    "other": "The figures add up; each state was printed once and in order; nothing else was on"
    " stdout; no log held the key; no two requests with the same user were in flight at once; there"
    " was no traceback.",
}
"""What is promised, by the kind of problem that breaks it."""


def page(
    table: Table,
    order: Sequence[tuple[str | int, ...]],
    *,
    seeds: Sequence[int],
    broken: Sequence[int],
    day: date,
) -> str:
    """Return the page in Markdown.

    Args:
        table: What became of the runs.
        order: The table's lines.
        seeds: What was run.
        broken: Those of them in which a promise was not kept.
        day: When.
    """
    heads, *_, totals = rows = table.rows(order)
    total = dict(zip(heads, totals, strict=True))
    verdict = "**every promise was kept**"
    if broken:
        named = ", ".join(map(str, sorted(broken)))
        verdict = f"**promises were broken in {len(broken)}**, of the seeds {named}"
    return _PAGE.format(
        records=total["records"],
        runs=total["runs"],
        day=day,
        seeds=f"{min(seeds)} to {max(seeds)}",
        verdict=verdict,
        promises="\n".join(
            _item(f"**{kind}**: {total[kind]}. {_PROMISES[kind]}") for kind in KINDS
        ),
        table=_markdown(rows),
        lines=len(CELLS),
    )


def _item(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="- ", subsequent_indent="  ")


def _markdown(rows: list[list[str]]) -> str:
    heads, *lines = rows
    places = ["---", "---", *["---:"] * (len(heads) - 2)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, places, *lines))
