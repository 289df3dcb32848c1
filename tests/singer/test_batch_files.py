"""Files that BATCH messages name: read line by line, and told by name where they can't be."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from target_spotzee.exceptions import InputError
from target_spotzee.singer.batch_files import records_of

ROWS = [{"id": number} for number in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def message(*manifest: Any, encoding: Any = None) -> dict[str, Any]:
    return {
        "type": "BATCH",
        "stream": "people",
        "encoding": {"format": "jsonl"} if encoding is None else encoding,
        "manifest": list(manifest),
    }


def test_records_come_in_order_from_paths_and_addresses(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a file.jsonl", tmp_path / "b%20.jsonl.gz"
    plain.write_bytes(b"\n" + LINES + b"  \n")
    packed.write_bytes(gzip.compress(LINES))
    assert list(records_of(message(str(plain), plain.as_uri()))) == ROWS * 2
    encoding = {"format": "jsonl", "compression": "gzip"}
    assert list(records_of(message(packed.as_uri(), encoding=encoding))) == ROWS


def test_numbers_keep_every_digit_and_what_is_none_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "n": 0.1000000000000000055, "m": NaN}\n', encoding="utf-8")
    (record,) = records_of(message(str(path)))
    assert record["n"] == Decimal("0.1000000000000000055")
    assert record["m"].is_nan()


@pytest.mark.parametrize("compression", [None, "none", ""], ids=str)
def test_no_compression_has_many_names(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    encoding = {"format": "jsonl", "compression": compression}
    assert list(records_of(message(str(path), encoding=encoding))) == ROWS


def told(batch: dict[str, Any], *words: str) -> list[dict[str, Any]]:
    """Check that reading ends with one line that says these words; return what came before."""
    read: list[dict[str, Any]] = []
    with pytest.raises(InputError) as caught:
        read.extend(records_of(batch))
    assert "stream 'people'" in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    return read


@pytest.mark.parametrize(
    "encoding", ["jsonl", [], 5, {}, {"format": None}, {"format": ["jsonl"]}], ids=str
)
def test_an_encoding_that_is_none_is_told(encoding: Any) -> None:
    told({**message("a.jsonl"), "encoding": encoding}, "needs an encoding such as")
    told({**message("a.jsonl"), "encoding": None}, "needs an encoding such as")


@pytest.mark.parametrize("name", ["parquet", "csv", "JSONL", ""])
def test_another_format_is_told(name: str) -> None:
    told(message("a.x", encoding={"format": name}), f"format {name!r}", "only jsonl")


@pytest.mark.parametrize("compression", ["zip", 5, ["gzip"], True], ids=str)
def test_another_compression_is_told(compression: Any) -> None:
    encoding = {"format": "jsonl", "compression": compression}
    told(message("a.x", encoding=encoding), "compression that is neither none nor gzip")


@pytest.mark.parametrize("manifest", ["a.jsonl", None, 5, {"a": 1}, [1], [None], [{}]], ids=str)
def test_a_manifest_that_is_none_is_told(manifest: Any) -> None:
    told({**message(), "manifest": manifest}, "manifest that is no list of files")


def test_a_file_that_is_missing_is_told_and_its_folder_not_made(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "gone.jsonl"
    told(message(path.as_uri()), "gone.jsonl", "No such file")
    assert not path.parent.exists()


def test_a_folder_is_told(tmp_path: Path) -> None:
    told(message(str(tmp_path)), str(tmp_path), "Is a directory")


def test_of_a_file_that_is_cut_off_what_is_whole_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES[:-5])
    assert told(message(str(path)), "a.jsonl", "line 5", "no JSON object") == ROWS[:-1]


def test_of_a_packed_file_that_is_cut_off_what_is_whole_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    rows = [{"id": number, "text": f"{number * 7919:x}" * 9} for number in range(20_000)]
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())[:-500])
    encoding = {"format": "jsonl", "compression": "gzip"}
    read = told(message(str(path), encoding=encoding), "a.jsonl.gz", "cut off or damaged")
    assert 1000 < len(read) < len(rows)
    assert read == rows[: len(read)]


def test_a_packed_file_that_is_damaged_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    packed = bytearray(gzip.compress(LINES * 1000))
    packed[200:260] = b"\0" * 60
    path.write_bytes(packed)
    encoding = {"format": "jsonl", "compression": "gzip"}
    told(message(str(path), encoding=encoding), "a.jsonl.gz")


def test_a_plain_file_that_should_be_packed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    encoding = {"format": "jsonl", "compression": "gzip"}
    told(message(str(path), encoding=encoding), "no gzip file, as its BATCH says")


@pytest.mark.parametrize("line", [b"[1]\n", b"5\n", b"id,name\n", b"\xff\n", b"\x1f\x8b\x08\n"])
def test_a_line_that_is_no_record_is_told_by_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES + line + LINES)
    assert told(message(str(path)), "line 6") == ROWS


@pytest.mark.parametrize("url", ["s3://bucket/a.jsonl", "nowhere://a", "http://[", "", "\0"])
def test_an_address_that_nothing_here_can_open_is_told(url: str) -> None:
    told(message(url), "can't be read")


def test_what_may_be_secret_in_an_address_is_not_told() -> None:
    with pytest.raises(InputError) as caught:
        list(records_of(message("nowhere://ada:QXZJ@host/a.jsonl?signature=QXZJ")))
    assert "nowhere://host/a.jsonl" in str(caught.value)
    assert "QXZJ" not in str(caught.value)
