"""The command: its options, what it says of settings that won't do, and its exit code."""

from __future__ import annotations

import abc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import IO, Any

import click
from singer_sdk import Target
from singer_sdk.cli import plugin_cli
from singer_sdk.exceptions import (
    ConfigValidationError,
    MapExpressionError,
    StreamMapConfigError,
)

from target_spotzee.delivery.dry_run import Rehearsal
from target_spotzee.exceptions import RunError, SettingsError, SpotzeeError, unexpected
from target_spotzee.mapping.users import Mapping
from target_spotzee.outcome import summary
from target_spotzee.run import Run
from target_spotzee.settings import configuration
from target_spotzee.settings.declaration import read_settings
from target_spotzee.singer.sdk import ConfigInput, classproperty, parse_environment_config
from target_spotzee.singer.stdio import check_input, check_output, complain, say

logger = logging.getLogger("target-spotzee")


class CommandTarget(Target):
    """A target as a command; what it does with messages is its subclass's business."""

    def __init__(
        self,
        *,
        rehearsal: Rehearsal | None = None,
        limit: int | None = None,
        **options: Any,  # noqa: ANN401 - the SDK's own
    ) -> None:
        """Wire up a run.

        Args:
            rehearsal: Takes the batches in place of Spotzee.
            limit: Read only so many records, and print no state.
            **options: What the SDK's `Target` takes.

        Raises:
            ConfigValidationError: A setting breaks its schema.
            SettingsError: A setting is wrong in a way that a schema can't say.
        """
        super().__init__(**options)
        self.settings = read_settings(self.config, os.environ)
        keep_state = rehearsal is None and limit is None
        self.run = Run(self.settings, rehearsal, keep_state=keep_state)
        self.left = limit
        self.rehearsing = rehearsal is not None

    @abc.abstractmethod
    def refuse_own_rejects(self, file: IO[str]) -> None:
        """Refuse to read the very file that rejects are appended to."""

    @abc.abstractmethod
    def input_of(self, file: IO[str]) -> IO[str]:
        """Return what the SDK iterates over."""

    @abc.abstractmethod
    def mappings(self) -> list[Mapping]:
        """Return the mapping of every stream that is loaded."""

    @classmethod
    def cb_config(
        cls,
        ctx: click.Context,
        param: click.Option,  # noqa: ARG003 - the SDK's signature
        value: tuple[str, ...],
    ) -> ConfigInput:
        """Read configuration files; one that can't be read ends with exit code 2."""
        given = ConfigInput(parse_env="ENV" in value)
        for path in value:
            if path == "ENV":
                continue
            try:
                read = configuration.read_file(path)
            except SettingsError as error:
                cls.logger.error("--config: %s can't be read: %s", path, error)  # noqa: TRY400
                ctx.exit(2)
            if read.get("api_key") and _others_can_read(path):
                logger.warning("--config: %s holds the key and can be read by others", path)
            given.config |= read
        return given

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - a class's, by the SDK's decorator
        """Read the environment; the SDK's own reading takes what is no boolean for false.

        Raises:
            SettingsError: A variable is wrong.
        """
        schema, prefix = cls.config_jsonschema, cls._env_var_prefix
        cls.append_builtin_config(schema)
        try:
            parse_environment_config({}, prefix)  # for what it does first: read a .env file
        except (OSError, ValueError):
            raise SettingsError(".env: can't be read") from None
        wrong = _wrong_log_level(prefix)  # it may be in that file
        if wrong:
            raise SettingsError(wrong)
        config = configuration.read_environment(schema["properties"], prefix, os.environ)
        for name in configuration.ignored_variables(schema["properties"], prefix, os.environ):
            cls.logger.warning("%s: is no setting of this target and is ignored", name)
        return config

    @classmethod
    def invoke(  # type: ignore[override]  # as the SDK's own does
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: ConfigInput | None = None,
        file_input: IO[str] | None = None,
        check: bool = False,
        dry_run: bool = False,
        show_values: bool = False,
        limit: int | None = None,
    ) -> None:
        """Run the target and exit with its code.

        Args:
            about: Print the settings and stop.
            about_format: ``json`` or ``markdown``.
            config: Settings from files, and whether to read the environment.
            file_input: A file of messages instead of standard input.
            check: Prove that a run could work and stop.
            dry_run: Show what would be sent; needs no key and no network.
            show_values: Let a dry run show values, not types only.
            limit: Send only so many records, and print no state.
        """
        if about:
            cls.print_about(about_format)
            sys.exit(0)
        misuse = _misuse(check=check, dry_run=dry_run, show_values=show_values, limit=limit)
        if misuse:
            cls.logger.error("%s", misuse)
            sys.exit(2)
        given = config or ConfigInput()
        rehearsal = Rehearsal(show_values=show_values) if dry_run else None
        if dry_run and not given.config.get("api_key"):
            given.config["api_key"] = "sk_none_needed"
        try:
            target = cls._wired(given, rehearsal, limit)
            if check:
                sys.exit(target.run.check())
            if dry_run or limit is None:
                check_output()
            file = file_input or sys.stdin
            check_input(file)
            target.refuse_own_rejects(file)
        except SpotzeeError as error:
            sys.exit(_refuse(cls._summary_settings(given), error, keep=not (check or dry_run)))
        code = target.run.follow(lambda: target.listen(target.input_of(file)))
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)  # the code has been decided
        if rehearsal is not None:
            try:
                say(rehearsal.report(target.mappings()))
            except RunError as error:
                sys.exit(_refuse({}, error, keep=False))
        sys.exit(code)

    @classmethod
    def _wired(
        cls,
        given: ConfigInput,
        rehearsal: Rehearsal | None,
        limit: int | None,
    ) -> CommandTarget:
        """Return a target, or what is wrong with its settings as one error.

        Raises:
            SpotzeeError: In one line, without a value.
        """
        try:
            return cls(
                rehearsal=rehearsal,
                limit=limit,
                # A null is as good as not set; the SDK fails on some.
                config={n: value for n, value in given.config.items() if value is not None},
                parse_env_config=given.parse_env,
            )
        except SpotzeeError:
            raise
        except ConfigValidationError as error:
            raise SettingsError("; ".join(error.errors)) from None
        except (StreamMapConfigError, MapExpressionError) as error:
            raise SettingsError(f"stream_maps: {error}") from None
        except RecursionError:
            raise SettingsError("the settings are nested too deep") from None
        except Exception as error:  # noqa: BLE001 - never a traceback: it may show a setting
            raise unexpected(error) from None

    @classmethod
    def _summary_settings(cls, given: ConfigInput) -> dict[str, Any]:
        """Return what a refusal's summary needs, however wrong the other settings are."""
        found = {**given.config}
        for name in ("summary_path", "rejects_path", "run_id"):
            value = os.environ.get(cls._env_var_prefix + name.upper())
            if value and given.parse_env:
                found[name] = value
        return found

    @plugin_cli
    def cli(cls) -> click.Command:  # noqa: N805 - a class's, by the SDK's decorator
        """Return the command; a log level that is none ends with exit code 2."""
        wrong = _wrong_log_level(cls._env_var_prefix)
        if wrong:
            cls.logger.error("%s", wrong)
            sys.exit(2)
        try:
            return super().cli
        except Exception:  # noqa: BLE001 - the SDK sets up logging by a file of the user's
            complain("SINGER_SDK_LOG_CONFIG: can't be used")
            sys.exit(2)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command with this target's own options."""
        command = super().get_singer_command()
        command.params += [
            click.Option(
                ["--check"],
                is_flag=True,
                help="Check settings, address, key and role, and stop.",
            ),
            click.Option(
                ["--dry-run"],
                is_flag=True,
                help="Read the input and show what would be sent; needs no key and no network.",
            ),
            click.Option(
                ["--show-values"],
                is_flag=True,
                help="Let --dry-run show values and the first request, not types only.",
            ),
            click.Option(
                ["--limit"],
                type=click.IntRange(min=1),
                help="Send only the first so many records, and print no state.",
            ),
        ]
        return command


