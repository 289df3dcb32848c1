"""A stream's end of the SDK: one record in, one user out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol, cast

from singer_sdk import Target
from singer_sdk.exceptions import MissingKeyPropertiesError
from singer_sdk.sinks import BatchSink

from target_spotzee.delivery.loader import Loader
from target_spotzee.exceptions import MappingError, RecordError
from target_spotzee.mapping.samples import NumericStrings
from target_spotzee.mapping.users import Mapping
from target_spotzee.outcome.rejects import Reason
from target_spotzee.records import Ticket
from target_spotzee.schemas.check import RecordCheck
from target_spotzee.schemas.schema import is_open
from target_spotzee.settings.declaration import Settings

_RECORDS_PER_METRIC = 100
"""Each call reads the clock."""


class Host(Protocol):
    """What sinks take from the target they are given."""

    settings: Settings

    @property
    def tap_columns(self) -> Collection[str] | None:
        """The columns of the SCHEMA being processed, before stream maps; ``None``: not all told."""

    @property
    def loader(self) -> Loader:
        """Where users go."""


class SpotzeeSink(BatchSink):
    """Maps a stream's records and hands them to the loader.

    It never holds a record back: all streams share one open batch, since two of them may feed the
    same user. So there is nothing for the SDK to drain.
    """

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Compile the stream's mapping.

        Raises:
            MappingError: It can't be mapped; nothing of the stream has been sent.
        """
        super().__init__(target, stream_name, schema, key_properties)
        host = cast("Host", target)
        self._loader = host.loader
        entry = host.settings.entries.find(stream_name)
        if entry is None:
            raise MappingError(
                f"stream {stream_name!r}: has no entry in streams; add one, or set"
                " unlisted_streams to ignore",
            )
        self.entry = entry
        self.mapping = Mapping(
            stream_name,
            schema["properties"],
            self.key_properties,
            entry,
            is_open=is_open(schema),
        )
        self._keys = tuple(self.key_properties)
        self._uncounted = 0
        self._sample: NumericStrings | None = NumericStrings()
        self._warn(self.mapping.warnings(host.tap_columns))
        self._check: RecordCheck | None = None
        if self.config.get("validate_records", False):
            self._check = RecordCheck(self.schema)
            self._warn(self._check.warnings(stream_name))

    @property
    def max_size(self) -> int:
        """Users a request; the SDK's attribute of this name would hide the setting."""
        return self.batch_size_rows or 100

    def get_validator(self) -> None:
        """Return none: `RecordCheck` judges, and only if ``validate_records`` is on."""

    def load(self, record: dict[str, Any], ticket: Ticket, *, is_sound: bool) -> None:
        """Map one record and send it on its way, or reject it.

        Args:
            record: The record after stream maps.
            ticket: What it is settled with.
            is_sound: Whether all that it holds is JSON for certain.

        Raises:
            MissingKeyPropertiesError: It lacks a key property, under ``fail_fast``.
            SpotzeeError: The run has to stop.
        """
        self._uncounted += 1
        if self._uncounted >= _RECORDS_PER_METRIC:
            self._count()
        if self._check is not None and (violation := self._check.violation(record)):
            reason = Reason("schema_violated", violation)
            self._loader.reject(ticket, reason, self.mapping.ids(record))
            return
        try:
            for key in self._keys:
                if key not in record:
                    self._singer_validate_message(record)
            user = self.mapping.user(record)
            if not is_sound:
                user = self.mapping.sound(user)
        except RecordError as error:
            reason = Reason(error.code, str(error), error.field)
            self._loader.reject(ticket, reason, self.mapping.ids(record))
        except MissingKeyPropertiesError as error:
            self._reject_keyless(record, ticket, error)
        else:
            if self._sample is not None and self._sample.look(user):
                self._end_sample()
            self._loader.take(user, ticket)

    def _reject_keyless(
        self,
        record: dict[str, Any],
        ticket: Ticket,
        error: MissingKeyPropertiesError,
    ) -> None:
        """Reject a record that lacks a key property; where that ends the run, raise the SDK's."""
        missing = [key for key in self._keys if key not in record]
        message = f"lacks key properties {', '.join(missing)}"
        self._loader.settlement.rejected(ticket, Reason("key_property_missing", message))
        if self._loader.settlement.exceeded is not None:
            raise error from self._loader.settlement.exceeded

    def clean_up(self) -> None:
        """Say what a short stream's sample tells."""
        self._end_sample()
        self._count()
        super().clean_up()

    def _count(self) -> None:
        """Tell the SDK's metric of the records since the last time."""
        self.record_counter_metric.increment(self._uncounted)
        self._uncounted = 0

    def _end_sample(self) -> None:
        if self._sample is not None:
            self._warn(self._sample.warnings(self.stream_name))
            self._warn(self.mapping.warnings_of_records())
            self._sample = None

    def _warn(self, warnings: list[str]) -> None:
        for warning in warnings:
            self.logger.warning("%s", warning)

    def process_batch(self, _context: dict[str, Any]) -> None:
        """Nothing: a record goes to `load` as it is read, and none is held back."""


class IgnoringSink(BatchSink):
    """Settles the records of a stream that is not loaded."""

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Say once that the stream is ignored."""
        super().__init__(target, stream_name, schema, key_properties)
        host = cast("Host", target)
        self.entry = host.settings.entries.default
        self._settlement = host.loader.settlement
        self.logger.warning(
            "stream %r: has no entry in streams; its records are ignored",
            stream_name,
        )

    def load(self, _record: dict[str, Any], ticket: Ticket, *, is_sound: bool) -> None:  # noqa: ARG002 - as `SpotzeeSink.load`
        """Let one record go."""
        self.record_counter_metric.increment()
        self._settlement.ignored(ticket)

    def process_batch(self, _context: dict[str, Any]) -> None:
        """Let a BATCH message go."""
