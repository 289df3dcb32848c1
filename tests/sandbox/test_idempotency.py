from __future__ import annotations

import pytest

from target_spotzee.sandbox.idempotency import Idempotency
from target_spotzee.sandbox.problems import Problem, Reply


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> Idempotency:
    return Idempotency(clock)


def refused(memory: Idempotency, key: str, fingerprint: str) -> Problem:
    with pytest.raises(Problem) as problem:
        memory.begin("sk_a", key, fingerprint)
    return problem.value


def test_the_same_key_and_bytes_get_the_first_answer_again(memory: Idempotency) -> None:
    assert memory.begin("sk_a", "k", "body") is None
    memory.finish("sk_a", "k", Reply(200, b"first"))

    assert memory.begin("sk_a", "k", "body") == Reply(200, b"first")


def test_a_key_belongs_to_an_api_key(memory: Idempotency) -> None:
    memory.begin("sk_a", "k", "body")
    memory.finish("sk_a", "k", Reply(200))

    assert memory.begin("sk_b", "k", "body") is None


def test_the_same_key_with_another_body_is_a_mismatch(memory: Idempotency) -> None:
    memory.begin("sk_a", "k", "body")
    assert refused(memory, "k", "other").code == "idempotency_key_mismatch"

    memory.finish("sk_a", "k", Reply(200))
    problem = refused(memory, "k", "other")
    assert (problem.status, problem.code) == (409, "idempotency_key_mismatch")


def test_a_key_whose_request_still_runs_is_told_to_wait(memory: Idempotency) -> None:
    memory.begin("sk_a", "k", "body")
    problem = refused(memory, "k", "body")

    assert (problem.status, problem.code) == (409, "idempotency_in_progress")
    assert problem.headers == {"Retry-After": "1"}


@pytest.mark.parametrize("status", [200, 204, 400, 402, 403, 409, 422])
def test_2xx_and_4xx_are_remembered(memory: Idempotency, status: int) -> None:
    memory.begin("sk_a", "k", "body")
    memory.finish("sk_a", "k", Reply(status))

    assert memory.begin("sk_a", "k", "body") == Reply(status)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_5xx_and_429_are_not(memory: Idempotency, status: int) -> None:
    memory.begin("sk_a", "k", "body")
    memory.finish("sk_a", "k", Reply(status))

    assert memory.begin("sk_a", "k", "another body") is None


def test_after_24_hours_a_key_is_forgotten(memory: Idempotency, clock: Clock) -> None:
    memory.begin("sk_a", "k", "body")
    memory.finish("sk_a", "k", Reply(200))

    clock.now = 24 * 3600 - 1
    assert memory.begin("sk_a", "k", "body") == Reply(200)

    clock.now = 24 * 3600
    assert memory.begin("sk_a", "k", "body") is None


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_1_to_255_characters(memory: Idempotency, key: str) -> None:
    problem = refused(memory, key, "body")

    assert (problem.status, problem.code) == (400, "idempotency_key_invalid")
    assert memory.begin("sk_a", "k" * 255, "body") is None
