"""The command: its options, what it says of settings that can't be used, and its exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import click
from singer_sdk.exceptions import (
    ConfigValidationError,
    MapExpressionError,
    StreamMapConfigError,
)

from target_spotzee import codec
from target_spotzee.delivery.dry_run import DryRun
from target_spotzee.exceptions import RunError, SettingsError, SpotzeeError, unexpected
from target_spotzee.mapping.users import Mapping as StreamMapping
from target_spotzee.outcome import summary
from target_spotzee.run import Asked, Run
from target_spotzee.settings import configuration
from target_spotzee.singer import reports
from target_spotzee.singer.sdk import ConfigInput, parse_environment_config
from target_spotzee.singer.stdio import check_input, check_output, complain, say

logger = logging.getLogger("target-spotzee")


class Runnable(Protocol):
    """What the command takes from the target."""

    run: Run

    def refuse_own_rejects(self, file: IO[str]) -> None:
        """Refuse to read the very file that rejects are appended to."""

    def read(self, file: IO[str]) -> None:
        """Read messages to the end of a file."""

    def mappings(self) -> Iterable[StreamMapping]:
        """Return the mapping of every stream that is loaded."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command was asked for.

    Attributes:
        check: Prove that a run could work and stop.
        dry_run: Show what would be sent; needs no key and no network.
        show_values: Let a dry run show values, not types only.
        limit: Send only so many records, and print no state.
        confirm_removals: Remove however many users left.
        adopt_snapshot: Take over the snapshot of another project.
        explain: The id of a user to tell about.
        history: Tell about the last runs.
        is_json: Tell it to a program.
    """

    check: bool = False
    dry_run: bool = False
    show_values: bool = False
    limit: int | None = None
    confirm_removals: bool = False
    adopt_snapshot: bool = False
    explain: str | None = None
    history: bool = False
    is_json: bool = False

    @property
    def only_tells(self) -> bool:
        """Whether no input is read."""
        return self.explain is not None or self.history

    @property
    def misuse(self) -> str | None:
        """What is wrong with options that would otherwise be ignored without a word."""
        if self.check and (self.dry_run or self.show_values or self.limit):
            return "--check: reads no input; give it without --dry-run, --show-values and --limit"
        asked = [name for name in ("check", "dry_run", "explain", "history") if getattr(self, name)]
        if self.only_tells and (len(asked) > 1 or self.limit):
            return f"--{asked[-1]}: reads no input; give it without other commands"
        if self.is_json and not self.only_tells:
            return "--format json: goes with --about, --explain and --history"
        if self.show_values and not self.dry_run:
            return "--show-values: goes with --dry-run only"
        return None


def options() -> list[click.Parameter]:
    """Return this target's own options."""
    return [
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
        click.Option(
            ["--confirm-removals"],
            is_flag=True,
            help="Remove users that are known to have left the source, however many, in this run.",
        ),
        click.Option(
            ["--adopt-snapshot"],
            is_flag=True,
            help="Take over a snapshot that was made with another key.",
        ),
        click.Option(
            ["--explain"],
            metavar="ID",
            help="Tell what the snapshot knows of a user; no network. Also with --format json.",
        ),
        click.Option(
            ["--history"],
            is_flag=True,
            help="Tell about the last runs; no network. Also with --format json.",
        ),
    ]


def guarded(prefix: str, make: Callable[[], click.Command]) -> click.Command:
    """Return the command, or exit with 2 where logging can't be set up.

    Args:
        prefix: Of the environment variables.
        make: Makes the command, and sets up logging.
    """
    wrong = _wrong_log_level(prefix)
    if wrong:
        logger.error("%s", wrong)
        sys.exit(2)
    try:
        return make()
    except Exception:  # noqa: BLE001 - the SDK sets up logging by a file of the user's
        complain("SINGER_SDK_LOG_CONFIG: can't be used")
        sys.exit(2)


def read_files(ctx: click.Context, paths: Iterable[str]) -> ConfigInput:
    """Read configuration files; one that can't be read ends with exit code 2.

    Args:
        ctx: The command's.
        paths: The files; ``ENV`` is the environment.
    """
    given = ConfigInput(parse_env="ENV" in paths)
    for path in paths:
        if path == "ENV":
            continue
        try:
            read = configuration.read_file(path)
        except SettingsError as error:
            logger.error("--config: %s can't be read: %s", path, error)  # noqa: TRY400
            ctx.exit(2)
        if read.get("api_key") and _others_can_read(path):
            logger.warning("--config: %s holds the key and can be read by others", path)
        given.config |= read
    return given


