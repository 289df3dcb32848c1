"""How a value is judged by the rules of a JSON Schema where `jsonschema` is not exact.

Taps write money as ``0.10`` and steps as ``1e-15``. So numbers are compared as decimals, digit by
digit, however large or small. And no rule here puts a value into a sentence, as `jsonschema` does
even for a value that fits: that is slow, fails for deeply nested values, and is never shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol, TypeAlias, TypeGuard

from jsonschema import ValidationError

Number: TypeAlias = int | Decimal
Errors: TypeAlias = Iterable[ValidationError]


class Validator(Protocol):
    """What a rule takes from a validator of `jsonschema`."""

    def evolve(self, *, schema: object) -> Validator:
        """Return a validator by another schema."""

    def is_valid(self, instance: Any) -> bool:  # noqa: ANN401 - any JSON
        """Say whether a value fits."""

    def descend(self, instance: object, schema: object, path: str) -> Errors:
        """Return what breaks a schema inside the value at hand."""


Rule: TypeAlias = Callable[[Validator, Any, Any, dict[str, Any]], Errors]
"""Takes a validator, the rule's operand, the value, and the schema that the rule is part of."""


def is_number(value: object) -> TypeGuard[float | Decimal]:
    """Say whether a value is a number as JSON has them: neither NaN nor infinite."""
    if isinstance(value, int):
        return not isinstance(value, bool)
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, float) and math.isfinite(value)


def is_integer(value: object) -> bool:
    """Say whether a value is a whole number, be it written ``5`` or ``5.0``."""
    if isinstance(value, int):
        return not isinstance(value, bool)
    if not is_number(value):
        return False
    number = Decimal(exact(value))
    return bool(number == number.to_integral_value())


def exact(number: float | Decimal) -> Number:
    """Return a number as it is written: the float 0.1 stands for one tenth."""
    return Decimal(repr(number)) if isinstance(number, float) else number


def is_multiple(number: Number, step: Number) -> bool:
    """Say whether a number is a multiple of a positive step, exactly.

    A power of ten is written out only if the number itself has about as many digits: ``1e999999``
    is a short text, and must not become a long number.
    """
    if isinstance(number, int) and isinstance(step, int):
        return number % step == 0
    digits, exponent = _parts(number)
    step_digits, step_exponent = _parts(step)
    zeros = step_exponent - exponent
    if zeros <= 0:
        power: int = pow(10, -zeros, step_digits)
        return digits * power % step_digits == 0
    if digits.bit_length() <= 3 * zeros:  # below 8 ** zeros, so below 10 ** zeros
        return digits == 0
    scale: int = 10**zeros
    return digits % (step_digits * scale) == 0


def _parts(number: Number) -> tuple[int, int]:
    """Return a number's digits, without its sign, and the power of ten to multiply them by."""
    _, digits, exponent = Decimal(number).as_tuple()
    return int(Decimal((0, digits, 0))), int(exponent)


def frozen(value: object) -> Hashable:
    """Return a key that two values share if they are equal in JSON.

    In Python true equals 1.
    """
    if isinstance(value, str) or value is None:
        return value
    if is_number(value):
        return exact(value)
    if isinstance(value, list):
        return list, tuple(map(frozen, value))
    if isinstance(value, dict):
        return dict, frozenset((name, frozen(inner)) for name, inner in value.items())
    return type(value), str(value)


TYPES: Mapping[str, Callable[[Any], bool]] = {
    "any": lambda _: True,
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": is_integer,
    "null": lambda value: value is None,
    "number": is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}
"""The types of JSON Schema; only draft 3 has ``any``."""


def _broken() -> Errors:
    return (ValidationError("broken"),)


def _judge(type_name: str, holds: Callable[[Any, Any], object]) -> Rule:
    """Return a rule for values of one type that looks at nothing but the value."""
    applies = TYPES[type_name]

    def rule(_: Validator, operand: object, value: object, _schema: dict[str, Any]) -> Errors:
        return _broken() if applies(value) and not holds(value, operand) else ()

    return rule


