"""What is known of each stream, from one run to the next."""

from __future__ import annotations

from pathlib import Path

from target_spotzee.snapshot.file import SnapshotFile
from target_spotzee.snapshot.streams import Stream, Streams


def again(path: Path, *events: tuple[int | None, str]) -> Stream:
    """Return a stream after some records, as the next run finds it."""
    file = SnapshotFile(path)
    streams = Streams(file)
    stream = streams.get("customers")
    for version, identity in events:
        stream.show(version, identity, 1)
        streams.issue(stream.number)
    with file.transaction():
        streams.write()
    file.close()
    file = SnapshotFile(path)
    found = Streams(file).get("customers")
    file.close()
    return found


def test_who_was_seen_is_known_again(tmp_path: Path) -> None:
    stream = again(tmp_path / "s.db", (7, "a"), (7, "b"))
    assert (stream.issued, 0 in stream.now, 1 in stream.now, 2 in stream.now) == (
        2,
        True,
        True,
        False,
    )
    assert (stream.tour.version, stream.tour.records, stream.tour.last) == (7, 2, "b")


def test_how_far_a_pass_read_is_a_matter_of_one_run(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "s.db")
    streams = Streams(file)
    stream = streams.get("customers")
    stream.show(None, "a", 1)
    stream.end_pass()
    stream.show(None, "a", 2)
    stream.show(None, "b", 2)
    assert stream.tour.has_passed
    with file.transaction():
        streams.write()
    file.close()
    file = SnapshotFile(tmp_path / "s.db")
    assert not Streams(file).get("customers").tour.has_passed
    file.close()


def test_a_stream_is_new_until_it_is_written(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "s.db")
    streams = Streams(file)
    streams.get("customers")
    assert streams.are_new
    with file.transaction():
        streams.write()
    assert not streams.are_new
    file.close()
