"""The types of subscriptions that Spotzee has: asked for once, when a stream first names one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.subscriptions import SubscriptionType, resolve
from target_spotzee.mapping.toggles import Wish, Wishes


class SubscriptionTypes:
    """Knows the types by their numbers, and by what the settings call them.

    Args:
        is_dry: Spotzee is not asked: each name stands for a type of its own.
    """

    def __init__(self, *, is_dry: bool = False) -> None:
        self._is_dry = is_dry
        self._known: dict[int, SubscriptionType] = {}
        self._by_name: dict[str, int] = {}
        self.ask: Callable[[], list[SubscriptionType]] = list
        """Asks Spotzee which types there are."""

    def learn(self, stream: str, names: Iterable[str]) -> dict[str, SubscriptionType]:
        """Find the types that a stream's entry names.

        Raises:
            SettingsError: There is no such type, or it can't be told which is meant.
        """
        if self._is_dry:
            types = [SubscriptionType(number, name, "") for number, name in enumerate(names, 1)]
        else:
            types = list(self._all.values())
        found = resolve(f"streams.{stream}.subscriptions", names, types)
        self._by_name.update({name: type_.id for name, type_ in found.items()})
        return found

    def exists(self, type_: int) -> bool:
        """Say whether Spotzee has a type still.

        Raises:
            SettingsError: It does not tell.
        """
        return self._is_dry or type_ in self._all

    def numbered(self, wishes: Wishes) -> tuple[tuple[int, Wish], ...]:
        """Return what a record says of subscriptions by the numbers of their types."""
        return tuple([(self._by_name[name], wish) for name, wish in wishes])

    def addresses(self, type_: int) -> Sequence[str]:
        """Return the fields without which messages of a type reach nobody."""
        return self._known.get(type_, SubscriptionType(type_, "", "")).addresses

    @property
    def _all(self) -> dict[int, SubscriptionType]:
        if not self._known:
            self._known = {type_.id: type_ for type_ in self.ask()}
            if not self._known:
                raise SettingsError(
                    "subscriptions: Spotzee tells of no subscription types; make one there first,"
                    " or take subscriptions out",
                )
        return self._known