def read_environment(properties: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Read the settings that are set in the environment, or in a .env file.

    Args:
        properties: The settings' schemas.
        prefix: Of the variables' names.

    Raises:
        SettingsError: A variable is wrong.
    """
    try:
        parse_environment_config({}, prefix)  # for what it does first: read a .env file
    except (OSError, ValueError):
        raise SettingsError(".env: can't be read") from None
    wrong = _wrong_log_level(prefix)  # it may be in that file
    if wrong:
        raise SettingsError(wrong)
    config = configuration.read_environment(properties, prefix, os.environ)
    for name in configuration.ignored_variables(properties, prefix, os.environ):
        logger.warning("%s: is no setting of this target and is ignored", name)
    return config


def execute(
    make_target: Callable[..., Runnable],
    given: ConfigInput,
    file_input: IO[str] | None,
    options: Options,
    prefix: str,
) -> None:
    """Do what the command was asked for and exit with its code.

    Args:
        make_target: Makes the target from its settings.
        given: Settings from files, and whether to read the environment.
        file_input: A file of messages instead of standard input.
        options: What was asked for.
        prefix: Of the environment variables.
    """
    if options.misuse:
        logger.error("%s", options.misuse)
        sys.exit(2)
    is_dry = options.dry_run or options.only_tells
    dry_run = DryRun(show_values=options.show_values) if is_dry else None
    if dry_run is not None and not given.config.get("api_key"):
        given.config["api_key"] = "sk_none_needed"
    try:
        target = _wired(make_target, given, dry_run, options)
        if options.only_tells:
            sys.exit(_tell(target.run, options))
        if options.check:
            sys.exit(_check(target.run))
        if dry_run is not None or options.limit is None:
            check_output()
        file = file_input or sys.stdin
        check_input(file)
        target.refuse_own_rejects(file)
    except SpotzeeError as error:
        keep = not (options.check or is_dry)
        sys.exit(_refuse(_summary_settings(given, prefix), error, keep=keep))
    code = target.run.follow(lambda: target.read(file))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, signal.SIG_IGN)  # the code has been decided
    if dry_run is not None:
        try:
            say(dry_run.report(target.mappings(), target.run.found))
        except RunError as error:
            sys.exit(_refuse({}, error, keep=False))
    sys.exit(code)


def _wired(
    make_target: Callable[..., Runnable],
    given: ConfigInput,
    dry_run: DryRun | None,
    options: Options,
) -> Runnable:
    """Return a target.

    Raises:
        SpotzeeError: Its settings are wrong; in one line, without a value.
    """
    try:
        return make_target(
            dry_run=dry_run,
            limit=options.limit,
            asked=Asked(options.confirm_removals, options.adopt_snapshot, options.check),
            # A null is as good as not set; the SDK fails on some.
            config={name: value for name, value in given.config.items() if value is not None},
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


def _tell(run: Run, options: Options) -> int:
    """Tell what the snapshot knows; return the exit code.

    Raises:
        SettingsError: There is no snapshot.
        RunError: There is nowhere to tell it.
    """
    if run.snapshot is None:
        run.close()
        name = "--history" if options.history else "--explain"
        raise SettingsError(f"{name}: needs snapshot_path, which remembers it")
    if not run.snapshot.is_there:
        told = "null" if options.is_json else "there is no snapshot yet: the next run makes it"
    elif options.history:
        told = reports.history(run.snapshot.history(), is_json=options.is_json)
    else:
        id_ = options.explain or ""
        id_ = id_ if codec.is_text(id_) else ""  # no user has an id that is no text
        streams, opt_outs = run.snapshot.explain(id_), run.snapshot.opt_outs.explain(id_)
        told = reports.explanation(id_, streams, opt_outs, is_json=options.is_json)
    run.close()
    say(told)
    return 0


def _check(run: Run) -> int:
    """Say what is right and what is wrong; return the exit code."""
    facts, error = run.check()
    run.close()
    report = [f"ok     {fact}" for fact in facts]
    if error is not None:
        report.append(f"wrong  {error}")
    try:
        say("\n".join(report))
    except RunError as unsaid:
        logger.error("%s", unsaid)  # noqa: TRY400 - never a traceback
        error = error or unsaid
    return 0 if error is None else error.exit_code


def _summary_settings(given: ConfigInput, prefix: str) -> dict[str, Any]:
    """Return what a refusal's summary needs, however wrong the other settings are."""
    found = {**given.config}
    for name in ("summary_path", "rejects_path", "run_id"):
        value = os.environ.get(prefix + name.upper())
        if value and given.parse_env:
            found[name] = value
    return found


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


def _refuse(config: dict[str, Any], error: SpotzeeError, *, keep: bool) -> int:
    """Say why there is no run; return the exit code.

    Args:
        config: The settings as they were given, right or wrong.
        error: Why.
        keep: Whether to write a summary, if there is a file for it.
    """
    logger.error("%s", error)
    given, run_id = config.get("summary_path"), config.get("run_id")
    if not keep or not isinstance(given, str) or not given or given == config.get("rejects_path"):
        return error.exit_code
    path = Path(given)
    if summary.problem_with(path):
        return error.exit_code  # one line is enough, and it may be about that file
    refusal = summary.Summary(run_id if isinstance(run_id, str) else "").as_dict(
        exit_code=error.exit_code,
        seconds=0.0,
        held_at=None,
        why=str(error),
    )
    return summary.keep(refusal, path)
