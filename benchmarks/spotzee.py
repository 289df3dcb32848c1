"""The sandbox in a process of its own: a fresh Spotzee for each measurement."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import end

_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Look:
    """How many requests had arrived at some time."""

    at: float
    requests: int


class Spotzee:
    """A running sandbox.

    Args:
        latency_ms: What each write takes at least.
        limits: Whether it limits requests as Spotzee does.
        instead: Another command that serves in its place, and says so in the same words.

    Attributes:
        api_url: Its address.
        key: An API key that it takes.
        cpu_seconds: What it took to answer; known once it has stopped.
    """

    def __init__(
        self,
        latency_ms: int = 0,
        *,
        limits: bool = False,
        instead: Sequence[str] | None = None,
    ) -> None:
        self._command = [sys.executable, "-m", "target_spotzee.sandbox", "--port", "0"]
        self._command += ["--no-idempotency", "--latency-ms", str(latency_ms)]
        self._command += [] if limits else ["--no-limits"]
        if instead is not None:
            self._command = [*instead]
        self.cpu_seconds = 0.0
        self._looks: list[Look] = []
        self._closing = threading.Event()

    def __enter__(self) -> Spotzee:  # noqa: PYI034 - nobody extends it
        """Start it and wait until it listens."""
        self._started = time.perf_counter()
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        words = self._process.stdout.readline().decode().split()
        self.api_url, self.key = words[3], words[5]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it."""
        self._closing.set()
        self._process.terminate()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self.cpu_seconds = end(self._process, self._started).cpu_seconds

    def counts(self) -> dict[str, Any]:
        """Return what it counts: users, requests, statuses."""
        connection = http.client.HTTPConnection(urlsplit(self.api_url).netloc, timeout=30)
        try:
            connection.request("GET", "/live")
            counts: dict[str, Any] = json.load(connection.getresponse())
        finally:
            connection.close()
        return counts

    def watch(self) -> list[Look]:
        """Look at the requests twenty times a second from now on; return the growing list."""
        threading.Thread(target=self._watch, daemon=True).start()
        return self._looks

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_SECONDS):
            try:
                requests = self.counts()["requests"]
            except OSError:
                return  # it has stopped
            self._looks.append(Look(time.perf_counter(), requests))


@lru_cache(maxsize=1)
def idle_cpu_seconds() -> float:
    """Return what a sandbox takes to start and to stop."""
    with Spotzee() as spotzee:
        spotzee.counts()
    return spotzee.cpu_seconds


def steady_rate(looks: list[Look], start: int) -> float:
    """Return requests a second from the ``start``-th to the last, by the looks between them."""
    last = max(look.requests for look in looks)
    begin = next(look for look in looks if look.requests >= start)
    finish = next(look for look in looks if look.requests == last)
    return (finish.requests - begin.requests) / (finish.at - begin.at)
