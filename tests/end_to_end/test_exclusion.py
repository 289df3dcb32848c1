"""What an excluded column was made from is not kept under its old name either."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import tap
from tests.process import Target


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
        [tap.schema(properties=properties), tap.record(**row)],
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
            tap.schema(properties=properties),
            tap.record(id=None, deep={"word": "canary", "town": "Bendigo"}),
        ],
        streams={"customers": {"exclude": ["deep__word"]}},
        flattening_enabled=True,
        flattening_max_depth=1,
    )
    kept = target.rejects_path.read_text(encoding="utf-8")
    assert '"record":{"id":null,"deep":{"town":"Bendigo"}}' in kept


def test_rejects_that_differ_in_what_is_not_kept_are_all_kept(target: Target) -> None:
    """Two users who look alike once their secrets are gone; one is delivered later."""
    lines = [tap.schema(properties=["id", "email", "ssn"], keys=[])]
    for number, (id_, email) in enumerate(
        [("u1", "bad"), ("u2", "bad"), (None, "bad"), (None, "bad"), ("u1", "good@shop.com")]
    ):
        ssn = f"s{number}" if id_ is None else f"s-{id_}"
        lines += [tap.record(id=id_, email=email, ssn=ssn), tap.state({"n": number})]
    result = target.run(
        lines,
        stream_maps={"customers": {"key": "id and md5(id)", "id": None}},
        streams={"customers": {"mapping": {"external_id": "key"}, "exclude": ["id", "ssn"]}},
        invalid_fields="reject",
    )
    assert result.exit_code == 3, result.stderr
    kept = [json.loads(line) for line in target.rejects_path.read_text("utf-8").splitlines()]
    rejects = [line["reject"]["done"] for line in kept if line["type"] == "RECORD"]
    assert rejects == [True, False, False, False]


def test_a_record_line_is_not_kept_but_for_its_record(target: Target) -> None:
    line = {**json.loads(tap.record(id=None, ssn="canary")), "before": {"ssn": "canary"}}
    target.run(
        [tap.schema(properties=["id", "ssn"]), json.dumps(line)],
        streams={"customers": {"exclude": ["ssn"]}},
    )
    kept = target.rejects_path.read_text(encoding="utf-8")
    assert '"record":{"id":null}' in kept
    assert "canary" not in kept
