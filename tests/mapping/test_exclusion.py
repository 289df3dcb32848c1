"""Which columns an excluded one may have been made from."""

from __future__ import annotations

import pytest

from target_spotzee.mapping.exclusion import hidden_columns
from target_spotzee.mapping.streams import StreamConfig


@pytest.mark.parametrize(
    ("stream_map", "mapped", "hidden"),
    [
        ({"hush": "pw", "pw": None}, "id salt hush", "pw"),
        ({"hush": "record['pw']", "pw": None}, "id salt hush", "pw"),
        ({"hush": "record.pw", "pw": None}, "id salt hush", "pw"),
        ({"hush": "str(record)", "pw": None}, "id salt hush", "pw"),
        ({"hush": "record['p' + 'w']", "pw": None}, "id salt hush", "pw"),
        ({"hush": " pw ", "pw": "md5(pw)"}, "id pw salt hush", "pw"),
        ({"hush": "pw", "pw": "self"}, "id pw salt hush", ""),
        ({"hush": "pw", "pw": "pw"}, "id pw salt hush", ""),
        ({"hush": "md5(pw)", "__else__": "__NULL__"}, "hush", "id pw salt"),
        ({"hush": "pw"}, "id pw salt hush", ""),
        ({"hush": "id + pw", "key": "id", "id": None, "pw": None}, "salt key hush", "pw"),
        ({"hush": "id + pw", "key": "_['id']", "id": None, "pw": None}, "salt key hush", "pw"),
        ({"hush": "pw", "key": "id + salt", "id": None}, "pw salt key hush", "id"),
        ({"hush": None}, "id", ""),
        ({"key": "md5(pw)", "pw": None}, "id salt key", ""),
        ({"__source__": "us*", "key": "pw"}, "id pw salt key", ""),
        (None, "id", ""),
        ("__NULL__", "id", ""),
    ],
    ids=str,
)
def test_columns_that_an_excluded_one_may_be_made_from(
    stream_map: object, mapped: str, hidden: str
) -> None:
    entry = StreamConfig(exclude=("hush", "_*"))
    columns = ["id", "pw", "salt"]
    for stream_maps in ({"users": stream_map}, {"us*": stream_map}):
        hides = hidden_columns("users", stream_maps, entry, mapped.split())
        assert list(filter(hides, columns)) == hidden.split()
        if not isinstance(stream_map, dict) or "__source__" not in stream_map:
            hides = hidden_columns("orders", stream_maps, entry, mapped.split())
            assert not any(map(hides, columns))


def test_a_copy_of_a_stream_has_a_source() -> None:
    stream_maps = {"copy": {"__source__": "users", "hush": "pw"}}
    entry = StreamConfig(exclude=("hush",))
    assert hidden_columns("users", stream_maps, entry, ["hush"])("pw")
    assert not hidden_columns("copy", stream_maps, entry, ["hush"])("pw")


def test_a_part_of_what_is_flattened_hides_all_it_came_from() -> None:
    stream_maps = {"users": {"home": "address", "address": None}}
    entry = StreamConfig(exclude=("home__street",))
    mapped = ["id", "deep__word", "home__street", "home__town"]
    hides = hidden_columns("users", stream_maps, entry, mapped, "__")
    assert list(filter(hides, ["id", "deep", "address"])) == ["address"]
    assert not hidden_columns("users", stream_maps, entry, mapped)("address")
