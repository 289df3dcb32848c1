from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from target_spotzee.sandbox import Fault, Sandbox
from tests.sandbox.client import problem

if TYPE_CHECKING:
    from tests.sandbox.client import Client
    from tests.sandbox.conftest import Start

ADA = {"external_id": "ada", "email": "ada@shop.example"}
BOB = {"external_id": "bob"}


class TestAccess:
    @pytest.mark.parametrize("authorization", [None, "Bearer sk_other", "Basic c2s6", "sk_sandbox"])
    def test_a_known_secret_key_is_required(
        self, client: Client, authorization: str | None
    ) -> None:
        problem(client.get("/users", Authorization=authorization), 401, "authentication_required")

    @pytest.mark.parametrize("key", ["pk_sandbox", "ok_sandbox"])
    def test_other_kinds_of_keys_are_no_use(self, client: Client, key: str) -> None:
        refused = client.post(ADA, Authorization=f"Bearer {key}")

        problem(refused, 401, "authentication_required")
        assert client.sandbox.users == {}

    @pytest.mark.parametrize("role", ["editor", "publisher", "admin"])
    def test_editors_and_above_may_write(self, start: Start, role: str) -> None:
        assert start(keys={"sk_a": role}).post(ADA).status_code == 200

    @pytest.mark.parametrize("role", ["support", "smtpproxy"])
    def test_those_below_may_only_read(self, start: Start, role: str) -> None:
        client = start(keys={"sk_a": role})

        assert client.get("/users?limit=1").status_code == 200
        assert client.get("/me").status_code == 200
        problem(client.post(ADA), 403, "permission_denied")
        problem(client.patch(ADA), 403, "permission_denied")
        problem(client.send("DELETE", "/users?user_id=ada"), 403, "permission_denied")
        problem(client.send("DELETE", "/users/ada"), 403, "permission_denied")
        problem(client.send("POST", "/events", []), 403, "permission_denied")
        problem(client.send("POST", "/subscriptions/batch", []), 403, "permission_denied")

    def test_an_account_over_its_quota_takes_nothing(self, start: Start) -> None:
        client = start(over_quota=True)

        problem(client.post(ADA), 402, "quota_exceeded")
        assert client.sandbox.users == {}


class TestHeaders:
    def test_the_version_is_echoed(self, client: Client) -> None:
        for headers in ({}, {"Spotzee_Version": "2026-04-28"}):
            response = client.get("/users", **headers)
            assert response.headers["Spotzee-Version"] == "2026-04-28"

    @pytest.mark.parametrize(
        ("version", "code"),
        [
            ("2020-01-01", "version_unsupported"),
            ("2026-13-45", "parameter_invalid_format"),
            ("latest", "parameter_invalid_format"),
        ],
    )
    def test_an_unknown_version_is_refused(self, client: Client, version: str, code: str) -> None:
        problem(client.get("/users", Spotzee_Version=version), 400, code)

    def test_each_answer_has_a_request_id_of_its_own(self, client: Client) -> None:
        responses = [client.post(ADA), client.post({}), client.get("/nowhere"), client.patch(ADA)]
        ids = [response.headers["X-Request-Id"] for response in responses]

        assert all(request_id.startswith("req_") for request_id in ids)
        assert len(set(ids)) == 4
        assert [request.request_id for request in client.sandbox.requests] == ids


class TestPaths:
    @pytest.mark.parametrize("path", ["/nowhere", "/users/", "", "/users/batch/1"])
    def test_a_wrong_path_is_missing(self, client: Client, path: str) -> None:
        problem(client.get(path), 404, "resource_missing")

    def test_a_wrong_base_is_missing(self, client: Client) -> None:
        for path in ("/api", "/users/batch", "/api/clients/users"):
            headers = {"Authorization": f"Bearer {client.sandbox.key}"}
            response = requests.post(client.sandbox.url + path, headers=headers, timeout=10)
            problem(response, 404, "resource_missing")

    def test_a_wrong_method_is_named(self, client: Client) -> None:
        response = client.send("PUT", "/users")

        problem(response, 405, "resource_missing")
        assert response.headers["Allow"] == "GET, PATCH, DELETE"