def _others_can_read(path: str) -> bool:
    try:
        return bool(Path(path).stat().st_mode & 0o044)
    except OSError:  # a pipe that is gone
        return False


def _wrong_log_level(prefix: str) -> str | None:
    """Say what is wrong with the log level, which the SDK takes from the environment as it is."""
    for name in (f"{prefix}LOGLEVEL", "LOGLEVEL"):
        level = os.environ.get(name)
        if level:
            known = isinstance(logging.getLevelName(level.upper()), int)
            return None if known else f"{name}: must be DEBUG, INFO, WARNING or ERROR"
    return None


def _misuse(*, check: bool, dry_run: bool, show_values: bool, limit: int | None) -> str | None:
    """Return what is wrong with options that would be passed over without a word."""
    if check and (dry_run or show_values or limit):
        return "--check: reads no input; give it without --dry-run, --show-values and --limit"
    if show_values and not dry_run:
        return "--show-values: goes with --dry-run only"
    return None


def _refuse(config: dict[str, Any], error: SpotzeeError, *, keep: bool) -> int:
    """Say why there is no run; return the exit code.

    Args:
        config: The settings as they were given, right or wrong.
        error: Why.
        keep: Whether to write a summary, if there is where to.
    """
    logger.error("%s", error)
    given, run_id = config.get("summary_path"), config.get("run_id")
    if not keep or not isinstance(given, str) or not given or given == config.get("rejects_path"):
        return error.exit_code
    path = Path(given)
    if summary.problem_with(path):
        return error.exit_code  # one line is enough, and this one may be about that
    refusal = summary.Summary(run_id if isinstance(run_id, str) else "").as_dict(
        exit_code=error.exit_code,
        seconds=0.0,
        held_at=None,
        why=str(error),
    )
    return summary.keep(refusal, path)
