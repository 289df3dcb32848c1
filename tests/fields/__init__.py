"""What becomes of each first-class field's value."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

NEVER_RIGHT: list[Any] = [
    None,
    True,
    False,
    [],
    ["x"],
    {},
    {"a": 1},
    b"x",
    1.5,
    Decimal("0.5"),
    float("nan"),
    float("inf"),
    Decimal("-Infinity"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("1E+999999"),
]

NOISE = st.text(
    " \t\n\u00a0\u200b\ufeff()<>\"'.,;:/\\|#*+-_=@%0123456789aezAEXZ\u0661\uff11", max_size=8
)
"""What stands around values, or gets into them."""


def mutations(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw right values with something put in, left out or put around."""

    def mutated(value: str, noise: str, at: int, cut: int) -> str:
        at %= len(value) + 1
        return value[:at] + noise + value[at + cut :]

    return st.builds(mutated, values, NOISE, st.integers(0, 300), st.integers(0, 2))


def sent_or_refused(check: Callable[[object], str], value: object) -> str | None:
    """Return what would be sent; nothing but a ValueError refuses."""
    try:
        return check(value)
    except ValueError:
        return None
