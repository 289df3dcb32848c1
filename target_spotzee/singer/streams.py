"""The streams of an input: what their SCHEMAs say of them, and the routes of their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from singer_sdk.exceptions import RecordsWithoutSchemaException
from singer_sdk.mapper import PluginMapper, StreamMap

from target_spotzee import codec
from target_spotzee.delivery.mirror import Mirror
from target_spotzee.exceptions import InputError, LimitReachedError, MappingError
from target_spotzee.mapping.columns import DELETED_AT
from target_spotzee.mapping.identities import identities_of
from target_spotzee.mapping.users import Mapping as StreamMapping
from target_spotzee.outcome.rejects import LESS_EXCLUDED
from target_spotzee.outcome.replay import Replay
from target_spotzee.records import Origin
from target_spotzee.run import Run, now
from target_spotzee.schemas.check import RecordCheck
from target_spotzee.schemas.schema import read_schema
from target_spotzee.singer import places
from target_spotzee.singer.batch_files import records_of
from target_spotzee.singer.known_lines import KnownLines
from target_spotzee.singer.reader import RawRecord
from target_spotzee.singer.registration import register
from target_spotzee.singer.routes import AnySink, Route, make_route
from target_spotzee.singer.sink import SpotzeeSink

_RECORDS_PER_LOOK = 500
"""After so many records of a file the main thread looks at what else is due."""


class LoadedRoute(NamedTuple):
    """A route on which something is sent.

    Attributes:
        origin: The stream.
        sink: Where it leads.
    """

    origin: Origin
    sink: SpotzeeSink


class Streams:
    """Takes each record down the routes of its stream.

    Args:
        run: Where records end.
        stream_maps: The setting.
        mapper: Returns the SDK's stream maps.
        sink_of: Returns the sink that a stream map leads to.
        warn: Tells a person, once.
        validates: Reject records that break their stream's own schema.
        limit: Read only so many records.

    Attributes:
        replay: Looks at rejects that are sent again; it is replaced once the input is known.
    """

    def __init__(
        self,
        run: Run,
        stream_maps: Mapping[str, object],
        mapper: Callable[[], PluginMapper],
        sink_of: Callable[[StreamMap], AnySink],
        warn: Callable[[str], None],
        *,
        validates: bool = False,
        limit: int | None = None,
    ) -> None:
        self._loader = run.loader
        self._settlement = run.settlement
        self._stream_maps = stream_maps
        self._mapper = mapper
        self._sink_of = sink_of
        self._warn = warn
        self._validates = validates
        self._left = limit
        self._checks: dict[str, RecordCheck] = {}
        self._routes: dict[str, list[Route]] = {}
        self._known: dict[str, KnownLines] = {}
        self._schema_lines: dict[str, str | bytes] = {}
        self.replay = Replay(now)

    def describe(self, message: Mapping[str, Any], line: str | bytes) -> None:
        """Take a SCHEMA message, which has a stream and a schema.

        Raises:
            InputError: It makes no sense.
            MappingError: The stream can't be mapped to what Spotzee takes.
        """
        stream = message["stream"]
        if self._schema_lines.get(stream) == line:
            return
        schema = read_schema(message)
        mapper = self._mapper()
        tells_all = not message.get(LESS_EXCLUDED)
        register(mapper, stream, schema, self._stream_maps, tells_all=tells_all)
        try:
            routes = [
                make_route(
                    stream,
                    stream_map,
                    line,
                    self._stream_maps,
                    self._sink_of,
                    self._loader,
                    self._settlement,
                )
                for stream_map in mapper.stream_maps[stream]
            ]
        except RecursionError:
            raise InputError(
                f"the SCHEMA of stream {stream!r} is nested too deeply; leave that column out",
            ) from None
        columns = schema.body["properties"].keys() if tells_all else None
        for route in routes:
            for warning in route.sink.warnings(columns) if route.sink is not None else ():
                self._warn(warning)
        self._routes[stream] = routes
        mirror = self._loader.decided()
        if mirror is not None:
            self._remember(mirror, stream, routes)
        self._schema_lines[stream] = line
        if self._validates:
            check = self._checks[stream] = RecordCheck(schema.body)
            for warning in check.warnings(stream):
                self._warn(warning)

    def load(
        self,
        stream: str,
        record: Any,  # noqa: ANN401 - a tap may send anything for one
        line: str | bytes,
        reject: object = None,
        *,
        is_sound: bool = True,
        version: object = None,
    ) -> None:
        """Send a record down each of its stream's routes; on each it counts as a record.

        Args:
            stream: Its stream.
            record: Column to value.
            line: The message that it came in.
            reject: Why it was rejected before, if it was.
            is_sound: Whether the record certainly holds no odd values; see `codec`.
            version: The tap's version of the stream.

        Raises:
            RecordsWithoutSchemaException: No SCHEMA came before it.
            SpotzeeError: The run has to stop.
        """
        routes = self._routes.get(stream) or self._routes_of(stream)
        if not isinstance(record, dict):
            raise InputError(f"a record of stream {stream!r} is no object; the tap is broken")
        settlement = self._settlement
        mark = None
        if isinstance(reject, dict):
            if self._is_done(reject, record, routes, line):
                return
            mark = self.replay.mark(line)
        if self._left is not None:
            self._count_down()
        violation = self._violation(stream, record) if self._validates else None
        for route in routes:
            ticket = settlement.issue(route.origin, line)
            if type(version) is int:
                ticket.version = version
            if mark is not None:
                mark.wait_for(ticket)
            if violation is None:
                route.load(record, ticket, is_sound=is_sound)
            else:
                route.refuse(record, ticket, violation)
        if mark is not None:
            mark.close()

    def _remember(self, mirror: Mirror, stream: str, routes: list[Route]) -> None:
        """Tell the snapshot what it has to know of a stream's routes."""
        for route in routes:
            if isinstance(route.sink, SpotzeeSink):
                mirror.comes_from(route.origin.stream, stream)
            if self._is_shared(route, stream):
                mirror.share(route.origin.stream)
        self._known.pop(stream, None)
        if len(routes) == 1 and not self._validates and self._left is None:
            known = KnownLines.of(routes[0], mirror, self._loader, self._settlement)
            if known is not None:
                self._known[stream] = known

    def _violation(self, stream: str, record: dict[str, Any]) -> str | None:
        """Say how a record breaks its stream's schema; a deleted row is seldom whole."""
        return None if record.get(DELETED_AT) else self._checks[stream].violation(record)

    def load_raw(self, message: RawRecord, line: str | bytes) -> bool:
        """Take a record that is not read yet, if its stream's snapshot may know it as it is.

        Returns:
            Whether it was taken.
        """
        known = self._known.get(message.stream)
        return known is not None and message.reject is None and known.take(message, line)

    def _is_done(
        self,
        reject: dict[str, Any],
        record: dict[str, Any],
        routes: list[Route],
        line: str | bytes,
    ) -> bool:
        """Say whether a reject need not be sent again; if so, pass over its records."""
        mirror = self._loader.mirror
        if mirror is not None:
            mirror.replay()
        is_over = mirror is not None and self._is_superseded(mirror, reject, record, routes)
        if not (self.replay.is_done(reject) or is_over):
            return False
        for route in routes:
            self._settlement.ignored(self._settlement.issue(route.origin, line))
        return True

    @staticmethod
    def _is_superseded(
        mirror: Mirror, reject: dict[str, Any], record: dict[str, Any], routes: list[Route]
    ) -> bool:
        """Say whether a user was sent in a run after the one that could not remove it."""
        run_id, time = str(reject.get("run_id")), str(reject.get("time"))
        return bool(record.get(DELETED_AT)) and any(
            mirror.was_sent_since(identities_of(ids)[0], route.origin.stream, run_id, time)
            for route in routes
            if isinstance(route.sink, SpotzeeSink) and (ids := route.sink.mapping.ids(record))
        )

    def activate(self, stream: str, version: object) -> None:
        """Note an ACTIVATE_VERSION of a stream, on each of its routes; of others there is none."""
        if type(version) is not int:
            self._warn(f"stream {stream!r}: an ACTIVATE_VERSION without a number is ignored")
            return
        mirror = self._loader.decided()
        for route in self._routes.get(stream, ()):
            if mirror is not None and isinstance(route.sink, SpotzeeSink):
                mirror.activate(route.origin.stream, version)

    def checkpoint(self, value: object, text: str) -> None:
        """Note a state of the tap's.

        Args:
            value: The state.
            text: The same, to the letter.

        Raises:
            MappingError: The settings say that all of a stream is read, and the state says that
                only what changed was.
        """
        unfinished: frozenset[str] = frozenset()
        mirror = self._loader.mirror
        if mirror is not None and isinstance(value, dict):
            partial, open_ = places.partial(value), places.unfinished(value)
            for route in self._loaded(partial):
                if route.sink.stream_config.complete_pass:
                    raise MappingError(
                        f"stream {route.origin.stream!r}: complete_pass says that each run reads"
                        " all of it, but its state has the value of a replication key: the tap"
                        " reads what changed; take complete_pass out, or have the tap read the"
                        " full table",
                    )
                mirror.is_partial(route.origin.stream)
            unfinished = frozenset(route.origin.stream for route in self._loaded(open_))
        self._loader.checkpoint(text, unfinished)

    def _is_shared(self, route: Route, stream: str) -> bool:
        """Say whether another of the tap's streams goes by the same name after stream maps."""
        name = route.origin.stream
        return isinstance(route.sink, SpotzeeSink) and any(
            other.origin.stream == name and isinstance(other.sink, SpotzeeSink)
            for tap_stream, others in self._routes.items()
            if tap_stream != stream
            for other in others
        )

    def _loaded(self, streams: Iterable[str]) -> Iterator[LoadedRoute]:
        """Yield the routes of streams on which something is sent."""
        for stream in streams:
            for route in self._routes.get(stream, ()):
                if isinstance(route.sink, SpotzeeSink):
                    yield LoadedRoute(route.origin, route.sink)

    def load_batch(self, message: Mapping[str, Any]) -> None:
        """Load the records of a BATCH message's files.

        Raises:
            InputError: A file can't be read.
            SpotzeeError: The run has to stop.
        """
        stream = message["stream"]
        for number, record in enumerate(records_of(message), start=1):
            line = codec.encode({"type": "RECORD", "stream": stream, "record": record})
            self.load(stream, record, line, is_sound=False)
            if not number % _RECORDS_PER_LOOK:
                self._loader.keep_up()

    def pass_over_batch(self, message: Mapping[str, Any]) -> None:
        """Count the records of a stream that is not loaded, without opening their files."""
        stream, count = message["stream"], message.get("batch_size")
        if not isinstance(count, int) or isinstance(count, bool):
            self._warn(
                f"stream {stream!r}: is not loaded, so its BATCH files are not opened, and their"
                " records not counted",
            )
            return
        for route in self._routes_of(stream):
            self._settlement.pass_over(route.origin, max(0, count))

    def is_loaded(self, stream: str) -> bool:
        """Say whether anything of a stream is sent.

        Raises:
            RecordsWithoutSchemaException: No SCHEMA of it has come.
        """
        return any(isinstance(route.sink, SpotzeeSink) for route in self._routes_of(stream))

    def mappings(self) -> list[StreamMapping]:
        """Return the mapping of every stream that is loaded."""
        sinks = [route.sink for routes in self._routes.values() for route in routes]
        return [sink.mapping for sink in sinks if isinstance(sink, SpotzeeSink)]

    def _routes_of(self, stream: str) -> list[Route]:
        routes = self._routes.get(stream)
        if routes is None:
            raise RecordsWithoutSchemaException(
                f"a record of stream {stream!r} came before its SCHEMA; the tap is broken",
            )
        return routes

    def _count_down(self) -> None:
        """Count one record of a run with ``--limit``.

        Raises:
            LimitReachedError: It is one too many.
        """
        if not self._left:
            raise LimitReachedError("--limit: reached; what follows was not read")
        self._left -= 1
