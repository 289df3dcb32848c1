from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from target_spotzee.sandbox import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.sandbox.client import Client
    from tests.sandbox.conftest import Start

ADA = {"external_id": "ada"}
BOB = {"external_id": "bob"}
EVE = {"external_id": "eve"}


def lost(client: Client, *users: Any, **how: Any) -> None:
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.post(*users, **how)


class TestInstead:
    """The operation does not run."""

    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            (Fault(effect="status"), 500, "internal_error"),
            (Fault(effect="status", status=503), 503, "service_unavailable"),
            (Fault(effect="status", status=401), 401, "authentication_required"),
            (Fault(effect="status", status=418, code="teapot"), 418, "teapot"),
            (Fault(effect="status", status=400, numeric_code=1003), 400, 1003),
            (Fault(effect="rate_limited"), 429, "rate_limited"),
            (Fault(effect="quota"), 402, "quota_exceeded"),
            (Fault(effect="in_progress"), 409, "idempotency_in_progress"),
            (Fault(effect="mismatch"), 409, "idempotency_key_mismatch"),
        ],
    )
    def test_it_is_refused(self, start: Start, fault: Fault, status: int, code: object) -> None:
        client = start(fault)
        response = client.post(ADA)

        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.headers["Content-Type"] == "application/problem+json"
        assert client.sandbox.users == {}
        assert client.sandbox.requests[0].fault == fault.effect
        assert not client.sandbox.requests[0].applied

    @pytest.mark.parametrize("effect", ["status", "rate_limited", "in_progress"])
    @pytest.mark.parametrize(
        ("retry_after", "header"),
        [(None, None), (7, "7"), (0, "0"), ("Sun, 22 Nov 2026 12:00:00 GMT",) * 2],
    )
    def test_it_may_say_when_to_come_back(
        self, start: Start, effect: Any, retry_after: Any, header: str | None
    ) -> None:
        response = start(Fault(effect=effect, retry_after=retry_after)).post(ADA)

        assert response.headers.get("Retry-After") == header

    def test_a_proxy_may_answer(self, start: Start) -> None:
        response = start(Fault(effect="status", status=502, html=True, huge_bytes=5000)).post(ADA)

        assert response.headers["Content-Type"] == "text/html"
        assert response.text.startswith("<html>")
        assert len(response.content) > 5000

    def test_a_body_can_be_huge(self, start: Start) -> None:
        response = start(Fault(effect="status", huge_bytes=100_000)).post(ADA)

        assert len(response.json()["message"]) > 100_000

    def test_a_redirect(self, start: Start) -> None:
        response = start(Fault(effect="redirect", location="http://elsewhere.example/")).post(ADA)

        assert (response.status_code, response.text) == (307, "")
        assert response.headers["Location"] == "http://elsewhere.example/"

    @pytest.mark.parametrize("effect", ["reset_before", "stall"])
    def test_nothing_comes_back(self, start: Start, effect: Any) -> None:
        client = start(Fault(effect=effect, first=1, seconds=0.01))
        lost(client, ADA, key="k")

        assert client.sandbox.users == {}
        assert client.sandbox.statuses == {"none": 1}
        assert "Idempotent-Replayed" not in client.post(ADA, key="k").headers

    @pytest.mark.parametrize(
        ("fault", "is_remembered"),
        [
            (Fault(effect="status", status=422, first=1), True),
            (Fault(effect="quota", first=1), True),
            (Fault(effect="refuse_batch", external_id="ada", first=1), True),
            (Fault(effect="status", status=500, first=1), False),
            (Fault(effect="status", status=429, first=1), False),
            (Fault(effect="status", status=403, html=True, first=1), False),
            (Fault(effect="status", status=409, code="idempotency_in_progress", first=1), False),
            (Fault(effect="rate_limited", first=1), False),
            (Fault(effect="in_progress", first=1), False),
            (Fault(effect="redirect", first=1), False),
        ],
    )
    def test_only_the_servers_own_4xx_is_remembered(
        self, start: Start, fault: Fault, is_remembered: bool
    ) -> None:
        client = start(fault)
        first, again = client.post(ADA, key="k"), client.post(ADA, key="k")

        assert again.status_code == (first.status_code if is_remembered else 200)
        assert ("Idempotent-Replayed" in again.headers) == is_remembered


