"""The table as a page of the documentation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tests.chaos.scenario import Cell
from tests.chaos.table import Table
from tests.chaos.verdict import LONGEST_EXIT_SECONDS

_PAGE = """\
# What happens when everything fails

`make chaos` plays whole loads while one fault after another, and several at once, hit them: real
processes, real pipes, real sockets, real signals. A Spotzee of the [sandbox](../README.md#sandbox)
misbehaves; a process that dies is started again from the last state that was printed, until the
tap's input is done. Then the users in Spotzee are compared, field by field, with what the tap sent.

{runs:,} runs on {day:%-d %B %Y}, seeds {seeds}: {verdict}.

{table}

- A **run** is one seed: the tap's records, the fault, how often and when it strikes, and the
  settings are drawn from it. Most runs get other passing faults on top, some get signals.
- **processes**: how many it took to get to the end of the input.
- **missing**: a user or a value that is neither in Spotzee nor in the rejects file, or a record
  that was rejected for nothing.
- **stale**: an older value stands over a newer one of the same user.
- **ahead**: a state was printed before each record it covers was in Spotzee, or on disk as a
  reject.
- **exit**: another exit code than promised, or none within {longest:.0f} s of a signal.
- **other**: figures that don't add up, a state out of order or printed twice, anything else on
  stdout, the key in a log, two requests with the same user at once, a traceback.
- **exit within**: the longest from a signal to the end of the process.

Two things are Spotzee's own and can't be mended from outside. With `delivery: async` it may apply
what it queued in any order: in the line about that an older value is not counted as stale. And
while it does not enforce idempotency keys, a request that got lost can be applied long after it was
given up: here it comes within `timeout_seconds`, for which the user's next record waits.

## Again

```bash
make chaos                                 # every line four times
make chaos RUNS=154                        # every line once
make chaos WRITE=docs/faults.md            # this page anew
.venv/bin/python -m tests.chaos --seed 17  # one run, told at length
```

The faults are drawn in `tests/chaos/scenario.py`; what counts as a broken promise is in
`tests/chaos/verdict.py`.
"""


def page(
    table: Table,
    order: list[Cell],
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
    verdict = "every promise was kept"
    if broken:
        named = ", ".join(map(str, sorted(broken)))
        verdict = f"**promises were broken in {len(broken)}**, of the seeds {named}"
    return _PAGE.format(
        runs=len(seeds),
        day=day,
        seeds=f"{min(seeds)} to {max(seeds)}",
        verdict=verdict,
        table=_markdown(table.rows(order)),
        longest=LONGEST_EXIT_SECONDS,
    )


def _markdown(rows: list[list[str]]) -> str:
    heads, *lines = rows
    places = ["---", "---", *["---:"] * (len(heads) - 2)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, places, *lines))
