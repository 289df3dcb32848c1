"""The users, and what an upsert does to them."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from target_spotzee.sandbox.doubles import as_doubles
from target_spotzee.sandbox.emails import is_email
from target_spotzee.sandbox.problems import Refusal
from target_spotzee.sandbox.spellings import without_accents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from target_spotzee.sandbox.codec import Json

PlainUser: TypeAlias = dict[str, Any]

IDS = ("external_id", "anonymous_id")
FIRST_CLASS = ("email", "phone", "timezone", "locale")
# What a list of users can be sorted by.
COLUMNS = ("id", *IDS, *FIRST_CLASS, "created_at", "updated_at")
# In characters: the sizes of columns on the platform that Spotzee descends from.
LONGEST: Mapping[str, int] = {
    "external_id": 255,
    "anonymous_id": 255,
    "email": 255,
    "phone": 64,
    "timezone": 50,
    "locale": 255,
}
# Nearly all phones are E.164 already; this sees it in a tenth of the time that parsing takes. Only
# a zero behind the country's code may have to go. Codes have three digits, except for these.
_SHORT_CODE = "(?:[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])"
_E164 = re.compile(
    rf"(?=\+[0-9]{{7,15}}\Z)\+(?:{_SHORT_CODE}|(?!{_SHORT_CODE})[1-9][0-9][0-9])[1-9][0-9]*"
)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a user, as clients see it. An upsert makes the next one.

    Attributes:
        id: The user's number, from 1.
        project_id: Where it belongs.
        external_id: An id that a client gave it.
        anonymous_id: Likewise.
        email: First-class, as are ``phone``, ``timezone`` and ``locale``.
        data: The attributes.
        has_push_device: Never: the sandbox has no devices.
        devices: None.
        created_at: ISO 8601.
        updated_at: ISO 8601.
    """

    id: int
    project_id: int = 1
    external_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None
    phone: str | None = None
    timezone: str | None = None
    locale: str | None = None
    data: dict[str, Any] = {}
    has_push_device: bool = False
    devices: tuple[()] = ()
    created_at: str
    updated_at: str

    def plain(self) -> PlainUser:
        """Return what clients have said about the user."""
        return {name: getattr(self, name) for name in (*IDS, *FIRST_CLASS, "data")}


class Change(NamedTuple):
    """What an upsert did.

    Attributes:
        user: The user as it is now.
        before: The user as it was; ``None``: it is new.
        merged: The anonymous user that turned out to be the same, and is gone.
    """

    user: User
    before: User | None = None
    merged: User | None = None