class TestAfter:
    """The operation runs and is remembered; its answer is lost or damaged."""

    @pytest.mark.parametrize("effect", ["reset_after", "stall_after", "truncated"])
    def test_the_answer_is_lost_and_a_retry_gets_it(self, start: Start, effect: Any) -> None:
        client = start(Fault(effect=effect, first=1, seconds=0.01))
        lost(client, ADA, key="k")
        assert set(client.sandbox.users) == {"ada"}

        again = client.post(ADA, key="k")
        assert (again.json()["succeeded"], again.headers["Idempotent-Replayed"]) == (1, "true")
        assert len(client.sandbox.history("ada")) == 1

    def test_without_keys_a_retry_runs_again(self, start: Start) -> None:
        client = start(Fault(effect="reset_after", first=1), idempotency=False)
        lost(client, ADA, key="k")
        client.post(ADA, key="k")

        assert len(client.sandbox.history("ada")) == 2

    @pytest.mark.parametrize(("effect", "length"), [("garbage", 32), ("empty", 0)])
    def test_a_200_can_be_nonsense(self, start: Start, effect: Any, length: int) -> None:
        client = start(Fault(effect=effect))
        response = client.post(ADA)

        assert (response.status_code, len(response.content)) == (200, length)
        with pytest.raises(requests.JSONDecodeError):
            response.json()
        assert set(client.sandbox.users) == {"ada"}

    def test_a_drip_is_whole_in_the_end(self, start: Start) -> None:
        assert start(Fault(effect="drip", seconds=0)).post(ADA).json()["succeeded"] == 1

    def test_who_can_not_wait_for_the_drops_leaves(self, start: Start) -> None:
        client = start(Fault(effect="drip", seconds=0.02))
        headers = {"Authorization": f"Bearer {client.sandbox.key}"}
        url = f"{client.sandbox.api_url}/users/batch"
        with requests.post(url, json=[ADA], headers=headers, stream=True, timeout=5) as response:
            assert response.raw.read(1) == b"{"
        client.sandbox.wait_until(lambda sandbox: sandbox.in_flight == 0)

    @pytest.mark.parametrize(
        ("effect", "indexes"),
        [
            ("results_short", [0, 1]),
            ("results_doubled", [0, 1, 0]),
            ("results_shuffled", [0, 1, 2]),
        ],
    )
    def test_results_can_be_incomplete_or_out_of_order(
        self, start: Start, effect: Any, indexes: list[int]
    ) -> None:
        client = start(Fault(effect=effect, first=1), seed=1)
        results = client.post(ADA, BOB, EVE, key="k").json()["results"]
        seen = [result["index"] for result in results]

        if effect == "results_shuffled":
            assert seen != indexes
            seen.sort()
        assert seen == indexes
        again = client.post(ADA, BOB, EVE, key="k").json()["results"]
        assert [result["index"] for result in again] == [0, 1, 2]

    @pytest.mark.parametrize(
        ("effect", "keys"),
        [
            ("results_unknown_code", {"index", "external_id", "anonymous_id", "error"}),
            ("results_no_ids", {"index", "user"}),
            ("results_key", {"index", "external_id", "anonymous_id", "contact"}),
        ],
    )
    def test_results_can_look_different(self, start: Start, effect: Any, keys: set[str]) -> None:
        client = start(Fault(effect=effect, code="made_up"))
        result = client.post(ADA).json()["results"][0]

        assert set(result) == keys
        if effect == "results_unknown_code":
            assert result["error"]["code"] == "made_up"

    def test_an_answer_without_results_can_not_lose_them(self, start: Start) -> None:
        client = start(Fault(effect="results_short"))

        assert client.patch(ADA).status_code == 204
        assert client.get("/users/nobody").status_code == 404


