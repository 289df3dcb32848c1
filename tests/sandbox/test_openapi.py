"""The sandbox against the published OpenAPI file: many made-up requests to each operation."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import Phase, settings

from target_spotzee.sandbox import Sandbox
from target_spotzee.sandbox.options import VERSION
from target_spotzee.sandbox.users import COLUMNS
from tests.sandbox.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator


def narrowed() -> dict[str, Any]:
    """The file, and what it leaves open.

    An unknown version is refused, and so is an item whose only id is empty, or a column that
    there is not to sort by. A value that is too long, or a bad email, is the fault of its item,
    and never refuses the whole.
    """
    text = (files("target_spotzee.sandbox") / "openapi.yaml").read_text("utf-8")
    document: dict[str, Any] = schemathesis.openapi.from_file(text).raw_schema
    components = document["components"]
    components["parameters"]["Version"]["schema"] = {"type": "string", "enum": [VERSION]}
    for parameter in document["paths"]["/users"]["get"]["parameters"]:
        if parameter.get("name") == "sort":
            parameter["schema"] = {"type": "string", "enum": [*COLUMNS]}
    for name in ("UserUpsert", "EventInput", "SubscriptionToggle"):
        for way in components["schemas"][name]["anyOf"]:
            for rule in way["properties"].values():
                rule["minLength"] = 1
    user = components["schemas"]["UserUpsert"]["properties"]
    del user["email"]["format"], user["timezone"]["maxLength"], user["locale"]["maxLength"]
    del components["schemas"]["EventInput"]["properties"]["user"]["properties"]["email"]["format"]
    return document


schema = schemathesis.openapi.from_dict(narrowed())
# The key is given below; what a wrong one does is checked all the same.
schema.config.generation.update(with_security_parameters=False)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One that holds some of everything."""
    with Sandbox(ip_limit=False) as sandbox, Client(sandbox) as client:
        client.post({"external_id": "ada", "email": "ada@shop.example", "data": {"n": [1.5]}})
        client.send(
            "POST", "/events", [{"name": "seen", "external_id": "ada", "data": {"x": 1}}] * 3
        )
        toggles = [{"subscription_id": n, "state": n, "external_id": "ada"} for n in (1, 2)]
        client.send("POST", "/subscriptions/batch", toggles)
        yield sandbox


@schema.parametrize()
@settings(max_examples=60, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
def test_every_operation_keeps_the_file(case: schemathesis.Case[Any], sandbox: Sandbox) -> None:
    case.call_and_validate(
        base_url=sandbox.api_url, headers={"Authorization": f"Bearer {sandbox.key}"}
    )


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/users", "/users?limit=1"),
        ("/users/{externalId}", "/users/ada"),
        ("/users/{externalId}/subscriptions", "/users/ada/subscriptions?limit=1"),
        ("/me", "/me"),
        (
            "/events",
            "/events?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&include_payload=true&limit=2",
        ),
        ("/subscriptions", "/subscriptions?limit=1"),
    ],
)
def test_an_answer_that_holds_something_keeps_the_file(
    path: str, asked: str, sandbox: Sandbox
) -> None:
    """Made-up requests hardly ever hit what there is."""
    with Client(sandbox) as client:
        response = client.get(asked)

    assert response.status_code == 200
    assert response.json().get("results") != []
    schema[path]["GET"].validate_response(response)
