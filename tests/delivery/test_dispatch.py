"""The way from a mapped record to its end, with real threads and a Spotzee made of a dictionary.

What holds for any stream, any faults and any number of requests in flight.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from target_spotzee.api.answers import Delivered, ItemError, Refused
from target_spotzee.api.limits import Gate, Pacer, StoppedError
from target_spotzee.delivery.backlog import Backlog
from target_spotzee.delivery.dispatch import Dispatcher
from target_spotzee.delivery.loader import Loader
from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.delivery.workers import Workers
from target_spotzee.exceptions import RunError, SpotzeeError
from target_spotzee.mapping.users import User
from target_spotzee.objects.batch import Batch
from target_spotzee.objects.kinds import USERS_BATCH
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.rejects import RejectsFile
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.outcome.summary import Records, Summary
from target_spotzee.records import Origin
from tests import model, strategies

ORIGIN = Origin(
    "users", '{"type":"SCHEMA","stream":"users","schema":{"properties":{}}}', str.isupper
)
BAD = "bad"


@dataclass
class Spotzee:
    """Takes batches as the API would: all of a moment's batches at once, each after a while.

    Attributes:
        seed: Decides, with the batch's place, what becomes of it.
        users: What was taken, by external_id.
        overlaps: Identities that were in two batches at once.
        applied: Numbers of the records that were taken, by way of their ``n``.
    """

    seed: int
    flaky: bool = True
    users: dict[str, Any] = field(default_factory=dict)
    overlaps: list[str] = field(default_factory=list)
    _inside: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, batch: Batch) -> Delivered | Refused:
        batch.attempts.made = 1
        chance = random.Random(f"{self.seed} {batch.number}")
        identities = strategies.identities_in(batch)
        with self._lock:
            self.overlaps += [name for name in identities if self._inside[name]]
            self._inside.update(identities)
        time.sleep(0)  # let the other workers in
        with self._lock:
            self._inside.subtract(identities)
            return self._answer(batch, chance)

    def _answer(self, batch: Batch, chance: random.Random) -> Delivered | Refused:
        users = json.loads(batch.request.body or b"")
        bad = {i for i, user in enumerate(users) if f"had_{BAD}" in user["data"]}
        if bad and chance.random() < 0.5:
            guilty = {i: ItemError("validation_failed") for i in bad}
            return Refused(ItemError("validation_failed"), guilty if chance.random() < 0.5 else {})
        errors = {i: ItemError("validation_failed") for i in bad}
        for i, user in enumerate(users):
            if i in bad:
                continue
            if self.flaky and chance.random() < 0.1:
                errors[i] = ItemError("service_unavailable")
            else:
                model.upsert(self.users, user)
        return Delivered(errors)

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class Course:
    """A run that is over: what was printed when, and how records ended."""

    printed: list[int]
    records: Records
    spotzee: Spotzee
    ahead: list[int]


@dataclass
class Way:
    """The parts of a run that a test asks."""

    loader: Loader
    settlement: Settlement
    summary: Summary
    gate: Gate

    def load(self, user: User, line: str = "") -> None:
        self.loader.load(user, self.settlement.issue(ORIGIN, line), USERS_BATCH)


@contextmanager
def way_to(
    spotzee: Spotzee,
    write_state: Any,
    *,
    max_in_flight: int,
    batch_size: int,
    rejects: RejectsFile | None = None,
    skip_rejects: bool = True,
) -> Iterator[Way]:
    summary = Summary("run")
    settlement = Settlement(Ledger(), summary, rejects, write_state, skip_rejects=skip_rejects)
    gate = Gate(Pacer(10**6, time.monotonic, random.random))
    wakeup = Wakeup()
    backlog = Backlog("run", batch_size, max_records=max_in_flight * batch_size)
    dispatcher = Dispatcher(
        backlog,
        Workers(lambda: spotzee, gate.close, wakeup.wake, max_in_flight),
        gate,
        settlement,
        time.monotonic,
        max_retry_seconds=10**6,
    )
    loader = Loader(
        dispatcher,
        settlement,
        wakeup,
        time.monotonic,
        progress=str,
        records_per_look=batch_size,
    )
    try:
        yield Way(loader, settlement, summary, gate)
    finally:
        loader.stop(grace_seconds=10)
        loader.close()
        wakeup.close()


def run(steps: list[Any], *, max_in_flight: int, batch_size: int, seed: int) -> Course:
    """Load records (id, plan) with a state after each ``None``."""
    spotzee = Spotzee(seed)
    read: list[tuple[str, str]] = []
    printed: list[int] = []
    ahead: list[int] = []

    def write_state(state: str) -> None:
        position = int(state)
        printed.append(position)
        records = way.summary.records()
        if records.confirmed + records.folded + records.rejected < position:
            ahead.append(position)

    with way_to(
        spotzee,
        write_state,
        max_in_flight=max_in_flight,
        batch_size=batch_size,
    ) as way:
        for step in steps:
            if step is None:
                way.loader.checkpoint(str(len(read)))
                continue
            read.append(step)
            id_, plan = step
            way.load(User({"external_id": id_, "data": {"plan": plan, f"had_{plan}": True}}))
        way.loader.checkpoint(str(len(read)))
        way.loader.finish()
        return Course(printed, way.summary.records(), spotzee, ahead)


ids = st.sampled_from([f"u{number}" for number in range(8)])
plans = st.sampled_from(["free", "pro", "max", BAD])
steps = st.lists(st.none() | st.tuples(ids, plans), max_size=120)


@settings(max_examples=150)
@given(steps, st.integers(1, 7), st.integers(0, 10**6))
def test_any_number_in_flight_leaves_what_one_by_one_would(
    steps: list[Any],
    batch_size: int,
    seed: int,
) -> None:
    """Every record meets one end; one user is never in two requests; only bad records are lost."""
    expected: dict[str, Any] = {}
    for id_, plan in filter(None, steps):
        if plan != BAD:
            user = {"external_id": id_, "data": {"plan": plan, f"had_{plan}": True}}
            model.upsert(expected, user)
    for max_in_flight in (1, 8):
        course = run(steps, max_in_flight=max_in_flight, batch_size=batch_size, seed=seed)
        count = len([step for step in steps if step is not None])
        records = course.records
        assert records.read == count
        assert records.unsettled == 0
        assert records.confirmed + records.folded + records.rejected == count
        assert course.spotzee.overlaps == []
        assert records.rejected == len([step for step in steps if step and step[1] == BAD])
        assert course.spotzee.users == expected


@settings(max_examples=150)
@given(steps, st.integers(1, 7), st.integers(1, 8), st.integers(0, 10**6))
def test_states_are_an_ordered_part_of_those_read_and_never_ahead(
    steps: list[Any],
    batch_size: int,
    max_in_flight: int,
    seed: int,
) -> None:
    course = run(steps, max_in_flight=max_in_flight, batch_size=batch_size, seed=seed)
    count = 0
    sent = []
    for step in steps:
        count += step is not None
        if step is None:
            sent.append(count)
    sent.append(count)
    assert course.ahead == []
    assert course.printed == sorted(set(course.printed))
    assert set(course.printed) <= set(sent)
    assert course.printed[-1] == count


def test_the_bad_record_of_a_folded_user_is_lost_alone() -> None:
    """Good, bad, good in one batch: both good ones arrive, in order, whatever is in flight."""
    for seed in range(20):
        course = run(
            [("u", "free"), ("u", BAD), ("u", "pro")], max_in_flight=4, batch_size=5, seed=seed
        )
        data = course.spotzee.users["u"]["data"]
        assert data["plan"] == "pro"
        assert data["had_free"] is True
        assert asdict(course.records) | {"confirmed": 2, "rejected": 1} == asdict(course.records)


class TestAFaultOfTheRun:
    def test_what_came_back_is_settled_and_nothing_new_starts(self) -> None:
        class Failing(Spotzee):
            def send(self, batch: Batch) -> Delivered | Refused:
                way.gate.pass_through()
                sent.append(batch.number)
                if batch.number == "2":
                    queued.wait()
                    raise RunError("stop here", "req_2")
                with suppress(StoppedError):
                    way.gate.rest(60)  # until the other has failed
                return super().send(batch)

        sent: list[str] = []
        queued = threading.Event()
        failure: SpotzeeError | None = None
        spotzee = Failing(seed=0, flaky=False)
        with way_to(spotzee, print, max_in_flight=2, batch_size=1) as way:
            for number in range(3):
                way.load(User({"external_id": str(number), "data": {"plan": "free"}}))
            queued.set()
            with suppress(StoppedError):
                way.gate.rest(10)
            assert way.gate.closed
            try:
                way.loader.finish()
            except RunError as error:
                failure = error
        assert str(failure) == "Request req_2: stop here"
        assert sorted(sent) == ["1", "2"]
        records = way.summary.records()
        assert records.confirmed == 1
        assert records.unsettled == records.read - 1

    def test_a_bug_in_a_worker_ends_the_run_by_name_and_place(self) -> None:
        class Broken(Spotzee):
            def send(self, _batch: Batch) -> Delivered | Refused:
                raise ZeroDivisionError("a value")

        failure = ""
        with way_to(Broken(0), print, max_in_flight=2, batch_size=1) as way:
            try:
                way.load(User({"external_id": "1"}))
                way.loader.finish()
            except RunError as error:
                failure = str(error)
        assert "unexpected ZeroDivisionError in test_dispatch.py" in failure
        assert "a value" not in failure


def test_a_success_is_settled_soon_though_others_are_stuck_and_nobody_wakes_for_it() -> None:
    class Stuck(Spotzee):
        def send(self, batch: Batch) -> Delivered | Refused:
            if batch.number == "1":
                queued.wait()
            else:
                with suppress(StoppedError):
                    way.gate.rest(60)
            return super().send(batch)

    queued = threading.Event()
    states: list[str] = []
    spotzee = Stuck(0, flaky=False)
    with way_to(spotzee, states.append, max_in_flight=4, batch_size=1) as way:
        for number in range(7):
            way.load(User({"external_id": str(number), "data": {"plan": "free"}}))
            way.loader.checkpoint(str(number))
        wait = way.loader._do_what_is_due()
        queued.set()
        waited = 0.0
        while not states:
            way.gate.rest(wait)
            waited += wait
            wait = way.loader._do_what_is_due()
        assert states == ["0"]
        assert waited < 5
        way.gate.close()


def test_a_reject_is_on_disk_before_state_passes_it(tmp_path: Path) -> None:
    path = tmp_path / "rejects.singer"
    sizes = []
    rejects = RejectsFile(path, "run", lambda: datetime.now(timezone.utc))
    with way_to(
        Spotzee(0, flaky=False),
        lambda _: sizes.append(path.stat().st_size),
        max_in_flight=1,
        batch_size=1,
        rejects=rejects,
        skip_rejects=False,
    ) as way:
        line = '{"type":"RECORD","stream":"users","record":{}}'
        way.load(User({"external_id": "1", "data": {f"had_{BAD}": True}}), line)
        way.loader.checkpoint("1")
        way.loader.finish()
    rejects.close()
    assert sizes == [path.stat().st_size] != [0]
