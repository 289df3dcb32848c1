"""The ``streams`` setting: which stream is mapped how, as its owner wrote it.

Meltano unfolds the dotted keys of an object setting at every level, so
``{"public.customers": {"mapping": {"data.city": "town"}}}`` may arrive as
``{"public": {"customers": {"mapping": {"data": {"city": "town"}}}}}``. Both come out of
`read_streams` the same. Only a stream whose dotted name has a part called ``mapping`` can't be
recognised once it is unfolded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from target_spotzee import fields
from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.names import nearest

NULL_VALUES = ("send", "omit")
INVALID_FIELDS = ("drop", "null", "reject")
UNMAPPED = ("data", "ignore")
REMOVED_USERS = ("keep", "mark", "delete")
OPT_IN = ("never", "unless_opted_out", "follow")

_CHOICES = {
    "null_values": NULL_VALUES,
    "invalid_fields": INVALID_FIELDS,
    "unmapped": UNMAPPED,
    "removed_users": REMOVED_USERS,
    "opt_in": OPT_IN,
}
KEYS = frozenset(
    {"mapping", "exclude", "phone_region", "complete_pass", "subscriptions", *_CHOICES}
)
"""What an entry takes."""


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """How one stream's columns become users.

    Attributes:
        mapping: Path in the user, ``("email",)`` or ``("data", "plan")``, to its source: a column,
            a dotted path into one, or ``""`` to leave the field alone.
        unmapped: ``data`` sends the other columns under their own names, ``ignore`` doesn't.
        exclude: Globs of columns that never leave this machine.
        null_values: ``send`` or ``omit``.
        invalid_fields: ``drop``, ``null`` or ``reject``.
        phone_region: ISO country of national phone numbers.
        removed_users: What becomes of users that left the source: ``keep``, ``mark``, ``delete``.
        complete_pass: Whether each run of the tap reads the whole of it.
        subscriptions: Type of subscription, by its name or number, to the column that says whether
            a user wants it, or ``!`` and the column that says whether not.
        opt_in: What becomes of a yes: ``never``, ``unless_opted_out``, ``follow``.
    """

    mapping: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    unmapped: str = "data"
    exclude: tuple[str, ...] = ()
    null_values: str = "send"
    invalid_fields: str = "drop"
    phone_region: str | None = None
    removed_users: str = "keep"
    complete_pass: bool = False
    subscriptions: Mapping[str, str] = field(default_factory=dict)
    opt_in: str = "never"

    def excludes(self, column: str) -> bool:
        """Say whether a column must not leave this machine."""
        return any(fnmatchcase(column, pattern) for pattern in self.exclude)


@dataclass(frozen=True, slots=True)
class StreamConfigs:
    """The entries of the ``streams`` setting, and what holds without one.

    Attributes:
        default: The entry of a stream that maps itself, with the settings' own policies.
        by_stream: Stream name or glob to entry; ``None`` where the setting is not set.
    """

    default: StreamConfig
    by_stream: Mapping[str, StreamConfig] | None = None

    @property
    def have_subscriptions(self) -> bool:
        """Whether any of them says who wants what."""
        return any(entry.subscriptions for entry in (self.by_stream or {}).values())

    def find(self, stream: str) -> StreamConfig | None:
        """Return a stream's entry: its own, else that of the glob with the most letters that fits.

        The order of entries says nothing: unfolding changes it.

        Returns:
            ``None`` if there are entries, but none for this stream.
        """
        if self.by_stream is None:
            return self.default
        if stream in self.by_stream:
            return self.by_stream[stream]
        fitting = [pattern for pattern in self.by_stream if fnmatchcase(stream, pattern)]
        if not fitting:
            return None
        return self.by_stream[max(fitting, key=lambda glob: (len(glob.replace("*", "")), glob))]


def read_streams(setting: object, default: StreamConfig) -> StreamConfigs:
    """Read the ``streams`` setting.

    Args:
        setting: The setting's value, unfolded by Meltano or not; ``None`` or ``{}`` if not set.
        default: The policies that an entry does not set itself.

    Raises:
        SettingsError: An entry is malformed; the message names the place.
    """
    if setting is None or setting == {}:
        return StreamConfigs(default)
    if not isinstance(setting, dict):
        raise SettingsError("streams: must be an object of stream name: entry")
    by_stream: dict[str, StreamConfig] = {}
    for name, node in setting.items():
        for stream, entry in _unfold(name, node):
            if stream in by_stream:
                raise SettingsError(f"streams.{stream}: is there twice")
            by_stream[stream] = _read_entry(f"streams.{stream}", entry, default)
    return StreamConfigs(default, by_stream)


def _unfold(name: str, node: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the streams below a node; keys that no entry has are the rest of a dotted name."""
    if node is None:
        node = {}
    stream, _, last = name.rpartition(".")
    if stream and last in KEYS and not _holds_entry(node):
        raise SettingsError(
            f'streams.{name}: is no stream; write {{"{stream}": {{"{last}": …}}}}',
        )
    if not isinstance(node, dict):
        raise SettingsError(f"streams.{name}: must be an object with {', '.join(sorted(KEYS))}")
    entry = {key: value for key, value in node.items() if _is_key(key, value)}
    if entry or not node:
        yield name, entry
    for key, below in node.items():
        if key in entry:
            continue
        meant = nearest(key, KEYS)
        says_nothing = below is None or below == {}
        goes_on = not entry if says_nothing else isinstance(below, dict)
        # A stream's name may hold a word that is nearly a key; then there is an entry below it.
        if not goes_on or (meant and not _holds_entry(below)):
            raise SettingsError(
                f"streams.{name}: unknown key {key!r}; an entry takes {', '.join(sorted(KEYS))}"
                + (f"; did you mean {meant!r}?" if meant else ""),
            )
        yield from _unfold(f"{name}.{key}", below)


