"""One way of a stream's records: through a stream map, if there is one, to a sink."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform, StreamMap

from target_spotzee.delivery.loader import Loader
from target_spotzee.exceptions import RecordError
from target_spotzee.mapping.exclusion import hidden_columns
from target_spotzee.mapping.soundness import sound
from target_spotzee.outcome.rejects import Reason
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.records import Origin, Record, Ticket
from target_spotzee.singer.sdk import FlatteningOptions, flatten_key
from target_spotzee.singer.sink import IgnoringSink, SpotzeeSink

AnySink = SpotzeeSink | IgnoringSink


class Load(Protocol):
    """What takes a stream's records."""

    def __call__(self, record: Record, ticket: Ticket, *, is_sound: bool) -> None:
        """Send one record on its way, or reject it.

        Args:
            record: The record; it is not changed.
            ticket: What it is settled with.
            is_sound: Whether all that it holds is JSON for certain.

        Raises:
            SpotzeeError: The run has to stop.
        """


@dataclass(frozen=True, slots=True)
class Route:
    """One way of a stream's records.

    Attributes:
        origin: The stream after its map, and the SCHEMA before it.
        sink: Where it leads; ``None`` where the map filters every record out.
        load: Sends a record down it.
        refuse: Rejects a record that breaks the stream's schema, unless it would not be sent.
        is_plain: Whether a record reaches the sink as it is.
    """

    origin: Origin
    sink: AnySink | None
    load: Load
    refuse: Callable[[Record, Ticket, str], None]
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class _Mapped:
    """Sends records through a stream map.

    Attributes:
        transform: The map.
        origin: The stream.
        sink: Where it leads.
        loader: Rejects records for which the map fails.
        settlement: Where those end that it filters out.
    """

    transform: Callable[[Record], Record | None]
    origin: Origin
    sink: AnySink
    loader: Loader
    settlement: Settlement

    def load(self, record: Record, ticket: Ticket, *, is_sound: bool) -> None:
        """See `Load`."""
        try:
            if not is_sound:
                record = self._sound(record)
            mapped = self.transform(copy.copy(record))
        except RecordError as error:
            self.loader.reject(ticket, Reason(error.code, str(error), error.field))
            return
        except Exception as error:  # noqa: BLE001 - an expression can raise anything
            message = f"a stream map failed ({type(error).__name__})"
            self.loader.reject(ticket, Reason("stream_map_failed", message))
            return
        if mapped is None:
            self.settlement.filtered(ticket)
        else:
            self.sink.load(mapped, ticket, is_sound=False)  # an expression can make anything

    def refuse(self, record: Record, ticket: Ticket, violation: str) -> None:
        """Reject a record that breaks the stream's schema, unless the map filters it out."""
        try:
            mapped = self.transform(copy.copy(record))
        except Exception:  # noqa: BLE001 - the record breaks its schema, so it may break the map
            self.loader.reject(ticket, Reason("schema_violated", violation))
            return
        if mapped is None:
            self.settlement.filtered(ticket)
        else:
            self.sink.refuse(mapped, ticket, violation)

    def _sound(self, record: Record) -> Record:
        """Return a record that can be made text of, which flattening and expressions do.

        Raises:
            RecordError: It holds an odd value, in a column that may be sent.
        """
        inner = {
            name: value
            for name, value in record.items()
            if isinstance(value, (dict, list, msgspec.Raw)) and not self.origin.excludes(name)
        }
        found, cleared = sound(inner, self.sink.stream_config)
        self.settlement.note(cleared)
        return {**record, **found}


def make_route(
    stream: str,
    stream_map: StreamMap,
    line: str | bytes,
    stream_maps: Mapping[str, object],
    sink_of: Callable[[StreamMap], AnySink],
    loader: Loader,
    settlement: Settlement,
) -> Route:
    """Return the route that a stream map makes.

    Args:
        stream: The stream, as the tap calls it.
        stream_map: The SDK's.
        line: The SCHEMA message.
        stream_maps: The setting.
        sink_of: Returns the sink that the map leads to.
        loader: Rejects records for which the map fails.
        settlement: Where those end that it filters out.

    Raises:
        MappingError: The stream can't be mapped to what Spotzee takes.
    """
    alias = stream_map.stream_alias
    if isinstance(stream_map, RemoveRecordTransform):
        filtered = settlement.filtered
        return Route(
            Origin(alias, line, lambda _: False),
            None,
            lambda record, ticket, *, is_sound: filtered(ticket),  # noqa: ARG005 - as `Load`
            lambda record, ticket, violation: filtered(ticket),  # noqa: ARG005 - as `Route.refuse`
        )
    sink = sink_of(stream_map)
    flattening = stream_map.flattening_options if stream_map.flattening_enabled else None
    hidden = hidden_columns(
        stream,
        stream_maps,
        sink.stream_config,
        stream_map.transformed_schema["properties"].keys(),
        flattening.separator if flattening else None,
    )
    excludes = sink.stream_config.excludes  # a record on its way keeps no sink alive
    origin = Origin(
        alias,
        line,
        lambda column: excludes(column) or hidden(column),
        _flat_name(flattening) if flattening else None,
    )
    if isinstance(stream_map, SameRecordTransform) and flattening is None:
        return Route(origin, sink, sink.load, sink.refuse, is_plain=True)
    mapped = _Mapped(stream_map.transform, origin, sink, loader, settlement)
    return Route(origin, sink, mapped.load, mapped.refuse)


def _flat_name(options: FlatteningOptions) -> Callable[[str, list[str]], str]:
    """Return the rule by which the SDK names what it flattens."""
    return lambda name, parents: flatten_key(
        name,
        parents,
        options.separator,
        max_key_length=options.max_key_length,
    )
