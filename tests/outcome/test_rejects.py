"""The rejects file: a Singer stream that can be sent again, for its owner's eyes only."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_spotzee.exceptions import RunError, SettingsError
from target_spotzee.outcome import marks
from target_spotzee.outcome.ledger import Ledger
from target_spotzee.outcome.marks import content_id
from target_spotzee.outcome.rejects import Reason, RejectsFile
from target_spotzee.records import Origin, Ticket
from target_spotzee.singer.reader import MessageReader
from tests import strategies
from tests.seen import SeenRecords

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
BAD = Reason("field_invalid", "email is not an e-mail address", "email")

exact = msgspec.json.Decoder(float_hook=Decimal).decode


def opened(path: Path, run_id: str = "run-1") -> RejectsFile:
    return RejectsFile(path, run_id, lambda: NOW)


def origin_of(
    stream: str = "users",
    schema: dict[str, Any] | None = None,
    excludes: Callable[[str], bool] = lambda _: False,
    **more: Any,
) -> Origin:
    message = {"type": "SCHEMA", "stream": stream, "schema": schema or {"properties": {}}, **more}
    return Origin(stream, json.dumps(message), excludes)


def ticket_of(
    record: str | dict[str, Any] = "{}", *, origin: Origin | None = None, number: int = 1
) -> Ticket:
    """A ticket for a record, given as the very text that the tap wrote."""
    text = record if isinstance(record, str) else json.dumps(record)
    origin = origin or origin_of()
    line = f'{{"type": "RECORD", "stream": "{origin.stream}", "record": {text}}}'
    ledger = Ledger()
    for _ in range(number - 1):
        ledger.issue(origin, "")
    return ledger.issue(origin, line.encode())


def kept(path: Path, *tickets: Ticket, reason: Reason = BAD) -> list[str]:
    """Write rejects and return the file's lines."""
    file = opened(path)
    for ticket in tickets:
        file.write(ticket, reason)
    file.sync()
    file.close()
    return path.read_text().splitlines()


def types(lines: list[str]) -> list[str]:
    return [json.loads(line)["type"] for line in lines]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rejects.singer"


class TestARecord:
    def test_stands_as_the_tap_sent_it_with_the_reason_beside(self, path: Path) -> None:
        origin = origin_of(schema={"properties": {"id": {}}}, key_properties=["id"])
        line = (
            '{"type":"RECORD","stream":"users","time_extracted":"2026-11-22T00:00:00Z",'
            '"record":{"id":1,"email":"no"},"version":5}'
        )
        ticket = Ledger().issue(origin, line)
        reason = Reason("validation_failed", "no good", "email", "req_1", 2)
        schema_line, record_line = kept(path, ticket, reason=reason)
        assert json.loads(schema_line) == json.loads(origin.schema)
        assert json.loads(record_line) == {
            **json.loads(line),
            "reject": {
                "done": False,
                "id": content_id("users", {"id": 1, "email": "no"}, None),
                "code": "validation_failed",
                "message": "no good",
                "field": "email",
                "request_id": "req_1",
                "attempts": 2,
                "stream": "users",
                "record_number": 1,
                "run_id": "run-1",
                "time": "2026-11-22T12:00:00+00:00",
            },
        }

    @pytest.mark.parametrize(
        "text",
        [
            '{"n":1.50}',
            '{"n":0.10000000000000000000000000000000000001}',
            '{"n":-0.0}',
            '{"n":123456789012345678901234567890}',
            '{"n":-170141183460469231731687303715884105729}',
            '{"n":18446744073709551616}',
            '{"s":"é\\"\\\\\\n☂"}',
            '{"a":{"b":[1,2.0,null,true,{"c":"1.50"}]}}',
        ],
    )
    def test_keeps_its_values_to_the_letter(self, path: Path, text: str) -> None:
        _, line = kept(path, ticket_of(text))
        assert f'"record":{text},' in line

    def test_keeps_a_number_with_an_exponent_exactly(self, path: Path) -> None:
        _, line = kept(path, ticket_of('{"n":1.230e40,"m":5e-324}'))
        assert exact(line)["record"] == {"n": Decimal("1.230e40"), "m": Decimal("5e-324")}

    @settings(max_examples=30)  # each waits for the disk
    @given(st.lists(st.dictionaries(strategies.texts, strategies.json_values), max_size=5))
    def test_reads_back_as_it_was(self, records: list[dict[str, Any]]) -> None:
        encode = msgspec.json.Encoder(decimal_format="number").encode
        origin = origin_of()
        tickets = [ticket_of(encode(record).decode(), origin=origin) for record in records]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "rejects.singer"
            file = opened(path)
            for ticket in tickets:
                file.write(ticket, BAD)
            file.sync()
            seen = SeenRecords()
            schemas: list[dict[str, Any]] = []

            with path.open() as lines:
                MessageReader(seen, print).process_lines(lines, {"SCHEMA": schemas.append})
            file.close()
        assert repr([record for _, record, *_ in seen]) == repr(records)
        assert all(is_sound for *_, is_sound in seen)
        assert [message["stream"] for message in schemas] == ["users"] * bool(records)

    def test_of_a_batch_file_needs_no_type(self, path: Path) -> None:
        ticket = Ledger().issue(origin_of(), '{"stream":"users","record":{"id":1}}')
        assert types(kept(path, ticket)) == ["SCHEMA", "RECORD"]


