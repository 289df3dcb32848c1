"""What a client tells the gate of the requests it makes, and how much of an answer is read."""

from __future__ import annotations

import random
import time
import uuid
from contextlib import closing
from datetime import datetime, timezone

from target_spotzee.api.answers import Delivered
from target_spotzee.api.client import Client, Endpoint
from target_spotzee.api.connection import Connection, new_session
from target_spotzee.api.limits import Gate, Pacer
from target_spotzee.mapping.users import User
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import KINDS, PATIENT
from target_spotzee.sandbox import Fault, Sandbox
from tests import strategies


class Hurried(Gate):
    """Notes how long it should rest, and does not."""

    def __init__(self) -> None:
        super().__init__(Pacer(1000, time.monotonic, random.random))
        self.rests: list[float] = []

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)


class Noting(Gate):
    """Remembers which requests were no measure for others."""

    def __init__(self) -> None:
        super().__init__(Pacer(1000, time.monotonic, random.random))
        self.untypical = 0

    def release(self, started: float, *, typical: bool, tier: str | None = None) -> None:
        self.untypical += not typical
        super().release(started, typical=typical, tier=tier)


def connection_to(sandbox: Sandbox) -> tuple[Endpoint, Connection]:
    endpoint = Endpoint(sandbox.api_url, sandbox.key, "2026-04-28")
    connection = Connection(
        endpoint.url,
        endpoint.headers,
        new_session(endpoint.url),
        timeout_seconds=endpoint.timeout_seconds,
        clock=time.monotonic,
    )
    return endpoint, connection


def client_of(sandbox: Sandbox, gate: Gate, *, chance: float) -> Client:
    endpoint, connection = connection_to(sandbox)
    return Client(
        endpoint,
        gate,
        connection,
        clock=time.monotonic,
        now=lambda: datetime.now(timezone.utc),
        random=lambda: chance,
        new_key=lambda: str(uuid.uuid4()),
    )


def test_an_error_page_of_megabytes_is_not_read_to_its_end(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(effect="status", status=502, html=True, huge_bytes=10_000_000))
    _, connection = connection_to(sandbox)
    with closing(connection):
        answer = connection.exchange("POST", "/users/batch", b"[]", {})
    assert answer.status == 502
    assert 0 < len(answer.body) < 500_000


def test_a_request_that_broke_had_to_connect_or_was_refused_is_no_measure_for_others(
    sandbox: Sandbox,
) -> None:
    gate = Noting()
    client = client_of(sandbox, gate, chance=0.0)
    after = []
    with closing(client):
        for number in range(7):
            if number == 3:
                sandbox.faults.add(Fault(effect="reset_before", times=1))
            if number == 5:
                sandbox.faults.add(Fault(effect="rate_limited", retry_after="0", times=1))
            item = strategies.item_of(User({"external_id": "a"}), *strategies.tickets(1))
            assert client.send(Batch("run", str(number), [item])) == Delivered()
            after.append(gate.untypical)
    assert after == [1, 1, 1, 3, 3, 4, 4]


def test_looks_at_what_is_awaited_are_no_failed_attempts(sandbox: Sandbox) -> None:
    gate = Hurried()
    client = client_of(sandbox, gate, chance=1.0)
    sandbox.faults.add(Fault(effect="reset_before", nth=[7]))
    (ticket,) = strategies.tickets(1)
    item = Item(PATIENT[KINDS["removals", "mark"]], ("a", None), ("ea",), b"a", ticket)
    with closing(client):
        outcome = client.send(Batch("run", "1", [item]))
    assert isinstance(outcome, Delivered)
    assert outcome.errors[0].code == "removal_unconfirmed"
    assert gate.rests[:8] == [0.5, 1, 2, 4, 5, 5, 0.5, 5]
