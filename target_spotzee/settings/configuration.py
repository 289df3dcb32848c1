"""The configuration as it is given: files of JSON and environment variables.

Nothing is guessed: text that is not a boolean is not read as false, and a name that is nearly a
setting is not ignored. Messages never hold a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from target_spotzee.exceptions import SettingsError
from target_spotzee.settings.problems import nearest_setting

_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_TAKES = {
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "a JSON object",
}


def read_file(path: str) -> dict[str, Any]:
    """Read a configuration file, once: it may be a pipe.

    Raises:
        SettingsError: It can't be read, or holds no JSON object.
    """
    try:
        config = _parse(Path(path).read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise SettingsError(error.strerror or "no such file") from None
    except UnicodeDecodeError:
        raise SettingsError("it is not UTF-8") from None
    except ValueError as error:
        raise SettingsError(f"it is not a JSON object{error}") from None
    if not isinstance(config, dict):
        raise SettingsError("it is not a JSON object")
    return config


def read_environment(
    properties: Mapping[str, Any],
    prefix: str,
    environ: Mapping[str, str],
) -> dict[str, Any]:
    """Read the settings that are set in the environment; an empty variable sets nothing.

    Args:
        properties: The settings' schemas.
        prefix: Of the variables' names.
        environ: The environment.

    Raises:
        SettingsError: A variable is not of its setting's type, or is nearly a setting's.
    """
    config, wrong = {}, []
    for name, schema in properties.items():
        variable = prefix + name.upper()
        text = environ.get(variable, "")
        kind = next((kind for kind in _TAKES if kind in schema["type"]), "string")
        if not text.strip():
            continue
        try:
            value = text if kind == "string" else _value(kind, text.strip())
        except ValueError as error:
            takes = _TAKES[kind] + (str(error) if kind == "object" else "")
            wrong.append(f"{variable}: is not of its setting's type: must be {takes}")
        else:
            if value is not None:
                config[name] = value
    for variable, name in _unknown(properties, prefix, environ):
        meant = nearest_setting(name, properties)
        if meant is not None:
            variable_meant = prefix + meant.upper()
            wrong.append(
                f"{variable}: is no setting of this target; did you mean {variable_meant}?",
            )
    if wrong:
        raise SettingsError("; ".join(wrong))
    return config


def ignored_variables(
    properties: Mapping[str, Any],
    prefix: str,
    environ: Mapping[str, str],
) -> list[str]:
    """Return the variables with our prefix that are neither a setting nor nearly one."""
    return [
        variable
        for variable, name in _unknown(properties, prefix, environ)
        if nearest_setting(name, properties) is None
    ]


def _unknown(
    properties: Mapping[str, Any],
    prefix: str,
    environ: Mapping[str, str],
) -> Iterator[tuple[str, str]]:
    """Yield the variables that look like ours and are not, each with what follows the prefix."""
    known = {prefix + name.upper() for name in (*properties, "loglevel")}
    for variable in sorted(environ):
        if variable not in known and variable.upper().startswith(prefix):
            yield variable, variable[len(prefix) :].lower()


def _value(kind: str, text: str) -> Any:  # noqa: ANN401 - settings have many types
    """Read a value from a variable.

    Raises:
        ValueError: It is not of this kind; the error's text says where, if it can.
    """
    if kind == "boolean":
        if text.lower() not in _BOOLEANS:
            raise ValueError
        return _BOOLEANS[text.lower()]
    value = _parse(text)
    if kind == "integer":
        # JSON Schema takes 20.0 for one.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1:
            raise ValueError
        return int(value)
    if value is not None and not isinstance(value, dict):
        raise ValueError
    return value


def _parse(text: str) -> Any:  # noqa: ANN401 - JSON has many types
    """Read JSON as its standard has it: no name twice, no NaN, no number beyond all bounds.

    Raises:
        ValueError: It is not JSON; the error's text says where, or is empty.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_number,
        )
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError(" (it holds half of a surrogate pair)") from None
    except json.JSONDecodeError as error:
        raise ValueError(f" (line {error.lineno}, column {error.colno})") from None
    except _StrictError as error:
        raise ValueError(f" ({error})") from None
    except RecursionError:
        raise ValueError(" (it is nested too deep)") from None
    except ValueError:  # an integer of thousands of digits
        raise ValueError(" (it holds a number out of bounds)") from None
    return value


class _StrictError(ValueError):
    """Text that Python's reader takes and the standard of JSON does not."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _StrictError(f"it holds {name} twice")
        found[name] = value
    return found


def _constant(name: str) -> float:
    raise _StrictError(f"it holds {name}")


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _StrictError("it holds a number out of bounds")
    return number
