"""The SDK's target: Singer messages in, each to the sink of its stream."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import IO, Any, cast

from singer_sdk import Target
from singer_sdk.exceptions import (
    ConfigValidationError,
    RecordsWithoutSchemaException,
)
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform, StreamMap
from singer_sdk.sinks import Sink

from target_spotzee import codec
from target_spotzee.delivery.loader import Loader
from target_spotzee.exceptions import (
    InputError,
    LimitReachedError,
    SettingsError,
)
from target_spotzee.mapping.exclusion import hidden_columns
from target_spotzee.mapping.users import Mapping
from target_spotzee.outcome.rejects import LESS_EXCLUDED, Reason
from target_spotzee.outcome.replay import Mark, Replay
from target_spotzee.records import Origin
from target_spotzee.run import now
from target_spotzee.schemas.schema import read_schema
from target_spotzee.settings import declaration as settings
from target_spotzee.singer.batch_files import records_of
from target_spotzee.singer.command import CommandTarget
from target_spotzee.singer.lines import Lines
from target_spotzee.singer.reader import MessageReader
from target_spotzee.singer.registration import register
from target_spotzee.singer.sdk import FlatteningOptions, flatten_key
from target_spotzee.singer.sink import IgnoringSink, SpotzeeSink


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a stream's records go; a stream has one of these for each of its stream maps.

    Attributes:
        origin: The stream after the map, and the SCHEMA before it.
        transform: The map; ``None`` where it changes nothing.
        sink: ``None`` where the map lets every record go.
    """

    origin: Origin
    transform: Callable[[dict[str, Any]], dict[str, Any] | None] | None
    sink: SpotzeeSink | IgnoringSink | None


