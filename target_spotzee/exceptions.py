"""Everything that can go wrong, as one small tree.

::

    SpotzeeError
    ├── RecordError          the record's fault: it is rejected, the run goes on
    ├── SettingsError        exit 2: a setting is wrong or they contradict each other
    ├── MappingError         exit 2: a stream can't be mapped to Spotzee users
    ├── RunError             exit 1: key, address, quota, network or disk; nothing more is sent
    │   └── InputError       exit 1: the tap's fault; what was read before is still delivered
    ├── RejectLimitError     exit 3: ``fail_fast``, or more than ``max_rejects``
    ├── InterruptedRunError  exit 128 + signal: SIGINT or SIGTERM
    └── LimitReachedError    no fault: as many records as ``--limit`` says are sent

The moment's fault (a time-out, a 429, a 5xx) has no exception: the client tries again until its
budget is spent and then raises `RunError`. No message ever holds a value from a record or the key.
"""

from __future__ import annotations

import signal
import traceback
from pathlib import Path


class SpotzeeError(Exception):
    """Root of this package's errors; its text is one line for a person to act on."""

    exit_code = 1


class RecordError(SpotzeeError):
    """A record that can't become a Spotzee user.

    Args:
        code: What is wrong, for machines: ``identity_missing``, ``field_invalid``, ….
        message: What is wrong, for people, without the value.
        field: The Spotzee field at fault, if there is one.
    """

    exit_code = 3

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class SettingsError(SpotzeeError):
    """Settings that no run can work with.

    Args:
        message: What is wrong; names in it come from outside, and may hold line breaks.
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__("".join(each if each.isprintable() else "?" for each in message))


class MappingError(SpotzeeError):
    """A stream that can't be mapped to users."""

    exit_code = 2


class RunError(SpotzeeError):
    """The run can't go on; what was settled stays settled.

    Args:
        message: What happened and what to do.
        request_id: Spotzee's ``X-Request-Id`` of the answer that ended the run, if there was one.
    """

    def __init__(self, message: str, request_id: str | None = None) -> None:
        super().__init__(f"Request {request_id}: {message}" if request_id else message)
        self.request_id = request_id


class InputError(RunError):
    """The input can't be read further: the tap is broken, was cut off, or something else wrote."""


class RejectLimitError(SpotzeeError):
    """More records were rejected than the settings allow."""

    exit_code = 3


class InterruptedRunError(SpotzeeError):
    """A signal ended the run.

    Args:
        signum: The signal's number.
    """

    def __init__(self, signum: int) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"stopped by {name}; start again to go on from the last state")
        self.signum = signum
        self.exit_code = 128 + signum


class LimitReachedError(SpotzeeError):
    """As many records were read as ``--limit`` allows."""

    exit_code = 0


def unexpected(error: BaseException) -> RunError:
    """Return a bug as one line: its type and place, not its text, which may hold a value."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return RunError(
        f"unexpected {type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}; this is"
        " a bug, please report this line",
    )
