from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from target_spotzee.sandbox import Fault, SubscriptionType
from tests.sandbox.client import problem

if TYPE_CHECKING:
    from tests.sandbox.client import Client
    from tests.sandbox.conftest import Start

ADA = {"external_id": "ada", "email": "ada@shop.example"}
BOB = {"external_id": "bob"}
ALWAYS = "from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"


def listed(client: Client, path: str) -> list[dict[str, Any]]:
    response = client.get(path)
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def ids(client: Client, query: str) -> list[str]:
    return [user["external_id"] for user in listed(client, f"/users?{query}")]


class TestUsers:
    def test_an_id_may_hold_anything(self, client: Client) -> None:
        odd = "a/b?c d%2F✓\n"
        client.post({"external_id": odd})
        quoted = quote(odd, safe="")

        assert client.get(f"/users/{quoted}").json()["external_id"] == odd

    def test_nobody_is_missing(self, client: Client) -> None:
        problem(client.get("/users/nobody"), 404, "resource_missing")

    def test_deletes_are_by_external_id(self, client: Client) -> None:
        client.post(ADA, BOB, {"external_id": "eve"})

        assert client.send("DELETE", "/users?user_id=ada&user_id=bob").status_code == 204
        assert set(client.sandbox.users) == {"eve"}
        problem(client.send("DELETE", "/users"), 400, "parameter_missing")
        problem(client.send("DELETE", "/users?user_id="), 400, "parameter_invalid_empty")

    @pytest.mark.parametrize("direction", ["asc", "desc"])
    def test_pages_lead_to_every_user_and_back(self, client: Client, direction: str) -> None:
        client.post(*({"external_id": f"u{number}"} for number in range(5)))
        expected = [f"u{number}" for number in range(5)]
        if direction == "desc":
            expected.reverse()

        def ids(query: str) -> tuple[list[str], dict[str, Any]]:
            page = client.get(f"/users?limit=2&direction={direction}{query}").json()
            return [user["external_id"] for user in page["results"]], page

        first, page = ids("")
        assert page["prevCursor"] is None
        second, page = ids(f"&cursor={page['nextCursor']}")
        third, last = ids(f"&cursor={page['nextCursor']}")
        back, _ = ids(f"&cursor={last['prevCursor']}&page=prev")

        assert first + second + third == expected
        assert last["nextCursor"] is None
        assert back == second

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=101", "limit=x", "page=x", "direction=x", "sort=x", "sort=data"],
    )
    def test_a_query_that_makes_no_sense_is_refused(self, client: Client, query: str) -> None:
        body = problem(client.get(f"/users?{query}"), 400, "parameter_invalid_format")
        assert body["param"] == query.partition("=")[0]

    def test_users_come_in_the_order_of_their_creation(self, client: Client) -> None:
        client.post({"external_id": "b"}, {"external_id": "a"}, {"external_id": "c"})
        client.post({"external_id": "b", "locale": "en"})

        assert ids(client, "") == ["b", "a", "c"]
        assert ids(client, "direction=desc") == ["c", "a", "b"]

    def test_users_can_be_sorted(self, client: Client) -> None:
        """Who has no value comes first, and who has the same is in the order of creation."""
        for external_id, locale in (("d", "fr"), ("b", None), ("a", "en"), ("c", "en")):
            client.post({"external_id": external_id, "locale": locale})

        assert ids(client, "sort=external_id") == ["a", "b", "c", "d"]
        assert ids(client, "sort=locale") == ["b", "a", "c", "d"]
        assert ids(client, "sort=locale&direction=desc") == ["d", "c", "a", "b"]

    @pytest.mark.parametrize("direction", ["asc", "desc"])
    def test_pages_keep_the_order(self, client: Client, direction: str) -> None:
        for external_id, locale in (("d", "fr"), ("b", None), ("a", "en"), ("c", "en")):
            client.post({"external_id": external_id, "locale": locale})
        query = f"sort=locale&direction={direction}"
        seen, cursor = [], ""
        while cursor is not None:
            page = client.get(f"/users?{query}&limit=1{cursor and f'&cursor={cursor}'}").json()
            seen += [user["external_id"] for user in page["results"]]
            cursor = page["nextCursor"]

        assert seen == ids(client, query)

    @pytest.mark.parametrize("cursor", ["x", "aWQ6MQ==", "WzFd", "\u00fc"])
    def test_a_cursor_of_another_list_is_missing(self, client: Client, cursor: str) -> None:
        client.post(ADA, BOB)
        other = client.get("/users?limit=1&sort=email").json()["nextCursor"]

        problem(client.get(f"/users?cursor={quote(cursor)}"), 404, "resource_missing")
        problem(client.get(f"/users?cursor={other}"), 404, "resource_missing")

    def test_one_user_can_be_deleted(self, client: Client) -> None:
        odd = "a/b?c d%2F\u2713\n"
        client.post(ADA, {"external_id": odd}, BOB)

        assert client.send("DELETE", f"/users/{quote(odd, safe='')}").status_code == 204
        assert client.send("DELETE", "/users/ada").status_code == 204
        assert set(client.sandbox.users) == {"bob"}
        problem(client.send("DELETE", "/users/ada"), 404, "resource_missing")
        assert [request.external_ids for request in client.sandbox.requests[1:3]] == [
            (odd,),
            ("ada",),
        ]

    def test_an_id_in_a_path_is_encoded(self, client: Client) -> None:
        client.post({"external_id": "a/b"})

        problem(client.get("/users/a/b"), 404, "resource_missing")
        assert client.get("/users/a%2Fb").status_code == 200

    def test_reading_one_user_can_fail(self, start: Start) -> None:
        client = start(Fault(effect="status", method="GET", external_id="ada"))
        client.post(ADA, BOB)

        assert client.get("/users/ada").status_code == 500
        assert client.get("/users/bob").status_code == 200

    def test_users_can_be_searched(self, client: Client) -> None:
        client.post(ADA, BOB)

        found = client.get("/users?q=SHOP").json()["results"]
        assert [user["external_id"] for user in found] == ["ada"]


