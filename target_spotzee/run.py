"""One run: its parts wired together, its end, its exit code and its summary."""

from __future__ import annotations

import gc
import logging
import os
import random
import select
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone

from singer_sdk import metrics
from singer_sdk.exceptions import MissingKeyPropertiesError, RecordsWithoutSchemaException

from target_spotzee.api.client import Client, Endpoint
from target_spotzee.api.connection import Connection, new_session
from target_spotzee.api.gate import Gate
from target_spotzee.api.pacing import Pacer
from target_spotzee.delivery.backlog import Backlog
from target_spotzee.delivery.dispatch import Dispatcher
from target_spotzee.delivery.dry_run import Rehearsal
from target_spotzee.delivery.loader import Loader
from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.exceptions import (
    InputError,
    LimitReachedError,
    MappingError,
    RejectLimitError,
    RunError,
    SettingsError,
    SpotzeeError,
    unexpected,
)
from target_spotzee.outcome import summary as summaries
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.rejects import RejectsFile
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.outcome.summary import Summary
from target_spotzee.settings.declaration import Settings
from target_spotzee.singer.stdio import say

STOP_GRACE_SECONDS = 9.0
"""How long requests under way may take to end, so that the process is gone within ten."""

_STDOUT_PATIENCE_SECONDS = 0.5
_BY_WEIGHT = (2, 1, 128 + signal.SIGTERM, 128 + signal.SIGINT, 3, 0)

logger = logging.getLogger("target-spotzee")