class TestSchemas:
    def test_stand_before_their_records_and_are_not_repeated(self, path: Path) -> None:
        origin = origin_of()
        lines = kept(path, *(ticket_of(origin=origin, number=n) for n in (1, 2, 3)))
        assert types(lines) == ["SCHEMA", "RECORD", "RECORD", "RECORD"]
        numbers = [json.loads(line)["reject"]["record_number"] for line in lines[1:]]
        assert numbers == [1, 2, 3]

    def test_are_told_again_where_the_stream_has_a_new_one(self, path: Path) -> None:
        old, new = origin_of(), origin_of(schema={"properties": {"new": {}}})
        lines = kept(path, *(ticket_of(origin=origin) for origin in (old, new, new, old)))
        assert types(lines) == [
            "SCHEMA",
            "RECORD",
            "SCHEMA",
            "RECORD",
            "RECORD",
            "SCHEMA",
            "RECORD",
        ]

    def test_of_several_streams_each_stand_once(self, path: Path) -> None:
        one, other = origin_of("a"), origin_of("b")
        lines = kept(path, *(ticket_of(origin=origin) for origin in (one, other, one, other)))
        assert [json.loads(line)["stream"] for line in lines] == ["a", "a", "b", "b", "a", "b"]

    def test_each_run_tells_its_own(self, path: Path) -> None:
        kept(path, ticket_of())
        assert types(kept(path, ticket_of('{"id":2}'))) == ["SCHEMA", "RECORD"] * 2


class TestExcludedColumns:
    def test_are_neither_in_the_record_nor_in_the_schema(self, path: Path) -> None:
        schema = {
            "type": "object",
            "properties": {"id": {}, "ssn": {"type": "string"}, "ssn_hash": {}},
            "required": ["id", "ssn"],
        }
        origin = origin_of(schema=schema, excludes=lambda column: column.startswith("ssn"))
        record = {"id": 1, "ssn": "QXZJ", "ssn_hash": "QXZJ", "ssn_new": "QXZJ"}
        schema_line, record_line = kept(path, ticket_of(record, origin=origin))
        assert json.loads(schema_line)["schema"] == {
            "type": "object",
            "properties": {"id": {}},
            "required": ["id"],
        }
        assert json.loads(record_line)["record"] == {"id": 1}
        assert "ssn" not in path.read_text()

    def test_are_no_keys_that_the_next_run_would_miss(self, path: Path) -> None:
        origin = origin_of(
            schema={"properties": {"id": {}, "ssn": {}}},
            key_properties=["id", "ssn"],
            bookmark_properties=["ssn"],
            excludes="ssn".__eq__,
        )
        schema_line, _ = kept(path, ticket_of({"id": 1, "ssn": 2}, origin=origin))
        message = json.loads(schema_line)
        assert (message["key_properties"], message["bookmark_properties"]) == (["id"], [])