class TargetSpotzee(CommandTarget):
    """Singer target for Spotzee."""

    name = "target-spotzee"
    config_jsonschema = copy.deepcopy(settings.CONFIG_JSONSCHEMA)  # the SDK adds its own to it
    default_sink_class = SpotzeeSink
    message_reader_class = MessageReader
    message_reader: MessageReader

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the SDK's and the command's own
        """Wire up a run.

        Args:
            **options: What `CommandTarget` takes.
        """
        super().__init__(**options)
        self._routes: dict[str, list[_Route]] = {}
        self._schema_lines: dict[str, str | bytes] = {}
        self._warned: set[str] = set()
        self.tap_columns: Collection[str] | None = ()
        self._lines: Lines | None = None
        self._replay = Replay(None, now)
        self.message_reader.on_record = self._load
        self.message_reader.on_unknown = lambda kind: self._warn_once(
            f"messages of type {kind!r} are ignored",
        )

    @property
    def loader(self) -> Loader:
        """What sinks hand users to."""
        return self.run.loader

    # Settings and signals

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's stream maps and flattening, and none of its settings for warehouses."""
        super(Target, cls).append_builtin_config(config_jsonschema)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check settings by their schema; unlike the SDK's, messages don't show what was given."""
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        errors = settings.problems(self._config, schema)
        if errors and raise_errors:
            raise ConfigValidationError("settings", errors=errors, schema=schema)
        for name in sorted(self._config.keys() - schema["properties"].keys()):
            self.logger.warning("%s: is no setting of this target and is ignored", name)
        return errors

    def _setup_signal_handlers(self) -> None:
        """Leave signals alone: the SDK's handler drains inside the handler; `Run` catches them."""

    # Messages

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, {"stream", "schema"})
        stream, line = message_dict["stream"], self.message_reader.line
        if self._schema_lines.get(stream) == line:
            return
        schema = read_schema(message_dict)
        register(self.mapper, stream, schema, self.config.get("stream_maps") or {})
        columns = schema.body["properties"].keys()
        self.tap_columns = None if message_dict.get(LESS_EXCLUDED) else columns
        try:
            self._routes[stream] = [
                self._route(stream, stream_map, line)
                for stream_map in self.mapper.stream_maps[stream]
            ]
        except RecursionError:
            raise InputError(
                f"the SCHEMA of stream {stream!r} is nested too deeply; leave that column out",
            ) from None
        self._schema_lines[stream] = line
        # The SDK parks a replaced sink until the next drain; ours hold nothing but figures.
        for sink in self._sinks_to_clear:
            sink.clean_up()
        self._sinks_to_clear.clear()

    def _route(self, stream: str, stream_map: StreamMap, line: str | bytes) -> _Route:
        alias = stream_map.stream_alias
        if isinstance(stream_map, RemoveRecordTransform):
            return _Route(Origin(alias, line, lambda _: False), None, None)
        sink = cast(
            "SpotzeeSink | IgnoringSink",
            self.get_sink(
                alias,
                schema=copy.deepcopy(stream_map.transformed_schema),
                key_properties=stream_map.transformed_key_properties,
            ),
        )
        unchanged = (
            isinstance(stream_map, SameRecordTransform) and not stream_map.flattening_enabled
        )
        entry = sink.entry
        flattening = stream_map.flattening_options if stream_map.flattening_enabled else None
        hidden = hidden_columns(
            stream,
            self.config.get("stream_maps") or {},
            entry,
            stream_map.transformed_schema["properties"].keys(),
            flattening.separator if flattening else None,
        )
        origin = Origin(
            alias,
            line,
            lambda column: entry.excludes(column) or hidden(column),
            _flat_name(flattening) if flattening else None,
        )
        return _Route(
            origin,
            None if unchanged else stream_map.transform,
            sink,
        )

    def get_sink_class(self, stream_name: str) -> type[Sink]:
        """Return the sink of a stream: one that lets go, if it is to be ignored."""
        listed = self.settings.entries.find(stream_name) is not None
        ignore = not listed and self.settings.unlisted_streams == "ignore"
        return IgnoringSink if ignore else SpotzeeSink

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, {"stream", "record"})
        stream, record = message_dict["stream"], message_dict["record"]
        reject = message_dict.get("reject")
        line = self.message_reader.line
        if not isinstance(reject, dict):
            self._load(stream, record, line, is_sound=False)
        elif self._replay.is_done(reject):
            for route in self._routes_of(stream):
                self.loader.settlement.ignored(self.loader.settlement.issue(route.origin, line))
        else:
            offset = self._lines.offset if self._lines is not None else 0
            self._load(stream, record, line, self._replay.mark(line, offset), is_sound=False)

    def _routes_of(self, stream: str) -> list[_Route]:
        routes = self._routes.get(stream)
        if routes is None:
            raise RecordsWithoutSchemaException(
                f"a record of stream {stream!r} came before its SCHEMA; the tap is broken",
            )
        return routes

    def _load(
        self,
        stream: str,
        record: dict[str, Any],
        line: str | bytes,
        mark: Mark | None = None,
        *,
        is_sound: bool = True,
    ) -> None:
        """Send a record down each of its stream's routes; on each it counts as a record.

        Args:
            stream: Its stream.
            record: Column to value.
            line: The message that it came in.
            mark: Marks it as done, if it is a reject that is sent again.
            is_sound: Whether all that it holds is JSON for certain.
        """
        routes = self._routes.get(stream) or self._routes_of(stream)
        if not isinstance(record, dict):
            raise InputError(f"a record of stream {stream!r} is no object; the tap is broken")
        if self.left is not None:
            if not self.left:
                raise LimitReachedError("--limit: reached; what follows was not read")
            self.left -= 1
        settlement = self.run.loader.settlement
        for route in routes:
            ticket = settlement.issue(route.origin, line)
            if mark is not None:
                mark.wait_for(ticket)
            mapped: dict[str, Any] | None = record
            if route.transform is not None:
                try:
                    mapped = route.transform(copy.copy(record))
                except Exception as error:  # noqa: BLE001 - an expression can raise anything
                    message = f"a stream map failed ({type(error).__name__})"
                    self.loader.reject(ticket, Reason("stream_map_failed", message))
                    continue
            if route.sink is None or mapped is None:
                settlement.filtered(ticket)
            else:
                route.sink.load(mapped, ticket, is_sound=is_sound and route.transform is None)

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, {"value"})
        if message_dict["value"]:
            self.loader.checkpoint(self.message_reader.state_text)

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:  # noqa: ARG002 - the SDK's signature
        self._warn_once("ACTIVATE_VERSION is ignored: users that left the source stay in Spotzee")

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, {"stream"})
        stream = message_dict["stream"]
        routes = self._routes_of(stream)
        if not any(isinstance(route.sink, SpotzeeSink) for route in routes):
            self._pass_over_batch(message_dict, routes)
            return
        self._assert_line_requires(message_dict, {"encoding", "manifest"})
        for record in records_of(message_dict):
            line = codec.encode({"type": "RECORD", "stream": stream, "record": record})
            self._load(stream, record, line, is_sound=False)

    def _pass_over_batch(self, message_dict: dict[str, Any], routes: list[_Route]) -> None:
        """Leave the files of a stream that is not loaded alone; count what they should hold."""
        stream, count = message_dict["stream"], message_dict.get("batch_size")
        if not isinstance(count, int) or isinstance(count, bool):
            self._warn_once(
                f"stream {stream!r}: is not loaded, so its BATCH files are not opened, and their"
                " records not counted",
            )
            return
        settlement = self.loader.settlement
        for _ in range(count):
            for route in routes:
                settle = settlement.ignored if route.sink is not None else settlement.filtered
                settle(settlement.issue(route.origin, self.message_reader.line))

    def process_endofpipe(self) -> None:
        """Send what is left and wait until all of it is settled."""
        self.loader.finish()
        super().process_endofpipe()

    def _warn_once(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            self.logger.warning(warning)

    def mappings(self) -> list[Mapping]:
        """Return the mapping of every stream that is loaded."""
        sinks = [route.sink for routes in self._routes.values() for route in routes]
        return [sink.mapping for sink in sinks if isinstance(sink, SpotzeeSink)]

    def refuse_own_rejects(self, file: IO[str]) -> None:
        """Refuse to read the very file that rejects are appended to: it would never end.

        Raises:
            SettingsError: It is that file.
        """
        fd = _descriptor(file)
        if fd is not None and self.run.rejects is not None and self.run.rejects.is_file(fd):
            self.run.close()
            raise SettingsError(
                "rejects_path: is the file being read; rename that one, then send it again",
            )

    def input_of(self, file: IO[str]) -> IO[str]:
        """Return what the SDK iterates over: lines that leave the main thread wakeable."""
        fd = _descriptor(file)
        if fd is None:
            return file
        self._replay = Replay(None if self.rehearsing else fd, now)
        self._lines = Lines(fd, self.run.wakeup, self.loader.tick)
        return cast("IO[str]", self._lines)


def _flat_name(options: FlatteningOptions) -> Callable[[str, list[str]], str]:
    """Return the rule by which the SDK names what it flattens."""
    return lambda name, parents: flatten_key(
        name,
        parents,
        options.separator,
        max_key_length=options.max_key_length,
    )


def _descriptor(file: IO[str]) -> int | None:
    """Return a file's descriptor; ``None`` for one that lives in memory only."""
    try:
        return file.fileno()
    except OSError:
        return None
