"""A long life: ``python -m tests.chaos.soak [--minutes N] [--seed N]``.

One process reads from a tap that floods and stalls and changes its schemas, while Spotzee fails now
and then in every way. Its memory, file handles and threads have to stay flat, and every user right.
Then processes are signalled at any moment: each has to be gone within ten seconds.
"""

# ruff: noqa: T201 - a command talks by printing

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import IO, Any

from target_spotzee.sandbox import Fault, Sandbox
from tests import tap
from tests.process import Target, assert_adds_up

USERS = 5000
SIGNALS = 20
EXIT_SECONDS = 10.0
SAMPLE_SECONDS = 1.0
GROWTH_KB = 16_384

SETTINGS: dict[str, Any] = {"timeout_seconds": 2, "max_in_flight": 16, "reject_mode": "skip"}

FAULTS = [
    Fault(effect="rate_limited", retry_after=1, probability=0.0005),
    Fault(effect="status", status=500, probability=0.002),
    Fault(effect="status", status=502, html=True, huge_bytes=10_000_000, probability=0.0005),
    Fault(effect="status", status=503, retry_after=1, probability=0.001),
    Fault(effect="reset_before", probability=0.002),
    Fault(effect="reset_after", probability=0.002),
    Fault(effect="truncated", probability=0.002),
    Fault(effect="garbage", probability=0.002),
    Fault(effect="results_short", probability=0.002),
    Fault(effect="results_shuffled", probability=0.01),
    Fault(effect="stall", seconds=20, probability=0.0005),
    Fault(effect="drip", seconds=0.5, probability=0.0005),
    Fault(effect="late", seconds=0.5, probability=0.001),
    Fault(effect="refuse_batch", external_id="poison", named=False),
]


@dataclass
class Tap:
    """Floods and stalls; its schemas change.

    Attributes:
        last: For each user the number of its last record.
        sent: How many records were sent.
    """

    rng: random.Random
    until: float
    last: dict[str, int] = field(default_factory=dict)
    sent: int = 0

    def pour(self, pipe: IO[bytes]) -> None:
        """Write until the time is up."""
        pause = threading.Event()
        while time.monotonic() < self.until:
            pipe.write(self._schema().encode())
            for _ in range(self.rng.randint(1, 200)):
                pipe.write("".join(map(self._record, range(100))).encode())
                pipe.write(tap.state({"read": self.sent, "rate": 0.1}).encode())
            pipe.flush()
            pause.wait(self.rng.choice([0, 0, 0.01, 0.5, 3]))
        pipe.close()

    def _schema(self) -> str:
        grown = [f"column_{self.rng.randrange(10**6)}" for _ in range(5)]
        return tap.schema(properties=["id", "number", "poison", *grown])

    def _record(self, place: int) -> str:
        self.sent += 1
        user = f"user-{self.rng.randrange(USERS)}"
        if place == 0 and self.rng.random() < 0.01:
            user = "poison"
        self.last[user] = self.sent
        return tap.record(id=user, number=self.sent, **{f"a{self.sent % 50}": "x" * 20})


@dataclass(frozen=True)
class Sample:
    """What a process holds: resident memory, open files, threads."""

    kilobytes: int
    files: int
    threads: int


def sample(process: Popen[bytes]) -> Sample | None:
    """Look at a process; ``None`` if it is gone."""
    folder = Path("/proc") / str(process.pid)
    try:
        lines = (folder / "status").read_text(encoding="utf-8").splitlines()
        status = dict(line.split(":", 1) for line in lines)
        files = len(list((folder / "fd").iterdir()))
        return Sample(int(status["VmRSS"].split()[0]), files, int(status["Threads"]))
    except (OSError, KeyError):
        return None


