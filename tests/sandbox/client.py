"""What the tests speak HTTP with: no retries, nothing clever."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from target_spotzee.sandbox import Sandbox


class Client:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        timeout: float = 10,
        **headers: str | None,
    ) -> requests.Response:
        """Sends one request; ``key`` is the Idempotency-Key, ``body`` JSON or bytes."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent = {
            "Authorization": f"Bearer {self.sandbox.key}",
            "Idempotency-Key": key,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self._session.request(
            method,
            self.sandbox.api_url + path,
            data=body,
            headers={name: value for name, value in sent.items() if value is not None},
            timeout=timeout,
            allow_redirects=False,
        )

    def post(self, *users: Any, **how: Any) -> requests.Response:
        return self.send("POST", "/users/batch", list(users), **how)

    def patch(self, *users: Any, **how: Any) -> requests.Response:
        return self.send("PATCH", "/users", list(users), **how)

    def get(self, path: str, **how: Any) -> requests.Response:
        return self.send("GET", path, **how)


def problem(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The body of a refusal that looks as the contract says."""
    body: dict[str, Any] = response.json()
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("application/problem+json")
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert (body["status"], body["code"], body["error"]) == ("error", code, body["message"])
    assert body["title"]
    assert body["type"]
    return body
