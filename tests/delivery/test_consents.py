"""In which steps what users said goes, where whole runs seldom come by."""

from __future__ import annotations

import pytest

from target_spotzee import codec
from target_spotzee.delivery.consents import Consents
from target_spotzee.delivery.subscription_types import SubscriptionTypes
from target_spotzee.mapping.subscriptions import SubscriptionType
from target_spotzee.mapping.toggles import Wish
from target_spotzee.objects.batch import Batch, Item
from target_spotzee.objects.kinds import OPT_OUTS, USERS_BATCH
from target_spotzee.outcome.summary import Subscriptions
from target_spotzee.records import Origin, Stretch, Ticket
from target_spotzee.snapshot.departures import Departures
from target_spotzee.snapshot.opt_outs import OptOuts

TYPE = 7
NO = (TYPE, "customers")


def item(*toggles: tuple[int, Wish], anonymous: str | None = None) -> Item:
    identities = ("eu", f"a{anonymous}") if anonymous else ("eu",)
    ticket = Ticket(1, Origin("customers", b"", lambda _: False), b"", Stretch())
    made = Item(USERS_BATCH, ("u", anonymous), identities, b"{}", ticket)
    made.toggles = toggles
    return made


@pytest.fixture
def opt_outs() -> OptOuts:
    return OptOuts()


@pytest.fixture
def consents(opt_outs: OptOuts) -> Consents:
    types = SubscriptionTypes()
    types.ask = lambda: [SubscriptionType(TYPE, "Newsletter", "email")]
    return Consents(opt_outs, types, Subscriptions())


def test_a_refused_item_whose_user_is_being_deleted_keeps_its_no(consents: Consents) -> None:
    consents.leave(item())
    refused = item((TYPE, Wish.OUT), (8, Wish.IN))
    consents.plan(refused, {"external_id": "u", "email": "u@example.test"})
    assert consents.keep_outs(refused)
    assert [step.kind for step in refused.steps] == [OPT_OUTS]
    assert codec.decode(refused.steps[0].body)["subscription_id"] == TYPE


def test_what_is_pending_for_one_of_two_ids_is_pending(
    consents: Consents, opt_outs: OptOuts
) -> None:
    opt_outs.keep("eu", NO, is_pending=True)
    opt_outs.keep("ab", NO, is_pending=False)
    planned = item(anonymous="b")
    consents.plan(planned, {"external_id": "u", "anonymous_id": "b"})
    assert [step.kind for step in planned.steps] == [OPT_OUTS]
    assert opt_outs.of("eu") == opt_outs.of("ab") == {NO: True}


def test_each_id_is_looked_up_once(
    consents: Consents, opt_outs: OptOuts, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    of = opt_outs.of

    def counted(identity: str) -> dict[tuple[int, str], bool]:
        looked_up.append(identity)
        return of(identity)

    monkeypatch.setattr(opt_outs, "of", counted)
    consents.plan(item((TYPE, Wish.KEPT)), {})
    assert looked_up == []  # nobody has ever said no
    opt_outs.keep("ev", NO, is_pending=True)
    for wish in Wish:
        looked_up.clear()
        consents.plan(item((TYPE, wish), (8, wish), anonymous="b"), {"email": "u@example.test"})
        assert looked_up == ["eu", "ab"]


def test_a_batch_of_toggles_opens_no_users_entries() -> None:
    """Some follow what left before, and have theirs open; others are of rejected records."""
    assert Departures().knows(Batch("run", "1", [Item(OPT_OUTS, *_PLAIN)]))
    assert not Departures().knows(Batch("run", "1", [Item(USERS_BATCH, *_PLAIN)]))


_PLAIN = (
    ("u", None),
    ("eu",),
    b"{}",
    Ticket(1, Origin("customers", b"", lambda _: False), b"", Stretch()),
)
