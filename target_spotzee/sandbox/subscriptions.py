"""What users are subscribed to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_spotzee.sandbox.users import User

Channel: TypeAlias = Literal["email", "text", "push", "webhook", "in_app"]

SUBSCRIBED = 1
# The field that holds the address on a channel.
ADDRESSES: Mapping[Channel, str] = {"email": "email", "text": "phone"}


class SubscriptionType(msgspec.Struct, frozen=True):
    """A type of message that a user can subscribe to.

    Attributes:
        id: Its number.
        name: What it is called.
        channel: How it reaches users.
        is_public: As clients are told.
    """

    id: int
    name: str
    channel: Channel
    is_public: bool = False


USUAL_TYPES = (SubscriptionType(1, "Newsletter", "email"), SubscriptionType(2, "Offers", "text"))


class Subscription(msgspec.Struct, frozen=True):
    """The state that a user has for a type.

    Attributes:
        subscription_id: The type's number.
        state: 0 unsubscribed, 1 subscribed, 2 confirmed opt-in.
        name: The type's.
        channel: The type's.
    """

    subscription_id: int
    state: int
    name: str
    channel: Channel

    @property
    def id(self) -> int:
        """The number by which a list is sorted."""
        return self.subscription_id


class Moment(NamedTuple):
    """What a user could be reached by from one change on, until the next.

    Attributes:
        external_id: The user's.
        anonymous_id: The user's.
        states: What the user has, by the number of the type.
        reached: The types whose messages reach the user: there is an address, and no no. Clients
            are told that a type without a state counts as subscribed, unless it is public.
    """

    external_id: str | None
    anonymous_id: str | None
    states: dict[int, int]
    reached: frozenset[int]


class Subscriptions:
    """The states of all users. A user has one for each type, or none.

    Args:
        types: The types that there are.
        watch: Whether moments are remembered.

    Attributes:
        types: The same, by their numbers.
        moments: One for each change of a user's address or states, in order.
    """

    def __init__(self, types: Sequence[SubscriptionType], *, watch: bool = False) -> None:
        self.types = {kind.id: kind for kind in types}
        self._watches = watch
        self.moments: list[Moment] = []
        self._states: dict[int, dict[int, int]] = {}

    def states(self, user_id: int) -> dict[int, int]:
        """Return the states that a user has, by the number of the type."""
        return dict(self._states.get(user_id, ()))

    def of(self, user_id: int) -> list[Subscription]:
        """Return the states that a user has, each with what there is to say of its type."""
        return [
            Subscription(number, state, self.types[number].name, self.types[number].channel)
            for number, state in self.states(user_id).items()
        ]

    def set(self, user_id: int, type_id: int, state: int) -> None:
        """Set a user's state for a type."""
        self._states.setdefault(user_id, {})[type_id] = state

    def subscribe(self, user: User) -> None:
        """Subscribe a user to every type of the channels on which it has an address.

        Measured on the platform that Spotzee descends from, November 2026.
        """
        for kind in self.types.values():
            field = ADDRESSES.get(kind.channel)
            if field is not None and getattr(user, field) is not None:
                self.set(user.id, kind.id, SUBSCRIBED)

    def look(self, user: User) -> None:
        """Remember how a user can be reached from now on."""
        if not self._watches:
            return
        states = self.states(user.id)
        reached = frozenset(
            kind.id
            for kind in self.types.values()
            if kind.channel in ADDRESSES
            and getattr(user, ADDRESSES[kind.channel]) is not None
            and states.get(kind.id, 0 if kind.is_public else SUBSCRIBED) != 0
        )
        self.moments.append(Moment(user.external_id, user.anonymous_id, states, reached))

    def forget(self, user_id: int) -> None:
        """Remove the states of a user."""
        self._states.pop(user_id, None)

    def move(self, user_id: int, heir_id: int) -> None:
        """Give the states of one user to another, who keeps its own."""
        states = self._states.pop(user_id, None)
        if states is not None:
            self._states[heir_id] = states | self._states.get(heir_id, {})
