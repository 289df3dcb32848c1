from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_spotzee.sandbox.options import Options
from target_spotzee.sandbox.problems import Refusal
from target_spotzee.sandbox.project import Project

if TYPE_CHECKING:
    from target_spotzee.sandbox.users import User


def new_project(**options: Any) -> Project:
    return Project(Options(**options), lambda: "2026-11-01T00:00:00.000Z")


def found(project: Project, external_id: str) -> User:
    user = project.users.find(external_id)
    assert user is not None
    return user


def names(project: Project, external_id: str) -> list[str]:
    number = found(project, external_id).id
    return [event.name for event in project.events if event.user_id == number]


def test_who_turns_out_to_be_another_brings_events_and_states() -> None:
    """What the known user has already is not changed."""
    project = new_project()
    for ids, name, states in (
        ({"external_id": "ada"}, "bought", {1: 0}),
        ({"anonymous_id": "c"}, "seen", {1: 1, 2: 1}),
    ):
        project.track(ids | {"name": name})
        for number, state in states.items():
            project.toggle(ids | {"subscription_id": number, "state": state})
    project.upsert({"external_id": "ada", "anonymous_id": "c"})

    assert names(project, "ada") == ["bought", "seen"]
    assert project.subscriptions.states(found(project, "ada").id) == {1: 0, 2: 1}

    project.delete("ada")
    assert list(project.events) == []


def test_only_so_many_events_are_remembered() -> None:
    project = new_project(keep_requests=2)
    for number in range(4):
        project.track({"external_id": f"u{number % 2}", "name": str(number)})
    assert [event.name for event in project.events] == ["2", "3"]

    project.delete("u0")
    assert [event.name for event in project.events] == ["3"]


def test_without_a_time_an_event_is_of_now() -> None:
    project = new_project()
    project.track({"external_id": "ada", "name": "seen", "created_at": None})

    (event,) = project.events
    assert event.plain({}, with_data=False)["created_at"] == "2026-11-01T00:00:00.000Z"


def test_deleting_nobody_does_nothing() -> None:
    project = new_project()
    project.upsert({"external_id": "ada"})
    project.delete("bob")

    assert len(project.users) == 1


@pytest.mark.parametrize("item", [{"external_id": "bob"}, {"subscription_id": 9}])
def test_a_toggle_needs_its_user_and_its_type(item: dict[str, Any]) -> None:
    project = new_project()
    project.upsert({"external_id": "ada"})

    with pytest.raises(Refusal) as refused:
        project.toggle({"external_id": "ada", "subscription_id": 1, "state": 0} | item)
    assert refused.value.code == "resource_missing"
