"""One seed, told at length."""

# ruff: noqa: T201 - it talks by printing

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.chaos.mirror.run import Process, play
from tests.chaos.mirror.scenario import mirror
from tests.chaos.mirror.verdict import judge
from tests.chaos.show import tell


def show(seed: int) -> bool:
    """Run one seed and tell all about it; say whether all promises were kept."""
    drawn = mirror(seed)
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-mirror-{seed}-"))
    print(f"{' / '.join(map(str, drawn.cell))}: {drawn.feed.records} records, files in {folder}")
    print(f"signals {drawn.feed.signals}, resumes {drawn.feed.resumes}\n{drawn.habits}")
    print(f"target  {drawn.settings}\nsandbox {drawn.sandbox}")
    outcome = play(drawn, folder)
    for number, process in enumerate(outcome.processes, 1):
        night = drawn.nights[process.night]
        if number == 1 or outcome.processes[number - 2].night != process.night:
            told = f"quiet {night.quiet}, confirms {night.confirms}, gives up {night.gives_up}"
            print(f"night {process.night + 1}: {told}")
            for fault in night.scenario.faults:
                print(f"  fault   {fault}")
        _tell(number, process)
        (folder / f"stderr-{number}").write_text(process.leg.err, encoding="utf-8")
    return tell(judge(drawn, outcome))


def _tell(number: int, process: Process) -> None:
    leg = process.leg
    print(f"  process {number}: {leg.trouble}, struck {leg.struck}, exit {leg.exit_code}")
    positions = [position for position, _ in process.given]
    states = [look.position for look in leg.looks]
    print(f"    given {positions[:1]} to {positions[-1:]}, resumed {process.resumed}")
    print(f"    states {states} of {process.end}")
    summary = leg.summary or {}
    records = {name: count for name, count in summary.get("records", {}).items() if count}
    print(f"    records {records}, removed {summary.get('removed')}")
    for request in process.requests:
        if request.method in ("DELETE", "GET") or b"removed_at" in request.body:
            whom = f"{request.method} {request.path} {request.query} {request.external_ids[:8]}"
            print(f"      {whom} -> {request.status} {request.fault or ''}")