class TestMarks:
    """A reject that needs no sending any more says so, in place."""

    def test_a_new_reject_is_not_done(self, path: Path) -> None:
        assert done(kept(path, ticket_of())) == [False]

    def test_it_is_once_a_newer_record_of_its_user_is_delivered(self, path: Path) -> None:
        file = opened(path)
        first, second = ticket_of({"id": 1}, number=1), ticket_of({"id": 2}, number=2)
        file.write(first, BAD, ("a", None))
        file.write(second, BAD, ("b", "c"))
        file.sync()
        size = path.stat().st_size
        for other in (("A", None), ("b", None), (None, "c")):
            file.superseded(ticket_of(number=3), other)
        file.superseded(ticket_of(number=3, origin=origin_of("orders")), ("a", None))
        assert done_in(path) == [False, False]
        file.superseded(ticket_of(number=3), ("a", None))
        assert done_in(path) == [True, False]
        file.superseded(ticket_of(number=4), ("b", "c"))
        assert done_in(path) == [True, True]
        assert path.stat().st_size == size
        file.close()

    def test_an_older_one_changes_nothing(self, path: Path) -> None:
        file = opened(path)
        file.write(ticket_of(number=5), BAD, ("a", None))
        file.superseded(ticket_of(number=4), ("a", None))
        file.sync()
        file.superseded(ticket_of(number=3), ("a", None))
        assert done_in(path) == [False]
        file.superseded(ticket_of(number=6), ("a", None))
        assert done_in(path) == [True]
        file.close()

    def test_one_that_is_not_on_disk_yet_is_marked_when_it_is(self, path: Path) -> None:
        file = opened(path)
        file.write(ticket_of({"id": 1}), BAD, ("a", None))
        file.superseded(ticket_of(number=2), ("a", None))
        file.write(ticket_of({"id": 2}), BAD, ("b", None))
        file.sync()
        assert done_in(path) == [True, False]
        file.close()

    def test_the_same_record_is_not_kept_twice(self, path: Path) -> None:
        kept(path, ticket_of({"id": 1, "x": 1.5, "_sdc_batched_at": "then"}))
        lines = kept(path, ticket_of({"x": 1.5, "id": 1, "_sdc_batched_at": "now"}))
        assert types(lines) == ["SCHEMA", "RECORD"]
        assert types(kept(path, ticket_of({"id": 1, "x": 1.6})))[2:] == ["SCHEMA", "RECORD"]

    def test_nor_within_a_run_but_it_is_marked_all_the_same(self, path: Path) -> None:
        file = opened(path)
        file.write(ticket_of(number=1), BAD, ("a", None))
        file.sync()
        file.write(ticket_of(number=2), BAD, ("a", None))
        file.sync()
        assert done_in(path) == [False]
        file.superseded(ticket_of(number=3), ("a", None))
        assert done_in(path) == [True]
        file.close()

    def test_a_record_that_comes_back_after_it_was_done_is_kept_anew(self, path: Path) -> None:
        """A user goes there, elsewhere and back: what came back is not what was superseded."""
        file = opened(path)
        file.write(ticket_of(number=1), BAD, ("a", None))
        file.sync()
        file.superseded(ticket_of(number=2), ("a", None))
        file.write(ticket_of(number=3), BAD, ("a", None))
        file.sync()
        assert done_in(path) == [True, False]
        file.close()
        assert done(kept(path, ticket_of())) == [True, False]

    def test_one_of_an_earlier_run_is_marked_where_it_stands(self, path: Path) -> None:
        kept(path, *(ticket_of({"id": number}) for number in (1, 2, 3)))
        file = opened(path)
        file.write(ticket_of({"id": 2}), BAD, ("b", None))
        file.sync()
        file.superseded(ticket_of(number=9), ("b", None))
        file.close()
        assert done_in(path) == [False, True, False]

    def test_the_reason_of_an_earlier_run_gives_way(self, path: Path) -> None:
        _, line = kept(path, ticket_of({"id": 1}))
        path.unlink()
        message = json.loads(line)
        reject_first = {"type": "RECORD", "reject": message["reject"], **message}
        again = Ledger().issue(origin_of(), json.dumps(reject_first))
        _, line = kept(path, again, reason=Reason("other", "m"))
        assert line.count('"reject"') == 1
        assert list(json.loads(line))[-1] == "reject"
        assert json.loads(line)["reject"]["code"] == "other"

    def test_what_is_no_mark_is_left_alone(self, path: Path) -> None:
        path.write_bytes(b'"done":true, "done":false')
        with path.open("r+b") as file:
            for place in (7, 0, 3, 99):
                marks.set_done(file.fileno(), place)
        assert path.read_bytes() == b'"done":true, "done":false'

    def test_a_line_without_one_has_none(self) -> None:
        for line in (b"", b'{"type":"RECORD","record":{"reject":1}}', b'{"type":"SCHEMA"}'):
            assert marks.place_in(line) is None
            assert marks.open_id(line) is None


def done(lines: list[str]) -> list[bool]:
    return [json.loads(line)["reject"]["done"] for line in lines if '"RECORD"' in line]


def done_in(path: Path) -> list[bool]:
    return done(path.read_text().splitlines())


