"""The sandbox against the published OpenAPI file: many made-up requests to each operation."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import Phase, settings

from target_spotzee.sandbox import Sandbox
from target_spotzee.sandbox.options import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator


def narrowed() -> dict[str, Any]:
    """The file, and what contract.md adds to it.

    An unknown version is refused, and so is an item whose only id is empty. A bad email is the
    fault of its item, and never refuses the whole.
    """
    text = (files("target_spotzee.sandbox") / "openapi.yaml").read_text("utf-8")
    document: dict[str, Any] = schemathesis.openapi.from_file(text).raw_schema
    components = document["components"]
    components["parameters"]["Version"]["schema"] = {"type": "string", "enum": [VERSION]}
    for name in ("UserUpsert", "EventInput", "SubscriptionToggle"):
        for way in components["schemas"][name]["anyOf"]:
            for rule in way["properties"].values():
                rule["minLength"] = 1
    del components["schemas"]["UserUpsert"]["properties"]["email"]["format"]
    del components["schemas"]["EventInput"]["properties"]["user"]["properties"]["email"]["format"]
    return document


schema = schemathesis.openapi.from_dict(narrowed())
# The key is given below; what a wrong one does is checked all the same.
schema.config.generation.update(with_security_parameters=False)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(ip_limit=False) as sandbox:
        yield sandbox


@schema.parametrize()
@settings(max_examples=60, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
def test_every_operation_keeps_the_file(case: schemathesis.Case[Any], sandbox: Sandbox) -> None:
    case.call_and_validate(
        base_url=sandbox.api_url, headers={"Authorization": f"Bearer {sandbox.key}"}
    )
