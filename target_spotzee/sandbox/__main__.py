"""The command ``target-spotzee-sandbox``."""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from target_spotzee.sandbox import Fault, Sandbox
from target_spotzee.sandbox.faults import EFFECTS
from target_spotzee.sandbox.limits import Tier
from target_spotzee.sandbox.options import KEY, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

# Runs may last for days, so what is remembered for the page is limited.
KEEP_REQUESTS = 200

# Fields of Options, and what --help says of them.
HABITS = {
    "case_blind": "take ids that differ only in case for the same",
    "accent_blind": "take ids that differ only in accents for the same",
    "phone_attributes": "add phone_country and phone_is_valid to the data of users with a phone",
    "phone_wipes": "let a phone without data beside it wipe the user's data",
    "doubles": "keep the numbers in data as doubles, with 17 digits at most",
    "subscribe_on_create": "subscribe a new user to all types of the channels it has an address on",
}
DELAYS = {
    "queue_delay": "how long a queued write waits",
    "delete_delay": "how long a DELETE waits; 0: as long as any other queued write",
}

# For --help.
FAULTS = '[{"effect": "status", "status": 503, "first": 2}]'


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sandbox until SIGINT or SIGTERM; return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        sandbox = Sandbox(
            arguments.faults,
            host=arguments.host,
            port=arguments.port,
            keys=dict(arguments.key or [(KEY, "editor")]),
            latency_ms=arguments.latency_ms,
            idempotency=arguments.idempotency,
            ip_limit=arguments.limits,
            tier=arguments.tier,
            keep_requests=KEEP_REQUESTS,
            **{name: getattr(arguments, name) for name in (*HABITS, *DELAYS)},
        )
        sandbox.start()
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is missing; in the checkout: pip install '.[sandbox]'")
    except OSError as error:
        where, why = f"{arguments.host}:{arguments.port}", os.strerror(error.errno or 0)
        return _fail(f"can't listen on {where}: {why}. Choose another --port.")
    # A full collection looks at every user, which delays requests by a tenth of a second.
    gc.set_threshold(50_000, 50, 1_000)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print(f"Spotzee sandbox: api_url {sandbox.api_url} api_key {sandbox.key}", flush=True)  # noqa: T201 - what it is for
    stop.wait()
    sandbox.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="target-spotzee-sandbox",
        description="A local Spotzee that keeps the published contract. Open its address in a "
        "browser to watch users arrive.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8080, help="default: %(default)s; 0: any")
    parser.add_argument(
        "--key",
        action="append",
        type=_key,
        metavar="sk_KEY[=ROLE]",
        help=f"a key and its role ({', '.join(get_args(Role))}), repeatable; default: {KEY}=editor",
    )
    parser.add_argument("--latency-ms", type=float, default=0, help="how long each write takes")
    parser.add_argument(
        "--faults",
        type=_faults,
        default=(),
        metavar="FILE",
        help=f"a JSON array of faults, such as {FAULTS}; effects: {', '.join(sorted(EFFECTS))}",
    )
    parser.add_argument("--tier", choices=get_args(Tier), help="limit the writes of each key")
    parser.add_argument(
        "--no-idempotency",
        dest="idempotency",
        action="store_false",
        help="ignore Idempotency-Key, as accounts do where it is not switched on",
    )
    parser.add_argument(
        "--no-limits", dest="limits", action="store_false", help="don't count requests"
    )
    habits = parser.add_argument_group(
        "traps", "habits of the platform that Spotzee descends from, which no document tells of"
    )
    for name, what in HABITS.items():
        habits.add_argument(option(name), action="store_true", help=what)
    for name, what in DELAYS.items():
        habits.add_argument(option(name), type=_seconds, default=0, metavar="SECONDS", help=what)
    return parser


def option(name: str) -> str:
    """Return how a field of `Options` is spelt on the command line."""
    return f"--{name.replace('_', '-')}"


def _seconds(text: str) -> float:
    with suppress(ValueError):
        seconds = float(text)
        if 0 <= seconds < math.inf:
            return seconds
    message = f"not a number of seconds: {text}"
    raise argparse.ArgumentTypeError(message)


def _key(text: str) -> tuple[str, str]:
    key, _, role = text.partition("=")
    role = role or "editor"
    if not key.startswith("sk_") or role not in get_args(Role):
        message = f"not sk_KEY=ROLE: {text}"
        raise argparse.ArgumentTypeError(message)
    return key, role


def _faults(path: str) -> list[Fault]:
    try:
        rules = json.loads(Path(path).read_bytes())
        if not isinstance(rules, list):
            message = f"{path}: is not a JSON array of faults"
            raise argparse.ArgumentTypeError(message)
        return [Fault.from_json(rule) for rule in rules]
    except (OSError, TypeError, ValueError) as error:
        message = f"{path}: {error}"
        raise argparse.ArgumentTypeError(message) from error


def _fail(message: str) -> int:
    print(f"target-spotzee-sandbox: {message}", file=sys.stderr)  # noqa: T201 - one line for a person
    return 1


if __name__ == "__main__":
    sys.exit(main())
