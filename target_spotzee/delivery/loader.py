"""The main thread's loop: a record's way from the sink to its end, and the waits on that way.

Hands items to the dispatcher, keeps it going, and sees that nothing waits longer than it may while
the tap is silent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from target_spotzee import codec
from target_spotzee.api.waits import Clock
from target_spotzee.delivery.dispatch import Dispatcher
from target_spotzee.delivery.mirror import Mirror
from target_spotzee.delivery.subscription_types import SubscriptionTypes
from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.mapping.identities import identities_of
from target_spotzee.mapping.subscriptions import all_types
from target_spotzee.mapping.toggles import Wish, Wishes
from target_spotzee.mapping.users import User
from target_spotzee.objects.batch import Item
from target_spotzee.objects.kinds import PROJECT, TYPES, Kind, Payload
from target_spotzee.outcome.rejects import Reason
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.records import Ids, Ticket
from target_spotzee.snapshot.unread import Unread

PROGRESS_SECONDS = 10.0
_RECORDS_PER_LOOK = 100
_BYTES_PER_LOOK = 1_000_000
"""After so many new records, or bytes, the main thread looks at what has come back."""

_NO_TEXT = Reason("text_invalid", "holds half of a surrogate pair, which is no character")
_TOO_DEEP = Reason("record_too_deep", "is nested too deeply")
_NUMBER_TOO_LARGE = Reason("number_invalid", "holds a number that is too large for a double")
_NO_JSON = Reason("stream_map_failed", "a stream map made a value that is not JSON")
_UNENCODED = {UnicodeEncodeError: _NO_TEXT, RecursionError: _TOO_DEEP}

logger = logging.getLogger("target-spotzee")


class Loader:
    """Takes what the sinks map and brings it to Spotzee.

    Args:
        dispatcher: Sends it.
        settlement: Where records end.
        wakeup: What the main thread waits on.
        clock: Monotonic seconds.
        progress: Says in one line how far the run is.
        records_per_look: After so many new records it looks at what has come back.
        mirror: Decides what need not be sent, if there is a snapshot.
        types: The types of subscriptions.

    Attributes:
        mirror: The same.
        types: The same; Spotzee is asked for them here.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        settlement: Settlement,
        wakeup: Wakeup,
        clock: Clock,
        *,
        progress: Callable[[], str],
        records_per_look: int = _RECORDS_PER_LOOK,
        mirror: Mirror | None = None,
        types: SubscriptionTypes | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._settlement = settlement
        self._wakeup = wakeup
        self._clock = clock
        self._progress = progress
        self._records_per_look = records_per_look
        self.mirror = mirror
        self.types = types or SubscriptionTypes()
        self.types.ask = lambda: all_types(lambda query: self._ask(TYPES, query.encode()))
        self._is_asking = self._is_deciding = False
        self._new_records = 0
        self._new_bytes = 0
        self._progress_at = clock() + PROGRESS_SECONDS

    def load(self, user: User, ticket: Ticket, kind: Kind, line: bytes = b"") -> None:
        """Send what a record was mapped to on its way to Spotzee, unless Spotzee has it.

        Args:
            user: What the record was mapped to.
            ticket: The record.
            kind: What it is sent as.
            line: Stands for the record as the tap wrote it, where the snapshot knows it by that.

        Raises:
            SpotzeeError: The run has to stop.
        """
        try:
            body = codec.encode_unicode(user.payload)
        except (UnicodeEncodeError, RecursionError, TypeError) as error:
            self._refuse_user(user, ticket, kind, _UNENCODED.get(type(error), _NO_JSON))
            return
        if codec.may_be_too_large(body) and codec.proper(user.payload) is not user.payload:
            self._refuse_user(user, ticket, kind, _NUMBER_TOO_LARGE)
            return
        size = len(body)
        if size > kind.max_item_bytes:
            reason = Reason("record_too_large", f"{size:,} bytes; {kind.max_item_bytes:,} fit")
            self._refuse_user(user, ticket, kind, reason)
            return
        if user.invalid or user.mended:
            self._settlement.note(user.invalid, user.mended)
            line = b""  # so that it is counted each time
        item = Item(kind, user.ids, user.identities, body, ticket)
        item.line = line
        if user.wishes:
            item.toggles = self.types.numbered(user.wishes)
        self._take(item, user.payload)

    def remove(self, item: Item) -> None:
        """Send a user's removal on its way.

        Raises:
            SpotzeeError: The run has to stop.
        """
        self._dispatcher.leave(item)
        self._take(item, {})

    def _take(self, item: Item, payload: Payload) -> None:
        if self.mirror is None:
            self._dispatcher.add(item, payload, self._clock())
        elif self.mirror.take(item, payload):
            return
        self._count(len(item.body))

    def take_unread(self, record: Unread) -> None:
        """Take a record that was not read; see `Mirror.take_unread`.

        Raises:
            SpotzeeError: The run has to stop.
        """
        if self.mirror is not None:
            self.mirror.take_unread(record)
            self._count(len(record.raw))

    def _count(self, size: int) -> None:
        """Look at what has come back once enough came in."""
        self._new_records += 1
        self._new_bytes += size
        if self._new_records >= self._records_per_look or self._new_bytes > _BYTES_PER_LOOK:
            self._new_records = self._new_bytes = 0
            self._settle_finished()
            if self._dispatcher.full:
                self._wait_while(lambda: self._dispatcher.full)

    def _refuse_user(self, user: User, ticket: Ticket, kind: Kind, reason: Reason) -> None:
        noes = tuple([each for each in user.wishes if each[1] is Wish.OUT])
        names = all(codec.is_text(id_ or "") for id_ in user.ids)
        self.reject(ticket, reason, user.ids if names else None, kind, noes)

    def reject(
        self,
        ticket: Ticket,
        reason: Reason,
        ids: Ids | None = None,
        kind: Kind | None = None,
        noes: Wishes = (),
    ) -> None:
        """Reject a record that was not sent, once what it says no to is told.

        Args:
            ticket: The record.
            reason: Why.
            ids: Its user's, if they are known.
            kind: What it would be sent as.
            noes: What it says no to.

        Raises:
            SpotzeeError: The run has to stop; maybe since it was one too many.
        """
        self.refuse(ticket, ids)
        self._settlement.rejecting(ticket, reason, ids)
        if noes and ids is not None and kind is not None:
            item = Item(kind, ids, identities_of(ids), b"", ticket, refusal=reason)
            item.toggles = self.types.numbered(noes)
            if self.mirror is not None:
                self._bind(self.mirror)
            self._dispatcher.add_opt_outs(item, self._clock())
            if not self._is_deciding:
                self._count(0)
            return
        self._settlement.rejected(ticket, reason, ids)
        if self._settlement.exceeded is not None:
            self._settlement.publish()
            raise self._settlement.exceeded

    def refuse(self, ticket: Ticket, ids: Ids | None) -> None:
        """Note whom a record that can't be sent is about; see `Mirror.refuse`."""
        if self.mirror is not None:
            self._decide()
            self.mirror.refuse(ticket, ids)

    def checkpoint(self, state: str, unfinished: frozenset[str] = frozenset()) -> None:
        """Note a state of the tap's, and print it if it is safe already.

        Args:
            state: As the tap wrote it.
            unfinished: The streams that it says are not read to their end.
        """
        self._settlement.checkpoint(state)
        if self.mirror is None:
            self._settlement.publish()
        else:  # each state that is printed costs a wait for the disk, so not each is
            self.mirror.checkpoint(unfinished)
            self._count(len(state))

    def wait_for_input(self, fd: int) -> None:
        """Do what is due until a descriptor can be read.

        While the tap is silent, finished requests are settled, part-filled batches leave, and
        signals are obeyed.

        Args:
            fd: A pipe, a file, a terminal.

        Raises:
            SpotzeeError: The run has to stop.
        """
        if self.mirror is not None and self.mirror.has_undecided and self._wakeup.wait(0, fd):
            return  # the more are decided at once, the less each costs
        while not self._wakeup.wait(self._do_what_is_due(), fd):
            pass

    def keep_up(self) -> None:
        """Do what is due, and wait for nothing.

        Raises:
            SpotzeeError: The run has to stop.
        """
        self._do_what_is_due()

    def finish(self) -> None:
        """Send what is left and wait for all of it.

        Raises:
            SpotzeeError: The run has to stop.
        """
        self._dispatcher.close_backlog()
        self._wait_while(lambda: not self._dispatcher.idle)

    def remove_missing(self) -> None:
        """Remove who has left the source, once all of the input is settled.

        Raises:
            SpotzeeError: The run has to stop.
        """
        if self.mirror is None:
            return
        self.mirror.judge()
        if self.mirror.has_leavers:
            self._bind(self.mirror)
        for item in self.mirror.leavers():
            self._dispatcher.add(item, {}, self._clock())
            if self._dispatcher.full:
                self._wait_while(lambda: self._dispatcher.full)
        self._wait_while(lambda: not self._dispatcher.idle)

    def stop(self, grace_seconds: float) -> None:
        """Send nothing more; settle and print what becomes safe within the grace.

        Raises:
            RunError: Rejects or states can't be written.
        """
        try:
            self._dispatcher.stop(grace_seconds, self._wait_unless_urged)
        finally:
            self._settlement.publish()

    def close(self) -> None:
        """End the workers."""
        self._dispatcher.close()

    def _wait_unless_urged(self, seconds: float) -> bool:
        if self._wakeup.urged:
            return False
        self._wakeup.wait(seconds)
        return True

    def _wait_while(self, condition: Callable[[], bool]) -> None:
        due_seconds = self._do_what_is_due()
        while condition():
            self._wakeup.wait(due_seconds)
            due_seconds = self._do_what_is_due()

    def _do_what_is_due(self) -> float:
        """Settle, send and tell what is due; return the seconds until that is to be done again."""
        self._settle_finished()
        now = self._clock()
        if now >= self._progress_at:
            self._progress_at = now + PROGRESS_SECONDS
            logger.info(self._progress())
        return max(0.0, min(self._progress_at, self._dispatcher.due_at) - now)

    def _decide(self) -> None:
        """Send what changed on its way, once it is known that the snapshot is this project's."""
        mirror = self.mirror
        if mirror is None or not mirror.has_undecided or self._is_asking:
            return
        self._bind(mirror)
        self._is_deciding = True
        try:
            mirror.decide()
        finally:
            self._is_deciding = False

    def _bind(self, mirror: Mirror) -> None:
        if not mirror.is_bound:
            mirror.bind(self._ask(PROJECT))

    def _ask(self, kind: Kind, body: bytes = b"") -> Mapping[str, Any]:
        """Return what Spotzee answers to a question, while nothing new is decided."""
        was_asking, self._is_asking = self._is_asking, True
        self._dispatcher.ask(kind, body, self._clock())
        self._wait_while(lambda: self._dispatcher.answer is None)
        self._is_asking = was_asking
        return self._dispatcher.answer or {}

    def decided(self) -> Mirror | None:
        """Return the mirror, if there is one, once it has decided on every record that was read.

        So it can be told of what is not a record in its place between the records.
        """
        self._decide()
        return self.mirror

    @property
    def remembers(self) -> bool:
        """Whether there is a snapshot."""
        return self.mirror is not None

    def _settle_finished(self) -> None:
        self._wakeup.check()
        self._decide()
        try:
            self._dispatcher.reap()
        finally:
            self._settlement.publish()