def endure(seconds: float, seed: int) -> list[str]:
    """Let one process live for so long; return what was wrong."""
    rng = random.Random(seed)
    problems = []
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        Sandbox(FAULTS, latency_ms=5, keep_requests=100, seed=seed) as sandbox,
    ):
        target = Target(Path(folder), sandbox.api_url, sandbox.key)
        process = target.start(**SETTINGS)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        tap = Tap(rng, time.monotonic() + seconds)
        states: list[bytes] = []
        logged: list[int] = []
        # Their pipes have to be read all the time, and what they hold need not be kept.
        threads = [
            threading.Thread(target=tap.pour, args=[process.stdin]),
            threading.Thread(target=_read_last, args=[process.stdout, states]),
            threading.Thread(target=_count, args=[process.stderr, logged]),
        ]
        for thread in threads:
            thread.start()
        samples = []
        while threads[0].is_alive():
            threads[0].join(SAMPLE_SECONDS)
            seen = sample(process)
            if seen is not None:
                samples.append(seen)
            if process.poll() is not None:
                break
        code = process.wait()
        for thread in threads:
            thread.join()
        problems += flat(samples)
        if code:
            problems.append(f"exit code {code}")
        if json.loads(states[-1])["read"] != tap.sent:
            problems.append(f"the last state is {states[-1]!r}, {tap.sent:,} records were sent")
        wrong = [
            user
            for user, number in tap.last.items()
            if user != "poison"
            and sandbox.users.get(user, {"data": {}})["data"].get("number") != number
        ]
        problems += [f"{len(wrong)} users are missing or stale"] if wrong else []
        summary = json.loads(target.summary_path.read_text(encoding="utf-8"))
        assert_adds_up(summary)
        print(f"{tap.sent:,} records, {summary['requests']}, {sum(logged):,} bytes logged")
    return problems


def _read_last(pipe: IO[bytes], lines: list[bytes]) -> None:
    with pipe:
        for line in pipe:
            lines[:] = [line]


def _count(pipe: IO[bytes], counts: list[int]) -> None:
    with pipe:
        counts.append(sum(len(line) for line in pipe))


def flat(samples: list[Sample]) -> list[str]:
    """Say which of what a process holds was still growing in the second half of its life."""
    problems = []
    length = max(1, len(samples) // 4)
    quarters = [samples[start : start + length] for start in range(0, 4 * length, length)]
    for name, allowed in (("kilobytes", GROWTH_KB), ("files", 2), ("threads", 0)):
        most = [max((getattr(seen, name) for seen in quarter), default=0) for quarter in quarters]
        print(f"{name:9} at most {', '.join(f'{value:,}' for value in most)} in each quarter")
        if max(most[2:]) > max(most[:2]) + allowed:
            problems.append(f"{name} grew from {max(most[:2]):,} to {max(most[2:]):,}")
    return problems


def interrupt(seed: int) -> tuple[str, float]:
    """Signal a process at some moment; return what it was up to and the seconds it took to end."""
    rng = random.Random(seed)
    doing, fault, requests = rng.choice(
        [
            ("starting", None, 0),
            ("loading", None, rng.randint(1, 30)),
            ("an hour's Retry-After, 429", Fault(effect="rate_limited", retry_after=3600), 1),
            ("an hour's Retry-After", Fault(effect="status", status=503, retry_after=3600), 1),
            ("backing off", Fault(effect="status", status=500), rng.randint(1, 3)),
            ("an answer that never comes", Fault(effect="stall", seconds=100), 1),
            ("an answer that drips", Fault(effect="drip", seconds=1), 1),
        ],
    )
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        Sandbox([fault] if fault else [], latency_ms=20) as sandbox,
    ):
        target = Target(Path(folder), sandbox.api_url, sandbox.key)
        process = target.start(timeout_seconds=30, batch_size_rows=10)
        assert process.stdin is not None
        # Little enough for the pipe to take it whole; the tap stays there.
        lines = [tap.record(id=number) for number in range(500)]
        process.stdin.write("".join([tap.schema(), *lines]).encode())
        process.stdin.flush()
        sandbox.wait_until(lambda running: len(running.requests) >= requests)
        began = time.monotonic()
        process.send_signal(rng.choice([signal.SIGTERM, signal.SIGINT]))
        process.wait()
        seconds = time.monotonic() - began
        process.communicate()
    return doing, seconds


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak")
    parser.add_argument("--minutes", type=float, default=10, help="how long the process lives")
    parser.add_argument("--seed", type=int, default=0, help="for another run")
    options = parser.parse_args()
    problems = endure(60 * options.minutes, options.seed)
    worst: dict[str, float] = {}
    for seed in range(options.seed, options.seed + SIGNALS):
        doing, seconds = interrupt(seed)
        worst[doing] = max(seconds, worst.get(doing, 0))
    for doing, seconds in worst.items():
        print(f"signalled at {doing}: gone within {seconds:.1f} s")
        if seconds > EXIT_SECONDS:
            problems.append(f"{seconds:.1f} s from the signal to the end at {doing}")
    for problem in problems:
        print(f"wrong: {problem}")
    print(
        "all is well"
        if not problems
        else f"again: python -m tests.chaos.soak --seed {options.seed}"
    )
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
