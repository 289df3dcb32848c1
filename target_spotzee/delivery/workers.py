"""Threads that send batches; the only module that starts any.

A worker does one thing, `Sender.send`, and hands back what came of it. Everything else is done on
the main thread, so nothing there needs a lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Protocol

from target_spotzee.api.answers import Delivered, Refused
from target_spotzee.objects.batch import Batch

_MAX_QUEUED = 32
"""Batches that workers find when they are done, so that not every one wakes the main thread.

Frequent turns between threads cost a tenth of all CPU.
"""
_ENOUGH_QUEUED = 2


class Sender(Protocol):
    """What a worker sends batches with."""

    def send(self, batch: Batch) -> Delivered | Refused:
        """Send a batch; see `target_spotzee.api.client.Client.send`."""

    def close(self) -> None:
        """Close connections."""


Outcome = Delivered | Refused | BaseException


class Workers:
    """Sends batches, several at once.

    Args:
        connect: Makes a worker's sender; called on the worker's thread.
        on_failure: Called on a worker's thread, at once, when something ends the run.
        wake: Wakes the main thread when a batch is done; from any thread.
        most: Requests in flight at once.
    """

    def __init__(
        self,
        connect: Callable[[], Sender],
        on_failure: Callable[[], None],
        wake: Callable[[], None],
        most: int,
    ) -> None:
        self._connect = connect
        self._on_failure = on_failure
        self._wake = wake
        self._most = most
        self._max_in_flight = most + min(_MAX_QUEUED, most - 1)
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[Batch | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Batch, Outcome]] = SimpleQueue()
        self.in_flight: set[Batch] = set()
        """The batches that have not come back, those that wait for a worker included."""

    @property
    def have_room(self) -> bool:
        """Whether they take one more batch."""
        return len(self.in_flight) < self._max_in_flight

    @property
    def room(self) -> int:
        """How many more batches they take."""
        return max(0, self._max_in_flight - len(self.in_flight))

    @property
    def are_quiet(self) -> bool:
        """Whether so much is queued that a batch that is done wakes nobody."""
        return self._jobs.qsize() >= _ENOUGH_QUEUED

    def send(self, batch: Batch) -> None:
        """Take a batch; `finished` brings it back."""
        self.in_flight.add(batch)
        self._jobs.put(batch)
        if len(self._threads) < min(len(self.in_flight), self._most):
            # A daemon, so that one stuck in a request can't keep the process from ending.
            thread = threading.Thread(target=self._work, daemon=True)
            thread.start()
            self._threads.append(thread)

    def finished(self) -> Iterator[tuple[Batch, Outcome]]:
        """Yield the batches that are done by now, with what came of each; wait for nothing."""
        while not self._done.empty():
            batch, outcome = self._done.get()
            self.in_flight.discard(batch)
            yield batch, outcome

    def close(self) -> None:
        """End idle workers; those that are stuck end with the process."""
        for _ in self._threads:
            self._jobs.put(None)
        if not self.in_flight:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        """Send one batch after the other. Runs on a worker's thread."""
        sender: Sender | None = None
        while (batch := self._jobs.get()) is not None:
            outcome: Outcome
            try:
                sender = sender or self._connect()
                outcome = sender.send(batch)
            except BaseException as error:  # noqa: BLE001 - the main thread tells it
                self._on_failure()  # more batches are queued
                outcome = error
            self._done.put((batch, outcome))
            is_plain = isinstance(outcome, Delivered) and not outcome.errors
            if not (is_plain and self.are_quiet):
                self._wake()
        if sender is not None:
            sender.close()
