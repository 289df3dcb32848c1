"""The users, and what an upsert does to them."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec.structs import replace

from target_spotzee.sandbox.emails import is_email
from target_spotzee.sandbox.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from target_spotzee.sandbox.codec import Json

PlainUser: TypeAlias = dict[str, Any]

IDS = ("external_id", "anonymous_id")
FIRST_CLASS = ("email", "phone", "timezone", "locale")
_SPACING = re.compile(r"[\s().-]")
_E164 = re.compile(r"\+[1-9]\d{6,14}")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a user. An upsert makes the next one."""

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
        """What a client has said about the user."""
        return {name: getattr(self, name) for name in (*IDS, *FIRST_CLASS, "data")}


class Users:
    """All users, by either id.

    Args:
        now: The time as an ISO 8601 string.
        case_blind: Whether ids that differ only in case are the same; the first spelling stays.
        phone_attributes: Whether a phone adds attributes to ``data``.
        keep_versions: How many applied versions are remembered; None: all.
    """

    def __init__(
        self,
        now: Callable[[], str],
        *,
        case_blind: bool = False,
        phone_attributes: bool = False,
        keep_versions: int | None = None,
    ) -> None:
        self._now = now
        self._fold: Callable[[str], str] = str.casefold if case_blind else str
        self._phone_attributes = phone_attributes
        self._by_id: dict[int, User] = {}
        self._external: dict[str, int] = {}
        self._anonymous: dict[str, int] = {}
        self._last_id = 0
        self.versions: deque[User] = deque(maxlen=keep_versions)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[User]:
        """The users, oldest first."""
        return iter(self._by_id.values())

    def latest(self, count: int) -> list[User]:
        """The users that changed last, newest first, as far as versions are remembered."""
        found: dict[int, User] = {}
        for version in reversed(self.versions):
            if version.id in self._by_id:
                found.setdefault(version.id, self._by_id[version.id])
            if len(found) == count:
                break
        return list(found.values())

    def find(self, external_id: str | None = None, anonymous_id: str | None = None) -> User | None:
        """The user with either id."""
        number = None
        if external_id:
            number = self._external.get(self._fold(external_id))
        if number is None and anonymous_id:
            number = self._anonymous.get(self._fold(anonymous_id))
        return None if number is None else self._by_id[number]

    def upsert(self, item: Mapping[str, Json]) -> User:
        """Applies an item whose shape is right.

        A field that is absent is left alone, a first-class field that is null is cleared,
        ``data`` is merged key by key.

        Raises:
            Refusal: If the item is at odds with its own rules, or with another user.
        """
        email = item.get("email")
        if email is not None and not is_email(email):
            code = "validation_failed"
            raise Refusal(code, "email is not a valid address")
        user = self._resolve(item.get("external_id"), item.get("anonymous_id"))
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
        phone = changes.get("phone")
        if phone is not None:
            changes["phone"] = phone = normalise_phone(phone)
            if self._phone_attributes:
                data = data | phone_attributes(phone)
        if data:
            changes["data"] = {**user.data, **data}
        changed = replace(user, **changes, updated_at=self._now())
        self._put(changed, before=user)
        self.versions.append(changed)
        return changed

    def delete(self, external_id: str) -> bool:
        """Removes a user; whether there was one."""
        user = self.find(external_id)
        if user is not None:
            self._remove(user)
        return user is not None

    def _resolve(self, external_id: str | None, anonymous_id: str | None) -> User:
        """The user an item is about: found, linked, merged, or new."""
        known = self.find(external_id)
        anonymous = self.find(anonymous_id=anonymous_id)
        if known is None and anonymous is None:
            self._last_id += 1
            now = self._now()
            return User(id=self._last_id, created_at=now, updated_at=now)
        if anonymous is None or known is anonymous or not external_id:
            return known or anonymous  # type: ignore[return-value] # one of them is there
        if anonymous.external_id is not None:
            code = "state_conflict"
            raise Refusal(code, "anonymous_id belongs to a user with another external_id")
        if known is None:
            return anonymous
        if known.anonymous_id is not None:
            code = "state_conflict"
            raise Refusal(code, "external_id belongs to a user with another anonymous_id")
        return self._merge(known, anonymous)

    def _merge(self, known: User, anonymous: User) -> User:
        """One user out of two: what is known wins, the anonymous one fills the gaps."""
        self._remove(anonymous)
        gaps = {
            name: getattr(anonymous, name) for name in FIRST_CLASS if getattr(known, name) is None
        }
        return replace(known, **gaps, data={**anonymous.data, **known.data})

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


def normalise_phone(phone: str) -> str:
    """E.164 where dropping the spacing is all it takes, else the phone as it is."""
    if _E164.fullmatch(phone):
        return phone
    bare = _SPACING.sub("", phone)
    return bare if _E164.fullmatch(bare) else phone


def phone_attributes(phone: str) -> dict[str, Json]:
    """What the server learns from a phone number."""
    import phonenumbers  # noqa: PLC0415 - few need it, and it is slow to load

    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return {"phone_country": None, "phone_is_valid": False}
    return {
        "phone_country": phonenumbers.region_code_for_number(number),
        "phone_is_valid": phonenumbers.is_valid_number(number),
    }
