"""What is wrong with a configuration, by the settings that are declared.

Messages name the setting and what it takes. They never repeat what was given: it may be the key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from jsonschema import Draft7Validator, ValidationError

from target_spotzee.mapping.names import nearest
from target_spotzee.mapping.streams import KEYS

_OTHERS = (
    "activate_version",
    "add_metadata_columns",
    "add_record_metadata",
    "batch_config",
    "batch_size",
    "client_id",
    "client_secret",
    "data_flattening_max_level",
    "default_target_schema",
    "default_target_schema_select_permission",
    "disable_collection",
    "flush_all_streams",
    "hard_delete",
    "load_method",
    "max_batch_age",
    "max_batch_rows",
    "max_batch_size",
    "max_parallelism",
    "parallelism",
    "parallelism_max",
    "persist_empty_tables",
    "primary_key_required",
    "process_activate_version_messages",
    "schema_mapping",
    "start_date",
    "state_support",
    "temp_dir",
    "user_agent",
)
"""Settings that people give to any target; they are not misspelt ones of ours."""


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a configuration by its schema, a line each, without values."""
    known: Mapping[str, Any] = schema["properties"]
    found = {_near_miss(name, known) for name in config.keys() - known.keys()} - {""}
    try:
        given = {name: value for name, value in config.items() if value is not None}
        found |= {_problem(error) for error in Draft7Validator(schema).iter_errors(given)}
    except AttributeError:
        # The SDK's own schema of stream_maps says "null" where {"type": "null"} is due.
        found.add("stream_maps: is not valid")
    return sorted(found)


def nearest_setting(name: str, known: Collection[str]) -> str | None:
    """Return the setting that an unknown name was meant to be; ``None`` if it is far from any.

    Args:
        name: The unknown name; for a key of an entry of ``streams``, that setting was meant.
        known: The settings there are.
    """
    meant = _meant(name, known)
    return "streams" if meant in KEYS and meant not in known else meant


def _meant(name: str, known: Collection[str]) -> str | None:
    candidates = [*known, *(KEYS - set(known)), *_OTHERS]
    meant = nearest(name, candidates) or nearest(name.partition(".")[0], candidates)
    return None if meant in _OTHERS else meant


def _near_miss(name: str, known: Mapping[str, Any]) -> str:
    """Say what to write in place of a name that is nearly a setting; an empty text if it isn't."""
    meant = _meant(name, known)
    if meant is None:
        return ""
    if meant not in known:
        meant = f'{{"streams": {{"*": {{"{meant}": …}}}}}}'
    elif "." in name and "object" in known[meant]["type"]:
        # Meltano unfolds dots, a plain file keeps them.
        path = [meant, *name.split(".")[1:]]
        meant = "".join(f'{{"{part}": ' for part in path) + "…" + "}" * len(path)
    return f"{name}: is no setting of this target; did you mean {meant}?"


def _problem(error: ValidationError) -> str:
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        required = cast("list[str]", error.validator_value)
        given = cast("dict[str, Any]", error.instance)
        missing = [name for name in required if name not in given]
        advice = " (set TARGET_SPOTZEE_API_KEY and give --config ENV)"
        return f"{', '.join(missing)}: is required" + advice * ("api_key" in missing)
    rule = {
        "type": "must be of type {}",
        "minimum": "must be at least {}",
        "maximum": "must be at most {}",
        "enum": "must be one of {}",
    }.get(str(error.validator), "is not valid")
    takes = error.validator_value
    if isinstance(takes, list):
        shown = [item for item in takes if error.validator != "type" or item != "null"]
        takes = ", ".join(str(item) for item in shown if item is not None)
    return f"{place}: {rule.format(takes)}"
