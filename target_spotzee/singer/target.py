"""The SDK's target: Singer messages in, each to the sink of its stream."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from functools import partial
from typing import IO, Any, cast

import click
from singer_sdk import Target
from singer_sdk.cli import plugin_cli
from singer_sdk.exceptions import (
    ConfigValidationError,
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
)
from singer_sdk.mapper import StreamMap
from singer_sdk.sinks import Sink

from target_spotzee.delivery.dry_run import DryRun
from target_spotzee.exceptions import (
    InputError,
    MappingError,
    RejectLimitError,
    SettingsError,
    SpotzeeError,
)
from target_spotzee.mapping.users import Mapping
from target_spotzee.outcome.replay import Replay
from target_spotzee.run import NOTHING_ASKED, Asked, Run, now
from target_spotzee.settings.declaration import CONFIG_JSONSCHEMA
from target_spotzee.settings.problems import problems
from target_spotzee.settings.values import read_settings
from target_spotzee.singer import command
from target_spotzee.singer.lines import Lines
from target_spotzee.singer.metrics import log_requests
from target_spotzee.singer.reader import MessageReader
from target_spotzee.singer.routes import AnySink
from target_spotzee.singer.sdk import ConfigInput, classproperty
from target_spotzee.singer.sink import IgnoringSink, SpotzeeSink
from target_spotzee.singer.streams import Streams


class TargetSpotzee(Target):
    """Singer target for Spotzee.

    Args:
        dry_run: Takes the batches in place of Spotzee.
        limit: Read only so many records, and print no state.
        asked: What a person asks of this run only.
        **options: What the SDK's `Target` takes.

    Raises:
        ConfigValidationError: A setting breaks its schema.
        SettingsError: A setting is wrong in a way that a schema can't say.
    """

    name = "target-spotzee"
    config_jsonschema = copy.deepcopy(CONFIG_JSONSCHEMA)  # the SDK adds its own to it
    default_sink_class = SpotzeeSink
    message_reader: MessageReader

    def __init__(
        self,
        *,
        dry_run: DryRun | None = None,
        limit: int | None = None,
        asked: Asked = NOTHING_ASKED,
        **options: Any,  # noqa: ANN401 - the SDK's own
    ) -> None:
        super().__init__(**options)
        self.settings = read_settings(self.config, os.environ)
        self.run = Run(
            self.settings,
            dry_run,
            keep_state=dry_run is None and limit is None,
            is_cut=limit is not None,
            asked=asked,
            log_metrics=log_requests,
        )
        self._is_dry_run = dry_run is not None
        self._warned: set[str] = set()
        self._streams = Streams(
            self.run,
            self.config.get("stream_maps") or {},
            lambda: self.mapper,
            self._sink_of,
            self._warn_once,
            validates=self.settings.validate_records,
            limit=limit,
        )
        self.message_reader = MessageReader(
            self._streams.load,
            self._warn_of_unknown,
            self._streams.load_raw if self.run.loader.remembers else None,
        )

    # The command; see the module `command`

    @plugin_cli
    def cli(cls) -> click.Command:  # noqa: N805 - a class's, by the SDK's decorator
        """Return the command; an unknown log level ends with exit code 2."""
        return command.guarded(cls._env_var_prefix, lambda: super(TargetSpotzee, cls).cli)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command with this target's own options."""
        singer_command = super().get_singer_command()
        singer_command.params += command.options()
        return singer_command

    @classmethod
    def cb_config(
        cls,
        ctx: click.Context,
        param: click.Option,  # noqa: ARG003 - the SDK's signature
        value: tuple[str, ...],
    ) -> ConfigInput:
        """Read configuration files; one that can't be read ends with exit code 2."""
        return command.read_files(ctx, value)

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - a class's, by the SDK's decorator
        """Read the environment; the SDK would read text that is not a boolean as false."""
        cls.append_builtin_config(cls.config_jsonschema)
        return command.read_environment(cls.config_jsonschema["properties"], cls._env_var_prefix)

    @classmethod
    def invoke(
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: ConfigInput | None = None,
        file_input: IO[str] | None = None,
        **options: Any,  # noqa: ANN401 - the command's own
    ) -> None:
        """Run the target and exit with its code.

        Args:
            about: Print the settings and stop.
            about_format: ``json`` or ``markdown``.
            config: Settings from files, and whether to read the environment.
            file_input: A file of messages instead of standard input.
            **options: See `command.Options`.
        """
        if about:
            cls.print_about(about_format)
            return
        given = config or ConfigInput()
        wanted = command.Options(**options, is_json=about_format == "json")
        command.execute(cls, given, file_input, wanted, cls._env_var_prefix)

    # Settings and signals

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's stream maps and flattening, and none of its settings for warehouses."""
        super(Target, cls).append_builtin_config(config_jsonschema)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check settings by their schema; unlike the SDK's, messages don't show what was given."""
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        errors = problems(self._config, schema)
        if errors and raise_errors:
            raise ConfigValidationError("settings", errors=errors, schema=schema)
        for name in sorted(self._config.keys() - schema["properties"].keys()):
            self.logger.warning("%s: is no setting of this target and is ignored", name)
        return errors

    def _setup_signal_handlers(self) -> None:
        """Leave signals alone: the SDK's handler drains inside the handler; `Run` catches them."""

    # Input

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

    def read(self, file: IO[str]) -> None:
        """Read messages to the end of a file.

        Raises:
            SpotzeeError: The run has to stop.
        """
        fd = _descriptor(file)
        if fd is not None:
            lines = Lines(fd, self.run.loader.wait_for_input)
            if not self._is_dry_run:
                self._streams.replay = Replay(now, fd, lambda: lines.offset)
            file = cast("IO[str]", lines)
        try:
            self.listen(file)
        except MissingKeyPropertiesError as error:
            cause = error.__cause__
            if isinstance(cause, SpotzeeError):
                raise cause from None
            raise RejectLimitError("key property missing") from None
        except RecordsWithoutSchemaException as error:
            raise InputError(str(error)) from None

    def process_endofpipe(self) -> None:
        """Send what is left and wait until all of it is settled."""
        self.run.loader.finish()
        self.run.loader.remove_missing()
        super().process_endofpipe()

    # Messages; RECORD messages go from the reader to `Streams.load`

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, {"stream", "schema"})
        self._streams.describe(message_dict, self.message_reader.line)
        # The SDK parks a replaced sink until the next drain; ours hold nothing but figures.
        for sink in self._sinks_to_clear:
            sink.clean_up()
        self._sinks_to_clear.clear()

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, {"value"})
        if message_dict["value"]:
            self._streams.checkpoint(message_dict["value"], self.message_reader.state_text)

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        if self.run.loader.remembers:
            self._streams.activate(message_dict.get("stream", ""), message_dict.get("version"))
        else:
            self._warn_once(
                "ACTIVATE_VERSION is ignored: users that left the source stay in Spotzee, unless"
                " snapshot_path and removed_users are set"
            )

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, {"stream"})
        if self._streams.is_loaded(message_dict["stream"]):
            self._assert_line_requires(message_dict, {"encoding", "manifest"})
            self._streams.load_batch(message_dict)
        else:
            self._streams.pass_over_batch(message_dict)

    # Sinks

    def _sink_of(self, stream_map: StreamMap) -> AnySink:
        """Return the sink of a stream, a new one if its SCHEMA is new."""
        sink = self.get_sink(
            stream_map.stream_alias,
            schema=copy.deepcopy(stream_map.transformed_schema),
            key_properties=stream_map.transformed_key_properties,
        )
        return cast("AnySink", sink)

    def get_sink_class(self, stream_name: str) -> type[Sink]:
        """Return what makes the sink of a stream, bound to what the sink works with.

        Raises:
            MappingError: The stream has no entry, and may not be ignored.
        """
        settlement = self.run.settlement
        config = self.settings.streams.find(stream_name)
        if config is not None:
            make: Callable[..., Sink] = partial(
                SpotzeeSink,
                config=config,
                kind=self.run.kind,
                loader=self.run.loader,
                settlement=settlement,
            )
        elif self.settings.unlisted_streams == "ignore":
            config = self.settings.streams.default
            make = partial(IgnoringSink, config=config, settlement=settlement)
        else:
            raise MappingError(
                f"stream {stream_name!r}: has no entry in streams; add one, or set"
                " unlisted_streams to ignore",
            )
        return cast("type[Sink]", make)

    def mappings(self) -> list[Mapping]:
        """Return the mapping of every stream that is loaded."""
        return self._streams.mappings()

    def _warn_of_unknown(self, kind: str) -> None:
        self._warn_once(f"messages of type {kind!r} are ignored")

    def _warn_once(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            self.logger.warning("%s", warning)


def _descriptor(file: IO[str]) -> int | None:
    """Return a file's descriptor; ``None`` for one that lives in memory only."""
    try:
        return file.fileno()
    except OSError:
        return None