class TestEvents:
    def test_an_event_may_upsert_its_user(self, client: Client) -> None:
        event = {"name": "seen", "external_id": "ada", "user": {"locale": "en-AU"}}

        assert client.send("POST", "/events", [event, event]).status_code == 204
        assert client.sandbox.events == [event, event]
        assert client.sandbox.users["ada"]["locale"] == "en-AU"

    def test_an_event_needs_a_name_and_a_user(self, client: Client) -> None:
        body = problem(
            client.send("POST", "/events", [{"created_at": "soon", "user": {"email": 1}}]),
            422,
            "validation_failed",
        )
        params = {error["param"] for error in body["errors"]}
        assert params == {"0.external_id", "0.name", "0.created_at", "0.user.email"}

    def test_an_unknown_user_of_an_event_is_created(self, client: Client) -> None:
        client.send("POST", "/events", [{"name": "seen", "anonymous_id": "c"}])

        assert set(client.sandbox.anonymous_users) == {"c"}

    def test_an_event_alone_changes_no_user(self, client: Client) -> None:
        client.post(ADA)
        client.send("POST", "/events", [{"name": "seen", "external_id": "ada"}])

        assert len(client.sandbox.history("ada")) == 1

    def test_the_user_of_an_event_is_the_events(self, client: Client) -> None:
        """Ids inside of its user block say nothing, whatever they are."""
        event = {"name": "seen", "external_id": "ada", "user": {"external_id": 7, "locale": "en"}}
        client.send("POST", "/events", [event])

        assert set(client.sandbox.users) == {"ada"}

    @pytest.mark.parametrize(
        "lost",
        [
            {"name": "x" * 256, "external_id": "ada"},
            {"name": "seen", "external_id": "x" * 256},
            {"name": "seen", "external_id": "ada", "user": {"email": "nope"}},
            {"name": "seen", "external_id": "ada", "user": {"timezone": "x" * 51}},
        ],
    )
    def test_an_event_that_can_not_be_stored_is_lost_without_a_word(
        self, client: Client, lost: dict[str, Any]
    ) -> None:
        kept = {"name": "x" * 255, "external_id": "bob"}

        assert client.send("POST", "/events", [lost, kept]).status_code == 204
        assert client.sandbox.events == [kept]
        assert [dropped.item for dropped in client.sandbox.dropped] == [lost]

    def test_events_can_be_read(self, client: Client) -> None:
        event = {
            "name": "order_placed",
            "external_id": "ada",
            "data": {"total": 7},
            "created_at": "2026-11-01T12:00:00+02:00",
        }
        client.send("POST", "/events", [event, {"name": "seen", "anonymous_id": "c"}])
        first, second = listed(client, f"/events?{ALWAYS}&include_payload=true")

        assert first == {
            "id": "evt_00000001",
            "name": "order_placed",
            "created_at": "2026-11-01T10:00:00.000Z",
            "user": {"id": 1, "external_id": "ada", "anonymous_id": None},
            "data": {"total": 7},
        }
        assert second["created_at"].startswith("20")
        assert second["data"] == {}
        assert "data" not in listed(client, f"/events?{ALWAYS}")[0]

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            (ALWAYS, ["a", "b", "c"]),
            ("from=2026-01-02T00:00:00Z&to=2026-01-03T00:00:00Z", ["b"]),
            ("from=2026-01-01T12:00:00-12:00&to=2026-01-03T00:00:00.001Z", ["b", "c"]),
            ("from=2026-01-03T00:00:00Z&to=2026-01-01T00:00:00Z", []),
            (f"{ALWAYS}&external_id=ada", ["a", "c"]),
            (f"{ALWAYS}&external_id=ada&external_id=bob", ["a", "b", "c"]),
            (f"{ALWAYS}&external_id=nobody", []),
            (f"{ALWAYS}&event_name=b&event_name=c", ["b", "c"]),
            (f"{ALWAYS}&event_name=b&external_id=ada", []),
            (f"{ALWAYS}&limit=2", ["a", "b"]),
        ],
    )
    def test_events_can_be_chosen(self, client: Client, query: str, names: list[str]) -> None:
        """From is inclusive, to is not."""
        events = [
            {"name": name, "external_id": user, "created_at": f"2026-01-0{day}"}
            for name, user, day in (("a", "ada", 1), ("b", "bob", 2), ("c", "ada", 3))
        ]
        client.send("POST", "/events", events)

        assert [event["name"] for event in listed(client, f"/events?{query}")] == names

    def test_pages_lead_to_every_event(self, client: Client) -> None:
        client.send("POST", "/events", [{"name": str(n), "external_id": "ada"} for n in range(3)])
        page = client.get(f"/events?{ALWAYS}&limit=2").json()
        rest = listed(client, f"/events?{ALWAYS}&limit=2&cursor={page['nextCursor']}")

        assert [event["name"] for event in rest] == ["2"]

    @pytest.mark.parametrize(
        ("query", "code", "param"),
        [
            ("to=2026-01-02T00:00:00Z", "parameter_missing", "from"),
            ("from=2026-01-02T00:00:00Z", "parameter_missing", "to"),
            ("from=2026-01-02&to=2026-01-03T00:00:00Z", "parameter_invalid_format", "from"),
            ("from=2026-01-02T00:00:00Z&to=soon", "parameter_invalid_format", "to"),
            (f"{ALWAYS}&include_payload=1", "parameter_invalid_format", "include_payload"),
            (f"{ALWAYS}&user_id=ada", "parameter_unknown", "user_id"),
        ],
    )
    def test_a_query_for_events_must_make_sense(
        self, client: Client, query: str, code: str, param: str
    ) -> None:
        assert problem(client.get(f"/events?{query}"), 400, code)["param"] == param


