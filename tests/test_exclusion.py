"""What an excluded column was made from is not kept under its old name either."""

from __future__ import annotations

from typing import Any

import pytest

from target_spotzee.entries import Entry
from target_spotzee.exclusion import hidden_columns
from tests import singer
from tests.process import Target


@pytest.mark.parametrize(
    ("stream_map", "mapped", "hidden"),
    [
        ({"hush": "pw", "pw": None}, ["id", "hush"], {"pw"}),
        ({"hush": "pw + salt"}, ["id", "hush"], {"pw", "salt"}),
        ({"hush": "record['my pw']"}, ["id", "hush"], {"my pw"}),
        ({"hush": "md5(_.get('pw'))", "__else__": "__NULL__"}, ["hush"], {"pw"}),
        ({"hush": "pw"}, ["id", "pw", "hush"], set()),
        ({"shown": "pw", "hush": "id"}, ["id", "shown", "hush"], set()),
        ({"hush": None}, ["id"], set()),
        (None, ["id"], set()),
        ("__NULL__", ["id"], set()),
    ],
    ids=str,
)
def test_columns_that_only_live_on_in_excluded_ones(
    stream_map: object, mapped: list[str], hidden: set[str]
) -> None:
    entry = Entry(exclude=("hush",))
    for stream_maps in ({"users": stream_map}, {"us*": stream_map}):
        found = hidden_columns("users", stream_maps, entry, mapped)
        assert found & {"id", "pw", "salt", "my pw"} == hidden
        assert hidden_columns("orders", stream_maps, entry, mapped) == set()


def test_a_copy_of_a_stream_has_a_source() -> None:
    stream_maps = {"copy": {"__source__": "users", "hush": "pw"}}
    entry = Entry(exclude=("hush",))
    assert hidden_columns("users", stream_maps, entry, ["hush"]) == {"pw"}
    assert hidden_columns("copy", stream_maps, entry, ["hush"]) == set()


def test_a_part_of_what_is_flattened_hides_all_it_came_from() -> None:
    stream_maps = {"users": {"home": "address"}}
    entry = Entry(exclude=("home__street",))
    mapped = ["home__street", "home__town"]
    assert hidden_columns("users", stream_maps, entry, mapped, "__") == {"address"}
    assert hidden_columns("users", stream_maps, entry, mapped) == set()


@pytest.mark.parametrize(
    ("exclude", "settings"),
    [
        (["hush"], {"stream_maps": {"customers": {"hush": "word", "word": "__NULL__"}}}),
        (["hush"], {"stream_maps": {"c*": {"hush": "record['word'] * 2", "word": None}}}),
        (["word", "hush"], {"stream_maps": {"customers": {"hush": "word", "word": None}}}),
        (["deep__word"], {"flattening_enabled": True, "flattening_max_depth": 3}),
        (
            ["made__word"],
            {
                "stream_maps": {"customers": {"made": "deep", "deep": "__NULL__"}},
                "flattening_enabled": True,
                "flattening_max_depth": 3,
            },
        ),
        (
            ["dee/wor"],  # what the SDK makes of it
            {
                "flattening_enabled": True,
                "flattening_max_depth": 3,
                "flattening_separator": "/",
                "flattening_max_key_length": 8,
            },
        ),
    ],
    ids=["renamed", "made of it", "both names", "flattened", "renamed, flattened", "shortened"],
)
def test_no_canary_is_kept(target: Target, exclude: list[str], settings: dict[str, Any]) -> None:
    text = {"type": "string"}
    properties = {
        "id": text,
        "word": text,
        "deep": {"type": "object", "properties": {"word": text, "town": text}},
    }
    flat = "flattening_enabled" in settings
    row = {
        "id": None,
        "word": "harmless" if flat else "canary",
        "deep": {"word": "canary" if flat else "harmless", "town": "Bendigo"},
    }
    result = target.run(
        [singer.schema(properties=properties), singer.record(**row)],
        streams={"customers": {"exclude": exclude}},
        **settings,
    )
    assert result.exit_code == 3, result.stderr
    assert "identity_missing" in result.summary["rejects"]
    kept = target.rejects_path.read_text(encoding="utf-8")
    assert '"record":{"id":null' in kept
    assert "canary" not in kept
    assert "fits no column" not in result.stderr


def test_the_rest_of_a_flattened_object_is_kept(target: Target) -> None:
    properties = {"id": {}, "deep": {"type": "object", "properties": {"word": {}, "town": {}}}}
    target.run(
        [
            singer.schema(properties=properties),
            singer.record(id=None, deep={"word": "canary", "town": "Bendigo"}),
        ],
        streams={"customers": {"exclude": ["deep__word"]}},
        flattening_enabled=True,
        flattening_max_depth=1,
    )
    kept = target.rejects_path.read_text(encoding="utf-8")
    assert '"record":{"id":null,"deep":{"town":"Bendigo"}}' in kept
