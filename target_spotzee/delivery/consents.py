"""Nobody who said no can be reached: what is sent of a user, in which steps, and in which order.

An item of a user who said no goes in steps, under the user's fence: all of it but the address of
each channel that was said no to; the toggles; and only once these are confirmed, the address. Every
later item with such an address goes the same way, whichever stream it is of, since somebody may
have erased the user meanwhile, and Spotzee subscribes whom it creates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from target_spotzee import codec
from target_spotzee.delivery.subscription_types import SubscriptionTypes
from target_spotzee.mapping.subscriptions import ADDRESSES
from target_spotzee.mapping.toggles import Wish
from target_spotzee.objects.batch import Item
from target_spotzee.objects.kinds import (
    ASKED_OPT_INS,
    OPT_INS,
    OPT_OUTS,
    PATIENT_TOGGLES,
    WITHHELD,
    Kind,
    Payload,
    Step,
)
from target_spotzee.outcome.summary import Subscriptions
from target_spotzee.snapshot.opt_outs import BY_SPOTZEE, OptOuts, Told

Known = dict[str, dict[Told, bool]]
"""What is known of identities that said no, each no with whether Spotzee is yet to confirm it."""


class Consents:
    """Plans the steps of items, and remembers who said no.

    Args:
        opt_outs: What users said.
        types: The types of subscriptions.
        figures: Counts the toggles.
        linked: Returns the identities that an anonymous_id is known to belong to; ``None``: those
            that `link` tells of.
        has_memory: Whether it is known from earlier runs what a stream said last.
    """

    def __init__(
        self,
        opt_outs: OptOuts,
        types: SubscriptionTypes,
        figures: Subscriptions,
        linked: Callable[[str], Iterable[str]] | None = None,
        *,
        has_memory: bool = False,
    ) -> None:
        self._opt_outs = opt_outs
        self._types = types
        self._figures = figures
        self._linked = linked or opt_outs.linked
        self._has_memory = has_memory
        self._leaving: set[str] = set()
        """Users of whom a deletion is on its way: only then Spotzee tells what they said no to."""
        self._undecided: dict[Item, Payload] = {}
        """Addresses of items behind such a deletion."""
        self._asking: dict[tuple[str, int], list[Item]] = {}
        """Items that wait to opt in, unless Spotzee knows of a no, by user and type."""

    # What is sent

    @property
    def are_needed(self) -> bool:
        """Whether an item that says nothing of subscriptions is to be planned nevertheless."""
        return self._opt_outs.are_known or bool(self._leaving)

    def link(self, item: Item) -> None:
        """Note that an item's two ids are one user's."""
        external, anonymous = item.identities
        self._opt_outs.link(anonymous, external)

    def leave(self, item: Item) -> None:
        """Note that a user is about to be deleted, after which it may come back."""
        self._leaving.update(item.identities)

    def plan(self, item: Item, payload: Payload) -> Payload:
        """Give an item the steps that its user's words ask for.

        Args:
            item: The item; its body may lose addresses.
            payload: The same, not encoded.

        Returns:
            The payload as it goes first.
        """
        identities = self._identities(item)
        known = self._known(identities) if self._opt_outs.are_known else {}
        if known:
            item.toggles = _without_known(item.toggles, known)
        self._note(item, identities, known)
        if self._leaving and not self._leaving.isdisjoint(identities):
            return self._put_off(item, payload)
        if not known:
            item.steps = tuple(self._opt_ins(item, {}, identities)) if item.toggles else ()
            return payload
        outs = self._outs(item, known)
        withheld = {name for type_ in outs for name in self._types.addresses(type_)}
        later = {
            name: value for name, value in payload.items() if name in withheld and value is not None
        }
        item.steps = self._steps(item, outs, later, identities)
        return self._withhold(item, payload, later)

    def _steps(
        self, item: Item, outs: dict[int, bool], later: Payload, identities: Sequence[str]
    ) -> tuple[Step, ...]:
        """Return what follows on the first upsert, from which some addresses were withheld."""
        own = {type_ for type_, wish in item.toggles if wish is Wish.OUT}
        addresses = self._types.addresses
        steps = [
            self._toggle(OPT_OUTS, item, type_)
            for type_, is_pending in outs.items()
            if is_pending or type_ in own or not later.keys().isdisjoint(addresses(type_))
        ]
        if later:
            steps.append(self._address(item, later))
        return (*steps, *self._opt_ins(item, outs, identities))

    def _withhold(self, item: Item, payload: Payload, later: Payload) -> Payload:
        if not later:
            return payload
        first = {name: value for name, value in payload.items() if name not in later}
        item.whole, item.body = item.body, codec.encode_unicode(first)
        return first

    def _opt_ins(
        self, item: Item, outs: dict[int, bool], identities: Sequence[str]
    ) -> Iterable[Step]:
        for type_, wish in item.toggles:
            if wish is Wish.IN:
                yield self._toggle(OPT_INS, item, type_)
            elif wish is Wish.KEPT or (wish is Wish.ASK and type_ in outs):
                self._figures.kept_out += 1
            elif wish is Wish.ASK and not (
                self._has_memory
                and self._opt_outs.has_opted_in(identities[0], (type_, item.ticket.origin.stream))
            ):
                self._asking.setdefault((identities[0], type_), []).append(item)
                yield self._toggle(ASKED_OPT_INS, item, type_)

    def _put_off(self, item: Item, payload: Payload) -> Payload:
        """Withhold every address until it is known what a user who is deleted said no to."""
        names = [name for name in ADDRESSES.values() if payload.get(name) is not None]
        later = {name: payload[name] for name in names}
        item.steps = (self._address(item, later),)
        self._undecided[item] = later
        return self._withhold(item, payload, later)

    def decide(self, item: Item) -> None:
        """Give an item whose first step is done the further steps that were put off."""
        later = self._undecided.pop(item, None)
        if later is not None:
            identities = self._identities(item)
            known = self._known(identities)
            self._unsay_spotzee(item, known)
            outs = self._outs(item, known)
            steps = self._steps(item, outs, later, identities)
            item.steps = steps or item.steps

    def opt_out(self, item: Item) -> None:
        """Make an item the opt-outs that its record says, though that is rejected; it says some."""
        self._note(item, self._identities(item), {})
        item.steps = self._own_outs(item)
        item.advance()

    def remove(self, item: Item) -> None:
        """Make a removal tell the opt-outs that its record says; it says some.

        Whoever is deleted is told them should it come back, or should the deletion be refused.
        """
        self._note(item, self._identities(item), {})
        if item.kind.removes == "mark":
            item.steps = (*self._own_outs(item), *item.steps)

    def keep_outs(self, item: Item) -> bool:
        """Leave an item that is refused no steps but opt-outs; say whether it has any."""
        for type_, wish in item.toggles:
            if wish is Wish.ASK:
                self._asks_no_more(item, type_)
        if self._undecided.pop(item, None) is not None or item.kind.removes is not None:
            item.steps = self._own_outs(item)
        elif item.steps:
            item.steps = tuple([step for step in item.steps if step.kind.sets == 0])
        return bool(item.steps)

    def _own_outs(self, item: Item) -> tuple[Step, ...]:
        types = [type_ for type_, wish in item.toggles if wish is Wish.OUT]
        return tuple([self._toggle(OPT_OUTS, item, type_) for type_ in types])

    def _identities(self, item: Item) -> Sequence[str]:
        identities = item.identities
        if identities[0][0] == "a":
            return [*identities, *self._linked(identities[0])]
        return identities

    def _known(self, identities: Sequence[str]) -> Known:
        """Return what is known of a user's ids, looked up once for each."""
        of = self._opt_outs.of
        return {identity: found for identity in identities if (found := of(identity))}

    def _note(self, item: Item, identities: Sequence[str], known: Known) -> None:
        """Remember what a record says, also in what is known of its user."""
        for type_, wish in item.toggles:
            told = type_, item.ticket.origin.stream
            if wish is Wish.OUT:
                self._note_no(identities, told, known)
                continue
            for identity, of_identity in known.items():
                for each, is_pending in [*of_identity.items()]:
                    # Only who follows the source in both ways lets one stream unsay another's no.
                    is_own = each == told and not is_pending
                    if each[0] == type_ and (wish is Wish.IN or is_own):
                        self._opt_outs.lift(identity, each)
                        del of_identity[each]

    def _unsay_spotzee(self, item: Item, known: Known) -> None:
        """Lift what Spotzee told before a deletion, where the source says yes since, and decides.

        What else is known may have come with a later record.
        """
        for type_, wish in item.toggles:
            for identity, of_identity in known.items() if wish is Wish.IN else ():
                if of_identity.pop((type_, BY_SPOTZEE), None) is not None:
                    self._opt_outs.lift(identity, (type_, BY_SPOTZEE))

    def _note_no(self, identities: Sequence[str], told: Told, known: Known) -> None:
        for identity in identities:
            self._opt_outs.keep(identity, told, is_pending=True)
            known.setdefault(identity, {})[told] = True
            self._opt_outs.opted_in(identity, told, says_yes=False)
            for asking in self._asking.pop((identity, told[0]), ()):
                asking.withdrawn |= {told[0]}

    def _outs(self, item: Item, known: Known) -> dict[int, bool]:
        """Return what a user is known to have said no to, and whether that is yet to be confirmed.

        What is known of one of its ids holds for the others, too.
        """
        told: dict[Told, bool] = {}
        for of_identity in known.values():
            for each, is_pending in of_identity.items():
                told[each] = told.get(each, False) or is_pending
        outs: dict[int, bool] = {}
        for (type_, stream), is_pending in told.items():
            if not self._types.exists(type_):
                continue  # Spotzee has no such type any more, so it reaches nobody
            each, linked = (type_, stream), item.identities if len(item.identities) > 1 else ()
            # Nobody knows who was told what is not known of both: they may have been two users.
            must_tell = is_pending or any(each not in known.get(one, {}) for one in linked)
            outs[type_] = outs.get(type_, False) or must_tell
            for identity in linked:
                if known.get(identity, {}).get(each) is not must_tell:
                    self._opt_outs.keep(identity, each, is_pending=must_tell)
        return outs

    def _toggle(self, kind: Kind, item: Item, type_: int) -> Step:
        name, id_ = _id_of(item)
        if item.kind.is_patient or not item.kind.confirms:
            kind = PATIENT_TOGGLES[kind]
        body = {"subscription_id": type_, "state": kind.sets, name: id_}
        return Step(kind, codec.encode_unicode(body))

    def _address(self, item: Item, addresses: Payload) -> Step:
        external_id, anonymous_id = item.ids
        ids = {"external_id": external_id, "anonymous_id": anonymous_id}
        body: Payload = {name: id_ for name, id_ in ids.items() if id_ is not None} | addresses
        if "phone" in addresses:
            body["data"] = {}
        return Step(WITHHELD[item.kind], codec.encode_unicode(body))

    # What came of it

    def told(self, item: Item, types: Iterable[int]) -> None:
        """Keep what Spotzee says that a user said no to, before the user is deleted."""
        for type_ in types:
            self._opt_outs.keep(item.identities[0], (type_, BY_SPOTZEE), is_pending=False)

    def gone(self, item: Item) -> None:
        """Note that a user is deleted, and its subscriptions with it."""
        self._opt_outs.forget_opt_ins(item.identities[0])

    def confirmed(self, items: Iterable[Item], *, is_kept_out: bool) -> None:
        """Note toggles that Spotzee took, all of one kind.

        Args:
            items: They have not gone on yet.
            is_kept_out: Whether nothing was changed, since Spotzee knows of a no.
        """
        for item in items:
            type_ = codec.decode(item.body)["subscription_id"]
            told = type_, item.ticket.origin.stream
            if item.kind.sets == 0:
                self._figures.opted_out += 1
                self._has_told(item, type_)
                continue
            if is_kept_out:
                self._figures.kept_out += 1
            else:
                self._figures.opted_in += 1
            if type_ not in item.withdrawn:
                self._opt_outs.opted_in(item.identities[0], told, says_yes=True)
            self._asks_no_more(item, type_)

    def _has_told(self, item: Item, type_: int) -> None:
        """Note that Spotzee has a no.

        What it told itself before a deletion is set again with that, and no longer needed here; but
        a refused item may be that deletion, which may yet be carried out.
        """
        for identity in self._identities(item):
            for told, is_pending in self._opt_outs.of(identity).items():
                if told[0] != type_:
                    continue
                if told[1] == BY_SPOTZEE and item.refusal is None and identity in item.identities:
                    self._opt_outs.lift(identity, told)
                elif is_pending:
                    self._opt_outs.keep(identity, told, is_pending=False)

    def _asks_no_more(self, item: Item, type_: int) -> None:
        key = item.identities[0], type_
        left = [each for each in self._asking.pop(key, ()) if each is not item]
        if left:
            self._asking[key] = left


def _without_known(
    toggles: Sequence[tuple[int, Wish]], known: Known
) -> tuple[tuple[int, Wish], ...]:
    """Keep out whoever is known to have said no: there is nothing to ask Spotzee."""
    types = {type_ for of_identity in known.values() for type_, _ in of_identity}
    return tuple(
        [
            (type_, Wish.KEPT if wish is Wish.ASK and type_ in types else wish)
            for type_, wish in toggles
        ]
    )


def _id_of(item: Item) -> tuple[str, str]:
    external_id, anonymous_id = item.ids
    return ("external_id", external_id) if external_id else ("anonymous_id", str(anonymous_id))
