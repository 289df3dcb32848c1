"""Singer messages from lines, without ever repeating a line in an error."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import IO, Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee import codec
from target_spotzee.exceptions import RunError
from target_spotzee.singer import reader as readers
from target_spotzee.singer.reader import MessageReader
from tests import strategies
from tests.seen import SeenRecords

TYPES = ("SCHEMA", "STATE")


def unknown(kind: str) -> None:
    raise AssertionError(kind)


def listen(*lines: str | bytes) -> list[dict[str, Any]]:
    """Return the messages of these lines, of records what a loader needs."""
    messages: list[dict[str, Any]] = []
    records = SeenRecords()
    reader = MessageReader(records, unknown)
    reader.process_lines(as_file(lines), dict.fromkeys(TYPES, messages.append))
    assert not (messages and records), "their order would be lost"
    return messages or [
        {"type": "RECORD", "stream": stream, "record": record, "is_sound": is_sound}
        for stream, record, _, _, is_sound in records
    ]


def as_file(lines: Any) -> IO[str]:
    """Anything that can be iterated over will do, as `target_spotzee.singer.lines` does."""
    return cast("IO[str]", iter(lines))


def states(*lines: str | bytes) -> list[str]:
    """Return the text of each state."""
    reader = MessageReader(SeenRecords(), unknown)
    seen: list[str] = []
    reader.process_lines(as_file(lines), {"STATE": lambda _: seen.append(reader.state_text)})
    return seen


class TestMessages:
    def test_go_to_the_callback_of_their_type_and_are_counted(self) -> None:
        reader = MessageReader(SeenRecords(), unknown)
        seen: dict[str, list[Any]] = {"SCHEMA": [], "STATE": []}
        counts = reader.process_lines(
            as_file(['{"type":"SCHEMA","n":1}\n', b'{"type":"STATE"}', '{"type":"SCHEMA","n":2}']),
            {name: found.append for name, found in seen.items()},
        )
        assert seen["SCHEMA"] == [{"type": "SCHEMA", "n": 1}, {"type": "SCHEMA", "n": 2}]
        assert seen["STATE"] == [{"type": "STATE"}]
        assert counts == Counter({"SCHEMA": 2, "STATE": 1})

    def test_of_an_unknown_type_are_told_and_passed_over(self) -> None:
        told: list[str] = []
        reader = MessageReader(SeenRecords(), told.append)
        for kind in ("SCHEME", "x" * 99, "iterable", "self"):
            reader.process_lines(as_file([json.dumps({"type": kind})]), {})
        assert told == ["SCHEME", "x" * 40, "iterable", "self"]

    def test_blank_lines_are_none_and_yet_are_counted(self) -> None:
        with pytest.raises(RunError, match=r"^line 5 of the input "):
            listen("", "\n", '{"type":"STATE"}', b" \t\r\n", "oops")

    def test_the_line_of_a_message_is_at_hand(self) -> None:
        seen: list[tuple[str | bytes, int]] = []

        def look(*_: object, **__: object) -> None:
            seen.append((reader.line, reader.line_number))

        reader = MessageReader(look, unknown)
        assert reader.line == ""
        lines: list[str | bytes] = [
            '{"type": "STATE"}\n',
            b'{"type":"RECORD","stream":"s","record":{}}',
            b'{"type":  "RECORD","stream":"s","record":{"x":"\\ud800"}}',
        ]
        reader.process_lines(as_file(lines), {"STATE": look})
        assert seen == [(lines[0], 1), (lines[1], 2), (lines[2], 3)]

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1", 1),
            ("123456789012345678901234567890", 123456789012345678901234567890),
            ("1.50", Decimal("1.50")),
            ("1e3", Decimal("1e3")),
            ("-0.0", Decimal("-0.0")),
            ("0.1", Decimal("0.1")),
            ("true", True),
        ],
    )
    @pytest.mark.parametrize("odd", ["", '"odd":"\\ud800",'])
    def test_numbers_are_exact(self, text: str, value: object, odd: str) -> None:
        (message,) = listen(f'{{"type":"RECORD","stream":"s","record":{{{odd}"n":{text}}}}}')
        assert repr(message["record"]["n"]) == repr(value)

    def test_of_a_doubled_name_the_last_counts(self) -> None:
        for odd in ("", "\\udfff"):
            (message,) = listen('{"type":"SCHEMA","a":1,"b":{"a":"x"},"a":2}')
            assert message["a"] == 2
            (message,) = listen(
                f'{{"type":"RECORD","stream":"a","record":{{"a":1,"b":"{odd}","a":2}},"stream":"b"}}'
            )
            assert message["stream"] == "b"
            assert message["record"]["a"] == 2

    def test_of_records_may_hold_half_of_a_surrogate_pair(self) -> None:
        start = '{"type":"RECORD","stream":"s","record":'
        for line in (start + '"\\uD800é"}', start + '{"\\udfff":"☂"}}'):
            expected = {**json.loads(line), "is_sound": False}
            assert listen(line) == listen(line.encode()) == [expected]
        (message,) = listen(start + '{"n":1},"\\udfff":"☂"}')
        assert (message["record"], message["is_sound"]) == ({"n": 1}, False)


class TestOrdinaryRecords:
    """They take a shorter way, which must lead to the same place."""

    def test_go_to_their_own_callback_and_are_counted_with_the_others(self) -> None:
        seen = SeenRecords()
        messages: list[Any] = []
        reader = MessageReader(seen, unknown)
        lines: list[str | bytes] = [
            '{"type":"RECORD","stream":"a","record":{"n":1.50},"time_extracted":"now"}',
            b'{"record":{"n":2},"type":"RECORD","stream":"b"}',
            '{"type":"RECORD","stream":"c","record":{"n":3},"reject":{"id":"x"}}',
            '{"type":"RECORD","stream":"d","record":{"n":"\\ud800"}}',
            '{"type":"STATE"}',
        ]
        counts = reader.process_lines(as_file(lines), dict.fromkeys(TYPES, messages.append))
        assert seen == [
            ("a", {"n": Decimal("1.50")}, lines[0], None, True),
            ("b", {"n": 2}, lines[1], None, True),
            ("c", {"n": 3}, lines[2], {"id": "x"}, True),
            ("d", {"n": "\ud800"}, lines[3], None, False),
        ]
        assert messages == [{"type": "STATE"}]
        assert counts == Counter(RECORD=4, STATE=1)

    @given(
        st.dictionaries(
            st.sampled_from(["type", "stream", "record", "reject", "time_extracted"]),
            st.sampled_from(["RECORD", "STATE", "users", None, 5, {}, {"id": "x"}, ["x"]])
            | strategies.json_values,
        ),
        st.booleans(),
    )
    def test_are_what_they_would_be_on_the_long_way(
        self, message: dict[str, Any], as_bytes: bool
    ) -> None:
        for members in (
            message,
            {"type": "RECORD", "stream": "users", "record": {"n": Decimal("0.10")}} | message,
        ):
            text = codec.encode(members)
            line = text if as_bytes else text.decode()
            assert self.outcome(line, short=True) == self.outcome(line, short=False)

    @pytest.mark.parametrize("name", ["type", "stream", "record"])
    def test_nor_does_a_line_that_lacks_a_member_differ(self, name: str) -> None:
        message = {"type": "RECORD", "stream": "users", "record": {"n": 1}}
        del message[name]
        line = codec.encode(message)
        assert self.outcome(line, short=True) == self.outcome(line, short=False)

    @pytest.mark.parametrize("member", [b'"time_extracted":"\xff"', b'"\xff":1', b'"version":01'])
    def test_nor_one_with_a_broken_member_that_nobody_needs(self, member: bytes) -> None:
        line = b'{"type":"RECORD","stream":"users","record":{"n":1},' + member + b"}"
        assert "is no message" in str(self.outcome(line, short=True))

    @staticmethod
    def outcome(line: str | bytes, *, short: bool) -> object:
        """What a reader makes of a line: a record, another message, or an error."""
        records, messages = SeenRecords(), list[object]()

        def no_short_way(_line: object) -> Any:
            raise msgspec.ValidationError

        reader = MessageReader(records, lambda _: None)
        with pytest.MonkeyPatch.context() as patch:
            if not short:
                patch.setattr(readers, "_decode_record", no_short_way)
            try:
                counts = reader.process_lines(
                    as_file([line]), dict.fromkeys(TYPES, messages.append)
                )
            except RunError as error:
                return str(error)
        assert short or not any(is_sound for *_, is_sound in records)
        return repr(([record for *record, _ in records], messages, counts))


class TestBrokenLines:
    @pytest.mark.parametrize(
        "line",
        [
            "QXZJ",
            "[]",
            "5",
            "null",
            '"QXZJ"',
            '{"type":"RECORD","record":{"x":"QXZJ"',
            '{"type":"RECORD"} QXZJ',
            "{'type':'QXZJ'}",
            '{"type":"RECORD","record":{"x":nan}}',
            '{"type":"RECORD","record":{"x":Inf}}',
            '{"type":"RECORD","record":{"cut":' + "[" * 5000 + "}}",
            '{"type":"RECORD" 5,"record":{"x":' + "[" * 5000 + "]" * 5000 + "}}",
            '{"type":"RECORD","record":{"once too often":' + "[" * 5000 + "]" * 5000 + "}}}",
            '{"type":"RECORD","record":{"x":"\\ud800\x01"}}',
            '["\\ud800"]',
            '{"type":"RECORD","record":{"x":"\\ud800"',
            b'{"type":"RECORD","record":{"x":"\\ud800","y":"\xff"}}',
            b'{"type":"RECORD","record":{"x":"\xff"}}',
            b"\x00\x01",
            "\ufeff{}",
        ],
        ids=lambda line: repr(line)[:60],
    )
    def test_end_the_run(self, line: str | bytes) -> None:
        with pytest.raises(RunError) as caught:
            listen('{"type":"STATE"}', line)
        assert str(caught.value) == (
            "line 2 of the input is no message; the tap is broken, was cut off, or something else"
            " wrote to its output"
        )
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    def test_that_never_end_are_told_as_such(self) -> None:
        with pytest.raises(RunError, match=r"^line 1 of the input is no message"):
            listen('{"a":' * 100_000)

    @pytest.mark.parametrize("kind", ["SCHEMA", "ACTIVATE_VERSION", "BATCH", "\\ud800"])
    def test_with_text_that_is_none_are_told_as_such(self, kind: str) -> None:
        with pytest.raises(
            RunError, match=r"^line 1 of the input holds half of a surrogate pair, "
        ):
            listen(f'{{"type":"{kind}","stream":"\\ud800"}}')

    @pytest.mark.parametrize(
        "line", ["{}", '{"type":null}', '{"type":5}', '{"type":["QXZJ"]}', '{"type":{"QXZJ":1}}']
    )
    def test_without_a_type_are_told_as_such(self, line: str) -> None:
        with pytest.raises(RunError, match=r"^line 1 of the input has no type; the tap is broken"):
            listen(line)

    @pytest.mark.parametrize("stream", ["null", "5", '["QXZJ"]', '{"QXZJ":1}'])
    def test_of_no_stream_are_told_as_such(self, stream: str) -> None:
        with pytest.raises(RunError, match=r"^line 1 of the input has a stream that is no text; "):
            listen(f'{{"type":"RECORD","stream":{stream}}}')

    def test_without_what_their_type_needs_are_told_by_its_name(self) -> None:
        reader = MessageReader(SeenRecords(), unknown)
        reader.assert_line_requires({"type": "x", "a": None}, {"type", "a"})
        with pytest.raises(RunError, match="lacks record, stream; the tap is broken"):
            reader.assert_line_requires({"QXZJ": "QXZJ"}, {"stream", "record"})

    @given(
        strategies.secrets,
        st.sampled_from(
            [
                "{}",
                '{"type":"{}"',
                '{"type":["{}"]}',
                '{"{}":1}',
                '["{}"]',
                '{"type":"RECORD","record":{}}',
                '{"type":"RECORD","record":"{}\\ud800}',
                '{"type":"SCHEMA","stream":"{}\\ud800"}',
                '{"type":"RECORD","record":"{}\x01"}',
                '{"type":"RECORD","record":{"a":"{}"}}{}',
            ]
        ),
        st.booleans(),
    )
    def test_are_never_repeated(self, secret: str, form: str, as_bytes: bool) -> None:
        line = form.replace("{}", secret)
        with pytest.raises(RunError) as caught:
            listen(line.encode() if as_bytes else line)
        error: BaseException | None = caught.value
        assert secret not in str(error)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None

    @given(st.binary(max_size=40).map(lambda rest: b"\xff" + rest.replace(b"\n", b"")))
    def test_may_hold_anything(self, line: bytes) -> None:
        with pytest.raises(RunError, match=r"^line 1 of the input is no message; "):
            listen(line)


class TestStates:
    @pytest.mark.parametrize(
        "text",
        [
            "{}",
            '{"a":1.50}',
            '{"a": 1.50,  "b" :[1, 2.0 ,3e5]}',
            '{"bookmarks":{"s":{"n":0.1000000000000000055511151231257827}}}',
            '{"z":1,"a":2,"z":3}',
            '{"a":"\\u00e9\\/é"}',
            '{"big":123456789012345678901234567890}',
            "null",
            "[]",
            '"text"',
            '"\\ud800"',
            '{"a": 1.50,  "\\udc00" :["\\ud83d\\ude00☂", {} , []]}',
        ],
    )
    @pytest.mark.parametrize(
        "form",
        [
            '{"type":"STATE","value":%s}',
            '{"value": %s , "type":"STATE"}',
            ' {"\\udfff":[],"value":1 ,\t"type":"STATE" , "value" : %s } ',
        ],
    )
    def test_go_through_to_the_letter(self, text: str, form: str) -> None:
        line = form.replace("%s", text)
        assert states(line, line.encode(), f"{line}\n") == [text] * 3

    @given(strategies.json_values, st.sampled_from([None, 1]), st.booleans())
    def test_of_any_shape(self, value: Any, indent: int | None, ascii_only: bool) -> None:
        text = json.dumps(value, default=float, ensure_ascii=ascii_only, indent=indent)
        text = text.replace("\n", " ")
        assert states(f'{{"type":"STATE","value":{text},"time":"x"}}') == [text]
