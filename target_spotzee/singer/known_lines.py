"""Records that the snapshot may know as they are written, before anything in them is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import msgspec
from singer_sdk.exceptions import MissingKeyPropertiesError

from target_spotzee import codec, fields
from target_spotzee.delivery.loader import Loader
from target_spotzee.delivery.mirror import Mirror
from target_spotzee.mapping.columns import DELETED_AT
from target_spotzee.mapping.identities import identity_of
from target_spotzee.outcome.settlement import Settlement
from target_spotzee.records import Record, Ticket
from target_spotzee.singer.reader import RawRecord
from target_spotzee.singer.routes import Route
from target_spotzee.singer.sink import SpotzeeSink
from target_spotzee.snapshot.digests import digest_of_lines, recipe
from target_spotzee.snapshot.unread import Unread

_TRIED = 1_000
_MOST_UNKNOWN = 700
_READ_AT_ONCE = 10_000
"""If so many of the records that were tried are not known, the next are read at once.

In a first load none is known; and a tap may note in each record when it was read.
"""
_MAKERS = ("target-spotzee", "email-validator", "langcodes", "phonenumberslite", "tzdata")
"""What a record is mapped to can differ from one release of these to the next."""


def _versions() -> list[str]:
    return [version(name) for name in _MAKERS]


class KnownLines:
    """Takes a stream's records unread; where the snapshot does not know one, it goes the long way.

    That is possible where nothing but the record decides what it is mapped to: no stream map, no
    flattening, one column that is the external_id.

    Args:
        route: The stream's only one.
        sink: Where it leads.
        column: The external_id's.
        mirror: Is told what decides how they are mapped.
        loader: Takes them.
        settlement: Gives them their numbers.
    """

    def __init__(
        self,
        route: Route,
        sink: SpotzeeSink,
        column: str,
        mirror: Mirror,
        loader: Loader,
        settlement: Settlement,
    ) -> None:
        self._origin = route.origin
        self._sink = sink
        self._loader = loader
        self._issue = settlement.issue
        config = replace(sink.stream_config, removed_users="", complete_pass=False)
        made_of = recipe(config, sink.types, route.origin.schema, sink.kind.path, *_versions())
        self._digest = digest_of_lines(made_of)
        only_id = msgspec.defstruct(
            "OnlyId",
            [
                ("id", Any, msgspec.field(name=column)),
                ("deleted_at", Any, msgspec.field(name=DELETED_AT, default=None)),
            ],
        )
        self._decode_id: Callable[[msgspec.Raw], Any] = msgspec.json.Decoder(
            only_id, float_hook=Decimal
        ).decode
        self._tried = self._unknown = self._at_once = 0
        mirror.mix(route.origin.stream, made_of)

    @classmethod
    def of(
        cls, route: Route, mirror: Mirror, loader: Loader, settlement: Settlement
    ) -> KnownLines | None:
        """Return what takes a route's records, if they can be taken unread."""
        sink = route.sink
        if not isinstance(sink, SpotzeeSink) or not route.is_plain:
            return None
        column = sink.mapping.id_column
        return None if column is None else cls(route, sink, column, mirror, loader, settlement)

    def take(self, message: RawRecord, line: str | bytes) -> bool:
        """Take a record, unless it has no id that can be right, or says that it is deleted."""
        if self._tried >= _TRIED and not self._tries_again():
            return self._load_at_once(message, line)
        try:
            found = self._decode_id(message.record)
            external_id = fields.identity(found.id)
        except codec.UNREADABLE:
            return False
        if not external_id or found.deleted_at:
            return False
        self._tried += 1
        ticket = self._ticket(message, line)
        self._loader.take_unread(
            Unread(
                identity_of(external_id),
                external_id,
                ticket,
                self._digest(memoryview(message.record)),
                message.record,
                self._load,
            )
        )
        return True

    def _tries_again(self) -> bool:
        """Say whether the next records are worth a look at how they are written."""
        self._at_once += 1
        if self._unknown > _MOST_UNKNOWN and self._at_once <= _READ_AT_ONCE:
            return False
        self._tried = self._unknown = self._at_once = 0
        return True

    def _ticket(self, message: RawRecord, line: str | bytes) -> Ticket:
        ticket = self._issue(self._origin, line)
        if type(message.version) is int:
            ticket.version = message.version
        self._sink.count()
        return ticket

    def _load_at_once(self, message: RawRecord, line: str | bytes) -> bool:
        try:
            record: Record = codec.decode(message.record)
        except codec.UNREADABLE:
            return False
        written = self._digest(memoryview(message.record))
        ticket = self._ticket(message, line)
        self._sink.load_counted(record, ticket, is_sound=True, line=written)
        return True

    def _load(self, unread: Unread) -> None:
        """Send a record the long way."""
        self._unknown += 1
        record: Record
        try:
            record, is_sound = codec.decode(unread.raw), True
        except codec.UNREADABLE:
            record, is_sound = codec.decode_odd(bytes(unread.raw)), False
        try:
            self._sink.load_counted(record, unread.ticket, is_sound=is_sound, line=unread.line)
        except MissingKeyPropertiesError as error:  # the SDK knows this one while it reads
            if error.__cause__ is None:
                raise
            raise error.__cause__ from None