class TestPost:
    def test_each_item_has_its_own_outcome(self, client: Client) -> None:
        """Partial success is normal, and what succeeded is committed."""
        response = client.post(ADA, {"external_id": "eve", "email": "nope"}, BOB)
        body = response.json()

        assert response.status_code == 200
        assert (body["succeeded"], body["failed"]) == (2, 1)
        assert [result["index"] for result in body["results"]] == [0, 1, 2]
        assert body["results"][0]["user"]["email"] == "ada@shop.example"
        assert body["results"][1]["external_id"] == "eve"
        assert body["results"][1]["error"]["code"] == "validation_failed"
        assert "user" not in body["results"][1]
        assert set(client.sandbox.users) == {"ada", "bob"}

    @pytest.mark.parametrize(
        ("style", "param"),
        [("dot", "1.data"), ("bracket", "[1].data"), ("pointer", "/1/data"), ("none", None)],
    )
    def test_a_broken_item_refuses_the_whole(
        self, start: Start, style: str, param: str | None
    ) -> None:
        """The good ones are not written either."""
        client = start(param_style=style)
        body = problem(client.post(ADA, {"external_id": "b", "data": 3}), 422, "validation_failed")

        assert [error["param"] for error in body.get("errors", [])] == ([param] if param else [])
        assert client.sandbox.users == {}

    @pytest.mark.parametrize("body", [b"nope", b"[NaN]", b'{"users": []}', b""])
    def test_what_is_no_array_is_refused(self, client: Client, body: bytes) -> None:
        response = client.send("POST", "/users/batch", body)

        assert response.status_code == 400
        assert response.json()["code"].startswith("parameter_")

    def test_too_large_a_body_is_refused(self, start: Start) -> None:
        client = start(max_body_bytes=1000)

        assert client.post(ADA).status_code == 200
        assert client.post(ADA | {"data": {"x": "x" * 1000}}).status_code == 413

    def test_too_long_an_address_is_refused(self, client: Client) -> None:
        """15 kB are fine, 19 kB are not, as measured."""
        assert client.send("DELETE", f"/users?user_id={'a' * 15_000}").status_code == 204
        problem(client.send("DELETE", f"/users?user_id={'a' * 19_000}"), 431, "validation_failed")

    def test_a_body_that_is_not_what_its_headers_say_is_refused(self, client: Client) -> None:
        response = client.send("POST", "/users/batch", b"[]", Content_Encoding="gzip")

        problem(response, 400, "parameter_invalid_format")

    @pytest.mark.parametrize(
        ("field", "longest"),
        [
            ("external_id", "x" * 255),
            ("anonymous_id", "x" * 255),
            ("email", f"{'x' * 60}@{'y' * 60}.{'y' * 60}.{'y' * 60}.{'y' * 6}.com"),
            ("phone", "1" * 64),
            ("timezone", "x" * 50),
            ("locale", "ü" * 255),
        ],
    )
    def test_too_long_a_value_is_the_fault_of_its_item(
        self, client: Client, field: str, longest: str
    ) -> None:
        body = client.post(
            BOB | {field: longest}, {"external_id": "eve", field: f"x{longest}"}, BOB
        )
        outcomes = [result.get("error", {}).get("code") for result in body.json()["results"]]

        assert outcomes == [None, "validation_failed", None]

    def test_releases_differ_in_what_a_result_holds(self, start: Start) -> None:
        result = start(success_key="contact", ids_in_results=False).post(ADA).json()["results"][0]

        assert set(result) == {"index", "contact"}

    def test_numbers_come_back_as_they_were(self, client: Client) -> None:
        body = b'[{"external_id":"a","data":{"n":1.10,"i":9007199254740993}}]'

        assert b'"data":{"n":1.10,"i":9007199254740993}' in (
            client.send("POST", "/users/batch", body).content
        )


