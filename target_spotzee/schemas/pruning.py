"""Which part of a SCHEMA can be used to judge records.

Taps write what no draft of JSON Schema has: ``type: datetime``, ``required: true``, a ``$ref`` to a
file that stayed at home. Such a rule is left out, and so is each rule that would then turn down
good records: a schema that lost a rule fits more, so ``not`` that schema fits too little.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from referencing import Registry, Specification

from target_spotzee.schemas import operands
from target_spotzee.schemas.operands import UnusableError
from target_spotzee.schemas.rules import TYPES

_MAX_DEPTH = 64
"""Of schemas within schemas; to judge by each takes some of Python's stack, which is small."""

_IN_PLACE = {
    *("$ref", "allOf", "anyOf", "dependencies", "dependentSchemas", "disallow", "else"),
    *("extends", "if", "not", "oneOf", "then", "type"),
}
"""Keywords whose schemas judge the same value; those of others judge what it contains."""

_ALL_OR_NOTHING = {"disallow", "if", "not", "oneOf"}
"""Keywords that turn down good records once their schemas have lost a rule."""

_RESTS_ON = {
    "additionalItems": {"items"},
    "additionalProperties": {"patternProperties", "properties"},
    "contains": {"minContains"},
    "items": {"prefixItems"},
}
"""Keywords that turn down good records once one of these others beside them is lost."""

_COMPANIONS = {
    "extends": {"required"},
    "if": {"else", "then"},
    "unevaluatedItems": {"maxContains", "minContains"},
}
"""Keywords without a rule of their own, by one of the same drafts that has a rule."""

Flaws: TypeAlias = dict[str, str]
"""What is wrong with a schema, by place (a JSON pointer)."""

_Reader: TypeAlias = Callable[[Any, "_Spot"], Any]


class _Spot(NamedTuple):
    """Where in the schema the pruner is.

    Attributes:
        place: The place, as a JSON pointer.
        region: A number that all schemas share that judge the same value.
        depth: How many schemas are around it.
        resolver: Looks up a ``$ref`` that is written here; its type has no public name.
    """

    place: str
    region: int
    depth: int
    resolver: Any

    def at(self, key: object) -> _Spot:
        name = str(key).replace("~", "~0").replace("/", "~1")
        return self._replace(place=f"{self.place}/{name}")


def prune(
    schema: object,
    keywords: Collection[str],
    specification: Specification[Any],
) -> tuple[dict[str, Any], Flaws]:
    """Return the usable part of a schema, and what is wrong with the rest.

    The part needs no ids, and each ``$ref`` in it leads to a schema in it.

    Args:
        schema: As a tap wrote it; it is not changed.
        keywords: Those that the schema's draft has a rule for.
        specification: How that draft names schemas.
    """
    damaged: frozenset[int] = frozenset()
    while True:
        pruner = _Pruner(keywords, specification, damaged)
        document = pruner.document(schema)
        if pruner.damaged <= damaged:
            return document, pruner.flaws
        # A `$ref` may have been followed before its schema was found to lose a rule.
        damaged |= pruner.damaged


