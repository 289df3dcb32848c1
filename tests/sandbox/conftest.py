from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from target_spotzee.sandbox import Fault, Sandbox
from tests.sandbox.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator


class Start(Protocol):
    """Starts a sandbox, and a client for it."""

    def __call__(self, *faults: Fault, **options: Any) -> Client: ...


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def start_one(*faults: Fault, **options: Any) -> Client:
            sandbox = stack.enter_context(Sandbox(faults, **options))
            return stack.enter_context(Client(sandbox))

        yield start_one


@pytest.fixture
def client(start: Start) -> Client:
    return start()