class TestPatch:
    def test_it_is_queued_without_a_word(self, client: Client) -> None:
        response = client.patch(ADA, {"external_id": "eve", "email": "nope"})

        assert (response.status_code, response.content) == (204, b"")
        assert set(client.sandbox.users) == {"ada"}
        assert [dropped.item["external_id"] for dropped in client.sandbox.dropped] == ["eve"]

    def test_too_long_a_value_is_lost_without_a_word(self, client: Client) -> None:
        response = client.patch(ADA, {"external_id": "eve", "timezone": "x" * 51})

        assert (response.status_code, response.content) == (204, b"")
        assert set(client.sandbox.users) == {"ada"}
        (dropped,) = client.sandbox.dropped
        assert (dropped.index, dropped.code) == (1, "validation_failed")
        assert dropped.message == "timezone has more than 50 characters"

    def test_a_broken_item_still_refuses_the_whole(self, client: Client) -> None:
        problem(client.patch(ADA, {}), 422, "validation_failed")
        assert client.sandbox.users == {}

    def test_it_is_applied_later(self, start: Start) -> None:
        client = start(queue_delay=3600)
        client.patch(ADA)
        assert client.sandbox.users == {}

        client.sandbox.settle()
        assert set(client.sandbox.users) == {"ada"}

    def test_its_order_is_not_promised(self, start: Start) -> None:
        client = start(queue_delay=3600, shuffle_queue=True)
        for number in range(20):
            client.patch({"external_id": "a", "data": {"n": number}})
        client.sandbox.settle()

        applied = [user["data"]["n"] for user in client.sandbox.history("a")]
        assert sorted(applied) == list(range(20))
        assert applied != list(range(20))


class TestIdempotency:
    def test_a_repeated_request_is_answered_from_memory(self, client: Client) -> None:
        first, again = client.post(ADA, key="k"), client.post(ADA, key="k")

        assert again.content == first.content
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        assert [request.applied for request in client.sandbox.requests] == [True, False]

    def test_a_key_over_two_moments_loses_the_second_write(self, client: Client) -> None:
        """A → B → A, and the third is not applied: the user stays B."""
        for plan, key in (("A", "1"), ("B", "2"), ("A", "1")):
            client.post({"external_id": "x", "data": {"plan": plan}}, key=key)

        assert client.sandbox.users["x"]["data"] == {"plan": "B"}

    def test_another_body_is_a_mismatch(self, client: Client) -> None:
        client.post(ADA, key="k")
        problem(client.post(BOB, key="k"), 409, "idempotency_key_mismatch")

    def test_a_refusal_is_remembered(self, client: Client) -> None:
        client.post({}, key="k")
        again = client.post({}, key="k")

        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (422, "true")

    def test_patches_have_keys_too(self, client: Client) -> None:
        client.patch(ADA, key="k")
        again = client.patch(ADA, key="k")

        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (204, "true")

    def test_an_empty_key_is_refused(self, client: Client) -> None:
        problem(client.post(ADA, key=""), 400, "idempotency_key_invalid")

    def test_where_it_is_not_enforced_the_header_has_no_effect(self, start: Start) -> None:
        client = start(idempotency=False)
        for key in ("k", "k", "", "x" * 300):
            response = client.post(ADA, key=key)
            assert response.status_code == 200
            assert "Idempotent-Replayed" not in response.headers

        assert all(request.applied for request in client.sandbox.requests)