class _Pruner:
    """Walks a schema once.

    Args:
        keywords: Those to keep.
        specification: How schemas are named.
        known: The ids of schemas that are known to lose a rule and that a ``$ref`` leads to.

    Attributes:
        flaws: What was found wrong.
        damaged: The ids of schemas that were found to lose a rule and that a ``$ref`` leads to.
    """

    def __init__(
        self,
        keywords: Collection[str],
        specification: Specification[Any],
        known: Collection[int],
    ) -> None:
        self.flaws: Flaws = {}
        self.damaged: set[int] = set()
        self._known = known
        self._losses = 0
        self._specification = specification
        self._is_draft_3 = "extends" in keywords
        self._ref_hides = "dependentSchemas" not in keywords  # up to draft 7
        self._regions = itertools.count()
        self._edges: defaultdict[int, set[int]] = defaultdict(set)
        self._targets: dict[int, tuple[str, int]] = {}
        self._definitions: dict[str, Any] = {}
        known_keywords = {*keywords}.union(*(_COMPANIONS.get(name, ()) for name in keywords))
        self._readers = {
            keyword: reader
            for keyword, reader in self._all_readers().items()
            if keyword in known_keywords
        }

    def _all_readers(self) -> dict[str, _Reader]:
        """Return each keyword's reader: of an operand it returns the usable part, or raises."""
        readers: dict[_Reader, str] = {
            self._schema: "additionalItems contains else if not propertyNames then"
            " unevaluatedItems unevaluatedProperties",
            self._schema_unless_false: "additionalProperties",
            self._schemas: "allOf anyOf oneOf prefixItems",
            self._schema_or_schemas: "extends items",
            self._named_schemas: "dependentSchemas properties",
            self._schemas_by_pattern: "patternProperties",
            self._dependencies: "dependencies",
            self._dependent_names: "dependentRequired",
            self._types: "disallow type",
            self._required: "required",
            self._ref: "$ref",
            self._dynamic_ref: "$dynamicRef $recursiveRef",
            operands.pattern: "pattern",
            operands.const: "const",
            operands.enum: "enum",
            operands.flag: "uniqueItems",
            operands.number: "exclusiveMaximum exclusiveMinimum maximum minimum",
            operands.step: "divisibleBy multipleOf",
            operands.count: "maxContains maxItems maxLength maxProperties"
            " minContains minItems minLength minProperties",
        }
        return {name: reader for reader, names in readers.items() for name in names.split()}

    def document(self, schema: object) -> dict[str, Any]:
        """Return the whole schema's usable part."""
        resource = self._specification.create_resource(schema)
        resolver = Registry().with_resource("", resource).resolver()
        with suppress(Exception):  # as in `_ref`
            resolver = Registry().resolver_with_root(resource)
        spot = _Spot("#", next(self._regions), 0, resolver)
        self._targets[id(schema)] = "#", spot.region
        document = self._kept(schema, spot)
        if self._losses:
            self.damaged.add(id(schema))
        if self._definitions:
            document["$defs"] = self._definitions
        return document

    def _lose(self, spot: _Spot, what: str) -> None:
        self.flaws.setdefault(spot.place, what)
        self._losses += 1

    # Schemas

    def _kept(self, value: object, spot: _Spot) -> dict[str, Any]:
        """Return a schema's usable part; for anything else, a schema that everything fits."""
        try:
            return self._schema(value, spot)
        except UnusableError as error:
            self._lose(spot, str(error))
            return {}

    def _schema(self, value: object, spot: _Spot) -> dict[str, Any]:
        if isinstance(value, bool):
            nothing: dict[str, Any] = {"disallow": ["any"]} if self._is_draft_3 else {"not": {}}
            return {} if value else nothing
        if not isinstance(value, dict):
            raise UnusableError("is no schema")
        if spot.depth >= _MAX_DEPTH:
            raise UnusableError("is nested too deeply")
        spot = spot._replace(depth=spot.depth + 1, resolver=self._resolver_in(value, spot))
        if self._ref_hides and "$ref" in value:
            pruned = self._rules({"$ref": value["$ref"]}, spot)
            if pruned:
                return pruned
            value = {keyword: operand for keyword, operand in value.items() if keyword != "$ref"}
        losses = self._losses
        rules = _with_plain_limits(value)
        pruned = self._rules(rules, spot)
        lost = {
            keyword
            for keyword in rules.keys() & self._readers.keys()
            if keyword not in pruned
            or (keyword == "patternProperties" and len(pruned[keyword]) < len(rules[keyword]))
        }
        for keyword, others in _RESTS_ON.items():
            if not lost.isdisjoint(others):
                self._drop(keyword, pruned, spot)
        if self._losses > losses:
            self._drop("unevaluatedItems", pruned, spot)
            self._drop("unevaluatedProperties", pruned, spot)
        return pruned

    def _rules(self, rules: dict[str, Any], spot: _Spot) -> dict[str, Any]:
        """Return the usable part of a schema's rules."""
        pruned: dict[str, Any] = {}
        for keyword, operand in rules.items():
            reader = self._readers.get(keyword)
            if reader is None:
                continue
            here = spot.at(keyword)
            if keyword not in _IN_PLACE:
                here = here._replace(region=next(self._regions))
            losses = self._losses
            try:
                pruned[keyword] = reader(operand, here)
            except UnusableError as error:
                self._lose(here, str(error))
            else:
                needs_all = keyword in _ALL_OR_NOTHING or (
                    keyword == "contains" and "maxContains" in rules
                )
                if needs_all and self._losses > losses:
                    self._drop(keyword, pruned, spot)
        return pruned

    def _drop(self, keyword: str, pruned: dict[str, Any], spot: _Spot) -> None:
        """Leave out a rule, if it is there, that needs another one that was lost."""
        if keyword in pruned:
            del pruned[keyword]
            self._lose(spot.at(keyword), "rests on what can't be checked")

    def _schema_unless_false(self, value: object, spot: _Spot) -> dict[str, Any] | bool:
        return False if value is False else self._schema(value, spot)

    def _schemas(self, value: object, spot: _Spot) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not value:
            raise UnusableError("is no list of schemas")
        return [self._kept(inner, spot.at(place)) for place, inner in enumerate(value)]

    def _schema_or_schemas(
        self,
        value: object,
        spot: _Spot,
    ) -> dict[str, Any] | list[dict[str, Any]]:
        # From 2020 on a list is called prefixItems.
        if isinstance(value, list) and "prefixItems" not in self._readers:
            return self._schemas(value, spot)
        return self._schema(value, spot)

    def _named_schemas(self, value: object, spot: _Spot) -> dict[str, dict[str, Any]]:
        if not isinstance(value, dict):
            raise UnusableError("is no object")
        return {name: self._kept(inner, spot.at(name)) for name, inner in value.items()}

    def _schemas_by_pattern(
        self,
        value: object,
        spot: _Spot,
    ) -> dict[re.Pattern[str], dict[str, Any]]:
        schemas = self._named_schemas(value, spot)
        patterns = self._by_name({name: name for name in schemas}, spot, operands.pattern)
        return {pattern: schemas[name] for name, pattern in patterns.items()}

    def _dependencies(self, value: object, spot: _Spot) -> dict[str, Any]:
        def read(wanted: object, here: _Spot) -> Any:  # noqa: ANN401 - names or a schema
            if self._is_draft_3 and isinstance(wanted, str):
                return [wanted]
            return (
                operands.names(wanted, here)
                if isinstance(wanted, list)
                else self._schema(wanted, here)
            )

        return self._by_name(value, spot, read)

    def _dependent_names(self, value: object, spot: _Spot) -> dict[str, list[str]]:
        return self._by_name(value, spot, operands.names)

    def _by_name(self, value: object, spot: _Spot, reader: _Reader) -> dict[str, Any]:
        """Return the usable members of an object."""
        if not isinstance(value, dict):
            raise UnusableError("is no object")
        usable = {}
        for name, inner in value.items():
            here = spot.at(name)
            try:
                usable[name] = reader(inner, here)
            except UnusableError as error:
                self._lose(here, str(error))
        return usable

    def _types(self, value: object, spot: _Spot) -> list[Any]:
        types = value if isinstance(value, list) else [value]
        if not types:
            raise UnusableError("names no type")
        return [self._type(inner, spot.at(place)) for place, inner in enumerate(types)]

    def _type(self, value: object, spot: _Spot) -> str | dict[str, Any]:
        if self._is_draft_3 and isinstance(value, dict):
            return self._schema(value, spot)
        if isinstance(value, str) and value in TYPES and (self._is_draft_3 or value != "any"):
            return value
        raise UnusableError("is no type of JSON Schema")

    def _required(self, value: object, spot: _Spot) -> bool | list[str]:
        return operands.flag(value, spot) if self._is_draft_3 else operands.names(value, spot)

    # References

    def _ref(self, value: object, spot: _Spot) -> str:
        """Return where in the document a reference leads to; what it leads to is pruned first."""
        try:
            found = spot.resolver.lookup(value)
        except Exception:  # noqa: BLE001 - it expects a valid schema, and fails in many ways
            raise UnusableError("leads nowhere") from None
        schema = found.contents
        name, region = self._targets.get(id(schema), ("", -1))
        if not name:
            there = _Spot(str(value), next(self._regions), spot.depth, found.resolver)
            self._edges[spot.region].add(there.region)
            return self._new_target(schema, there)
        if self._leads(region, spot.region):
            raise UnusableError("leads back to itself")
        self._edges[spot.region].add(region)
        if id(schema) in self.damaged or id(schema) in self._known:
            self._losses += 1
        return name

    def _new_target(self, schema: object, spot: _Spot) -> str:
        """Prune what a reference leads to and return where it is put."""
        name = f"#/$defs/{len(self._targets)}"
        self._targets[id(schema)] = name, spot.region
        losses = self._losses
        try:
            self._definitions[name.removeprefix("#/$defs/")] = self._schema(schema, spot)
        except UnusableError:
            del self._targets[id(schema)]
            raise
        if self._losses > losses:
            self.damaged.add(id(schema))
        return name

    def _dynamic_ref(self, _value: object, _spot: _Spot) -> None:
        raise UnusableError("is not supported")

    def _leads(self, start: int, end: int) -> bool:
        """Say whether judging a value in one region leads to judging it in another."""
        seen: set[int] = set()
        waiting = [start]
        while waiting:
            region = waiting.pop()
            if region == end:
                return True
            if region not in seen:
                seen.add(region)
                waiting += self._edges[region]
        return False

    def _resolver_in(self, schema: dict[str, Any], spot: _Spot) -> Any:  # noqa: ANN401 - see _Spot
        """Return what looks up references in a schema, which may have an id."""
        try:
            return spot.resolver.in_subresource(self._specification.create_resource(schema))
        except Exception:  # noqa: BLE001 - as in `_ref`
            return spot.resolver


def _with_plain_limits(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose exclusive limits are numbers; up to draft 4 they said yes or no."""
    for limit, exclusive in (("maximum", "exclusiveMaximum"), ("minimum", "exclusiveMinimum")):
        if isinstance(schema.get(exclusive), bool) and limit in schema:
            schema = dict(schema)
            if schema.pop(exclusive):
                schema[exclusive] = schema.pop(limit)
    return schema
