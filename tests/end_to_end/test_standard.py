"""The SDK's own tests for targets, none of them changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.suites import SingerTestSuite
from singer_sdk.testing.target_tests import TargetRecordMissingKeyProperty

from target_spotzee.sandbox import Sandbox
from target_spotzee.singer.target import TargetSpotzee

SANDBOX = Sandbox()
SANDBOX.start()

# The suite has streams without a key; a user needs an identity, so ours says which column it is.
STREAMS: dict[str, Any] = {
    "test_no_pk": {"mapping": {"external_id": "id"}},
    "example_stream": {"mapping": {"external_id": "id"}},
    "test_object_schema_with_properties": {"mapping": {"external_id": "object_store.id"}},
    "test_object_schema_no_properties": {"mapping": {"external_id": "object_store.id"}},
    "*": {},
}

StandardTests = get_target_test_class(
    TargetSpotzee,
    config={
        "api_url": SANDBOX.api_url,
        "api_key": SANDBOX.key,
        "reject_mode": "fail_fast",
        "streams": STREAMS,
    },
    custom_suites=[SingerTestSuite(kind="target", tests=[TargetRecordMissingKeyProperty])],
)


class TestTargetSpotzee(StandardTests):  # type: ignore[misc,valid-type]  # made at run time
    """The standard suite, and the key property test that the SDK leaves out of it."""

    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def _sandbox() -> Iterator[None]:
        yield
        SANDBOX.stop()
