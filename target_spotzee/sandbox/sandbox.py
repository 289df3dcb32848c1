"""A sandbox in a thread of its own, for tests."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar

from target_spotzee.sandbox import moments
from target_spotzee.sandbox.faults import Fault, Faults
from target_spotzee.sandbox.operations import BASE
from target_spotzee.sandbox.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from target_spotzee.sandbox.bodies import Item
    from target_spotzee.sandbox.journal import Request
    from target_spotzee.sandbox.operations import Dropped
    from target_spotzee.sandbox.subscriptions import Moment
    from target_spotzee.sandbox.users import PlainUser

T = TypeVar("T")
WAIT_SECONDS = 30


def utc_now() -> str:
    """Return the time as Spotzee writes it."""
    return moments.write(datetime.now(timezone.utc))


class Sandbox:
    """A Spotzee that answers on this machine, for as long as the ``with`` block lasts.

    What it remembers can still be read afterwards.

    Args:
        faults: The rules to begin with.
        host: Where to listen.
        port: Where to listen; 0: any free port.
        clock: Monotonic seconds, for limits and idempotency.
        **options: The fields of `Options`.

    Attributes:
        options: How it behaves.
        faults: The rules in force, to which more can be added.
        key: The first secret key; empty if there is none.
    """

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,  # noqa: ANN401 - Options checks them
    ) -> None:
        # Imported only here, so that a person without aiohttp can be told what is missing.
        from target_spotzee.sandbox.listener import Listener  # noqa: PLC0415
        from target_spotzee.sandbox.server import Server  # noqa: PLC0415

        self.options = Options(**options)
        self.faults = Faults(self.options.seed)
        self.faults.replace(faults)
        self.key = next(iter(self.options.keys), "")
        self._server = Server(self.options, self.faults, clock, utc_now)
        self._project = self._server.operations.project
        self._host = host
        self._listener = Listener(self._server, host, port)
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Event
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self._started = threading.Event()
        self._failure: Exception | None = None

    @property
    def url(self) -> str:
        """The root address, where the page is."""
        return f"http://{self._host}:{self._listener.port}"

    @property
    def api_url(self) -> str:
        """The base address of the API."""
        return self.url + BASE

    def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: The address can't be used.
        """
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def users(self) -> dict[str, PlainUser]:
        """The users that have an ``external_id``, by that id."""
        users = self._project.users
        return self._ask(lambda: {u.external_id: u.plain() for u in users if u.external_id})

    @property
    def anonymous_users(self) -> dict[str, PlainUser]:
        """The users that have no ``external_id``, by their ``anonymous_id``."""
        users = self._project.users
        return self._ask(
            lambda: {
                u.anonymous_id: u.plain() for u in users if u.anonymous_id and not u.external_id
            }
        )

    def user(self, external_id: str) -> PlainUser | None:
        """Return one user; ``None`` if there is no such user."""
        users = self._project.users
        found = self._ask(lambda: users.find(external_id))
        return found.plain() if found else None

    def history(self, external_id: str) -> list[PlainUser]:
        """Return what a user was after each upsert, in the order in which they were applied."""
        users = self._project.users
        versions = self._ask(lambda: list(users.versions))
        return [version.plain() for version in versions if version.external_id == external_id]

    @property
    def events(self) -> list[Item]:
        """The events as they were sent, in order."""
        return self._ask(lambda: [event.item for event in self._project.events])

    @property
    def subscriptions(self) -> dict[str, dict[int, int]]:
        """The states of the users that have an ``external_id``: by user, then by type.

        A user without a state is there, too. The types are in ``options.subscription_types``.
        """
        project = self._project
        return self._ask(
            lambda: {
                user.external_id: project.subscriptions.states(user.id)
                for user in project.users
                if user.external_id
            }
        )

    @property
    def moments(self) -> list[Moment]:
        """How users could be reached, from each change on; needs the option ``watch``."""
        return self._ask(lambda: list(self._project.subscriptions.moments))

    def say(self, external_id: str, type_id: int, state: int) -> None:
        """Set a user's state as the user would, by a link or by STOP."""
        item = {"external_id": external_id, "subscription_id": type_id, "state": state}
        self._ask(lambda: self._project.toggle(item))

    @property
    def dropped(self) -> list[Dropped]:
        """The queued items that could not be applied."""
        return self._ask(lambda: list(self._server.operations.dropped))

    @property
    def requests(self) -> list[Request]:
        """The requests to the API, in order of arrival."""
        return self._ask(lambda: list(self._server.journal.requests))

    @property
    def statuses(self) -> dict[str, int]:
        """How many requests got each status; ``none``: no answer at all."""
        return self._ask(lambda: dict(self._server.journal.statuses))

    @property
    def overlaps(self) -> list[str]:
        """The identities that two writes carried at once, such as ``external_id:ada``."""
        return self._ask(lambda: list(self._server.journal.overlaps))

    @property
    def in_flight(self) -> int:
        """How many requests run now."""
        return self._ask(lambda: self._server.journal.in_flight)

    @property
    def max_in_flight(self) -> int:
        """The most requests that ran at once."""
        return self._ask(lambda: self._server.journal.max_in_flight)

    def settle(self) -> None:
        """Apply all that is queued, now."""
        self._ask(self._server.operations.settle)

    def wait_until(self, condition: Callable[[Self], bool], seconds: float = WAIT_SECONDS) -> None:
        """Wait until ``condition(sandbox)`` holds.

        Raises:
            TimeoutError: It did not in time.
        """
        until = time.monotonic() + seconds
        while not condition(self):
            if time.monotonic() > until:
                message = "what was waited for did not happen"
                raise TimeoutError(message)
            time.sleep(0.002)

    def refuse(self) -> None:
        """Stop listening and close connections, each after the answer it waits for."""
        self._do(self._listener.refuse())

    def accept(self) -> None:
        """Listen again, on the same port."""
        self._do(self._listener.accept())

    def _ask(self, question: Callable[[], T]) -> T:
        """Return a question's answer, from the sandbox's thread while that runs, else from this."""
        if not self._thread.is_alive():
            return question()

        async def answer() -> T:
            return question()

        return self._do(answer())

    def _do(self, action: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(action, self._loop).result(WAIT_SECONDS)

    def _serve(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        try:
            await self._listener.start()
        except OSError as error:
            self._failure = error
            return
        finally:
            self._started.set()
        await self._ended.wait()
        await self._listener.stop()