def _is_key(key: str, value: object) -> bool:
    """Say whether a key is one of an entry's, and not a part of the name of a stream.

    A stream can well be called ``crm.subscriptions``; then there is an entry below it, and a type
    of subscriptions only has columns.
    """
    if key == "subscriptions" and isinstance(value, dict):
        return not any(name in KEYS and not isinstance(below, str) for name, below in value.items())
    return key in KEYS


def _holds_entry(node: object) -> bool:
    """Say whether there is a key of an entry below a node."""
    return isinstance(node, dict) and (
        not KEYS.isdisjoint(node) or any(map(_holds_entry, node.values()))
    )


def _read_entry(place: str, entry: dict[str, Any], default: StreamConfig) -> StreamConfig:
    policies: dict[str, str] = {}
    for key, choices in _CHOICES.items():
        value = entry.get(key)
        if value is not None:
            if value not in choices:
                raise SettingsError(f"{place}.{key}: must be one of {', '.join(choices)}")
            policies[key] = value
    exclude = entry.get("exclude")
    exclude = [] if exclude is None else exclude
    if not isinstance(exclude, list) or not all(isinstance(item, str) for item in exclude):
        raise SettingsError(f"{place}.exclude: must be a list of column names or globs")
    complete_pass = entry.get("complete_pass")
    if complete_pass is not None and not isinstance(complete_pass, bool):
        raise SettingsError(f"{place}.complete_pass: must be true or false")
    return StreamConfig(
        mapping=_read_mapping(f"{place}.mapping", entry.get("mapping")),
        unmapped=policies.get("unmapped", default.unmapped),
        exclude=tuple(exclude),
        null_values=policies.get("null_values", default.null_values),
        invalid_fields=policies.get("invalid_fields", default.invalid_fields),
        phone_region=read_region(f"{place}.phone_region", entry.get("phone_region"))
        or default.phone_region,
        removed_users=policies.get("removed_users", default.removed_users),
        complete_pass=bool(complete_pass),
        subscriptions=_read_subscriptions(f"{place}.subscriptions", entry.get("subscriptions")),
        opt_in=policies.get("opt_in", default.opt_in),
    )


def read_region(place: str, value: object) -> str | None:
    """Read a ``phone_region`` setting: an ISO country, or nothing.

    Raises:
        SettingsError: It is no country that phone numbers can belong to.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not fields.known_region(value.upper()):
        raise SettingsError(f"{place}: must be a two-letter ISO country such as AU")
    return value.upper()


def _read_mapping(place: str, setting: object) -> dict[tuple[str, ...], str]:
    """Return a mapping's leaves: path in the user to source."""
    if setting is None:
        return {}
    if not isinstance(setting, dict):
        raise SettingsError(f'{place}: must be an object such as {{"external_id": "id"}}')
    mapping: dict[tuple[str, ...], str] = {}
    for path, source in _leaves(place, (), setting):
        if path in mapping:
            raise SettingsError(f"{place}: {'.'.join(path)} is mapped twice")
        mapping[path] = source
    return mapping


def _read_subscriptions(place: str, setting: object) -> dict[str, str]:
    """Return the column of each subscription type; a dotted name may have been unfolded."""
    if setting is None:
        return {}
    if not isinstance(setting, dict):
        raise SettingsError(f'{place}: must be an object such as {{"Newsletter": "!opted_out"}}')
    found: dict[str, str] = {}
    for path, column in _leaves(place, (), setting):
        name = ".".join(path)
        if not column.removeprefix("!"):
            raise SettingsError(f"{place}.{name}: must be the name of a column, or ! and the name")
        if name in found:
            raise SettingsError(f"{place}: {name} is there twice")
        found[name] = column
    return found


def _leaves(
    place: str,
    path: tuple[str, ...],
    node: object,
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the leaves of a mapping; ``data.plan: x`` and ``data: {plan: x}`` are the same leaf."""
    if node is None:
        yield path, ""
    elif isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(f"{place}.{key}", (*path, *key.split(".")), value)
    else:
        raise SettingsError(f"{place}: must be the name of a column")
