"""Records are judged by the schemas that taps really write; no schema and no record is a bug."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from target_spotzee.schemas.check import RecordCheck

DRAFT = "http://json-schema.org/draft-0{}/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def flaws(column: Any, **rest: Any) -> str:
    """What can't be checked of a schema with this one column."""
    return " ".join(RecordCheck({"properties": {"a": column}, **rest}).warnings("customers"))


def broken(column: Any, value: Any, **rest: Any) -> str | None:
    """What is said of a value by a schema with this one column."""
    return RecordCheck({"properties": {"a": column}, **rest}).violation({"a": value})


def fits(column: Any, value: Any, **rest: Any) -> bool:
    return broken(column, value, **rest) is None


def nested(levels: int, value: Any = None) -> Any:
    for _ in range(levels):
        value = {"a": value}
    return value


class TestVerdicts:
    def test_a_violation_names_place_and_rule_and_no_value(self) -> None:
        schema = {"properties": {"a": {"items": {"properties": {"e-mail": {"type": "string"}}}}}}
        violation = RecordCheck(schema).violation({"a": [{}, {"e-mail": 4711}]})
        assert violation == "$.a[1]['e-mail'] breaks the rule 'type' of the stream's schema"

    def test_a_name_inside_a_column_that_only_the_record_has_is_data(self) -> None:
        amounts = {"additionalProperties": {"type": "integer"}}
        violation = broken(amounts, {"ada@example.com": "x"})
        assert violation == "$.a['*'] breaks the rule 'type' of the stream's schema"
        known = {"properties": {"b": {"type": "integer"}}}
        assert str(broken(known, {"b": "x"})).startswith("$.a.b ")

    def test_a_column_is_named_even_if_the_schema_does_not(self) -> None:
        check = RecordCheck({"additionalProperties": {"type": "string"}})
        assert str(check.violation({"b": 1})).startswith("$.b ")

    def test_columns_that_the_schema_does_not_name_pass_unless_it_is_closed(self) -> None:
        assert RecordCheck({"properties": {"a": {}}}).violation({"b": 1}) is None
        check = RecordCheck({"properties": {"a": {}}, "additionalProperties": False})
        assert check.violation({"a": 1}) is None
        assert "'additionalProperties'" in str(check.violation({"b": 1}))

    def test_null_needs_its_type(self) -> None:
        assert fits({"type": ["null", "string"]}, None)
        assert not fits({"type": "string"}, None)

    @pytest.mark.parametrize("text", ["2026-11-25 09:00:00", "25.11.2026", "0000-00-00", "soon"])
    @pytest.mark.parametrize("name", ["date-time", "date", "email", "made-up", 7])
    def test_formats_are_taps_own_affair(self, text: str, name: object) -> None:
        assert fits({"type": "string", "format": name}, text)
        assert flaws({"type": "string", "format": name}) == ""

    def test_a_column_may_be_allowed_or_forbidden_altogether(self) -> None:
        check = RecordCheck({"properties": {"a": False, "b": True}})
        assert check.violation({"b": 1}) is None
        assert check.violation({"a": 1}) is not None

    def test_the_schema_is_left_as_it_was(self) -> None:
        schema = {"$schema": DRAFT.format(4), "properties": {"a": {"maximum": 1, "x": None}}}
        before = json.dumps(schema)
        RecordCheck(schema)
        assert json.dumps(schema) == before


