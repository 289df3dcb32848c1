"""What a name that nobody knows was meant to be."""

from __future__ import annotations

import pytest

from target_spotzee.mapping.names import nearest

KNOWN = ["api_key", "api_url", "max_in_flight", "max_rejects", "rejects_path", "run_id", "streams"]
KNOWN += ["stream_maps"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("apiKey", "api_key"),
        ("API-KEY", "api_key"),
        ("api_kye", "api_key"),
        ("stream", "streams"),
        ("Streams", "streams"),
        ("straems", "streams"),
        ("stream_map", "stream_maps"),
        ("reject_path", "rejects_path"),
        ("runid", "run_id"),
        ("rejects", "rejects_path"),
        ("streams.customers.exclude", "streams"),
        ("streams_customers", "streams"),
        ("stream_maps.customers", "stream_maps"),
    ],
)
def test_a_slip_or_a_few_words_more_or_less_are_near(name: str, meant: str) -> None:
    assert nearest(name, KNOWN) == meant


@pytest.mark.parametrize(
    "name", ["", "*", "é", "x", "token", "schema", "url", "api", "max", "stream_name", "retries"]
)
def test_another_word_is_far_and_so_is_one_that_could_be_several(name: str) -> None:
    assert nearest(name, KNOWN) is None


def test_nothing_is_near_to_nothing() -> None:
    assert nearest("streams", []) is None