class TestTheFile:
    def test_is_for_its_owner_only(self, path: Path) -> None:
        file = opened(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        file.close()

    def test_becomes_so_if_it_was_not(self, path: Path) -> None:
        kept(path, ticket_of())
        path.chmod(0o644)
        kept(path, ticket_of())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_is_appended_to(self, path: Path) -> None:
        before = kept(path, ticket_of('{"id":1}'))
        after = kept(path, ticket_of('{"id":2}'))
        assert after[: len(before)] == before
        assert [json.loads(line)["record"] for line in after[1::2]] == [{"id": 1}, {"id": 2}]

    def test_holds_nothing_before_it_is_synced_and_all_of_it_then(self, path: Path) -> None:
        file = opened(path)
        file.write(ticket_of(), BAD)
        assert path.read_bytes() == b""
        file.sync()
        after = path.read_bytes()
        assert after.count(b"\n") == 2
        assert after.endswith(b"\n")
        file.sync()
        assert path.read_bytes() == after
        file.close()

    def test_is_forced_to_disk(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whether a disk holds it can't be seen from here, so the call itself is watched."""
        sizes: list[int] = []
        monkeypatch.setattr(os, "fsync", lambda fd: sizes.append(os.fstat(fd).st_size))
        file = opened(path)
        file.write(ticket_of(), BAD)
        assert sizes == []
        file.sync()
        assert sizes == [path.stat().st_size]
        file.close()

    def test_is_written_to_the_end_even_if_the_disk_takes_it_bit_by_bit(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:7])))
        assert types(kept(path, ticket_of())) == ["SCHEMA", "RECORD"]

    def test_on_a_full_disk_ends_the_run(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_fd: int, _data: bytes) -> int:
            raise OSError(28, "No space left on device")

        file = opened(path)
        file.write(ticket_of(), BAD)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(RunError, match=r"can't be written \(No space left on device\)"):
                file.sync()
        file.close()

    def test_is_not_left_behind_empty(self, path: Path) -> None:
        assert kept_nothing(path)
        kept(path, ticket_of())
        opened(path).close()
        assert path.exists()

    @pytest.mark.parametrize("cut", [1, 5, 60, 70_000, 200_000])
    def test_loses_the_last_line_where_a_crash_cut_it(self, path: Path, cut: int) -> None:
        before = kept(path, ticket_of())
        with path.open("a") as file:
            file.write('{"type":"RECORD","record":{"x":"'.ljust(cut, "y")[:cut])
        after = kept(path, ticket_of('{"id":2}'))
        assert after[:2] == before
        assert types(after) == ["SCHEMA", "RECORD"] * 2

    @pytest.mark.parametrize("length", [9, 15, 40, 80_000])
    def test_loses_a_first_line_that_was_cut(self, path: Path, length: int) -> None:
        path.write_text('{"type":"SCHEMA","stream":"'.ljust(length, "y")[:length])
        assert types(kept(path, ticket_of())) == ["SCHEMA", "RECORD"]

    def test_knows_itself(self, path: Path, tmp_path: Path) -> None:
        file = opened(path)
        (tmp_path / "link").symlink_to(path)
        (tmp_path / "other").touch()
        with (tmp_path / "link").open() as same, (tmp_path / "other").open() as other:
            assert file.is_file(same.fileno())
            assert not file.is_file(other.fileno())
        file.close()


def kept_nothing(path: Path) -> bool:
    file = opened(path)
    existed = path.exists()
    file.close()
    return existed and not path.exists()


class TestRefused:
    def test_a_symbolic_link(self, path: Path, tmp_path: Path) -> None:
        goal = tmp_path / "goal"
        goal.touch(0o644)
        path.symlink_to(goal)
        with pytest.raises(SettingsError, match="rejects_path: can't be opened"):
            opened(path)
        assert stat.S_IMODE(goal.stat().st_mode) == 0o644

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="rejects_path: can't be opened"):
            opened(tmp_path)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="rejects_path: can't be opened"):
            opened(tmp_path / "nowhere" / "rejects.singer")

    def test_a_pipe(self, path: Path) -> None:
        os.mkfifo(path)
        with pytest.raises(SettingsError, match="rejects_path: is not a plain file"):
            opened(path)

    @pytest.mark.parametrize("content", ["[tool]", '{"api_key": "sk_x"}', "a\nb", "\n"])
    def test_a_file_of_something_else_is_left_alone(self, path: Path, content: str) -> None:
        path.write_text(content)
        path.chmod(0o644)
        with pytest.raises(SettingsError, match="rejects_path: is a file of something else"):
            opened(path)
        assert path.read_text() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
