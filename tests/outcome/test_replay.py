"""The mark of a reject that was read: set once all that became of it has its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from target_spotzee.outcome import marks
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.replay import Mark
from target_spotzee.records import Ticket
from tests.strategies import ORIGIN

LINE = b'{"type":"RECORD","stream":"users","record":{},"reject":{"done":false,"id":"0"}}\n'


class Marked:
    """A file with one reject, and its mark."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(LINE)
        self.fd = os.open(path, os.O_RDWR)
        place = marks.place_in(LINE)
        assert place is not None
        self.mark = Mark(self.fd, place)

    @property
    def done(self) -> bool:
        return b'"done":true ' in self._path.read_bytes()

    def ticket(self) -> Ticket:
        ticket = Ledger().issue(ORIGIN, LINE)
        self.mark.wait_for(ticket)
        return ticket

    def end(self, ticket: Ticket, *, safe: bool) -> None:
        assert ticket.on_end is not None
        ticket.on_end(safe)


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[Marked]:
    marked = Marked(tmp_path / "again.singer")
    yield marked
    os.close(marked.fd)


def test_the_first_record_s_end_sets_it_only_if_no_other_can_follow(marked: Marked) -> None:
    marked.end(marked.ticket(), safe=True)
    assert not marked.done
    second = marked.ticket()
    marked.mark.close()
    assert not marked.done
    marked.end(second, safe=True)
    assert marked.done


def test_it_is_set_when_no_other_follows(marked: Marked) -> None:
    marked.end(marked.ticket(), safe=True)
    marked.mark.close()
    assert marked.done


@pytest.mark.parametrize("ends", [(True, False), (False, True)])
def test_what_is_left_out_does_not_stand_in_the_way(
    marked: Marked,
    ends: tuple[bool, bool],
) -> None:
    tickets = [marked.ticket(), marked.ticket()]
    marked.mark.close()
    for ticket, safe in zip(tickets, ends, strict=True):
        marked.end(ticket, safe=safe)
    assert marked.done


def test_it_is_not_set_if_all_is_left_out(marked: Marked) -> None:
    marked.end(marked.ticket(), safe=False)
    marked.mark.close()
    assert not marked.done
