"""A stream made known to the SDK's stream maps and flattening, or why they can't be applied."""

from __future__ import annotations

from collections.abc import Mapping

from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError
from singer_sdk.mapper import PluginMapper

from target_spotzee.exceptions import InputError, MappingError
from target_spotzee.mapping.stream_maps import definitions_of, faults
from target_spotzee.schemas.schema import Schema, is_open, with_plain_types
from target_spotzee.singer.sdk import EXPRESSIONS, FUNCTIONS, flatten_schema

_DUPLICATE = "Duplicate column name produced in schema: "


def register(
    mapper: PluginMapper,
    stream: str,
    schema: Schema,
    stream_maps: Mapping[str, object],
    *,
    tells_all: bool = True,
) -> None:
    """Compile a stream's maps and flatten its schema.

    Args:
        mapper: The SDK's.
        stream: The stream, as the tap calls it.
        schema: The stream's.
        stream_maps: The setting.
        tells_all: Whether the schema names every column of the tap's, not only those that could be
            kept with its rejects.

    Raises:
        MappingError: The settings do not fit the stream.
        InputError: Its SCHEMA can't be flattened.
    """
    of_stream = f"stream {stream!r}"
    body, keys = schema
    options = mapper.flattening_options
    if options is not None and options.enabled:
        body = {**body, "properties": with_plain_types(body["properties"])}
    if tells_all:
        _refuse_faults(stream, schema, stream_maps)
    try:
        mapper.register_raw_stream_schema(stream, body, keys)
    except (StreamMapConfigError, MapExpressionError, NotImplementedError) as error:
        # The last is what the SDK raises for an `__else__` that it has no meaning for.
        raise MappingError(f"{of_stream}: stream_maps: {error}") from None
    except Exception as error:  # noqa: BLE001 - a SCHEMA can hold anything
        if str(error).startswith(_DUPLICATE):
            column = str(error).removeprefix(_DUPLICATE)
            raise MappingError(
                f"{of_stream}: flattening makes two columns {column!r}; rename one with"
                " stream_maps, or set another flattening_separator",
            ) from None
        culprit = _culprit(mapper, schema)
        raise InputError(
            f"{of_stream}: its SCHEMA can't be flattened or mapped{culprit}; mend the tap, or leave"
            " the column out",
        ) from None


def _culprit(mapper: PluginMapper, schema: Schema) -> str:
    """Say which column can't be flattened, if it is one alone."""
    options = mapper.flattening_options
    if options is not None:
        for column, described in schema.body["properties"].items():
            try:
                flatten_schema({"properties": {column: described}}, options.max_level)
            except Exception:  # noqa: BLE001, PERF203 - it ends the run
                return f" because of column {column!r}"
    return ""


def _refuse_faults(stream: str, schema: Schema, stream_maps: Mapping[str, object]) -> None:
    """Refuse expressions that would fail for every record.

    Raises:
        MappingError: One can't be evaluated, or names something that does not exist.
    """
    columns = None if is_open(schema.body) else schema.body["properties"].keys()
    for definition in definitions_of(stream, stream_maps):
        for column, expression, fault in faults(definition, columns, FUNCTIONS, EXPRESSIONS):
            raise MappingError(
                f"stream {stream!r}: stream_maps makes {column!r} of {expression!r}, {fault}",
            )
