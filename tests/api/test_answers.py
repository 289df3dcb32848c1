"""What Spotzee's answers mean."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from target_spotzee.api.answers import (
    Answer,
    Delivered,
    ItemError,
    Meaning,
    Refused,
    Retry,
    StaleKey,
    read,
)
from target_spotzee.exceptions import RunError
from target_spotzee.objects.kinds import (
    ASKED_OPT_INS,
    REMOVALS,
    USERS_BATCH,
    USERS_QUEUED,
    Kind,
)
from tests import strategies

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)


def answer(status: int, body: Any = b"", **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, CaseInsensitiveDict(named), raw)


def meaning(
    status: int, body: Any = b"", *, items: int = 3, kind: Kind = USERS_BATCH, **headers: str
) -> Meaning:
    return read(answer(status, body, **headers), kind, items, NOW)


def results(*found: dict[str, Any]) -> dict[str, Any]:
    failed = sum("error" in result for result in found)
    return {"results": [*found], "succeeded": len(found) - failed, "failed": failed}


class TestStates:
    STATES = (REMOVALS["delete"][0], ASKED_OPT_INS.asks)

    @pytest.mark.parametrize("kind", STATES)
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"results": None},
            {"results": {}},
            {"results": [None]},
            {"results": [{"state": 0}]},
            {"results": [{"subscription_id": "1", "state": 0}]},
            {"results": [{"subscription_id": 1.0, "state": 0}]},
            {"results": [{"subscription_id": 2, "state": 1}, {"id": 1, "state": 0}]},
        ],
    )
    def test_what_may_hide_a_no_is_asked_again(self, kind: Kind, body: Any) -> None:
        assert isinstance(meaning(200, body, kind=kind), Retry)

    @pytest.mark.parametrize("kind", STATES)
    def test_a_user_may_have_none(self, kind: Kind) -> None:
        assert meaning(200, {"results": []}, kind=kind) == Delivered(found={"results": []})


class TestResults:
    def test_every_item_confirmed(self) -> None:
        found = [{"index": n, "external_id": f"u{n}", "user": {}} for n in range(3)]
        assert meaning(200, results(*found)) == Delivered()

    @pytest.mark.parametrize("success", [{"user": {}}, {"contact": {}}, {}, {"error": None}])
    def test_only_index_and_error_count(self, success: dict[str, Any]) -> None:
        error = {"code": "parameter_invalid_format", "message": "no", "param": "email"}
        found = [{"index": 2, **success}, {"index": 0, "error": error}, {"index": 1, **success}]
        assert meaning(200, results(*found)) == Delivered(
            {0: ItemError("parameter_invalid_format", "no", "email")}
        )

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            ({}, ItemError("unknown")),
            ("broken", ItemError("unknown", "broken")),
            ("", ItemError("unknown")),
            ({"code": 1001, "message": "m"}, ItemError("unknown", "m")),
            ({"code": "jane@example.com says\nhi"}, ItemError("unknown")),
            ({"code": "x" * 65}, ItemError("unknown")),
            ({"code": None, "message": None, "param": None}, ItemError("unknown")),
        ],
    )
    def test_a_refused_item_is_one_whatever_its_error_looks_like(
        self, error: object, expected: ItemError
    ) -> None:
        body = results({"index": 0, "error": error})
        assert meaning(200, body, items=1) == Delivered({0: expected})

    @pytest.mark.parametrize(
        ("code", "is_transient"),
        [
            ("rate_limited", True),
            ("service_unavailable", True),
            ("internal_error", True),
            ("parameter_invalid_format", False),
            ("resource_already_exists", False),
            ("resource_missing", False),
            ("something_new", False),
            ("unknown", False),
        ],
    )
    def test_three_codes_are_worth_another_try(self, code: str, *, is_transient: bool) -> None:
        assert ItemError(code).is_transient is is_transient

    @pytest.mark.parametrize(
        "indexes",
        [
            [],
            [0],
            [0, 1],
            [0, 1, 1],
            [0, 0, 1, 2],
            [1, 2, 3],
            [0, 1, 2, 3],
            [-1, 0, 1],
            [0, 1, 2, 2],
        ],
        ids=str,
    )
    def test_a_list_that_does_not_account_for_every_item_once_is_no_success(
        self, indexes: list[int]
    ) -> None:
        found = meaning(200, results(*({"index": index} for index in indexes)))
        assert isinstance(found, Retry)
        assert found.key_is_spoilt

    @given(st.lists(st.integers(-1, 4), max_size=5), st.sets(st.integers(0, 4)))
    def test_delivered_means_every_index_exactly_once(
        self, indexes: list[int], bad: set[int]
    ) -> None:
        found = [
            {"index": index, **({"error": {"code": "x"}} if index in bad else {})}
            for index in indexes
        ]
        whole = sorted(indexes) == [0, 1, 2]
        expected = {index: ItemError("x") for index in bad & {0, 1, 2}}
        read_as = meaning(200, results(*found))
        assert isinstance(read_as, Delivered) is whole
        assert not isinstance(read_as, Delivered) or read_as.errors == expected

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"{}",
            b'{"results": null}',
            b'{"results": {}}',
            b'{"results": [0, 1, 2]}',
            b'{"results": [{"index": "0"}, {"index": 1}, {"index": 2}]}',
            b'{"results": [{"index": 0}, {"index": 1}, {"index": 2}',
            b"<html>welcome</html>",
            b"\xff\xfe",
            b'{"results": ' + b"[" * 100_000,
            b'{"more": ' + b"[" * 100_000,
            b'{"results": [{"index": 0, "error": "\xff"}]}',
        ],
        ids=lambda body: body[:40].decode(errors="replace"),
    )
    def test_a_success_that_cannot_be_read_is_none(self, body: bytes) -> None:
        for status in (200, 201, 204):
            found = meaning(status, body)
            assert isinstance(found, Retry)
            assert (found.key_is_spoilt, found.limited) == (True, False)


class TestAcceptance:
    @pytest.mark.parametrize("status", [202, 204])
    def test_nothing_more_is_due(self, status: int) -> None:
        assert meaning(status, kind=USERS_QUEUED) == Delivered()

    @pytest.mark.parametrize("status", [200, 201, 206])
    def test_a_page_is_none(self, status: int) -> None:
        found = meaning(status, b"<html>", kind=USERS_QUEUED)
        assert isinstance(found, Retry)
        assert found.key_is_spoilt


class TestTheMoment:
    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (500, {"code": "internal_error"}, "HTTP 500 internal_error"),
            (502, b"<html>bad gateway</html>", "HTTP 502"),
            (503, {"code": "service_unavailable"}, "HTTP 503 service_unavailable"),
            (504, b"", "HTTP 504"),
            (599, b"", "HTTP 599"),
            (408, b"", "HTTP 408"),
            (425, b"", "HTTP 425"),
            (500, {"code": 17}, "HTTP 500"),
            (409, {"code": "idempotency_in_progress"}, "HTTP 409 idempotency_in_progress"),
        ],
    )
    def test_passes(self, status: int, body: Any, reason: str) -> None:
        assert meaning(status, body) == Retry(reason)
        assert meaning(status, body, Retry_After="3") == Retry(reason, 3.0)

    @pytest.mark.parametrize("body", [{"code": "rate_limited"}, b"", b"<html>", {"code": "x"}])
    def test_a_429_is_one_whatever_it_says(self, body: Any) -> None:
        assert meaning(429, body, retry_after="10") == Retry("429 rate_limited", 10.0, limited=True)
        assert meaning(429, body) == Retry("429 rate_limited", None, limited=True)

    def test_retry_after_may_be_a_date(self) -> None:
        found = meaning(503, Retry_After="Sun, 22 Nov 2026 12:00:07 GMT")
        assert isinstance(found, Retry)
        assert found.retry_after_seconds == 7.0

    def test_a_key_known_from_elsewhere(self) -> None:
        assert meaning(409, {"code": "idempotency_key_mismatch"}) == StaleKey()


class TestTheData:
    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (422, {"code": "validation_failed", "message": "m"}, ("validation_failed", "m", None)),
            (
                400,
                {"code": "parameter_missing", "param": "email"},
                ("parameter_missing", "", "email"),
            ),
            (400, b"", ("http_400", "", None)),
            (422, {"code": 12, "error": "legacy", "message": "m"}, ("http_422", "m", None)),
            (413, b"", ("http_413", "", None)),
            (409, {"code": "state_conflict"}, ("state_conflict", "", None)),
            (409, {"code": "resource_already_exists"}, ("resource_already_exists", "", None)),
        ],
    )
    def test_refuses_a_batch_whole(
        self, status: int, body: Any, error: tuple[str, str, str | None]
    ) -> None:
        assert meaning(status, body) == Refused(ItemError(*error))
        assert meaning(status, body, kind=USERS_QUEUED) == Refused(ItemError(*error))

    @pytest.mark.parametrize("status", [400, 409, 422])
    @pytest.mark.parametrize(
        "body",
        [b"<html>no</html>", b'{"more": ' + b"[" * 100_000, b'{"code": "\xff"}'],
        ids=["a page", "too deep", "no text"],
    )
    def test_is_not_what_a_page_refuses_unless_the_api_s_id_is_on_it(
        self, status: int, body: bytes
    ) -> None:
        for kind in (USERS_BATCH, USERS_QUEUED):
            with pytest.raises(RunError, match="this is no answer of Spotzee's"):
                meaning(status, body, kind=kind)
            refused = Refused(ItemError(f"http_{status}"))
            assert meaning(status, body, kind=kind, X_Request_Id="req_1") == refused

    @pytest.mark.parametrize("spelling", ["1.email", "[1].email", "/1/email", "[1]/email"])
    def test_the_guilty_item_is_named_in_several_ways(self, spelling: str) -> None:
        body = {
            "code": "validation_failed",
            "message": "whole",
            "errors": [{"param": spelling, "code": "parameter_invalid_format", "message": "bad"}],
        }
        assert meaning(422, body) == Refused(
            ItemError("validation_failed", "whole"),
            {1: ItemError("parameter_invalid_format", "bad", "email")},
        )

    @given(
        st.integers(0, 99),
        st.sampled_from(["{}.{}", "[{}].{}", "/{}/{}"]),
        st.sampled_from([(), ("email",), ("data", "plan"), ("data", "0")]),
    )
    def test_every_item_and_path_can_be_named(
        self, index: int, spelling: str, path: tuple[str, ...]
    ) -> None:
        separator = "/" if spelling.startswith("/") else "."
        param = spelling.format(index, separator.join(path)).rstrip("./")
        found = meaning(422, {"code": "c", "errors": [{"param": param}]}, items=100)
        assert isinstance(found, Refused)
        assert found.guilty == {index: ItemError("c", "", ".".join(path) or None)}

    @pytest.mark.parametrize(
        "param",
        [
            "",
            "email",
            "3.email",
            "[3]",
            "100.x",
            "-1.email",
            "1x.email",
            "1email",
            "data.1",
            None,
            "1000",
        ],
    )
    def test_what_names_no_item_of_the_request_names_none(self, param: str | None) -> None:
        found = meaning(422, {"code": "validation_failed", "errors": [{"param": param}]})
        assert isinstance(found, Refused)
        assert found.guilty == {}

    def test_several_are_named_and_the_first_reason_counts(self) -> None:
        errors = [
            {"param": "0.email", "code": "first"},
            {"param": "2.phone"},
            {"param": "0.phone", "code": "second"},
        ]
        body = {"code": "validation_failed", "message": "whole", "errors": errors}
        found = meaning(422, body)
        assert isinstance(found, Refused)
        assert found.guilty == {
            0: ItemError("first", "whole", "email"),
            2: ItemError("validation_failed", "whole", "phone"),
        }

    def test_the_answer_s_own_param_can_name_it_too(self) -> None:
        found = meaning(400, {"code": "parameter_missing", "message": "m", "param": "[2].data"})
        assert isinstance(found, Refused)
        assert found.guilty == {2: ItemError("parameter_missing", "m", "data")}


class TestTheRun:
    @pytest.mark.parametrize(
        ("status", "body", "words"),
        [
            (301, b"", "api_url"),
            (307, b"", "redirects"),
            (400, {"code": "version_unsupported"}, "api_version"),
            (400, {"code": "version_required"}, "api_version"),
            (400, {"code": "idempotency_key_invalid"}, "idempotency_key_invalid"),
            (401, {"code": "authentication_required"}, "api_key"),
            (402, {"code": "quota_exceeded"}, "quota"),
            (403, {"code": "permission_denied"}, "role editor"),
            (404, {"code": "resource_missing"}, "api_url"),
            (405, b"", "api_url"),
            (407, b"", "HTTPS_PROXY"),
            (418, b"", "HTTP 418"),
            (100, b"", "HTTP 100"),
        ],
    )
    def test_ends_with_what_to_do(self, status: int, body: Any, words: str) -> None:
        for kind in (USERS_BATCH, USERS_QUEUED):
            with pytest.raises(RunError, match=words) as caught:
                meaning(status, body, kind=kind, X_Request_Id="req_abc")
            assert str(caught.value).startswith("Request req_abc: ")
            assert f"HTTP {status}" in str(caught.value)

    @pytest.mark.parametrize("status", [401, 402, 403, 406, 418, 451])
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"Forbidden",
            b"<html>Request blocked</html>",
            {"message": "Forbidden"},
            {"error": {"code": 403, "status": "PERMISSION_DENIED"}},
            {"type": "about:blank", "title": "Forbidden", "status": 403},
            ["permission_denied"],
            "permission_denied",
            b'{"code": "permission_denied"',
        ],
        ids=str,
    )
    def test_an_answer_that_is_not_the_api_s_is_told_as_one(self, status: int, body: Any) -> None:
        for request_id in ("", "4f0c7a62-1d7e-4f0e-9a3d-0d6a3b1f5c11"):
            with pytest.raises(RunError) as caught:
                meaning(status, body, X_Request_Id=request_id)
            assert "this is no answer of Spotzee's: a firewall or proxy in between" in str(
                caught.value
            )
            assert str(caught.value).endswith(f"(HTTP {status})")
            assert "role" not in str(caught.value)
            assert "api_key" not in str(caught.value)

    @pytest.mark.parametrize(
        "body",
        [
            {"code": "permission_denied"},
            {"code": "permission_denied", "errors": {}, "message": 5},
            {"status": "error", "code": 17, "message": "m"},
            {"status": "error", "code": "new_code"},
            {"status": "error"},
        ],
        ids=str,
    )
    def test_an_answer_that_bears_the_api_s_marks_is_the_api_s(self, body: Any) -> None:
        with pytest.raises(RunError, match=r"^the key's role may not write users") as caught:
            meaning(403, body)
        assert "firewall" not in str(caught.value)

    def test_any_object_under_a_request_id_of_the_api_s_is_the_api_s(self) -> None:
        with pytest.raises(RunError, match="the key's role may not write") as caught:
            meaning(403, {"error": "Forbidden"}, X_Request_Id="req_1")
        assert "firewall" not in str(caught.value)

    @pytest.mark.parametrize(
        ("body", "request_id"),
        [
            (b"<html>", "req_1"),
            (b"", "req_1"),
            ({"code": 403, "message": "Forbidden"}, ""),
            ({"code": "access_denied"}, ""),
        ],
        ids=str,
    )
    def test_where_it_can_t_be_told_both_are_named(self, body: Any, request_id: str) -> None:
        for status, words in ((401, "set api_key"), (402, "quota"), (403, "role")):
            with pytest.raises(RunError, match=words) as caught:
                meaning(status, body, X_Request_Id=request_id)
            assert "or a firewall or proxy in between refuses" in str(caught.value)

    @pytest.mark.parametrize("status", [404, 405])
    def test_a_place_where_no_api_is_may_be_one_that_something_hides(self, status: int) -> None:
        with pytest.raises(RunError, match="there is no Spotzee API at this address; check"):
            meaning(status, {"code": "resource_missing"})
        for body in (b"<html>", b"", {"detail": "Not Found"}):
            with pytest.raises(RunError, match="no Spotzee API at this address, or a firewall"):
                meaning(status, body)

    def test_nothing_that_a_server_writes_is_repeated(self) -> None:
        problem = {"code": "QXZJ QXZJ", "message": "QXZJ", "title": "QXZJ", "param": "QXZJ"}
        with pytest.raises(RunError) as caught:
            meaning(401, problem, X_Request_Id="QXZJ\nQXZJ")
        assert "QXZJ" not in str(caught.value)


class TestHeaders:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [("req_1a-B.2", "req_1a-B.2"), ("", None), ("a b", None), ("x\n", None), ("x" * 101, None)],
    )
    def test_a_request_id_is_fit_for_a_log_or_none(self, header: str, expected: str | None) -> None:
        assert answer(200, X_Request_Id=header).request_id == expected
        assert answer(200).request_id is None

    @pytest.mark.parametrize(
        ("header", "replayed"), [("true", True), ("True", True), ("no", False)]
    )
    def test_a_replay_says_so(self, header: str, *, replayed: bool) -> None:
        assert answer(200, Idempotent_Replayed=header).replayed is replayed
        assert answer(200).replayed is False


problems = st.fixed_dictionaries(
    {},
    optional={
        "code": strategies.json_values
        | st.sampled_from(["validation_failed", "idempotency_in_progress"]),
        "message": strategies.json_values,
        "param": strategies.json_values | st.from_regex(r"\A[\[/]?[0-9]{1,4}[\]./]?\w*\Z"),
        "errors": strategies.json_values
        | st.lists(st.fixed_dictionaries({"param": st.from_regex(r"\A[\[/]?[0-9]{1,4}.*\Z")})),
        "results": strategies.json_values
        | st.lists(st.fixed_dictionaries({"index": st.integers(-2, 4) | strategies.scalars})),
    },
)


@given(
    status=st.sampled_from(
        [200, 201, 202, 204, 207, 301, 400, 401, 404, 409, 413, 422, 429, 500, 503]
    )
    | st.integers(100, 999),
    body=st.binary() | st.builds(lambda value: json.dumps(value, default=str).encode(), problems),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "X-Request-Id", "Idempotent-Replayed"]), st.text()
    ),
    items=st.integers(1, 4),
    kind=st.sampled_from([USERS_BATCH, USERS_QUEUED]),
)
@example(status=422, body=b"9" * 5000, headers={}, items=1, kind=USERS_BATCH)
@example(
    status=200,
    body=b'{"results":[{"index":' + b"9" * 50 + b"}]}",
    headers={},
    items=1,
    kind=USERS_BATCH,
)
@example(
    status=200,
    body=b'{"results":[{"index":1e400}]}',
    headers={},
    items=1,
    kind=USERS_BATCH,
)
def test_any_answer_means_something_or_ends_the_run(
    status: int, body: bytes, headers: dict[str, str], items: int, kind: Kind
) -> None:
    found: Meaning | None = None
    try:
        found = read(Answer(status, headers, body), kind, items, NOW)
    except RunError:
        assert status < 500
    if isinstance(found, Delivered):
        assert 200 <= status < 300
        assert set(found.errors) <= set(range(items))
        if kind.confirms:
            indexes = sorted(result["index"] for result in json.loads(body)["results"])
            assert indexes == list(range(items))
    if isinstance(found, Refused):
        assert set(found.guilty) <= set(range(items))
