"""Items that a fault refuses on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_spotzee.sandbox.problems import Flaw, Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_spotzee.sandbox.bodies import Item
    from target_spotzee.sandbox.faults import Fault


def refuse_on_purpose(item: Item, faults: Sequence[Fault]) -> None:
    """Refuse an item that an ``item_error`` is for.

    Args:
        item: The item.
        faults: What happens to its request on purpose.

    Raises:
        Refusal: One is for it.
    """
    for fault in faults:
        if fault.effect == "item_error" and item.get("external_id") in fault.external_ids:
            raise Refusal(fault.code or "validation_failed", fault.message)


def refuse_batch_on_purpose(items: Sequence[Item], faults: Sequence[Fault]) -> None:
    """Refuse a request that holds a guilty item of a ``refuse_batch``.

    Args:
        items: The request's.
        faults: What happens to it on purpose.

    Raises:
        Problem: It holds one.
    """
    for fault in faults:
        if fault.effect != "refuse_batch":
            continue
        guilty = [
            index
            for index, item in enumerate(items)
            if index == fault.index or item.get("external_id") in fault.external_ids
        ]
        if not guilty:
            continue
        status = fault.status or 422
        usual = "parameter_invalid_format" if status == 400 else "validation_failed"  # noqa: PLR2004
        code = fault.code or usual
        flaws = [Flaw(index, "email", code, fault.message) for index in guilty]
        raise Problem(status, code, fault.message, flaws=flaws if fault.named else ())