class TestDrafts:
    @pytest.mark.parametrize("named", [{}, {"$schema": DRAFT.format(4)}, {"$schema": DRAFT_2020}])
    def test_limits_may_say_that_they_are_exclusive(self, named: dict[str, Any]) -> None:
        column = {"maximum": 10, "exclusiveMaximum": True, "minimum": 0, "exclusiveMinimum": False}
        assert fits(column, Decimal("9.99"), **named)
        assert not fits(column, 10, **named)
        assert fits(column, 0, **named)
        assert not fits(column, -1, **named)
        assert flaws(column, **named) == ""

    @pytest.mark.parametrize("draft", range(3, 8))
    def test_exclusive_limits_may_be_numbers_in_every_draft(self, draft: int) -> None:
        column = {"exclusiveMaximum": 10, "minimum": 1, "exclusiveMinimum": True}
        named = {"$schema": DRAFT.format(draft)}
        assert fits(column, 9, **named)
        assert not fits(column, 10, **named)
        assert not fits(column, 1, **named)

    def test_draft_3_has_words_of_its_own(self) -> None:
        schema = {
            "$schema": DRAFT.format(3),
            "properties": {
                "a": {"type": "any", "required": True, "divisibleBy": Decimal("0.1")},
                "b": {"type": ["null", {"type": "string", "maxLength": 1}]},
                "c": {"disallow": ["string"], "extends": {"maximum": 3}},
            },
            "dependencies": {"b": "a"},
        }
        check = RecordCheck(schema)
        assert check.warnings("customers") == []
        assert check.violation({"a": Decimal("0.3"), "b": "x", "c": 3}) is None
        assert "'required'" in str(check.violation({}))
        assert "'divisibleBy'" in str(check.violation({"a": Decimal("0.35")}))
        assert "'type'" in str(check.violation({"a": 1, "b": "xy"}))
        assert "'disallow'" in str(check.violation({"a": 1, "c": "x"}))
        assert "'maximum'" in str(check.violation({"a": 1, "c": 4}))

    @pytest.mark.parametrize("named", [DRAFT_2019, DRAFT_2020, None])
    def test_later_words_count_where_they_are_used(self, named: str | None) -> None:
        schema = {"$schema": named} if named else {}
        check = RecordCheck({**schema, "dependentRequired": {"a": ["b"]}})
        assert check.violation({"a": 1, "b": 1}) is None
        assert "'dependentRequired'" in str(check.violation({"a": 1}))
        assert check.warnings("customers") == []

    @pytest.mark.parametrize(
        "name", ["", "http://json-schema.org/draft-99", None, 7, [], {}], ids=repr
    )
    def test_an_unknown_draft_is_told_and_taken_for_draft_7(self, name: object) -> None:
        schema = {"$schema": name, "properties": {"a": {"const": 1}}}
        assert "'#/$schema' (names no draft that is known)" in RecordCheck(schema).warnings("s")[0]
        assert RecordCheck(schema).violation({"a": 2}) is not None

    def test_a_schema_inside_can_not_change_the_draft(self) -> None:
        column = {"$schema": DRAFT_2020, "multipleOf": Decimal("1e-15")}
        assert fits(column, Decimal("123456789012345.678"))