def _fits(validator: Validator, schema: object, value: object) -> bool:
    return validator.evolve(schema=schema).is_valid(value)


def _type(validator: Validator, types: list[Any], value: object, _: dict[str, Any]) -> Errors:
    for kind in types:
        if TYPES[kind](value) if isinstance(kind, str) else _fits(validator, kind, value):
            return ()
    return _broken()


def _disallow(
    validator: Validator,
    types: list[Any],
    value: object,
    schema: dict[str, Any],
) -> Errors:
    return () if _type(validator, types, value, schema) else _broken()


def _any_of(validator: Validator, options: list[Any], value: object, _: dict[str, Any]) -> Errors:
    return () if any(_fits(validator, option, value) for option in options) else _broken()


def _one_of(validator: Validator, options: list[Any], value: object, _: dict[str, Any]) -> Errors:
    fitting = sum(_fits(validator, option, value) for option in options)
    return () if fitting == 1 else _broken()


def _not(validator: Validator, unwanted: object, value: object, _: dict[str, Any]) -> Errors:
    return _broken() if _fits(validator, unwanted, value) else ()


def _contains(
    validator: Validator, wanted: object, items: object, schema: dict[str, Any]
) -> Errors:
    if not isinstance(items, list):
        return ()
    found = sum(_fits(validator, wanted, item) for item in items)
    enough = schema.get("minContains", 1) <= found <= schema.get("maxContains", found)
    return () if enough else _broken()


def _pattern_properties(
    validator: Validator,
    patterns: dict[re.Pattern[str], Any],
    value: object,
    _: dict[str, Any],
) -> Errors:
    if isinstance(value, dict):
        for pattern, schema in patterns.items():
            for name, inner in value.items():
                if _is_named(name, pattern):
                    yield from validator.descend(inner, schema, path=name)


def _additional_properties(
    validator: Validator,
    rest: object,
    value: object,
    schema: dict[str, Any],
) -> Errors:
    if isinstance(value, dict):
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, inner in value.items():
            if name in known or any(_is_named(name, pattern) for pattern in patterns):
                continue
            if rest is False:
                yield from _broken()
            else:
                yield from validator.descend(inner, rest, path=name)


def _is_named(name: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(name, str) and pattern.search(name) is not None  # stream maps make others


RULES: Mapping[str, Rule] = {
    "additionalProperties": _additional_properties,
    "anyOf": _any_of,
    "const": _judge("any", lambda value, wanted: frozen(value) == wanted),
    "contains": _contains,
    "disallow": _disallow,
    "divisibleBy": _judge("number", lambda number, step: is_multiple(exact(number), step)),
    "enum": _judge("any", lambda value, options: frozen(value) in options),
    "exclusiveMaximum": _judge("number", lambda number, limit: exact(number) < limit),
    "exclusiveMinimum": _judge("number", lambda number, limit: exact(number) > limit),
    "maxItems": _judge("array", lambda items, most: len(items) <= most),
    "maxLength": _judge("string", lambda text, most: len(text) <= most),
    "maxProperties": _judge("object", lambda value, most: len(value) <= most),
    "maximum": _judge("number", lambda number, limit: exact(number) <= limit),
    "minItems": _judge("array", lambda items, least: len(items) >= least),
    "minLength": _judge("string", lambda text, least: len(text) >= least),
    "minProperties": _judge("object", lambda value, least: len(value) >= least),
    "minimum": _judge("number", lambda number, limit: exact(number) >= limit),
    "multipleOf": _judge("number", lambda number, step: is_multiple(exact(number), step)),
    "not": _not,
    "oneOf": _one_of,
    "pattern": _judge("string", lambda text, pattern: pattern.search(text)),
    "patternProperties": _pattern_properties,
    "type": _type,
    "uniqueItems": _judge(
        "array",
        lambda items, unique: not unique or len(set(map(frozen, items))) == len(items),
    ),
}
"""The rules by their keywords; their operands are as `pruning` leaves them."""
