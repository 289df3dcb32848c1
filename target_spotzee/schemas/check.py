"""Whether records keep to the schema that their tap declared for them.

`jsonschema` judges, by exact rules and by the usable part of the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from jsonschema import (
    Draft3Validator,
    Draft4Validator,
    Draft6Validator,
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
    ValidationError,
)
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry, Specification
from referencing.jsonschema import DRAFT3, DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

from target_spotzee.schemas.pruning import prune
from target_spotzee.schemas.rules import RULES

_DRAFTS: dict[str, tuple[type[Validator], Specification[Any]]] = {
    "draft-03": (Draft3Validator, DRAFT3),
    "draft-04": (Draft4Validator, DRAFT4),
    "draft-06": (Draft6Validator, DRAFT6),
    "draft-07": (Draft7Validator, DRAFT7),
    "2019-09": (Draft201909Validator, DRAFT201909),
    "2020-12": (Draft202012Validator, DRAFT202012),
}
_find_draft = re.compile("|".join(_DRAFTS)).search

_SINCE_2019 = {
    *("dependentRequired", "dependentSchemas", "maxContains", "minContains", "prefixItems"),
    *("unevaluatedItems", "unevaluatedProperties"),
}
_LIMITS = ("exclusiveMaximum", "exclusiveMinimum")
_MOST_NAMED = 5
_LONGEST_PLACE = 200


class RecordCheck:
    """Judges records by a schema. A rule that can't be used is left out; nothing is fetched.

    Args:
        schema: The schema as it was written, in whichever draft; it is not changed.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        base, specification, flaws = _draft_of(schema)
        validator = _exact(base)
        document, found = prune(schema, validator.VALIDATORS, specification)
        self._flaws = flaws | found
        self._validator = validator(document, registry=Registry())

    def warnings(self, stream: str) -> list[str]:
        """Return what a person should know, if anything."""
        if not self._flaws:
            return []
        named = [
            f"{place[:_LONGEST_PLACE]!r} ({what})"
            for place, what in list(self._flaws.items())[:_MOST_NAMED]
        ]
        more = len(self._flaws) - len(named)
        rest = f" and {more} more" * bool(more)
        warning = (
            f"stream {stream!r}: validate_records can't check {', '.join(named)}{rest} of its"
            " SCHEMA; its records are judged by the other rules"
        )
        return [warning]

    def violation(self, record: dict[str, Any]) -> str | None:
        """Return which rule a record breaks and where, without its values; ``None``: none."""
        try:
            error = next(self._validator.iter_errors(record), None)
        except RecursionError:
            return "is nested too deeply to be judged by the stream's schema"
        if error is None:
            return None
        return f"{_place(error)} breaks the rule {error.validator!r} of the stream's schema"


def _draft_of(
    schema: dict[str, Any],
) -> tuple[type[Validator], Specification[Any], dict[str, str]]:
    """Return how to judge by a schema, how it names schemas, and what is wrong with its draft.

    A schema that names no known draft counts as draft 7, unless it has keywords of a later one.
    """
    named = schema.get("$schema")
    found = _find_draft(named) if isinstance(named, str) else None
    if found:
        return *_DRAFTS[found[0]], {}
    later = not _SINCE_2019.isdisjoint(_words(schema))
    validator, specification = _DRAFTS["2020-12" if later else "draft-07"]
    if isinstance(schema.get("id"), str):  # as ids were called up to draft 4
        specification = DRAFT4
    flaws = {"#/$schema": "names no draft that is known"} if "$schema" in schema else {}
    return validator, specification, flaws


def _words(schema: object) -> Iterator[str]:
    """Yield each name in a schema, however deep it lies."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


@cache
def _exact(base: type[Validator]) -> type[Validator]:
    """Return a draft's validator with our rules, which know exclusive limits in every draft."""
    rules = {
        keyword: rule
        for keyword, rule in RULES.items()
        if keyword in base.VALIDATORS or keyword in _LIMITS
    }
    return cast("type[Validator]", extend(base, rules))  # type: ignore[no-untyped-call]


def _place(error: ValidationError) -> str:
    """Return a JSON path; names inside a column that the schema lacks are data, shown as ``*``."""
    told = error.absolute_schema_path
    path = [
        name if isinstance(name, int) or place == 0 or name in told else "*"
        for place, name in enumerate(error.absolute_path)
    ]
    return ValidationError("", path=path).json_path
