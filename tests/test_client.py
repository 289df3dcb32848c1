"""What a client tells the gate of the requests it makes, and how much of an answer is read."""

from __future__ import annotations

import random
import time
import uuid
from contextlib import closing
from datetime import datetime, timezone

from target_spotzee.answers import Delivered
from target_spotzee.batch import Batch
from target_spotzee.client import Client, Endpoint
from target_spotzee.connection import Connection, new_session
from target_spotzee.gate import Gate
from target_spotzee.mapping import User
from target_spotzee.pacing import Pacer
from target_spotzee.sandbox import Fault, Sandbox
from target_spotzee.trace import Trace
from tests import strategies


class Noting(Gate):
    """Remembers which requests arrived late."""

    def __init__(self) -> None:
        super().__init__(Pacer(1000, time.monotonic, random.random))
        self.late_starts: list[float] = []

    def late(self, started: float) -> None:
        self.late_starts.append(started)
        super().late(started)


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


def test_an_error_page_of_megabytes_is_not_read_to_its_end(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(effect="status", status=502, html=True, huge_bytes=10_000_000))
    _, connection = connection_to(sandbox)
    with closing(connection):
        answer = connection.exchange("POST", "/users/batch", b"[]", {})
    assert answer.status == 502
    assert 0 < len(answer.body) < 500_000


def test_only_a_request_that_had_to_connect_may_have_arrived_late(sandbox: Sandbox) -> None:
    gate = Noting()
    endpoint, connection = connection_to(sandbox)
    client = Client(
        endpoint,
        gate,
        connection,
        clock=time.monotonic,
        now=lambda: datetime.now(timezone.utc),
        random=lambda: 0.0,
        new_key=lambda: str(uuid.uuid4()),
    )
    after = []
    with closing(client):
        for number in range(5):
            if number == 3:
                sandbox.faults.add(Fault(effect="reset_before", times=1))
            item = strategies.item_of(User({"external_id": "a"}), *strategies.tickets(1))
            assert client.send(Batch("run", str(number), [item]), Trace()) == Delivered()
            after.append(len(gate.late_starts))
    assert after == [1, 1, 1, 2, 2]
