"""Items that a fault refuses on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_spotzee.sandbox.problems import Flaw, Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_spotzee.sandbox.bodies import Item
    from target_spotzee.sandbox.faults import Fault


def refuse_on_purpose(item: Item, faults: Sequence[Fault]) -> None:
    """Lets ``item_error`` happen.

    Raises:
        Refusal: If it is this item's turn.
    """
    for fault in faults:
        if fault.effect == "item_error" and item.get("external_id") in fault.external_ids:
            raise Refusal(fault.code or "validation_failed", fault.message)


def refuse_batch_on_purpose(items: Sequence[Item], faults: Sequence[Fault]) -> None:
    """Lets ``refuse_batch`` happen.

    Raises:
        Problem: If a guilty item is there.
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
