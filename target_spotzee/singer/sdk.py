"""What is taken from the SDK though it is private there; and what of its classes is relied on.

`pyproject.toml` pins the SDK to the release that this was tested with. A test asks for every name
here, so that a release which drops one says so by that name and not by a run that fails.
"""

from __future__ import annotations

import ast
from importlib.util import find_spec

from singer_sdk import Target
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers._flattening import FlatteningOptions, flatten_key, flatten_schema
from singer_sdk.mapper import CustomStreamMap, _MapperEval
from singer_sdk.plugin_base import _ConfigInput as ConfigInput
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from singer_sdk.sinks import BatchSink

__all__ = [
    "EXPRESSIONS",
    "FUNCTIONS",
    "OVERRIDDEN",
    "USED",
    "ConfigInput",
    "FlatteningOptions",
    "GenericSingerReader",
    "classproperty",
    "flatten_key",
    "flatten_schema",
    "parse_environment_config",
]

# Neither depends on a stream, so an object that was never filled in can tell.
FUNCTIONS: frozenset[str] = frozenset(
    [
        *object.__new__(CustomStreamMap).functions,
        *(["fake"] if find_spec("faker") else []),
    ],
)
"""What the expressions of stream maps can call."""

EXPRESSIONS: tuple[type[ast.AST], ...] = tuple(_MapperEval(functions={}).nodes)
"""What they can be made of."""

OVERRIDDEN: dict[type, tuple[str, ...]] = {
    Target: (
        "_env_var_config",
        "_process_activate_version_message",
        "_process_batch_message",
        "_process_schema_message",
        "_process_state_message",
        "_setup_signal_handlers",
        "_validate_config",
        "append_builtin_config",
        "cb_config",
        "cli",
        "get_singer_command",
        "get_sink_class",
        "invoke",
        "process_endofpipe",
    ),
    BatchSink: ("clean_up", "get_validator", "max_size", "process_batch"),
    GenericSingerReader: (
        "assert_line_requires",
        "default_input",
        "deserialize_json",
        "process_lines",
    ),
}
"""What is put in the place of the SDK's own; without its namesake there nobody would call it."""

USED: dict[type, tuple[str, ...]] = {
    Target: (
        "_assert_line_requires",
        "_env_var_prefix",
        "get_sink",
        "listen",
        "mapper",
        "print_about",
    ),
    BatchSink: ("_singer_validate_message", "batch_size_rows", "record_counter_metric"),
}
"""What is called, and for which nothing else would do."""