class TestLimits:
    def test_one_request_too_many_is_told_to_wait(self, start: Start) -> None:
        client = start(requests_per_10s=2, clock=lambda: 0.0)
        for _ in range(2):
            assert client.post(ADA).status_code == 200

        limited = client.post(ADA, key="k")
        problem(limited, 429, "rate_limited")
        assert limited.headers["Retry-After"] == "10"
        assert client.sandbox.statuses == {"200": 2, "429": 1}

    def test_a_tier_counts_writes_and_says_so_on_every_answer(self, start: Start) -> None:
        client = start(tier="starter", clock=lambda: 0.0)
        client.get("/users")
        for remaining in (999, 998):
            assert client.post(ADA).headers["X-RateLimit-Remaining"] == str(remaining)

        assert client.get("/nowhere").headers["X-RateLimit-Tier"] == "starter"

    def test_limits_can_be_off(self, start: Start) -> None:
        client = start(ip_limit=False, requests_per_10s=1)

        assert [client.post(ADA).status_code for _ in range(3)] == [200] * 3


class TestJournal:
    def test_two_writes_of_one_user_at_once_are_noticed(self, start: Start) -> None:
        """Ids are compared case-blind, since the server may."""
        client = start(Fault(effect="stall", first=2, seconds=3600))
        with ThreadPoolExecutor() as pool:
            for user in (ADA, {"external_id": "ADA"} | {"anonymous_id": "c"}):
                pool.submit(self.give_up, client.sandbox, user)
            client.sandbox.wait_until(lambda sandbox: sandbox.in_flight == 2)
            assert client.sandbox.max_in_flight == 2
            assert client.sandbox.overlaps == ["external_id:ada"]
            client.sandbox.stop()

    def test_one_after_the_other_is_fine(self, client: Client) -> None:
        for _ in range(3):
            client.post(ADA)

        assert (client.sandbox.overlaps, client.sandbox.max_in_flight) == ([], 1)

    def test_it_remembers_what_was_sent(self, client: Client) -> None:
        client.post(ADA, {"anonymous_id": "c"}, key="k", X_Shop="seven")
        request = client.sandbox.requests[0]

        assert (request.number, request.method) == (1, "POST")
        assert request.path == "/api/client/users/batch"
        assert request.json == [ADA, {"anonymous_id": "c"}]
        assert (request.external_ids, request.anonymous_ids) == (("ada",), ("c",))
        assert (request.idempotency_key, request.headers["x-shop"]) == ("k", "seven")
        assert (request.status, request.items, request.failed) == (200, 2, 0)
        assert request.applied

    def test_memory_can_have_an_end(self, start: Start) -> None:
        client = start(keep_requests=2)
        for _ in range(5):
            client.post(ADA)

        assert [request.number for request in client.sandbox.requests] == [4, 5]
        assert client.sandbox.statuses == {"200": 5}

    @staticmethod
    def give_up(sandbox: Sandbox, user: dict[str, str]) -> None:
        headers = {"Authorization": f"Bearer {sandbox.key}"}
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{sandbox.api_url}/users/batch", json=[user], headers=headers, timeout=9)


class TestDoor:
    def test_a_sandbox_can_refuse_connections_for_a_while(self, client: Client) -> None:
        client.post(ADA)
        client.sandbox.refuse()
        client.sandbox.refuse()
        for _ in range(2):
            with pytest.raises(requests.ConnectionError):
                client.post(ADA)

        client.sandbox.accept()
        client.sandbox.accept()
        assert client.post(ADA).status_code == 200

    def test_what_it_remembers_outlives_it(self, client: Client) -> None:
        client.post(ADA)
        client.sandbox.stop()

        assert set(client.sandbox.users) == {"ada"}

    def test_a_port_that_is_taken_is_an_error(self, client: Client) -> None:
        port = int(client.sandbox.url.rpartition(":")[2])

        with pytest.raises(OSError, match="in use"):
            Sandbox(port=port).start()

    def test_anonymous_users_are_listed_apart(self, client: Client) -> None:
        client.post(ADA, {"anonymous_id": "c"})

        assert set(client.sandbox.users) == {"ada"}
        assert set(client.sandbox.anonymous_users) == {"c"}
        assert client.sandbox.user("nobody") is None
