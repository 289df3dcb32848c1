"""Rejects that are sent again: which ones need it, and how they are then marked in their file."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from target_spotzee.outcome import marks
from target_spotzee.records import Ticket

_OLD = timedelta(days=1)

logger = logging.getLogger("target-spotzee")


class Mark:
    """Marks a reject of the input once every record made of it was delivered or kept anew.

    Records that the settings leave out don't stand in the way, but one at least must be safe.

    Args:
        fd: The input, open for writing.
        place: Where its mark is.
    """

    def __init__(self, fd: int, place: int) -> None:
        self._fd = fd
        self._place = place
        self._left = 0
        self._all_known = False
        self._any_safe = False

    def wait_for(self, ticket: Ticket) -> None:
        """Wait for one more record made of the reject; stream maps can make several of one."""
        self._left += 1
        ticket.on_end = self._ended

    def close(self) -> None:
        """Wait for no more records than by now; before that there is no mark."""
        self._all_known = True
        self._set_if_due()

    def _ended(self, safe: bool) -> None:
        self._left -= 1
        self._any_safe |= safe
        self._set_if_due()

    def _set_if_due(self) -> None:
        if self._all_known and self._any_safe and not self._left:
            marks.set_done(self._fd, self._place)


class Replay:
    """Looks at each reject of the input.

    Args:
        now: The time of day, with its zone.
        input_fd: The input, if it is to be marked and has a descriptor. Only a plain file can be.
        offset: Returns where in the input the current line begins.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        input_fd: int | None = None,
        offset: Callable[[], int] = lambda: 0,
    ) -> None:
        self._now = now
        self._fd = None if input_fd is None else _reopen(input_fd)
        self._offset = offset
        self._warned: set[str] = set()

    def is_done(self, reject: dict[str, Any]) -> bool:
        """Say whether a reject need not be sent any more; warn of one that is old."""
        if reject.get("done") is True:
            self._warn(
                "passing over rejects that are marked done: delivered, superseded by a newer"
                " record, or refused again and kept anew"
            )
            return True
        with suppress(KeyError, TypeError, ValueError):
            if self._now() - datetime.fromisoformat(reject["time"]) > _OLD:
                self._warn(
                    "the input holds rejects older than a day; what they hold may be older than"
                    " what Spotzee has by now",
                )
        return False

    def mark(self, line: str | bytes) -> Mark | None:
        """Return the mark of a reject, by its line; ``None`` if it can't be marked."""
        if self._fd is None or isinstance(line, str):
            return None
        place = marks.place_in(line)
        return None if place is None else Mark(self._fd, self._offset() + place)

    def _warn(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            logger.warning("%s", warning)


def _reopen(fd: int) -> int | None:
    """Open a plain file once more, to write; ``None`` if that can't be done."""
    with suppress(OSError):
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return os.open(f"/dev/fd/{fd}", os.O_RDWR)
    return None