@pytest.mark.parametrize("effect", ["reset_before", "reset_after", "late"])
def test_a_reset_is_a_reset_and_not_an_orderly_end(start: Start, effect: Any) -> None:
    with pytest.raises(requests.ConnectionError, match="ConnectionResetError"):
        start(Fault(effect=effect)).post(ADA)


class TestLate:
    def test_it_is_applied_after_the_answer_was_lost(self, start: Start) -> None:
        client = start(Fault(effect="late", first=1, seconds=0.05))
        lost(client, ADA, key="k")
        assert client.sandbox.users == {}

        running = client.post(ADA, key="k")
        assert running.json()["code"] == "idempotency_in_progress"
        assert running.headers["Retry-After"] == "1"
        client.sandbox.wait_until(lambda sandbox: "ada" in sandbox.users)
        assert client.post(ADA, key="k").headers["Idempotent-Replayed"] == "true"

    def test_without_keys_it_undoes_what_came_in_between(self, start: Start) -> None:
        client = start(Fault(effect="late", first=1, seconds=0.05), idempotency=False)
        lost(client, ADA | {"locale": "fr"})
        client.post(ADA | {"locale": "en"})
        client.sandbox.wait_until(lambda sandbox: len(sandbox.history("ada")) == 2)

        assert client.sandbox.users["ada"]["locale"] == "fr"

    def test_the_end_of_the_sandbox_does_not_wait_for_it(self, start: Start) -> None:
        client = start(Fault(effect="late", seconds=3600))
        lost(client, ADA)
        client.sandbox.stop()

        assert client.sandbox.users == {}


class TestItems:
    def outcomes(self, response: requests.Response) -> Iterable[str]:
        for result in response.json()["results"]:
            yield result["error"]["code"] if "error" in result else "ok"

    def test_one_item_fails_and_the_others_are_applied(self, start: Start) -> None:
        client = start(
            Fault(effect="item_error", external_id="ada", code="service_unavailable", times=1),
            Fault(effect="item_error", external_id=["eve"], message="no Eves"),
        )

        assert [*self.outcomes(client.post(ADA, BOB, EVE))] == [
            "service_unavailable",
            "ok",
            "validation_failed",
        ]
        assert set(client.sandbox.users) == {"bob"}
        assert [*self.outcomes(client.post(ADA, EVE))] == ["ok", "validation_failed"]

    def test_a_patch_drops_it_silently(self, start: Start) -> None:
        client = start(Fault(effect="item_error", external_id="ada", code="state_conflict"))

        assert client.patch(ADA, BOB).status_code == 204
        assert set(client.sandbox.users) == {"bob"}
        assert [dropped.code for dropped in client.sandbox.dropped] == ["state_conflict"]

    @pytest.mark.parametrize("status", [400, 413, 422])
    @pytest.mark.parametrize(
        "guilty", [{"external_id": "eve"}, {"index": 1}, {"external_id": ["eve", "x"]}]
    )
    def test_one_item_refuses_the_whole(
        self, start: Start, status: int, guilty: dict[str, Any]
    ) -> None:
        client = start(Fault(effect="refuse_batch", status=status, **guilty))
        response = client.post(ADA, EVE)

        assert response.status_code == status
        assert [error["param"] for error in response.json()["errors"]] == ["1.email"]
        assert client.sandbox.users == {}
        assert client.post(ADA).status_code == 200

    def test_it_need_not_be_named(self, start: Start) -> None:
        client = start(Fault(effect="refuse_batch", external_id="eve", named=False))

        assert "errors" not in client.post(ADA, EVE).json()
