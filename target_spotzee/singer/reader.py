"""Singer messages from lines, without ever repeating a line in an error.

The SDK's readers print a line that isn't JSON, e-mail and all; and they turn a state's floats into
decimals that can't be printed again.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import IO, Any, Literal, Protocol

import msgspec

from target_spotzee import codec
from target_spotzee.exceptions import InputError
from target_spotzee.singer.sdk import GenericSingerReader


class OnRecord(Protocol):
    """What takes records."""

    def __call__(
        self,
        stream: str,
        record: Any,  # noqa: ANN401 - a tap may send anything for one
        line: str | bytes,
        reject: object = None,
        *,
        is_sound: bool = True,
        version: object = None,
    ) -> None:
        """Take the record of a RECORD message.

        Args:
            stream: Its stream.
            record: Column to value.
            line: The message as it was read.
            reject: Why it was rejected before, if it was.
            is_sound: Whether the record certainly holds no odd values; see `codec`.
            version: The tap's version of the stream.
        """


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An ordinary RECORD message, as on nearly all lines; an unknown member would go unchecked."""

    type: Literal["RECORD"]
    stream: str
    record: dict[str, Any]
    reject: object = None
    version: object = None
    time_extracted: object = None


class RawRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The same, with its record as it was written."""

    type: Literal["RECORD"]
    stream: str
    record: msgspec.Raw
    reject: object = None
    version: object = None
    time_extracted: object = None


class _State(msgspec.Struct):
    value: msgspec.Raw


_decode_record = msgspec.json.Decoder(_Record, float_hook=Decimal).decode
_decode_raw = msgspec.json.Decoder(RawRecord).decode
_decode_state = msgspec.json.Decoder(_State).decode


class MessageReader(GenericSingerReader[str]):
    """Reads messages; lines may be text or, faster, bytes.

    Args:
        on_record: Takes the record of each RECORD message.
        on_unknown: Called with the type of a message that is not Singer's.
        on_raw: Takes an ordinary RECORD message before its record is read, or refuses to.

    Attributes:
        line: The line being processed, as it was read.
        line_number: Its number, from 1.
    """

    def __init__(
        self,
        on_record: OnRecord,
        on_unknown: Callable[[str], None],
        on_raw: Callable[[RawRecord, str | bytes], bool] | None = None,
    ) -> None:
        super().__init__()
        self._on_raw = on_raw
        self._on_record = on_record
        self._on_unknown = on_unknown
        self.line: str | bytes = ""
        self.line_number = 0

    @property
    def default_input(self) -> IO[str]:
        """Standard input."""
        return sys.stdin

    @property
    def state_text(self) -> str:
        """The value of the STATE message being processed, to the letter."""
        try:
            return bytes(_decode_state(self.line).value).decode()
        except codec.UNREADABLE:
            return codec.members(self.line).get("value", "")

    def process_lines(
        self,
        file_input: IO[str] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        """Read messages and hand each to what takes its type; pass over blank lines.

        Returns:
            How many messages there were of each type.

        Raises:
            InputError: A line is no message.
        """
        counts: Counter[str] = Counter()
        records = 0
        on_record, on_raw = self._on_record, self._on_raw
        for line in file_input or self.default_input:
            self.line_number += 1
            self.line = line
            if on_raw is not None and self._took_raw(on_raw, line):
                records += 1
                continue
            try:
                message = _decode_record(line)
            except codec.UNREADABLE:
                message = None
            if message is not None:
                on_record(
                    message.stream,
                    message.record,
                    line,
                    message.reject,
                    version=message.version,
                )
                records += 1
            elif line and not line.isspace():
                counts[self._process(line, callbacks)] += 1
        return counts + Counter(RECORD=records)

    def _took_raw(
        self, on_raw: Callable[[RawRecord, str | bytes], bool], line: str | bytes
    ) -> bool:
        try:
            message = _decode_raw(line)
        except codec.UNREADABLE:
            return False
        return on_raw(message, line)

    def _process(
        self,
        line: str | bytes,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> str:
        """Hand one message to what takes its type; return the type.

        Raises:
            InputError: It is not a message.
        """
        message = self.deserialize_json(line)
        kind = message.get("type")
        if not isinstance(kind, str):
            raise self._broken("has no type")
        stream = message.get("stream", "")
        if not isinstance(stream, str):
            raise self._broken("has a stream that is no text")
        if kind == "RECORD":
            self.assert_line_requires(message, {"stream", "record"})
            reject = message.get("reject")
            version = message.get("version")
            self._on_record(
                stream, message["record"], line, reject, is_sound=False, version=version
            )
        elif kind in callbacks:
            callbacks[kind](message)
        elif kind.upper() in callbacks:
            raise self._broken("has a type that is not in capitals")
        else:
            self._on_unknown(kind[:40])
        return kind

    def deserialize_json(self, line: str | bytes) -> dict[str, Any]:
        """Return a line's message.

        Raises:
            InputError: It is not a JSON object.
        """
        try:
            return codec.decode(line)
        except codec.UNREADABLE:
            pass
        try:
            message = codec.decode_odd(line)
        except ValueError:
            raise self._broken("is no message") from None
        # Odd values cost only the record that holds them, and a state is the tap's affair.
        if message.get("type") not in ("RECORD", "STATE"):
            raise self._broken("holds half of a surrogate pair, NaN, or too many levels")
        return message

    def assert_line_requires(  # type: ignore[override]  # the SDK's is static and prints the line
        self,
        line_dict: dict[str, Any],
        requires: set[str],
    ) -> None:
        """Check that a message has what its type needs.

        Raises:
            InputError: Something is missing.
        """
        missing = requires - line_dict.keys()
        if missing:
            raise self._broken(f"lacks {', '.join(sorted(missing))}")

    def _broken(self, how: str) -> InputError:
        return InputError(
            f"line {self.line_number} of the input {how}; the tap is broken, was cut off, or"
            " something else wrote to its output",
        )
