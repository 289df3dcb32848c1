"""A record's way from the sink to its end, on the main thread.

Puts users into the backlog, keeps the dispatcher going, and sees that nothing waits longer than it
may while the tap is silent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from target_spotzee import codec
from target_spotzee.api.pacing import Clock
from target_spotzee.delivery.backlog import Backlog
from target_spotzee.delivery.dispatch import Dispatcher
from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.mapping.users import User
from target_spotzee.objects.batch import MAX_BODY_BYTES
from target_spotzee.outcome.rejects import Reason
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.records import Ids, Ticket

PROGRESS_SECONDS = 10.0

_NO_TEXT = Reason("text_invalid", "holds half of a surrogate pair, which is no character")
_TOO_DEEP = Reason("record_too_deep", "is nested too deeply")
_NO_JSON = Reason("stream_map_failed", "a stream map made a value that is no JSON")

logger = logging.getLogger("target-spotzee")


class Loader:
    """Takes what the sinks map and brings it to Spotzee.

    Args:
        backlog: Where users wait.
        dispatcher: Sends them.
        settlement: Where records end.
        wakeup: What the main thread waits on.
        clock: Monotonic seconds.
        progress: Says in one line how far the run is.
    """

    def __init__(
        self,
        backlog: Backlog,
        dispatcher: Dispatcher,
        settlement: Settlement,
        wakeup: Wakeup,
        clock: Clock,
        *,
        progress: Callable[[], str],
    ) -> None:
        self.settlement = settlement
        self._backlog = backlog
        self._dispatcher = dispatcher
        self._wakeup = wakeup
        self._clock = clock
        self._progress = progress
        self._new_records = 0
        self._new_bytes = 0
        self._progress_at = clock() + PROGRESS_SECONDS

    def take(self, user: User, ticket: Ticket) -> None:
        """Bring a record's user to Spotzee.

        Raises:
            SpotzeeError: The run has to stop.
        """
        try:
            body = codec.encode_unicode(user.payload)
        except UnicodeEncodeError:
            self.reject(ticket, _NO_TEXT, user.ids)
            return
        except RecursionError:
            self.reject(ticket, _TOO_DEEP, user.ids)
            return
        except TypeError:
            self.reject(ticket, _NO_JSON, user.ids)
            return
        size = len(body)
        if size > MAX_BODY_BYTES - 2:
            reason = Reason("record_too_large", f"{size:,} bytes; {MAX_BODY_BYTES:,} fit")
            self.reject(ticket, reason, user.ids)
            return
        if user.invalid or user.mended:
            self.settlement.note(user)
        self._backlog.add(user, body, ticket, self._clock())
        self._new_records += 1
        self._new_bytes += size
        if self._new_records >= self._backlog.max_users or self._new_bytes > MAX_BODY_BYTES:
            self._new_records = self._new_bytes = 0
            self._settle_finished()
            if self._backlog.full:
                self._wait_while(lambda: self._backlog.full)

    def reject(self, ticket: Ticket, reason: Reason, ids: Ids | None = None) -> None:
        """Reject a record that was not sent; see `Settlement.rejected`.

        Raises:
            RejectLimitError: It was one too many.
        """
        self.settlement.rejected(ticket, reason, ids)
        if self.settlement.exceeded is not None:
            self.settlement.publish()
            raise self.settlement.exceeded

    def checkpoint(self, state: str) -> None:
        """Note a state of the tap's, and print it if it is safe already."""
        self.settlement.checkpoint(state)
        self.settlement.publish()

    def tick(self) -> float:
        """Do what is due.

        Returns:
            The longest that the main thread may wait before the next call, in seconds.

        Raises:
            SpotzeeError: The run has to stop.
        """
        self._settle_finished()
        now = self._clock()
        if now >= self._progress_at:
            self._progress_at = now + PROGRESS_SECONDS
            logger.info(self._progress())
        return max(0.0, min(self._progress_at, self._dispatcher.due_at) - now)

    def finish(self) -> None:
        """Send what is left and wait for all of it.

        Raises:
            SpotzeeError: The run has to stop.
        """
        self._backlog.closing = True
        self._wait_while(lambda: not self._dispatcher.idle)

    def stop(self, grace_seconds: float) -> None:
        """Send nothing more; settle and print what becomes safe within the grace.

        Raises:
            RunError: Rejects or states can't be written.
        """
        try:
            self._dispatcher.stop(grace_seconds)
        finally:
            self.settlement.publish()

    def close(self) -> None:
        """Let the workers go."""
        self._dispatcher.close()

    def _wait_while(self, condition: Callable[[], bool]) -> None:
        due_seconds = self.tick()
        while condition():
            self._wakeup.wait(due_seconds)
            due_seconds = self.tick()

    def _settle_finished(self) -> None:
        self._wakeup.check()
        try:
            self._dispatcher.reap()
        finally:
            self.settlement.publish()