class Users:
    """All users, by either id.

    Args:
        now: Returns the time as an ISO 8601 string.
        project_id: Where they belong.
        case_blind: Whether ids that differ only in case are the same; the first spelling stays.
        accent_blind: Whether ids that differ only in accents are the same, likewise.
        phone_attributes: Whether a phone adds attributes to ``data``.
        phone_wipes: Whether a phone without ``data`` beside it wipes what was in ``data``.
        doubles: Whether numbers in ``data`` are kept as doubles.
        keep_versions: How many applied versions are remembered; ``None``: all.

    Attributes:
        versions: What each upsert made, in the order in which they were applied.
    """

    def __init__(
        self,
        now: Callable[[], str],
        *,
        project_id: int = 1,
        case_blind: bool = False,
        accent_blind: bool = False,
        phone_attributes: bool = False,
        phone_wipes: bool = False,
        doubles: bool = False,
        keep_versions: int | None = None,
    ) -> None:
        self._now = now
        self._project_id = project_id
        self._folds = [
            fold
            for fold, is_on in ((str.casefold, case_blind), (without_accents, accent_blind))
            if is_on
        ]
        self._phone_attributes = phone_attributes
        self._phone_wipes = phone_wipes
        self._doubles = doubles
        self._by_id: dict[int, User] = {}
        self._external: dict[str, int] = {}
        self._anonymous: dict[str, int] = {}
        self._last_id = 0
        self.versions: deque[User] = deque(maxlen=keep_versions)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[User]:
        """Return an iterator over the users, oldest first."""
        return iter(self._by_id.values())

    def latest(self, count: int) -> list[User]:
        """Return the users that changed last, newest first, as far as versions are remembered."""
        found: dict[int, User] = {}
        for version in reversed(self.versions):
            if version.id in self._by_id:
                found.setdefault(version.id, self._by_id[version.id])
            if len(found) == count:
                break
        return list(found.values())

    def get(self, number: int) -> User:
        """Return the user with a number.

        Raises:
            KeyError: There is no such user.
        """
        return self._by_id[number]

    def find(self, external_id: str | None = None, anonymous_id: str | None = None) -> User | None:
        """Return the user with either id, if there is one; the ``external_id`` goes first."""
        number = None
        if external_id:
            number = self._external.get(self._fold(external_id))
        if number is None and anonymous_id:
            number = self._anonymous.get(self._fold(anonymous_id))
        return None if number is None else self._by_id[number]

    def upsert(self, item: Mapping[str, Json]) -> Change:
        """Apply an item whose shape is right.

        A field that is absent is left alone, a first-class field that is null is cleared, ``data``
        is merged key by key (measured on the platform that Spotzee descends from, November 2026).

        Returns:
            What it did.

        Raises:
            Refusal: A value can't be stored, or the ids conflict with another user's.
        """
        check_values(item)
        user, before, merged = self._resolve(item.get("external_id"), item.get("anonymous_id"))
        changes: dict[str, Any] = {name: item[name] for name in FIRST_CLASS if name in item}
        for name in IDS:
            # An empty id says nothing; another spelling of the same id changes nothing.
            if (
                name in item
                and item[name] != ""
                and not self._same(item[name], getattr(user, name))
            ):
                changes[name] = item[name]
        data = item.get("data") or {}
        if self._doubles:
            data = as_doubles(data)
        phone = changes.get("phone")
        if phone is not None:
            changes["phone"] = phone = normalise_phone(phone)
            if self._phone_wipes and "data" not in item:
                changes["data"] = {}
            if self._phone_attributes:
                data = data | phone_attributes(phone)
        if data:
            changes["data"] = changes.get("data", user.data) | data
        changed = replace(user, **changes, updated_at=self._now())
        self._put(changed, before=user)
        self.versions.append(changed)
        return Change(changed, before, merged)

    def delete(self, external_id: str) -> User | None:
        """Remove a user.

        Returns:
            The user, if there was one.
        """
        user = self.find(external_id)
        if user is not None:
            self._remove(user)
        return user

    def _resolve(self, external_id: str | None, anonymous_id: str | None) -> Change:
        """Return the user that an item is about: found, linked, merged, or new.

        Raises:
            Refusal: The two ids belong to different users.
        """
        known = self.find(external_id)
        anonymous = self.find(anonymous_id=anonymous_id)
        if known is None and anonymous is None:
            self._last_id += 1
            now = self._now()
            project = self._project_id
            return Change(
                User(id=self._last_id, project_id=project, created_at=now, updated_at=now)
            )
        if anonymous is None or known is anonymous or not external_id:
            one: User = known or anonymous  # type: ignore[assignment] # one of them is there
            return Change(one, before=one)
        if anonymous.external_id is not None:
            code = "state_conflict"
            raise Refusal(code, "anonymous_id belongs to a user with another external_id")
        if known is None:
            return Change(anonymous, before=anonymous)
        if known.anonymous_id is not None:
            code = "state_conflict"
            raise Refusal(code, "external_id belongs to a user with another anonymous_id")
        return Change(self._merge(known, anonymous), before=known, merged=anonymous)

    def _merge(self, known: User, anonymous: User) -> User:
        """Return one user out of two: the known one wins, the anonymous one fills the gaps."""
        self._remove(anonymous)
        gaps = {
            name: getattr(anonymous, name) for name in FIRST_CLASS if getattr(known, name) is None
        }
        return replace(known, **gaps, data={**anonymous.data, **known.data})

    def _fold(self, text: str) -> str:
        """Return what all spellings of an id have in common."""
        for fold in self._folds:
            text = fold(text)
        return text

    def _same(self, one: str | None, other: str | None) -> bool:
        if one is None or other is None:
            return one is other
        return self._fold(one) == self._fold(other)

    def _put(self, user: User, before: User) -> None:
        self._by_id[user.id] = user
        for index, name in ((self._external, "external_id"), (self._anonymous, "anonymous_id")):
            old, new = getattr(before, name), getattr(user, name)
            if old != new:
                if old is not None:
                    index.pop(self._fold(old), None)
                if new is not None:
                    index[self._fold(new)] = user.id

    def _remove(self, user: User) -> None:
        del self._by_id[user.id]
        if user.external_id is not None:
            self._external.pop(self._fold(user.external_id), None)
        if user.anonymous_id is not None:
            self._anonymous.pop(self._fold(user.anonymous_id), None)


def check_values(item: Mapping[str, Json]) -> None:
    """Check that the values of an item can be stored.

    Raises:
        Refusal: One is too long, or the email is not an address.
    """
    code = "validation_failed"
    for field, longest in LONGEST.items():
        text = item.get(field)
        if text is not None and len(text) > longest:
            raise Refusal(code, f"{field} has more than {longest} characters")
    email = item.get("email")
    if email is not None and not is_email(email):
        raise Refusal(code, "email is not a valid address")


def normalise_phone(phone: str) -> str:
    """Return an international number, however spelt, as E.164; any other phone as it is."""
    if _E164.fullmatch(phone):
        return phone
    import phonenumbers  # noqa: PLC0415 - few need it, and it is slow to load

    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    if not phonenumbers.is_possible_number(number):
        return phone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_attributes(phone: str) -> dict[str, Json]:
    """Return what the server learns from a phone number.

    Measured on the platform that Spotzee descends from, November 2026.
    """
    import phonenumbers  # noqa: PLC0415 - few need it, and it is slow to load

    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return {"phone_country": None, "phone_is_valid": False}
    return {
        "phone_country": phonenumbers.region_code_for_number(number),
        "phone_is_valid": phonenumbers.is_valid_number(number),
    }
