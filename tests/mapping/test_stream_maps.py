"""Stream maps that can never work, told from their text."""

from __future__ import annotations

import pytest

from target_spotzee.mapping.stream_maps import definitions_of, faults
from target_spotzee.singer.sdk import EXPRESSIONS

COLUMNS = ["id", "email", "first_name"]
FUNCTIONS = ["md5", "str", "datetime"]
NOWHERE = "and {!r} is neither a column of its SCHEMA nor a function"


def found(definition: dict[str, object], columns: list[str] | None = COLUMNS) -> list[str]:
    """What is wrong with the expressions of a definition."""
    return [fault for _, _, fault in faults(definition, columns, FUNCTIONS, EXPRESSIONS)]


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ({"full": "nowhere"}, "nowhere"),
        ({"full": "first_name + last_name"}, "last_name"),
        ({"full": "md6(email)"}, "md6"),
        ({"full": "email if id else nowhere"}, "nowhere"),
        ({"full": "[x for x in nowhere]"}, "nowhere"),
        ({"full": "self"}, "self"),
        ({"__filter__": "nowhere > 1"}, "nowhere"),
        ({"__filter__": "self"}, "self"),
    ],
    ids=str,
)
def test_a_name_that_is_nowhere_is_found(definition: dict[str, object], name: str) -> None:
    (fault,) = found(definition)
    assert fault.startswith(NOWHERE.format(name))
    assert found(definition, None) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("no expression at all", "which is no expression"),
        ("", "which is no expression"),
        ("x = 1", "which is no expression"),
        ("(" * 500, "which is no expression"),
        ("lambda: 1", "and expressions can have no Lambda"),
    ],
)
def test_what_can_not_be_evaluated_is_found(expression: str, fault: str) -> None:
    assert found({"full": expression}) == found({"full": expression}, None) == [fault]


@pytest.mark.parametrize(
    "definition",
    [
        {"full": "md5(email) + str(id) + __stream_name__"},
        {"full": "record['nowhere'] or _.get('nowhere') or config['salt']"},
        {"email": "self.lower()"},
        {"full": "[x for x in email]"},
        {"full": "__original_stream_name__"},
        {"full": None},
        {"full": "__NULL__"},
        {"full": "True and None"},
        {"full": 5},
        {"__else__": "__NULL__", "__alias__": "nowhere", "__source__": "nowhere"},
        {"__key_properties__": ["nowhere"]},
    ],
    ids=str,
)
def test_what_may_work_is_left_alone(definition: dict[str, object]) -> None:
    assert found(definition) == []


def test_a_stream_s_definitions_are_those_of_its_name_glob_or_source() -> None:
    stream_maps = {
        "people": {"a": "1"},
        "peo*": {"b": "1"},
        "copy": {"__source__": "people", "c": "1"},
        "orders": {"d": "1"},
        "__else__": None,
        "people_2": "__NULL__",
    }
    definitions = definitions_of("people", stream_maps)
    assert [max(definition) for definition in definitions] == ["a", "b", "c"]