class TestReferences:
    @pytest.mark.parametrize(
        ("reference", "rest"),
        [
            ("#/definitions/b", {}),
            ("#/$defs/b", {"$schema": DRAFT_2020}),
            ("https://x.example/s.json#/definitions/b", {"$id": "https://x.example/s.json"}),
            ("s.json#/definitions/b", {"id": "https://x.example/s.json"}),
            ("#b", {"$schema": DRAFT.format(4)}),
            ("#b", {"$schema": DRAFT.format(7)}),
            ("#b", {"$schema": DRAFT_2020}),
            ("#/definitions/x~1y", {}),
            ("#/properties/c", {}),
        ],
    )
    def test_they_are_followed_inside_the_schema(self, reference: str, rest: Any) -> None:
        text: dict[str, Any] = {"type": "string"}
        named = {
            DRAFT.format(4): {"id": "#b"},
            DRAFT.format(7): {"$id": "#b"},
            DRAFT_2020: {"$anchor": "b"},
        }.get(rest.get("$schema"), {})
        schema = {
            "properties": {"a": {"$ref": reference}, "c": text},
            "definitions": {"b": text | named, "x/y": text},
            "$defs": {"b": text},
            **rest,
        }
        check = RecordCheck(schema)
        assert check.warnings("customers") == []
        assert check.violation({"a": "x"}) is None
        assert check.violation({"a": 1}) is not None

    @pytest.mark.parametrize(
        "reference",
        [
            "#/definitions/gone",
            "#gone",
            "address.json#/x",
            "http://x.invalid/address.json",
            "file:///etc/hostname",
            "http://[broken",
            "#/properties/a/type",
            "",
            None,
            7,
            ["#"],
            DRAFT.format(7),
        ],
    )
    def test_one_that_leads_nowhere_is_told_and_the_rest_judged(
        self,
        reference: object,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("nothing is ever fetched")

        monkeypatch.setattr("socket.socket", refuse)
        monkeypatch.setattr("builtins.open", refuse)
        column = {"$ref": reference, "type": "string"} if reference != "" else {"$ref": "#x"}
        schema = {"properties": {"a": column, "b": {"type": "string"}}}
        check = RecordCheck(schema)
        assert "'#/properties/a/$ref' (" in check.warnings("customers")[0]
        assert check.violation({"a": "x", "b": "x"}) is None
        assert "$.b" in str(check.violation({"a": "x", "b": 1}))

    @pytest.mark.parametrize("named", [{}, {"$schema": DRAFT_2020}])
    @pytest.mark.parametrize(
        "definitions",
        [
            {"b": {"$ref": "#/definitions/b"}},
            {"b": {"$ref": "#/definitions/c"}, "c": {"$ref": "#/definitions/b"}},
            {"b": {"allOf": [{"not": {"anyOf": [{"$ref": "#/definitions/b"}]}}]}},
            {"b": {"if": {"$ref": "#/properties/a"}, "then": {}}},
            {
                "b": {
                    "properties": {"p": {"$ref": "#/definitions/c"}},
                    "allOf": [{"$ref": "#/definitions/d"}],
                },
                "c": {"allOf": [{"$ref": "#/definitions/b"}]},
                "d": {"allOf": [{"$ref": "#/definitions/c"}]},
            },
        ],
    )
    def test_one_that_leads_back_to_itself_is_told(self, definitions: Any, named: Any) -> None:
        column = {"$ref": "#/definitions/b"}
        assert "(leads back to itself)" in flaws(column, definitions=definitions, **named)
        values: list[Any] = [1, "x", {"p": {"p": {}}}, None]
        for value in values:
            assert fits(column, value, definitions=definitions, **named)

    def test_one_to_the_whole_schema_at_its_root_is_told(self) -> None:
        check = RecordCheck({"$ref": "#", "required": ["a"]})
        assert "'#/$ref' (leads back to itself)" in check.warnings("customers")[0]
        assert check.violation({}) is not None

    def test_a_tree_may_refer_to_itself(self) -> None:
        schema = {"properties": {"a": {"$ref": "#"}, "b": {"type": "string"}}}
        check = RecordCheck(schema)
        assert check.warnings("customers") == []
        assert check.violation({"a": {"a": {"b": "x"}}}) is None
        assert str(check.violation({"a": {"a": {"b": 1}}})).startswith("$.a.a.b ")


class TestNumbers:
    @pytest.mark.parametrize(
        ("step", "number", "fit"),
        [
            ("1e-15", "123456789012345.67", True),
            ("1e-15", "0.12345678901234567", False),
            ("1e-15", "12345678901234567", True),
            ("0.01", "300.51", True),
            ("0.01", "300.515", False),
            ("0.1", "92.6", True),
            ("0.1", "-92.65", False),
            ("0.3", "1e30", False),
            ("2.5", "10.0", True),
            ("1e-999999", "1e999999", True),
            ("1e999999", "1e-999999", False),
            ("1e999999", "1e999999", True),
            ("7", "1E+999999999999", False),
            ("1e400", "0.0", True),
            ("3", "9" * 5000 + "e0", True),
        ],
    )
    def test_multiples_are_exact_to_the_last_digit(
        self,
        step: str,
        number: str,
        fit: bool,
    ) -> None:
        assert fits({"multipleOf": Decimal(step)}, Decimal(number)) is fit

    def test_a_step_may_have_been_read_as_a_float(self) -> None:
        assert fits({"multipleOf": 0.01}, Decimal("300.51"))
        assert fits({"multipleOf": 0.1}, 10**400)
        assert fits({"multipleOf": Decimal("0.1")}, 1.1)

    @given(st.integers(1, 10**40), st.integers(-99, 99), st.integers(-(10**30), 10**30))
    def test_a_number_times_a_whole_one_is_its_multiple(
        self,
        digits: int,
        exponent: int,
        times: int,
    ) -> None:
        step = {"multipleOf": Decimal(f"{digits}e{exponent}")}
        assert fits(step, Decimal(f"{digits * times}e{exponent}"))
        assert not fits(step, Decimal(f"{digits * times * 10 + 1}e{exponent - 1}"))

    @pytest.mark.parametrize("number", [5, Decimal("5.0"), 5.0, Decimal("1E+999999")], ids=repr)
    @pytest.mark.parametrize("draft", [3, 4, 6, 7])
    def test_a_whole_number_is_an_integer_however_it_is_written(
        self,
        number: Any,
        draft: int,
    ) -> None:
        assert fits({"type": "integer"}, number, **{"$schema": DRAFT.format(draft)})

    @pytest.mark.parametrize(
        "value", [Decimal("5.1"), 5.1, True, "5", Decimal("1E-999999")], ids=repr
    )
    def test_others_are_none(self, value: object) -> None:
        assert not fits({"type": "integer"}, value)

    @pytest.mark.parametrize(
        "value", [float("nan"), Decimal("NaN"), Decimal("sNaN"), float("inf")], ids=repr
    )
    def test_what_json_has_no_number_for_is_no_number(self, value: object) -> None:
        assert not fits({"type": "number"}, value)
        assert fits({"minimum": 1, "multipleOf": 2}, value)
        assert not fits({"const": 1}, value)
        assert not fits({"enum": [1, None]}, value)
        assert fits({"uniqueItems": True}, [value, 1])

    def test_limits_are_compared_as_they_are_written(self) -> None:
        assert fits({"minimum": 0.1}, Decimal("0.1"))
        assert fits({"maximum": Decimal("0.1")}, 0.1)
        assert not fits({"exclusiveMinimum": 0.1}, Decimal("0.10"))
        assert not fits({"maximum": 10**20}, Decimal("1E+999999"))
        assert fits({"minimum": -(10**4000)}, Decimal("-1E+3999"))

    def test_equal_numbers_are_equal_and_true_is_not_one(self) -> None:
        assert fits({"const": 1}, Decimal("1.0"))
        assert not fits({"const": [1]}, [True])
        assert fits({"enum": [Decimal("0.5"), {"b": [1]}]}, {"b": [Decimal("1.0")]})
        assert not fits({"enum": [[True]]}, [1])
        assert not fits({"uniqueItems": True}, [1, "x", Decimal("1.0")])
        assert fits({"uniqueItems": True}, [1, True, "1", [1], {"1": 1}])

    @pytest.mark.parametrize("most", [3, Decimal("3.0"), 3.0, Decimal("1E+999999")], ids=repr)
    def test_a_count_may_be_written_with_a_point(self, most: Any) -> None:
        assert fits({"maxLength": most}, "abc")
        assert fits({"maxLength": most}, "abcd") is (most > 3)


UNUSABLE: list[tuple[str, Any]] = [
    ("type", "any"),
    ("type", "timestamp"),
    ("type", ["null", "datetime"]),
    ("type", ["string", None]),
    ("type", None),
    ("type", []),
    ("type", {"type": "string"}),
    ("required", True),
    ("required", [1]),
    ("properties", []),
    ("patternProperties", "x"),
    ("enum", {}),
    ("enum", []),
    ("enum", "x"),
    ("items", []),
    ("items", "string"),
    ("anyOf", []),
    ("anyOf", {"type": "string"}),
    ("allOf", None),
    ("oneOf", 1),
    ("not", None),
    ("if", []),
    ("additionalProperties", "false"),
    ("additionalProperties", None),
    ("minLength", "3"),
    ("minLength", -1),
    ("maxLength", Decimal("1.5")),
    ("maxItems", True),
    ("maximum", "10"),
    ("minimum", None),
    ("exclusiveMaximum", True),
    ("exclusiveMinimum", "0"),
    ("multipleOf", 0),
    ("multipleOf", Decimal("-0.1")),
    ("multipleOf", "0.01"),
    ("uniqueItems", "true"),
    ("pattern", "["),
    ("pattern", r"\p{L}"),
    ("pattern", "(?<name>x)"),
    ("pattern", "a{99999999999999999999}"),
    ("pattern", "(?a)(?u)x"),
    ("pattern", 7),
    ("dependencies", []),
    ("propertyNames", "x"),
    ("contains", 1),
]


class TestWhatCanNotBeChecked:
    @pytest.mark.parametrize(("keyword", "operand"), UNUSABLE, ids=repr)
    def test_it_is_told_with_its_place_and_left_out(
        self,
        keyword: str,
        operand: Any,
    ) -> None:
        schema = {"properties": {"a": {keyword: operand}, "b": {"type": "string"}}}
        check = RecordCheck(schema)
        [warning] = check.warnings("customers")
        assert warning.startswith(
            f"stream 'customers': validate_records can't check '#/properties/a/{keyword}' (",
        )
        for value in (None, True, 12, "12", [1, 1], {"b": 1}):
            assert check.violation({"a": value, "b": "x"}) is None
            assert str(check.violation({"a": value, "b": 1})).startswith("$.b ")

    @pytest.mark.parametrize("column", [None, "string", 7, [], ["null", "string"]], ids=repr)
    def test_a_column_without_a_schema_takes_anything(self, column: object) -> None:
        assert "'#/properties/a' (is no schema)" in flaws(column)
        assert fits(column, {"b": [1]}, additionalProperties=False)

    @pytest.mark.parametrize(
        "schema",
        [
            {"not": {"type": "timestamp"}},
            {"not": {"allOf": [{"properties": {"b": {"$ref": "#/gone"}}}]}},
            {"not": {"not": {"type": "timestamp"}}},
            {"oneOf": [{"type": "timestamp"}, {"type": "object"}, {"type": "string"}]},
            {"anyOf": [{"type": "timestamp"}, {"type": "null"}]},
            {"if": {"type": "timestamp"}, "then": False},
            {"if": {"type": "timestamp"}, "then": {}, "else": False},
            {"properties": [], "additionalProperties": False},
            {"patternProperties": {"[": {}}, "additionalProperties": False},
            {"not": {"$ref": "#/definitions/json"}},
            {"oneOf": [{"$ref": "#/definitions/json"}, {}]},
            {"$schema": DRAFT_2020, "unevaluatedProperties": False, "$ref": "#/gone"},
            {"$schema": DRAFT_2020, "unevaluatedProperties": False, "$dynamicRef": "#x"},
        ],
    )
    def test_no_record_is_turned_down_for_it(self, schema: dict[str, Any]) -> None:
        schema = {
            **schema,
            "definitions": {
                "json": {"properties": {"b": {"$ref": "#/definitions/json"}}, "type": "datetime"},
            },
        }
        check = RecordCheck(schema)
        assert len(check.warnings("customers")) == 1
        assert check.violation({"b": {"b": 1}}) is None

    def test_what_turns_out_later_counts_too(self) -> None:
        """The schema is still being read when `not` refers to it."""
        schema = {
            "properties": {"b": {"not": {"$ref": "#"}}, "c": {"type": "timestamp"}},
            "required": ["b"],
        }
        check = RecordCheck(schema)
        assert "'#/properties/b/not' (rests on what can't be checked)" in check.warnings("s")[0]
        assert check.violation({"b": {"b": 1}}) is None

    def test_lists_of_items_rest_on_each_other(self) -> None:
        assert fits({"items": [], "additionalItems": False}, [1])
        later = {"$schema": DRAFT_2020}
        assert fits({"prefixItems": {}, "items": False}, [1], **later)
        assert fits({"contains": {"type": "x"}, "maxContains": 0}, [1], **later)
        assert fits({"contains": {"const": 2}, "minContains": "0"}, [1], **later)

    def test_usable_patterns_count_beside_one_that_is_none(self) -> None:
        column = {"patternProperties": {"[": {}, "^b": {"type": "integer"}}}
        assert "'#/properties/a/patternProperties/[' (is no regular" in flaws(column)
        assert not fits(column, {"b": "x"})

    def test_patterns_do_not_disturb_each_other(self) -> None:
        column = {"patternProperties": {"b": {}, "(?i)C": {}}, "additionalProperties": False}
        assert fits(column, {"b": 1, "c": 1})
        assert not fits(column, {"d": 1})

    def test_one_warning_tells_of_five_and_counts_the_rest(self) -> None:
        schema = {"properties": {f"c{number}": {"type": "datetime"} for number in range(9)}}
        [warning] = RecordCheck(schema).warnings("customers")
        assert "/c4/type' (is no type of JSON Schema) and 4 more of its SCHEMA" in warning
        assert "c5" not in warning

    def test_no_warning_holds_what_stands_in_the_schema(self) -> None:
        warning = flaws({"pattern": "(QXZJ", "enum": "QXZJ", "type": "QXZJ", "$ref": "QXZJ"})
        assert warning
        assert "QXZJ" not in warning


class TestDepth:
    def test_a_deep_record_passes_where_the_schema_does_not_go(self) -> None:
        for column in ({"type": "object"}, {"anyOf": [{"type": "null"}, {"type": "object"}]}, {}):
            assert fits(column, nested(5000))

    def test_a_deep_record_is_turned_down_where_it_does(self) -> None:
        check = RecordCheck({"properties": {"a": {"$ref": "#"}}})
        assert check.violation(nested(50)) is None
        assert check.violation(nested(5000)) == (
            "is nested too deeply to be judged by the stream's schema"
        )
        for column in ({"const": 1}, {"enum": [1]}, {"uniqueItems": True}):
            assert fits(column, [nested(5000)]) or "nested too deeply" in str(
                broken(column, [nested(5000)]),
            )

    def test_a_deep_schema_is_used_as_far_as_it_can_be(self) -> None:
        schema: Any = {"type": "string"}
        for _ in range(5000):
            schema = {"properties": {"a": schema}, "type": "object"}
        check = RecordCheck(schema)
        [warning] = check.warnings("customers")
        assert "(is nested too deeply)" in warning
        assert len(warning) < 500
        assert check.violation(nested(5, {})) is None
        assert check.violation(nested(5, 1)) is not None
        assert check.violation(nested(4999, "x")) is None

    @pytest.mark.parametrize("keyword", ["allOf", "anyOf", "items", "not", "additionalProperties"])
    def test_schemas_of_the_allowed_depth_are_used(self, keyword: str) -> None:
        schema: Any = {"type": "string"}
        for _ in range(60):
            schema = {keyword: [schema] if keyword in ("allOf", "anyOf") else schema}
        assert flaws(schema) == ""
        assert fits(schema, "x")

    def test_a_long_chain_of_references_is_cut(self) -> None:
        chain = {f"d{number}": {"$ref": f"#/definitions/d{number + 1}"} for number in range(2000)}
        assert "(is nested too deeply)" in flaws({"$ref": "#/definitions/d0"}, definitions=chain)
        assert fits({"$ref": "#/definitions/d0"}, 1, definitions=chain)

    def test_a_deep_value_in_the_schema_is_told(self) -> None:
        assert "is nested too deeply" in flaws({"const": nested(5000)})
        assert "is nested too deeply" in flaws({"enum": [nested(5000)]})


KEYWORDS = sorted(
    {keyword for keyword, _ in UNUSABLE}
    | {"$ref", "$id", "id", "$anchor", "$schema", "definitions", "$defs", "format", "const"}
    | {"then", "else", "additionalItems", "prefixItems", "dependentRequired", "dependentSchemas"}
    | {"minContains", "maxContains", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef"}
    | {"divisibleBy", "disallow", "extends", "minItems", "minProperties", "maxProperties"},
)
ATOMS = st.sampled_from(
    [
        *(
            None,
            True,
            False,
            0,
            1,
            -1,
            3,
            10**30,
            Decimal("0.1"),
            Decimal("2.0"),
            Decimal("1E+9999"),
        ),
        *("", "a", "b", "x", "[", "^a", "string", "null", "integer", "any", "object", "array"),
        *("#", "#/properties/a", "#/definitions/a", "#/$defs/b", "#a", "http://x.invalid/y"),
        *(DRAFT.format(number) for number in range(3, 8)),
        *(DRAFT_2019, DRAFT_2020),
    ],
)
NAMES = st.sampled_from("ab")


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(NAMES, inner, max_size=2)
    return st.one_of(
        st.lists(inner, max_size=2),
        named,
        st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
        st.fixed_dictionaries({"properties": named}),
        st.fixed_dictionaries({"type": st.sampled_from(["string", "object", ["null", "array"]])}),
    )


SOUP = st.recursive(ATOMS, _grown, max_leaves=25)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=8,
)

PLAIN_ATOMS = st.sampled_from([None, True, False, 0, 1, 2, 3, "", "a", "ab", "b"])
PLAIN_VALUES = st.recursive(
    PLAIN_ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=6,
)
TYPES = st.sampled_from(["array", "boolean", "integer", "null", "number", "object", "string"])
COUNTS = st.integers(0, 3)


def _plain(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(NAMES, inner, max_size=2)
    names = st.lists(NAMES, max_size=2, unique=True)
    return st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("allOf", "anyOf", "oneOf"), some),
            **dict.fromkeys(("additionalItems", "additionalProperties", "contains"), inner),
            **dict.fromkeys(("else", "if", "not", "propertyNames", "then"), inner),
            **dict.fromkeys(("maxItems", "maxLength", "maxProperties", "minItems"), COUNTS),
            **dict.fromkeys(("minLength", "minProperties"), COUNTS),
            **dict.fromkeys(("maximum", "minimum"), st.integers(0, 3)),
            **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum"), st.integers(0, 3)),
            "$ref": st.sampled_from(["#/definitions/a", "#/definitions/b"]),
            "const": PLAIN_VALUES,
            "dependencies": st.dictionaries(NAMES, names | inner, max_size=2),
            "enum": st.lists(PLAIN_VALUES, min_size=1, max_size=3),
            "items": inner | some,
            "multipleOf": st.integers(1, 3),
            "pattern": st.sampled_from(["^a", "b$", "."]),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=2),
            "properties": named,
            "required": names,
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "uniqueItems": st.booleans(),
        },
    )


