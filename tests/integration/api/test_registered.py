"""Triggers follow the published version: they come, stay, change and go with it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.db import triggers
from tests.integration.api.caller import Caller, definition

Person = Callable[..., Caller]
Database = psycopg.Connection[Any]


def follows(key: str, workflow: str, **fields: Any) -> dict[str, Any]:
    return {"id": key, "type": "execution", "workflowId": workflow, **fields}


def put(caller: Caller, workflow: str, *found: dict[str, Any]) -> None:
    body = {"name": "Orders", "definition": definition() | {"triggers": list(found)}}
    etag = caller("GET", f"/workflows/{workflow}").headers["ETag"]
    assert caller("PUT", f"/workflows/{workflow}", body, If_Match=etag).status_code == 200


def registered(connection: Database, workflow: str) -> dict[str, triggers.Trigger]:
    return {trigger.key: trigger for trigger in triggers.of_workflow(connection, uuid_of(workflow))}


def uuid_of(workflow: str) -> UUID:
    found = ids.decode(ids.WORKFLOW, workflow)
    assert found is not None
    return found


def test_they_are_those_of_the_published_version(admin: Caller, connection: Database) -> None:
    other, workflow = admin.workflow("Other"), admin.workflow()
    assert registered(connection, workflow) == {}
    put(admin, workflow, follows("a", other), follows("b", other, on=["failed", "success"], name="Both"))
    assert registered(connection, workflow) == {}
    assert admin("POST", f"/workflows/{workflow}/publish").status_code == 201
    first = registered(connection, workflow)
    assert {key: (each.config["on"], each.name, each.version) for key, each in first.items()} == {
        "a": (["success"], "", 2),
        "b": (["failed", "success"], "Both", 2),
    }
    put(admin, workflow, follows("b", other), {"id": "c", "type": "manual"})
    assert admin("POST", f"/workflows/{workflow}/publish").status_code == 201
    (second,) = registered(connection, workflow).values()
    assert (second.id, second.config["on"], second.version) == (first["b"].id, ["success"], 3)


def test_a_pause_outlives_a_new_version_and_not_a_removal(admin: Caller, connection: Database) -> None:
    other, workflow = admin.workflow("Other"), admin.workflow()
    for found, paused in (([follows("a", other)], False), ([follows("a", other)], True), ([], None)):
        put(admin, workflow, *found)
        assert admin("POST", f"/workflows/{workflow}/publish").status_code == 201
        for trigger in registered(connection, workflow).values():
            assert (trigger.paused_at is not None) is paused
            assert triggers.pause(connection, trigger.id, paused=True)
    assert not triggers.pause(connection, trigger.id, paused=False)
    put(admin, workflow, follows("a", other))
    assert admin("POST", f"/workflows/{workflow}/publish").status_code == 201
    again = registered(connection, workflow)["a"]
    assert (again.id, again.paused_at) == (trigger.id, None)


def test_only_a_workflow_that_the_author_may_see_can_be_followed(person: Person) -> None:
    author, other = person("author"), person("other")
    workflow = author.workflow(definition=definition() | {"triggers": [follows("a", other.workflow())]}, publish=False)
    answer = author("POST", f"/workflows/{workflow}/publish")
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json["errors"]] == ["triggers[0].workflowId"]
