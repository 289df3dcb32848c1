"""What an outcome means for each item of its batch: pure rules, which `dispatch` carries out."""

from __future__ import annotations

from dataclasses import dataclass, field

from target_spotzee.api.answers import Delivered, ItemError, Refused
from target_spotzee.api.waits import PATIENCE_SECONDS
from target_spotzee.exceptions import RunError
from target_spotzee.objects.batch import Batch, Item


@dataclass(slots=True)
class Verdict:
    """Where each item of a batch goes from here; it goes to one place only.

    Attributes:
        delivered: Spotzee has them.
        rejected: Spotzee refuses them for good, each with its error.
        resends: What is left, in batches of its own.
        advanced: They go on with their next step.
        splits: How many times something was taken apart.
        failure: What ends the run, if something does.
    """

    delivered: list[Item] = field(default_factory=list)
    rejected: list[tuple[Item, ItemError]] = field(default_factory=list)
    resends: list[Batch] = field(default_factory=list)
    advanced: list[Item] = field(default_factory=list)
    splits: int = 0
    failure: RunError | None = None


def judge(batch: Batch, outcome: Delivered | Refused, max_retry_seconds: float) -> Verdict:
    """Say what becomes of a batch.

    Args:
        batch: The batch.
        outcome: What Spotzee answered in the end.
        max_retry_seconds: How long one item keeps being tried.
    """
    if isinstance(outcome, Delivered):
        verdict = _of_delivered(batch, outcome.errors, max_retry_seconds)
        if outcome.is_there:
            verdict.advanced = [item for item in verdict.delivered if item.steps]
            if verdict.advanced:
                verdict.delivered = [item for item in verdict.delivered if not item.steps]
        return verdict
    return _of_refused(batch, outcome)


def _of_delivered(batch: Batch, errors: dict[int, ItemError], max_retry_seconds: float) -> Verdict:
    if not errors:
        return Verdict(delivered=batch.items)
    verdict = Verdict(delivered=[item for i, item in enumerate(batch.items) if i not in errors])
    retried: list[Item] = []
    for index, error in sorted(errors.items()):
        item = batch.items[index]
        is_awaited = batch.kind.is_patient and error.code == "resource_missing"
        # Nobody knows whether the user of a record that is not sent will ever be there.
        patience = PATIENCE_SECONDS if item.tells_only else max(PATIENCE_SECONDS, max_retry_seconds)
        if is_awaited and batch.attempts.spent_seconds < patience:
            retried.append(item)
            continue
        if not error.is_transient:
            _reject(batch, item, error, verdict)
            continue
        retried.append(item)
        if batch.attempts.spent_seconds >= max_retry_seconds:
            verdict.failure = _gave_up(batch, item, error)
    if retried:
        verdict.resends.append(batch.part(retried, is_retry=True))
    return verdict


def _of_refused(batch: Batch, refused: Refused) -> Verdict:
    """Isolate the items that a refusal of the whole batch is about: named by it, or by halving."""
    verdict = Verdict()
    if not refused.guilty and len(batch.items) > 1:
        verdict.splits += 1
        verdict.resends += batch.halves()
        return verdict
    guilty = refused.guilty or {0: refused.error}
    for index, error in guilty.items():
        _reject(batch, batch.items[index], error, verdict)
    innocent = [item for i, item in enumerate(batch.items) if i not in guilty]
    if innocent:
        verdict.splits += 1
        verdict.resends.append(batch.part(innocent))
    return verdict


def _reject(batch: Batch, item: Item, error: ItemError, verdict: Verdict) -> None:
    """Reject an item; a folded one is taken apart first, so that only the bad record is lost."""
    if item.folded:
        verdict.splits += 1
        verdict.resends.append(batch.part([item.apart()]))
    else:
        verdict.rejected.append((item, error))


def _gave_up(batch: Batch, item: Item, error: ItemError) -> RunError:
    ticket = item.ticket
    return RunError(
        f"gave up on record {ticket.number} of stream {ticket.origin.stream!r} after"
        f" {batch.attempts.spent_seconds:.1f} s: Spotzee keeps answering {error.code}; start again"
        " to go on from the last state",
        batch.attempts.request_id,
    )