PLAIN = st.recursive(
    st.booleans() | st.fixed_dictionaries({"type": TYPES}),
    _plain,
    max_leaves=3,  # the records are no deeper, and large ones take long to make up
)
LEAVES = st.fixed_dictionaries({"type": TYPES}) | st.booleans()


class TestEverySchema:
    @given(st.dictionaries(st.sampled_from(KEYWORDS), SOUP, max_size=5), VALUES, VALUES)
    def test_it_judges_by_anything_and_always_the_same(
        self,
        schema: dict[str, Any],
        one: Any,
        other: Any,
    ) -> None:
        record = {"a": one, "b": other}
        first, second = RecordCheck(schema), RecordCheck(schema)
        assert first.warnings("s") == second.warnings("s")
        verdict = first.violation(record)
        assert verdict is None or " the stream's schema" in verdict
        assert verdict == first.violation(record) == second.violation(record)

    @given(_plain(PLAIN), LEAVES, LEAVES, st.dictionaries(NAMES, PLAIN_VALUES, max_size=2))
    def test_it_judges_by_a_plain_one_as_jsonschema_does(
        self,
        schema: dict[str, Any],
        one: Any,
        other: Any,
        record: dict[str, Any],
    ) -> None:
        schema = {**schema, "definitions": {"a": one, "b": other}}
        Draft7Validator.check_schema(schema)
        check = RecordCheck(schema)
        assert check.warnings("s") == []
        assert (check.violation(record) is None) == Draft7Validator(schema).is_valid(record)
