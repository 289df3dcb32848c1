"""The SDK's sink of a stream: one record in, one item out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from singer_sdk import Target
from singer_sdk.exceptions import MissingKeyPropertiesError
from singer_sdk.sinks import BatchSink

from target_spotzee import codec
from target_spotzee.delivery.loader import Loader
from target_spotzee.delivery.removals import removal_of
from target_spotzee.exceptions import MappingError, RecordError, RejectLimitError
from target_spotzee.mapping.columns import DELETED_AT
from target_spotzee.mapping.identities import identities_of
from target_spotzee.mapping.samples import NumericStrings
from target_spotzee.mapping.streams import StreamConfig
from target_spotzee.mapping.subscriptions import SubscriptionType
from target_spotzee.mapping.users import Mapping, User
from target_spotzee.objects.kinds import PATIENT, Kind
from target_spotzee.outcome.rejects import Reason
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.records import Record, Ticket
from target_spotzee.schemas.schema import is_open

_RECORDS_PER_METRIC = 100
"""Each call reads the clock."""


class SpotzeeSink(BatchSink):
    """Maps a stream's records and hands them to the loader.

    It never holds a record back: all streams share one backlog, since two of them may feed the same
    user. So there is nothing for the SDK to drain.

    Args:
        target: The SDK's.
        stream_name: The stream after stream maps.
        schema: The SDK's, after stream maps.
        key_properties: The stream's key.
        config: How the stream is mapped.
        kind: What its records are sent as.
        loader: Brings them to Spotzee.
        settlement: Where records end that are not sent.

    Raises:
        MappingError: It can't be mapped; nothing of the stream has been sent.
    """

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
        *,
        config: StreamConfig,
        kind: Kind,
        loader: Loader,
        settlement: Settlement,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self.stream_config = config
        self.kind = kind
        self._loader = loader
        self._settlement = settlement
        self._keys = tuple(self.key_properties)
        self._uncounted = 0
        self._sample: NumericStrings | None = NumericStrings()
        self.mapping = Mapping(
            stream_name,
            schema["properties"],
            self.key_properties,
            config,
            kind.fields,
            is_open=is_open(schema),
        )
        self._how = config.removed_users
        self.types: dict[str, SubscriptionType] = {}
        self._written = self.mapping.written
        self._remembers = loader.remembers
        if config.subscriptions:
            self._check_subscriptions()
            self.types = loader.types.learn(stream_name, config.subscriptions)
        self._looks = True
        # Without a memory of who was marked, every record says that its user is not.
        self._unmarks = self._how == "mark" and not self._remembers
        self._tells_deleted = DELETED_AT in self.original_schema["properties"]
        if self._how != "keep":
            self._check_removals()
        self._describe()

    def _check_removals(self) -> None:
        """Check that users that left can be removed.

        Raises:
            MappingError: They can't be.
        """
        of_stream = f"stream {self.stream_name!r}: removed_users: {self._how}"
        if self.mapping.removes_nobody:
            raise MappingError(
                f"{of_stream}: needs a column that is mapped to external_id; by an anonymous_id"
                " Spotzee can neither read nor delete anybody",
            )
        if not (self._remembers or self._tells_deleted):
            raise MappingError(
                f"{of_stream}: needs snapshot_path, which remembers who was there before; or a tap"
                f" that tells of deleted rows by {DELETED_AT}",
            )

    def _check_subscriptions(self) -> None:
        """Check that what users said can be kept.

        Raises:
            MappingError: It can't be.
        """
        of_stream = f"stream {self.stream_name!r}"
        if self._how == "delete" and not self._remembers:
            raise MappingError(
                f"{of_stream}: removed_users: delete: together with subscriptions it needs"
                " snapshot_path, which remembers what deleted users said no to",
            )
        if self._how == "delete" and not self.kind.confirms:
            raise MappingError(
                f"{of_stream}: removed_users: delete: together with subscriptions it needs"
                " delivery: sync; an address that is only queued can overtake the deletion, and"
                " make a user anew who had said no",
            )
        if self.stream_config.opt_in == "unless_opted_out" and self.mapping.removes_nobody:
            raise MappingError(
                f"{of_stream}: opt_in: unless_opted_out: needs a column that is mapped to"
                " external_id; by an anonymous_id Spotzee does not tell who said no",
            )

    def _describe(self) -> None:
        types = [f"subscriptions.{type_.id}" for type_ in self.types.values()]
        mirror = self._loader.decided()
        if mirror is not None:
            mirror.describe(
                self.stream_name,
                [*self.mapping.writes, *types],
                is_whole=self.stream_config.complete_pass,
                tells_deleted=self._tells_deleted,
            )
        self._written = self.mapping.written

    def warnings(self, tap_columns: Iterable[str] | None) -> list[str]:
        """Return what a person should know before the stream's first record.

        Args:
            tap_columns: The columns before stream maps; see `Mapping.warnings`.
        """
        found = self.mapping.warnings(tap_columns)
        if self._tells_deleted and self._how == "keep":
            found.append(
                f"stream {self.stream_name!r}: users whose rows the source deleted stay in Spotzee,"
                " unless removed_users is set",
            )
        elif self._how == "delete" and not self._remembers:
            found.append(
                f"stream {self.stream_name!r}: without snapshot_path, what deleted users opted out"
                " of is lost, and they can be mailed should they come back",
            )
        if self.types and self.stream_config.opt_in == "follow":
            found.append(
                f"stream {self.stream_name!r}: opt_in: follow: whoever the source says yes for is"
                " subscribed, also who said no in Spotzee, by a link or by STOP",
            )
        return found

    @property
    def max_size(self) -> int:
        """Users a request; the SDK's attribute of this name would hide the setting."""
        return self.batch_size_rows or 100

    def get_validator(self) -> None:
        """Return no validator: `Streams` judges, before stream maps, by the tap's own schema."""

    def load(self, record: Record, ticket: Ticket, *, is_sound: bool) -> None:
        """Map one record and send it on its way, or reject it.

        Args:
            record: The record after stream maps.
            ticket: What it is settled with.
            is_sound: Whether the record certainly holds no odd values; see `codec`.

        Raises:
            MissingKeyPropertiesError: It lacks a key property, and no more rejects are allowed.
            SpotzeeError: The run has to stop.
        """
        self.count()
        self.load_counted(record, ticket, is_sound=is_sound)

    def count(self) -> None:
        """Count a record for the SDK's metric."""
        self._uncounted += 1
        if self._uncounted >= _RECORDS_PER_METRIC:
            self._count()

    def load_counted(
        self, record: Record, ticket: Ticket, *, is_sound: bool, line: bytes = b""
    ) -> None:
        """Do the same for a record that was counted.

        Args:
            record: The record after stream maps.
            ticket: What it is settled with.
            is_sound: Whether the record certainly holds no odd values; see `codec`.
            line: Stands for the record as the tap wrote it, where the snapshot knows it by that.
        """
        if record.get(DELETED_AT):  # some taps write false or an empty text where a row lives
            self._remove(record, ticket)
            return
        try:
            for key in self._keys:
                if key not in record:
                    self._singer_validate_message(record)
            user = self.mapping.user(record)
            if not is_sound:
                user = self.mapping.sound(user)
        except RecordError as error:
            self._reject(record, ticket, Reason(error.code, str(error), error.field))
        except MissingKeyPropertiesError as error:
            self._reject_keyless(record, ticket, error)
        else:
            if self._unmarks:
                user.payload["data"] = {**user.payload.get("data", {}), "removed_at": None}
            if self._looks:
                self._look(user)
            self._loader.load(user, ticket, self.kind, line)

    def _look(self, user: User) -> None:
        """Look at what a record shows of its stream."""
        if self._sample is not None and self._sample.look(user):
            self._end_sample()
        if self._remembers and self.mapping.written != self._written:
            self._describe()

    def _remove(self, record: Record, ticket: Ticket) -> None:
        """Remove the user of a row that was deleted in the source; its columns are often missing.

        What it says no to is told, whatever becomes of the user.

        Raises:
            SpotzeeError: The run has to stop.
        """
        is_kept, ids, noes = (
            self._how == "keep",
            self.mapping.ids(record),
            self.mapping.noes(record),
        )
        if is_kept and not (ids and noes):
            self._settlement.ignored(ticket)
            return
        if ids is None or (ids[0] is None and not is_kept):
            reason = Reason("identity_missing", "a deleted row without external_id", "external_id")
            self._reject(record, ticket, reason)
            return
        at = str(record[DELETED_AT])
        if not codec.is_text(at):
            reason = Reason("text_invalid", f"{DELETED_AT} is no text", DELETED_AT)
            self._reject(record, ticket, reason)
            return
        how = "mark" if is_kept else self._how
        item = removal_of(ids, how, ticket, at, identities_of(ids), is_ignored=is_kept)
        item.toggles = tuple([(self.types[name].id, wish) for name, wish in noes])
        if is_kept and not self.kind.confirms:  # its user may be queued
            item.kind = PATIENT[item.kind]
        self._loader.remove(item)

    def refuse(self, record: Record, ticket: Ticket, violation: str) -> None:
        """Reject a record that breaks the stream's schema.

        Raises:
            RejectLimitError: It was one too many.
        """
        self._reject(record, ticket, Reason("schema_violated", violation))

    def _reject(self, record: Record, ticket: Ticket, reason: Reason) -> None:
        mapping = self.mapping
        self._loader.reject(ticket, reason, mapping.ids(record), self.kind, mapping.noes(record))

    def _reject_keyless(
        self,
        record: Record,
        ticket: Ticket,
        error: MissingKeyPropertiesError,
    ) -> None:
        """Reject a record that lacks a key property; where that ends the run, raise the SDK's."""
        missing = [key for key in self._keys if key not in record]
        message = f"lacks key properties {', '.join(missing)}"
        reason = Reason("key_property_missing", message)
        try:
            self._reject(record, ticket, reason)
        except RejectLimitError as exceeded:
            raise error from exceeded

    def clean_up(self) -> None:
        """Warn of what a short stream's sample shows."""
        self._end_sample()
        self._count()
        super().clean_up()

    def _count(self) -> None:
        """Add the records since the last time to the SDK's metric."""
        self.record_counter_metric.increment(self._uncounted)
        self._uncounted = 0

    def _end_sample(self) -> None:
        if self._sample is not None:
            for warning in (
                *self._sample.warnings(self.stream_name),
                *self.mapping.warnings_of_records(),
            ):
                self.logger.warning("%s", warning)
            self._sample = None
            self._looks = self._remembers

    def process_batch(self, _context: dict[str, Any]) -> None:
        """Do nothing: a record goes to `load` as it is read, and none is held back."""


class IgnoringSink(BatchSink):
    """Settles the records of a stream that is not loaded.

    Args:
        target: The SDK's.
        stream_name: The stream after stream maps.
        schema: The SDK's.
        key_properties: The stream's key.
        config: What holds for streams without an entry.
        settlement: Where its records end.
    """

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
        *,
        config: StreamConfig,
        settlement: Settlement,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self.stream_config = config
        self._settlement = settlement

    def warnings(self, _tap_columns: Iterable[str] | None) -> list[str]:
        """Say that the stream is ignored."""
        return [f"stream {self.stream_name!r}: has no entry in streams; its records are ignored"]

    def load(self, record: Record, ticket: Ticket, *, is_sound: bool) -> None:  # noqa: ARG002 - as `SpotzeeSink.load`
        """Ignore one record."""
        self.record_counter_metric.increment()
        self._settlement.ignored(ticket)

    def refuse(self, record: Record, ticket: Ticket, violation: str) -> None:  # noqa: ARG002 - as `SpotzeeSink.refuse`
        """Ignore one record, whatever it breaks."""
        self._settlement.ignored(ticket)

    def process_batch(self, _context: dict[str, Any]) -> None:
        """Do nothing, as in `SpotzeeSink`."""
