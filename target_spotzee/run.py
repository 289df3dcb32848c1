"""One run: its parts wired together, its end, its exit code and its summary."""

from __future__ import annotations

import gc
import hashlib
import logging
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from target_spotzee.api.answers import read_object
from target_spotzee.api.client import Client, Endpoint
from target_spotzee.api.connection import Connection, new_session
from target_spotzee.api.limits import Gate, Pacer
from target_spotzee.api.probe import probe, probe_subscriptions
from target_spotzee.delivery import dry_run as dry_runs
from target_spotzee.delivery.backlog import Backlog
from target_spotzee.delivery.comparison import Found
from target_spotzee.delivery.consents import Consents
from target_spotzee.delivery.dispatch import Dispatcher
from target_spotzee.delivery.dry_run import DryRun
from target_spotzee.delivery.loader import Loader
from target_spotzee.delivery.mirror import Mirror
from target_spotzee.delivery.removals import Removals
from target_spotzee.delivery.subscription_types import SubscriptionTypes
from target_spotzee.delivery.wakeup import Wakeup
from target_spotzee.delivery.workers import Sender, Workers
from target_spotzee.exceptions import (
    InputError,
    LimitReachedError,
    MappingError,
    SettingsError,
    SpotzeeError,
    unexpected,
)
from target_spotzee.objects.kinds import KINDS, PROJECT, Kind
from target_spotzee.outcome import summary as summaries
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.rejects import RejectsFile
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.outcome.states import StateWriter
from target_spotzee.outcome.summary import Requests, Summary
from target_spotzee.settings.values import Settings
from target_spotzee.snapshot.file import MOST_LOOKED_UP
from target_spotzee.snapshot.opt_outs import OptOuts
from target_spotzee.snapshot.snapshot import Snapshot

STOP_GRACE_SECONDS = 9.0
"""How long requests in flight may take to end, so that the process is gone within ten."""

_BY_WEIGHT = (2, 1, 128 + signal.SIGTERM, 128 + signal.SIGINT, 3, 4, 0)