class TestSubscriptions:
    def test_toggles_have_outcomes_of_their_own(self, client: Client) -> None:
        client.post(ADA)
        toggles = [
            {"subscription_id": 1, "state": 1, "external_id": "ada"},
            {"subscription_id": 9, "state": 1, "external_id": "ada"},
            {"subscription_id": 1, "state": 0, "external_id": "nobody"},
        ]
        body = client.send("POST", "/subscriptions/batch", toggles).json()

        assert (body["succeeded"], body["failed"]) == (1, 2)
        assert body["results"][0]["state"] == 1
        assert {result["error"]["code"] for result in body["results"][1:]} == {"resource_missing"}

    def test_there_are_two_subscriptions(self, client: Client) -> None:
        body = client.get("/subscriptions").json()
        assert [subscription["channel"] for subscription in body["results"]] == ["email", "text"]

        assert [subscription["is_public"] for subscription in body["results"]] == [False] * 2

    def test_there_may_be_others(self, start: Start) -> None:
        client = start(
            subscription_types=[SubscriptionType(13, "Marketing", "push", is_public=True)]
        )
        (only,) = listed(client, "/subscriptions")

        assert (only["id"], only["name"], only["channel"]) == (13, "Marketing", "push")
        assert (only["is_public"], only["project_id"]) == (True, 1)

    def test_a_user_has_the_states_that_were_set(self, client: Client) -> None:
        client.post(ADA, BOB)
        for state in (1, 0):
            toggle = {"subscription_id": 1, "state": state, "external_id": "ada"}
            client.send("POST", "/subscriptions/batch", [toggle])

        assert listed(client, "/users/ada/subscriptions") == [
            {"subscription_id": 1, "state": 0, "name": "Newsletter", "channel": "email"}
        ]
        assert listed(client, "/users/bob/subscriptions") == []
        assert client.sandbox.subscriptions == {"ada": {1: 0}, "bob": {}}
        problem(client.get("/users/eve/subscriptions"), 404, "resource_missing")
        problem(client.get("/users/ada/nowhere"), 404, "resource_missing")

    def test_states_come_in_pages(self, client: Client) -> None:
        client.post(ADA)
        toggles = [{"subscription_id": n, "state": 2, "external_id": "ada"} for n in (2, 1)]
        client.send("POST", "/subscriptions/batch", toggles)
        page = client.get("/users/ada/subscriptions?limit=1").json()
        rest = listed(client, f"/users/ada/subscriptions?cursor={page['nextCursor']}")

        assert [state["subscription_id"] for state in page["results"] + rest] == [1, 2]


def test_a_key_tells_its_project(start: Start) -> None:
    client = start(project_id=7, project_name="Shop")
    client.post(ADA)

    assert client.get("/me").json() == {"id": 7, "name": "Shop"}
    assert client.get("/users/ada").json()["project_id"] == 7
    problem(client.get("/me", Authorization="Bearer pk_a"), 401, "authentication_required")


def test_a_deleted_user_leaves_nothing(client: Client) -> None:
    client.post(ADA, BOB)
    for name in ("ada", "bob"):
        toggle = {"subscription_id": 1, "state": 0, "external_id": name}
        client.send("POST", "/subscriptions/batch", [toggle])
        client.send("POST", "/events", [{"name": "seen", "external_id": name}])
    client.send("DELETE", "/users?user_id=ada")
    client.post(ADA)

    assert [event["external_id"] for event in client.sandbox.events] == ["bob"]
    assert client.sandbox.subscriptions == {"ada": {}, "bob": {1: 0}}
