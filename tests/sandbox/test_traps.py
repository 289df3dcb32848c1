"""What no document says, but the platform does that Spotzee descends from: each on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_spotzee.sandbox import SubscriptionType
from tests.sandbox.client import problem

if TYPE_CHECKING:
    from tests.sandbox.client import Client
    from tests.sandbox.conftest import Start

ADA = {"external_id": "ada"}
PHONE = "+61400123456"


def track(client: Client, **event: Any) -> None:
    sent = ADA | {"name": "seen"} | event
    assert client.send("POST", "/events", [sent]).status_code == 204


class TestPhoneWipes:
    @pytest.fixture
    def client(self, start: Start) -> Client:
        client = start(phone_wipes=True)
        client.post(ADA | {"data": {"plan": "pro"}})
        return client

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_a_phone_without_data_wipes_all_attributes(self, client: Client, method: str) -> None:
        send = client.post if method == "POST" else client.patch
        send(ADA | {"phone": PHONE})

        assert client.sandbox.users["ada"]["data"] == {}
        assert client.sandbox.users["ada"]["phone"] == PHONE

    def test_so_does_the_user_of_an_event(self, client: Client) -> None:
        track(client, user={"phone": PHONE}, data={"x": 1})

        assert client.sandbox.users["ada"]["data"] == {}

    @pytest.mark.parametrize(
        "item",
        [
            {"phone": PHONE, "data": {}},
            {"phone": PHONE, "data": None},
            {"phone": None},
            {"email": "ada@shop.example"},
        ],
    )
    def test_nothing_else_does(self, client: Client, item: dict[str, Any]) -> None:
        client.post(ADA | item)
        track(client, user=item)
        track(client)

        assert client.sandbox.users["ada"]["data"] == {"plan": "pro"}

    def test_attributes_of_the_phone_come_after(self, start: Start) -> None:
        client = start(phone_wipes=True, phone_attributes=True)
        client.post(ADA | {"data": {"plan": "pro"}})
        client.post(ADA | {"phone": PHONE})

        assert client.sandbox.users["ada"]["data"] == {
            "phone_country": "AU",
            "phone_is_valid": True,
        }

    def test_without_the_trap_a_phone_wipes_nothing(self, start: Start) -> None:
        client = start()
        client.post(ADA | {"data": {"plan": "pro"}})
        client.post(ADA | {"phone": PHONE})
        track(client, user={"phone": PHONE})

        assert client.sandbox.users["ada"]["data"] == {"plan": "pro"}


class TestDoubles:
    SENT = b'{"a":9007199254740995,"b":{"c":[1234567890123456789012345,5.0,1.10]}}'
    KEPT = b'{"a":9007199254740996,"b":{"c":[1.2345678901234568e24,5,1.1]}}'

    @pytest.mark.parametrize(("doubles", "kept"), [(True, KEPT), (False, SENT)])
    def test_numbers_in_data_may_be_kept_as_doubles(
        self, start: Start, doubles: bool, kept: bytes
    ) -> None:
        client = start(doubles=doubles)
        client.send("POST", "/users/batch", b'[{"external_id":"ada","data":' + self.SENT + b"}]")
        client.send(
            "POST", "/events", b'[{"name":"x","external_id":"ada","data":' + self.SENT + b"}]"
        )
        events = "/events?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&include_payload=true"

        assert b'"data":' + kept in client.get("/users/ada").content
        assert b'"data":' + kept in client.get(events).content


class TestSubscribeOnCreate:
    TYPES = (
        SubscriptionType(1, "News", "email"),
        SubscriptionType(2, "Bills", "email", is_public=True),
        SubscriptionType(3, "Alerts", "text"),
        SubscriptionType(4, "App", "push"),
    )

    @pytest.mark.parametrize(
        ("addresses", "states"),
        [
            ({"email": "ada@shop.example"}, {1: 1, 2: 1}),
            ({"phone": PHONE}, {3: 1}),
            ({"email": "ada@shop.example", "phone": PHONE}, {1: 1, 2: 1, 3: 1}),
            ({"email": None}, {}),
            ({}, {}),
        ],
    )
    def test_a_new_user_is_subscribed_where_it_has_an_address(
        self, start: Start, addresses: dict[str, Any], states: dict[int, int]
    ) -> None:
        on = start(subscribe_on_create=True, subscription_types=self.TYPES)
        off = start(subscription_types=self.TYPES)
        for client in (on, off):
            client.post(ADA | addresses)
            client.patch({"external_id": "bob"} | addresses)
            track(client, external_id="eve", user=addresses)

        assert on.sandbox.subscriptions == {"ada": states, "bob": states, "eve": states}
        assert off.sandbox.subscriptions == {"ada": {}, "bob": {}, "eve": {}}

    def test_an_address_that_comes_later_subscribes_nobody(self, start: Start) -> None:
        client = start(subscribe_on_create=True)
        client.post(ADA)
        client.post(ADA | {"email": "ada@shop.example"})

        assert client.sandbox.subscriptions == {"ada": {}}

    def test_who_was_deleted_and_comes_back_is_subscribed_again(self, start: Start) -> None:
        client = start(subscribe_on_create=True)
        ada = ADA | {"email": "ada@shop.example"}
        client.post(ada)
        toggle = {"subscription_id": 1, "state": 0} | ADA
        client.send("POST", "/subscriptions/batch", [toggle])
        client.post(ada)
        assert client.sandbox.subscriptions == {"ada": {1: 0}}

        client.send("DELETE", "/users?user_id=ada")
        client.post(ada)
        assert client.sandbox.subscriptions == {"ada": {1: 1}}


class TestDeleteDelay:
    @pytest.mark.parametrize("path", ["/users?user_id=ada", "/users/ada"])
    def test_a_delete_is_applied_later(self, start: Start, path: str) -> None:
        client = start(delete_delay=3600)
        client.post(ADA)
        assert client.send("DELETE", path).status_code == 204
        client.patch({"external_id": "bob"})
        assert set(client.sandbox.users) == {"ada", "bob"}

        client.sandbox.settle()
        assert set(client.sandbox.users) == {"bob"}
        problem(client.send("DELETE", "/users/ada"), 404, "resource_missing")

    def test_it_is_applied_by_itself(self, start: Start) -> None:
        client = start(delete_delay=0.01, queue_delay=3600)
        client.post(ADA)
        client.patch({"external_id": "bob"})
        client.send("DELETE", "/users/ada")
        client.sandbox.wait_until(lambda sandbox: sandbox.users == {})

    def test_without_it_a_delete_waits_as_long_as_a_patch(self, start: Start) -> None:
        client = start(queue_delay=3600)
        client.post(ADA)
        client.send("DELETE", "/users/ada")
        assert set(client.sandbox.users) == {"ada"}

        client.sandbox.settle()
        assert client.sandbox.users == {}


class TestBlindness:
    @pytest.mark.parametrize("blind", [True, False])
    def test_a_delete_may_remove_another_spelling(self, start: Start, blind: bool) -> None:
        client = start(case_blind=blind, accent_blind=blind)
        client.post({"external_id": "Zoë"})
        client.send("DELETE", "/users?user_id=ZOE")

        assert set(client.sandbox.users) == (set() if blind else {"Zoë"})