logger = logging.getLogger("target-spotzee")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks of one run, and of no other.

    Attributes:
        confirm_removals: Remove however many users left.
        adopt_snapshot: Take over the snapshot of another project.
        check: Change nothing; only `Run.check` will be called.
    """

    confirm_removals: bool = False
    adopt_snapshot: bool = False
    check: bool = False


NOTHING_ASKED = Asked()


class Run:
    """Everything one run needs, made once from the settings.

    Args:
        settings: The settings.
        dry_run: Takes the batches in place of Spotzee.
        keep_state: Whether to print states; a run with ``--limit`` and a dry run do not.
        is_cut: Whether only a part of the input is read, by ``--limit``.
        asked: What a person asks of this run only.
        log_metrics: Logs the figures of requests, and their kind, at the end.

    Raises:
        SettingsError: The rejects file or the summary's can't be used.

    Attributes:
        kind: What records are sent as.
        loader: Brings them to Spotzee.
        settlement: Where they end.
        rejects: The rejects file, if there is one.
    """

    def __init__(
        self,
        settings: Settings,
        dry_run: DryRun | None = None,
        *,
        keep_state: bool = True,
        is_cut: bool = False,
        asked: Asked = NOTHING_ASKED,
        log_metrics: Callable[[Requests, Kind], None] = lambda _requests, _kind: None,
    ) -> None:
        if dry_run is not None:
            settings = dry_run.settings(settings)
        self._settings = settings
        self._words = dry_runs.FIGURES if dry_run is not None else None
        self._log_metrics = log_metrics
        self._began = time.monotonic()
        self.kind = KINDS["users", settings.delivery]
        problem = summaries.problem_with(settings.summary_path) if settings.summary_path else None
        if problem:
            raise SettingsError(f"summary_path: can't be written ({problem})")
        run_id = settings.run_id or str(uuid.uuid4())
        rejects_path = settings.rejects_path
        self.rejects = RejectsFile(rejects_path, run_id, now) if rejects_path else None
        self._wakeup = Wakeup()
        self._ledger = Ledger()
        self._summary = Summary(run_id, self._words)
        is_dry = dry_run is not None
        self.snapshot = _snapshot(settings, run_id, is_dry=is_dry or asked.check)
        self.settlement = Settlement(
            self._ledger,
            self._summary,
            self.rejects,
            StateWriter(lambda: self._wakeup.signalled) if keep_state else None,
            skip_rejects=settings.reject_mode == "skip",
            max_rejects=settings.most_rejects,
            snapshot=self.snapshot,
        )
        types = SubscriptionTypes(is_dry=is_dry)
        self.consents = Consents(
            OptOuts(has_links=settings.streams.have_subscriptions)
            if self.snapshot is None
            else self.snapshot.opt_outs,
            types,
            self._summary.subscriptions,
            self.snapshot.linked if self.snapshot is not None else None,
            has_memory=self.snapshot is not None,
        )
        gate = Gate(Pacer(settings.max_requests_per_10s, time.monotonic, random.random))
        connect = _connecting(settings, gate) if dry_run is None else lambda: dry_run
        self._dispatcher = Dispatcher(
            Backlog(
                run_id,
                settings.batch_size_rows,
                wait_seconds=settings.batch_wait_limit_seconds,
                max_records=settings.max_in_flight * settings.batch_size_rows,
            ),
            Workers(connect, gate.close, self._wakeup.wake, settings.max_in_flight),
            gate,
            self.settlement,
            time.monotonic,
            max_retry_seconds=settings.max_retry_seconds,
            snapshot=self.snapshot,
            consents=self.consents,
        )
        self.mirror = self._mirror(asked, is_dry=is_dry, is_cut=is_cut)
        self.loader = Loader(
            self._dispatcher,
            self.settlement,
            self._wakeup,
            time.monotonic,
            progress=self._summary.progress,
            records_per_look=settings.batch_size_rows if self.mirror is None else MOST_LOOKED_UP,
            mirror=self.mirror,
            types=types,
        )

    def _mirror(self, asked: Asked, *, is_dry: bool, is_cut: bool) -> Mirror | None:
        if self.snapshot is None:
            return None
        settings, dispatcher = self._settings, self._dispatcher
        removals = Removals(
            self.snapshot,
            self.settlement,
            settings.streams,
            now,
            settings.max_removed_percent,
            asked.confirm_removals,
        )
        return Mirror(
            self.snapshot,
            self.settlement,
            removals,
            dispatcher.holds,
            dispatcher.add,
            time.monotonic,
            key=f"key {hashlib.sha256(settings.api_key.encode()).hexdigest()[:16]}",
            adopt=asked.adopt_snapshot,
            is_dry=is_dry,
            is_cut=is_cut,
        )

    @property
    def found(self) -> Mapping[str, Found] | None:
        """How the records differ from the snapshot, by stream; ``None``: there is none."""
        return None if self.mirror is None else self.mirror.found

    def follow(self, listen: Callable[[], None]) -> int:
        """Run until the input, a fault or a signal ends it.

        Args:
            listen: Reads the input to its end.

        Returns:
            The exit code.
        """
        # Nothing here makes cycles; the collector would look at all that is in flight for nothing.
        gc.freeze()
        gc.set_threshold(50_000)
        with self._wakeup.catching(signal.SIGTERM, signal.SIGINT):
            code = self._conclude(self._end(_error_of(listen)))
            self.close()
        self._wakeup.close()
        return code

    def check(self) -> tuple[list[str], SpotzeeError | None]:
        """Prove that a run could work, without one.

        Returns:
            The facts that hold, and what is wrong, if anything is.
        """
        facts = ["settings"]
        if self.rejects is not None:
            facts.append("rejects_path can be written")
        if self._settings.summary_path is not None:
            facts.append("summary_path can be written")
        if self.snapshot is not None:
            facts.append("snapshot_path can be used")

        def ask() -> None:
            with closing(_connection_to(_endpoint(self._settings))) as connection:
                for fact in probe(connection, self.kind, now):
                    facts.append(fact)  # noqa: PERF402 - what was proved counts, should it raise
                for fact in probe_subscriptions(connection, self._settings.streams):
                    facts.append(fact)  # noqa: PERF402 - likewise
                if self.mirror is not None:
                    answer = connection.exchange(*PROJECT.request([b""]), {})
                    self.mirror.bind((answer.taken and read_object(answer)) or {})
                    facts.append("the snapshot is this project's")

        return facts, _error_of(ask)

    def close(self) -> None:
        """Close files and end idle workers."""
        self.loader.close()
        if self.rejects is not None:
            self.rejects.close()
        if self.snapshot is not None:
            _error_of(self.snapshot.close)

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
        """Report the end in the log and in the summary file; return the exit code."""
        if self.snapshot is not None:
            error = _error_of(self.snapshot.write)
            errors += [error] if error is not None and error not in errors else []
        codes = {error.exit_code for error in errors} or {0}
        if self._summary.rejected and self._settings.reject_mode != "skip":
            codes.add(3)
        if self._summary.removed.held_back:
            codes.add(4)
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
        if self._words is None:
            self._log_metrics(self._summary.requests, self.kind)
        if self.snapshot is not None:
            _error_of(lambda: self._remember(code, summary))
        level = logging.WARNING if code else logging.INFO
        logger.log(level, "%s", summaries.as_text(summary, self._words))
        return summaries.keep(summary, self._settings.summary_path)

    def _remember(self, code: int, summary: Mapping[str, Any]) -> None:
        """Note in the snapshot how the run ended."""
        if self.snapshot is None:
            return
        records, removed = summary["records"], summary["removed"]
        figures = {name: records[name] for name in ("read", "confirmed", "unchanged", "rejected")}
        figures["removed"] = removed["deleted"] + removed["marked"]
        figures["held_back"] = removed["held_back"]
        self.snapshot.end(code, summary["seconds"], figures)

    def _why(self, errors: Iterable[SpotzeeError], held_at: int | None) -> str | None:
        """Say what to do next, if there is anything to do."""
        reasons = [str(error) for error in errors]
        reasons += self._summary.removed.reasons
        if self._words is not None:
            reasons.append(dry_runs.NOTE)
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


def _snapshot(settings: Settings, run_id: str, *, is_dry: bool) -> Snapshot | None:
    if settings.snapshot_path is None:
        return None
    return Snapshot(
        settings.snapshot_path,
        run_id,
        now,
        resend_after_days=settings.resend_after_days,
        is_dry=is_dry,
    )


def _endpoint(settings: Settings) -> Endpoint:
    return Endpoint(
        url=settings.api_url,
        api_key=settings.api_key,
        api_version=settings.api_version,
        timeout_seconds=settings.timeout_seconds,
        max_retry_seconds=settings.max_retry_seconds,
        own_keys=settings.run_id is None,
    )


def _connection_to(endpoint: Endpoint) -> Connection:
    return Connection(
        endpoint.url,
        endpoint.headers,
        new_session(endpoint.url),
        timeout_seconds=endpoint.timeout_seconds,
        clock=time.monotonic,
    )


def _connecting(settings: Settings, gate: Gate) -> Callable[[], Sender]:
    """Return what makes a worker's client."""
    endpoint = _endpoint(settings)

    def connect() -> Client:
        return Client(
            endpoint,
            gate,
            _connection_to(endpoint),
            clock=time.monotonic,
            now=now,
            random=random.random,
            new_key=lambda: str(uuid.uuid4()),
        )

    return connect


def _error_of(action: Callable[[], None]) -> SpotzeeError | None:
    """Do something; return what went wrong as an error that is fit for people."""
    try:
        action()
    except SpotzeeError as error:
        return error
    except Exception as error:  # noqa: BLE001 - never a traceback: it may show a record
        return unexpected(error)
    return None


def now() -> datetime:
    """Return the time of day, with its zone."""
    return datetime.now(timezone.utc)