class Run:
    """Everything one run needs, made once from the settings.

    Args:
        settings: The settings.
        rehearsal: Takes the batches in place of Spotzee.
        keep_state: Whether to print states; a canary and a rehearsal do not.

    Raises:
        SettingsError: The rejects file or the summary's can't be used.
    """

    def __init__(
        self,
        settings: Settings,
        rehearsal: Rehearsal | None = None,
        *,
        keep_state: bool = True,
    ) -> None:
        if rehearsal is not None:
            settings = replace(settings, max_in_flight=1, rejects_path=None, summary_path=None)
        self._settings = settings
        self._rehearses = rehearsal is not None
        self._began = time.monotonic()
        problem = summaries.problem_with(settings.summary_path) if settings.summary_path else None
        if problem:
            raise SettingsError(f"summary_path: can't be written ({problem})")
        run_id = settings.run_id or str(uuid.uuid4())
        self.rejects = (
            RejectsFile(settings.rejects_path, run_id, now) if settings.rejects_path else None
        )
        self.wakeup = Wakeup()
        self._ledger = Ledger()
        self._summary = Summary(run_id, rehearsed=self._rehearses)
        settlement = Settlement(
            self._ledger,
            self._summary,
            self.rejects,
            self._print_state if keep_state else None,
            reject_mode=settings.reject_mode,
            max_rejects=settings.max_rejects,
            asynchronous=settings.delivery == "async",
        )
        gate = Gate(Pacer(settings.max_requests_per_10s, time.monotonic, random.random))
        endpoint = Endpoint(
            url=settings.api_url,
            api_key=settings.api_key,
            api_version=settings.api_version,
            synchronous=settings.delivery == "sync",
            timeout_seconds=settings.timeout_seconds,
            max_retry_seconds=settings.max_retry_seconds,
            own_keys=settings.run_id is None,
        )
        backlog = Backlog(
            run_id,
            settings.batch_size_rows,
            wait_seconds=settings.batch_wait_limit_seconds,
            max_records=settings.max_in_flight * settings.batch_size_rows,
        )

        def connect() -> Client:
            return Client(
                endpoint,
                gate,
                Connection(
                    endpoint.url,
                    endpoint.headers,
                    new_session(endpoint.url),
                    timeout_seconds=endpoint.timeout_seconds,
                    clock=time.monotonic,
                ),
                clock=time.monotonic,
                now=now,
                random=random.random,
                new_key=lambda: str(uuid.uuid4()),
            )

        self._connect = connect
        self._dispatcher = Dispatcher(
            connect if rehearsal is None else lambda: rehearsal,
            backlog,
            settlement,
            self._summary.requests,
            gate,
            self.wakeup,
            time.monotonic,
            max_in_flight=settings.max_in_flight,
            max_retry_seconds=settings.max_retry_seconds,
        )
        self.loader = Loader(
            backlog,
            self._dispatcher,
            settlement,
            self.wakeup,
            time.monotonic,
            progress=self._summary.progress,
        )

    def follow(self, listen: Callable[[], None]) -> int:
        """Run until the input, a fault or a signal ends it.

        Args:
            listen: Reads the input to its end.

        Returns:
            The exit code.
        """
        # Nothing here makes cycles; the collector would only look at all that is in flight.
        gc.freeze()
        gc.set_threshold(50_000)
        with self.wakeup.catching(signal.SIGTERM, signal.SIGINT):
            code = self._conclude(self._end(_error_of(listen)))
            self.close()
        self.wakeup.close()
        return code

    def check(self) -> int:
        """Prove that a run could work, without one; print what is right and what is wrong.

        Returns:
            The exit code.
        """
        passed = ["settings"]
        if self.rejects is not None:
            passed.append("rejects_path can be written")
        if self._settings.summary_path is not None:
            passed.append("summary_path can be written")
        error = _error_of(lambda: self._probe(passed))
        report = [f"ok     {fact}" for fact in passed]
        if error is not None:
            report.append(f"wrong  {error}")
        unsaid = _error_of(lambda: say("\n".join(report)))
        if unsaid is not None:
            logger.error("%s", unsaid)
            error = error or unsaid
        self.close()
        return 0 if error is None else error.exit_code

    def _probe(self, passed: list[str]) -> None:
        with closing(self._connect()) as client:
            for fact in client.probe():
                passed.append(fact)  # noqa: PERF402 - what was proved counts, should it raise

    def close(self) -> None:
        """Let go of files and idle workers."""
        self.loader.close()
        if self.rejects is not None:
            self.rejects.close()

    def _end(self, error: SpotzeeError | None) -> list[SpotzeeError]:
        """Settle what can still be settled after an error; return all that went wrong."""
        errors = [error]
        if isinstance(error, (MappingError, InputError, LimitReachedError)):
            errors.append(_error_of(self.loader.finish))  # what was read before is sound
        if isinstance(error, LimitReachedError):
            errors.remove(error)
            logger.info("%s", error)
        if any(errors):
            errors.append(_error_of(lambda: self.loader.stop(STOP_GRACE_SECONDS)))
            errors.append(self._dispatcher.failure)
        return list(dict.fromkeys(found for found in errors if found is not None))

    def _conclude(self, errors: list[SpotzeeError]) -> int:
        """Tell how it ended, in the log and in the summary file."""
        codes = {error.exit_code for error in errors} or {0}
        if self._summary.rejected and self._settings.reject_mode != "skip":
            codes.add(3)
        code = min(codes, key=_BY_WEIGHT.index)
        for error in errors:
            logger.error("%s", error)
        held_at = self._ledger.held_at
        summary = self._summary.as_dict(
            exit_code=code,
            seconds=time.monotonic() - self._began,
            held_at=held_at,
            why=self._why(errors, held_at),
        )
        if not self._rehearses:
            self._log_metrics()
        logger.info("%s", summaries.as_text(summary, rehearsed=self._rehearses))
        return summaries.keep(summary, self._settings.summary_path)

    def _print_state(self, state: str) -> None:
        """Print a state at once, and nothing else ever.

        Raises:
            RunError: Nobody reads it. A reader that only pauses is waited for, but not past a
                signal.
        """
        left = memoryview(f"{state}\n".encode())
        try:
            fd = sys.stdout.fileno()
        except OSError:  # it lives in memory
            sys.stdout.write(f"{state}\n")
            return
        try:
            while left:
                if select.select([], [fd], [], _STDOUT_PATIENCE_SECONDS)[1]:
                    # What a pipe takes at once, so that this never blocks.
                    left = left[os.write(fd, left[: select.PIPE_BUF]) :]
                elif self.wakeup.signalled:
                    raise RunError("states can't be printed: nobody reads stdout")
        except BrokenPipeError:
            raise RunError("states can't be printed: nobody reads stdout") from None
        except OSError as error:
            raise RunError(f"states can't be printed on stdout ({error.strerror})") from None

    def _log_metrics(self) -> None:
        """Log the SDK's METRIC lines for requests once: one a request would drown the rest."""
        requests = self._summary.requests
        seconds = requests.mean_ms() / 1000
        tags = {"endpoint": "/users/batch" if self._settings.delivery == "sync" else "/users"}
        sdk_logger = metrics.get_metrics_logger()
        for kind, metric, value in (
            ("counter", metrics.Metric.HTTP_REQUEST_COUNT, requests.sent),
            ("timer", metrics.Metric.HTTP_REQUEST_DURATION, seconds),
            ("timer", metrics.Metric.BATCH_PROCESSING_TIME, seconds),
        ):
            metrics.log(sdk_logger, metrics.Point(kind, metric, value, tags))

    def _why(self, errors: Iterable[SpotzeeError], held_at: int | None) -> str | None:
        """Say what to do next, if there is anything to do."""
        reasons = [str(error) for error in errors]
        if self._rehearses:
            reasons.append("dry run: nothing was sent")
        elif held_at is not None:
            reasons.append(
                f"state held at record {held_at}: set rejects_path or mend the record",
            )
        elif self._summary.rejected and self.rejects is not None:
            reasons.append(
                f"rejects are in {self._settings.rejects_path}: mend the cause, rename the file,"
                " and send it again: target-spotzee --config … < RENAMED",
            )
        return "; ".join(reasons) or None


def _error_of(action: Callable[[], None]) -> SpotzeeError | None:
    """Do something; return what went wrong as an error that is fit to be read."""
    try:
        action()
    except SpotzeeError as error:
        return error
    except MissingKeyPropertiesError as error:
        cause = error.__cause__
        return (
            cause if isinstance(cause, SpotzeeError) else RejectLimitError("key property missing")
        )
    except RecordsWithoutSchemaException as error:
        return InputError(str(error))
    except Exception as error:  # noqa: BLE001 - never a traceback: it may show a record
        return unexpected(error)
    return None


def now() -> datetime:
    """Return the time of day, with its zone."""
    return datetime.now(timezone.utc)
