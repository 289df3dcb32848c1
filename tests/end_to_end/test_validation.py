"""``validate_records``: records are judged by the schemas that taps really write."""

from __future__ import annotations

from typing import Any

import pytest

from tests import tap
from tests.process import Target


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ({"type": "number", "maximum": 9, "exclusiveMaximum": True}, 8.5, 9),
        ({"type": "number", "multipleOf": 1e-15}, 98765432101234.12, 1e-16),
        ({"type": "integer"}, 5.0, 5.5),
        ({"type": "string", "$ref": "address.json"}, "x", 1),
        ({"type": "string", "$ref": "#/properties/a"}, "x", 1),
    ],
)
def test_records_are_judged_by_what_taps_write(
    target: Target,
    column: dict[str, Any],
    good: Any,
    bad: Any,
) -> None:
    lines = [
        tap.schema(properties={"id": {"type": "integer"}, "a": column}),
        tap.record(id=1, a=good),
        tap.record(id=2, a=bad),
    ]
    result = target.run(lines, validate_records=True)
    assert result.exit_code == 3
    assert result.records == {"read": 2, "confirmed": 1, "rejected": 1}
    assert list(result.summary["rejects"]) == ["schema_violated"]
    assert result.stderr.count("validate_records can't check") == ("$ref" in column)


def test_nothing_is_told_where_nothing_is_judged(target: Target) -> None:
    lines = [tap.schema(properties={"id": {"type": "any"}}), tap.record(id=1)]
    result = target.run(lines)
    assert result.exit_code == 0
    assert "validate_records" not in result.stderr
