"""When a stream was shown whole."""

from __future__ import annotations

from target_spotzee.snapshot.streams import Stream

Event = int | tuple[int | None, str]


def stream_of(*events: Event, run: int = 1) -> Stream:
    """Return a stream after events: a version that is activated, or a record of one."""
    return go_on(Stream(1, "s"), *events, run=run)


def go_on(stream: Stream, *events: Event, run: int = 1) -> Stream:
    for event in events:
        if isinstance(event, int):
            stream.activate(event, run)
        else:
            stream.show(*event, run)
    return stream


def test_a_version_that_is_activated_after_its_records_is_proved() -> None:
    assert stream_of((1, "a"), (1, "b"), 1).tour.proved_in == 1


def test_a_version_that_is_activated_before_its_records_is_not() -> None:
    stream = stream_of(1, (1, "a"))
    assert stream.tour.proved_in is None
    assert stream.tour.is_early


def test_nor_is_it_when_it_is_activated_once_more_at_the_end() -> None:
    assert stream_of(1, (1, "a"), 1).tour.proved_in is None


def test_records_that_follow_in_the_same_run_refute_the_proof() -> None:
    assert stream_of((1, "a"), 1, (1, "b")).tour.proved_in is None


def test_so_do_records_of_a_later_run() -> None:
    stream = stream_of((1, "a"), 1)
    assert go_on(stream, (1, "b"), run=2).tour.proved_in is None


def test_a_version_that_goes_on_in_another_run_is_one_pass() -> None:
    stream = stream_of((1, "a"))
    stream.now.add(0)
    go_on(stream, (1, "b"), 1, run=2)
    assert 0 in stream.now
    assert stream.tour.proved_in == 2
    assert stream.tour.records == 2


def test_a_version_that_was_acted_upon_is_none_again() -> None:
    stream = stream_of((2, "a"), 2)
    stream.end_pass()
    go_on(stream, (2, "a"), 2, run=2)
    assert stream.tour.proved_in is None


def test_a_lower_version_is_ignored() -> None:
    stream = stream_of((5, "a"), 5)
    stream.end_pass()
    go_on(stream, 4, (5, "a"), 4, run=2)
    assert stream.tour.proved_in is None
    assert stream.tour.activated == 5


def test_who_was_seen_in_a_pass_that_was_cut_short_counts_as_seen_since_the_last() -> None:
    stream = stream_of((1, "a"))
    stream.end_pass()
    go_on(stream, (2, "b"), run=2)
    stream.now.add(7)
    go_on(stream, (3, "c"), run=3)
    assert 7 in stream.before
    assert 7 not in stream.now


def test_a_pass_has_read_on_past_where_the_one_before_ended() -> None:
    stream = stream_of(1, (1, "a"), (1, "b"))
    stream.end_pass()
    go_on(stream, 2, (2, "a"), (2, "b"), run=2)
    assert not stream.tour.has_passed
    go_on(stream, (2, "c"), run=2)
    assert stream.tour.has_passed


def test_records_without_a_version_are_of_none() -> None:
    assert stream_of((None, "a"), (None, "b"), 3).tour.proved_in is None
    assert stream_of((3, "a"), (None, "b"), 3).tour.proved_in is None
    assert not stream_of(3, (None, "a")).tour.is_versioned


def test_streams_overlap_by_what_they_write() -> None:
    customers, contacts = Stream(1, "a", ["email", "data.plan"]), Stream(2, "b", ["data.city"])
    assert not customers.overlaps(contacts)
    contacts.writes.append("data.plan")
    assert customers.overlaps(contacts)


def test_what_no_schema_names_overlaps_every_attribute() -> None:
    an_open, other = Stream(1, "a", ["data.*"]), Stream(2, "b", ["data.plan"])
    assert an_open.overlaps(other)
    assert other.overlaps(an_open)
    assert not an_open.overlaps(Stream(3, "c", ["email"]))
