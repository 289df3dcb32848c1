"""One way of a stream's records: through a stream map, if there is one, to a sink."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform, StreamMap

from target_spotzee.delivery.loader import Loader
from target_spotzee.exceptions import RecordError
from target_spotzee.mapping.exclusion import hidden_columns
from target_spotzee.mapping.users import sound
from target_spotzee.outcome.rejects import Reason
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.records import Origin, Record, Ticket
from target_spotzee.singer.sdk import FlatteningOptions, flatten_key
from target_spotzee.singer.sink import IgnoringSink, SpotzeeSink

AnySink = SpotzeeSink | IgnoringSink


@dataclass(frozen=True, slots=True)
class Route:
    """One way of a stream's records.

    Attributes:
        origin: The stream after its map, and the SCHEMA before it.
        transform: The map; ``None`` where it changes nothing.
        sink: ``None`` where the map filters every record out.
    """

    origin: Origin
    transform: Callable[[Record], Record | None] | None
    sink: AnySink | None

    def load(
        self,
        record: Record,
        ticket: Ticket,
        loader: Loader,
        settlement: Settlement,
        *,
        is_sound: bool,
    ) -> None:
        """Send one record down this route.

        Args:
            record: The record before the map; it is not changed.
            ticket: What it is settled with.
            loader: Rejects it, if the map fails.
            settlement: Where it ends, if the map filters it out.
            is_sound: Whether all that it holds is JSON for certain.

        Raises:
            SpotzeeError: The run has to stop.
        """
        mapped: Record | None = record
        if self.transform is not None:
            try:
                if not is_sound:
                    record = self._sound(record, settlement)
                mapped = self.transform(copy.copy(record))
            except RecordError as error:
                loader.reject(ticket, Reason(error.code, str(error), error.field))
                return
            except Exception as error:  # noqa: BLE001 - an expression can raise anything
                message = f"a stream map failed ({type(error).__name__})"
                loader.reject(ticket, Reason("stream_map_failed", message))
                return
            is_sound = False  # and make anything
        if self.sink is None or mapped is None:
            settlement.filtered(ticket)
        else:
            self.sink.load(mapped, ticket, is_sound=is_sound)

    def _sound(self, record: Record, settlement: Settlement) -> Record:
        """Return a record that can be made text of, which flattening and expressions do.

        Raises:
            RecordError: It holds what is no JSON, in a column that may be sent.
        """
        if self.sink is None:
            return record
        inner = {
            name: value
            for name, value in record.items()
            if isinstance(value, (dict, list, msgspec.Raw)) and not self.origin.excludes(name)
        }
        found, cleared = sound(inner, self.sink.stream_config)
        settlement.note(cleared)
        return {**record, **found}

    def refuse(
        self,
        record: Record,
        ticket: Ticket,
        loader: Loader,
        settlement: Settlement,
        violation: str,
    ) -> None:
        """Reject a record that breaks the schema of its stream, if it would be sent.

        Raises:
            RejectLimitError: It was one too many.
        """
        if self.sink is None:
            settlement.filtered(ticket)
        elif isinstance(self.sink, IgnoringSink):
            settlement.ignored(ticket)
        else:
            ids = self.sink.mapping.ids(record) if self.transform is None else None
            loader.reject(ticket, Reason("schema_violated", violation), ids)


def make_route(
    stream: str,
    stream_map: StreamMap,
    line: str | bytes,
    stream_maps: Mapping[str, object],
    sink_of: Callable[[StreamMap], AnySink],
) -> Route:
    """Return the route that a stream map makes.

    Args:
        stream: The stream, as the tap calls it.
        stream_map: The SDK's.
        line: The SCHEMA message.
        stream_maps: The setting.
        sink_of: Returns the sink that the map leads to.

    Raises:
        MappingError: The stream can't be mapped to what Spotzee takes.
    """
    alias = stream_map.stream_alias
    if isinstance(stream_map, RemoveRecordTransform):
        return Route(Origin(alias, line, lambda _: False), None, None)
    sink = sink_of(stream_map)
    flattening = stream_map.flattening_options if stream_map.flattening_enabled else None
    hidden = hidden_columns(
        stream,
        stream_maps,
        sink.stream_config,
        stream_map.transformed_schema["properties"].keys(),
        flattening.separator if flattening else None,
    )
    origin = Origin(
        alias,
        line,
        lambda column: sink.stream_config.excludes(column) or hidden(column),
        _flat_name(flattening) if flattening else None,
    )
    is_same = isinstance(stream_map, SameRecordTransform) and flattening is None
    return Route(origin, None if is_same else stream_map.transform, sink)


def _flat_name(options: FlatteningOptions) -> Callable[[str, list[str]], str]:
    """Return the rule by which the SDK names what it flattens."""
    return lambda name, parents: flatten_key(
        name,
        parents,
        options.separator,
        max_key_length=options.max_key_length,
    )
