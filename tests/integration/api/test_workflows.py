"""The registry: create, update without losing anybody's change, publish, archive, and who sees what."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared import ids
from tests.integration.api.caller import BROKEN, Caller, definition, node

Person = Callable[..., Caller]


def test_a_new_workflow_is_answered_as_it_is_read(admin: Caller) -> None:
    created = admin("POST", "/workflows", {"name": "  Orders ", "description": "d", "definition": definition()})
    read = admin("GET", f"/workflows/{created.json['id']}")

    assert created.status_code == 201
    assert created.headers["Location"] == f"/api/v1/workflows/{created.json['id']}"
    assert read.json == created.json
    assert read.headers["ETag"] == created.headers["ETag"] == '"1"'
    assert read.json["name"] == "Orders"
    assert read.json["definition"] == definition()
    assert read.json["publishedVersion"] is None
    assert read.json["stats"]["executions"] == 0


def test_a_definition_with_four_problems_is_answered_with_all_four(admin: Caller) -> None:
    for path, body in (
        ("/workflows", {"name": "n", "definition": BROKEN}),
        ("/workflows/validate", {"definition": BROKEN}),
        ("/workflows/validate", BROKEN),
    ):
        answer = admin("POST", path, body)

        assert answer.status_code == 422
        assert answer.content_type == "application/problem+json"
        assert answer.json["type"] == "/problems/invalid-definition"
        told = {problem["path"] for problem in answer.json["errors"]}
        assert {"containers[0].nodes[0].params.output", "containers[0].nodes[1].type"} <= told
        assert any("cycle" in problem["message"] for problem in answer.json["errors"])
        assert any("url" in problem["path"] for problem in answer.json["errors"])


def test_a_good_definition_is_valid(admin: Caller) -> None:
    answer = admin("POST", "/workflows/validate", {"definition": definition()})

    assert answer.status_code == 200
    assert answer.json == {"valid": True, "errors": [], "steps": 2}


def test_a_draft_with_problems_can_be_saved_but_neither_published_nor_run(admin: Caller) -> None:
    saved = admin("POST", "/workflows", {"name": "n", "definition": BROKEN, "draft": True})
    id = saved.json["id"]

    assert saved.status_code == 201
    assert len(saved.json["problems"]) >= 4
    assert admin("POST", f"/workflows/{id}/publish").status_code == 422
    assert admin.start(id, {"version": "draft"}).status_code == 422


def test_a_failure_workflow_must_be_one_that_the_publisher_may_see(person: Person) -> None:
    mine, theirs = person("ed", "editor"), person("eve", "editor")
    rescue, hidden = mine.workflow("Rescue"), theirs.workflow("Hidden")
    for chosen, status in ((rescue, 201), (hidden, 422), (ids.encode(ids.WORKFLOW, mine.user_id), 422)):
        body = {"name": "n", "definition": definition() | {"settings": {"onFailure": chosen}}}
        id = mine("POST", "/workflows", body).json["id"]
        published = mine("POST", f"/workflows/{id}/publish")
        assert published.status_code == status, published.json
        if status == 422:
            assert [problem["path"] for problem in published.json["errors"]] == ["settings.onFailure"]


def test_two_editors_cannot_overwrite_each_other(admin: Caller) -> None:
    id = admin.workflow(publish=False)

    first = admin("PUT", f"/workflows/{id}", {"name": "First"}, If_Match='"1"')
    second = admin("PUT", f"/workflows/{id}", {"name": "Second"}, If_Match='"1"')
    blind = admin("PUT", f"/workflows/{id}", {"name": "Third"})

    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert (second.status_code, blind.status_code) == (412, 428)
    assert admin("GET", f"/workflows/{id}").json["name"] == "First"


def test_fields_that_are_left_out_keep_their_value(admin: Caller) -> None:
    id = admin.workflow(publish=False, description="kept")

    changed = admin("PUT", f"/workflows/{id}", {"enabled": False}, If_Match="*").json

    assert (changed["enabled"], changed["description"], changed["definition"]) == (False, "kept", definition())


def test_publishing_makes_numbered_versions_that_do_not_change(admin: Caller) -> None:
    id = admin.workflow()
    other = definition(node("only"))
    admin("PUT", f"/workflows/{id}", {"definition": other}, If_Match="*")

    second = admin("POST", f"/workflows/{id}/publish")

    assert second.json["number"] == 2
    assert second.headers["Location"] == f"/api/v1/workflows/{id}/versions/2"
    assert admin("GET", f"/workflows/{id}/versions/1").json["definition"] == definition()
    assert admin("GET", f"/workflows/{id}/versions/2").json["definition"] == other
    assert [v["number"] for v in admin("GET", f"/workflows/{id}/versions").json["items"]] == [2, 1]
    assert admin("GET", f"/workflows/{id}").json["publishedVersion"] == 2
    assert admin("GET", f"/workflows/{id}/versions/3").status_code == 404


def test_versions_come_in_pages(admin: Caller) -> None:
    id = admin.workflow()
    admin("POST", f"/workflows/{id}/publish")

    first = admin("GET", f"/workflows/{id}/versions?limit=1").json
    second = admin("GET", f"/workflows/{id}/versions?limit=1&cursor={first['nextCursor']}").json

    assert [page["items"][0]["number"] for page in (first, second)] == [2, 1]


def test_an_archived_workflow_is_gone_but_its_executions_are_not(admin: Caller) -> None:
    id = admin.workflow("Archived")
    execution = admin.started(id)

    assert admin("DELETE", f"/workflows/{id}").status_code == 204

    assert admin("GET", f"/workflows/{id}").status_code == 404
    assert admin("GET", "/workflows").json["items"] == []
    assert admin.start(id).status_code == 404
    assert admin("GET", f"/executions/{execution}").json["workflowName"] == "Archived"


def test_the_list_is_paged_newest_first_and_searchable(admin: Caller) -> None:
    names = [admin.workflow(name, publish=False) and name for name in ("one", "two", "100% three")]

    first = admin("GET", "/workflows?limit=2").json
    rest = admin("GET", f"/workflows?limit=2&cursor={first['nextCursor']}").json

    assert [w["name"] for w in first["items"] + rest["items"]] == names[::-1]
    assert rest["nextCursor"] is None
    assert [w["name"] for w in admin("GET", "/workflows?search=0%25").json["items"]] == ["100% three"]


def test_strangers_see_only_shared_workflows(admin: Caller, person: Person) -> None:
    own, shared = admin.workflow("own"), admin.workflow("shared", shared=True)
    editor = person("bob")

    assert editor("GET", f"/workflows/{own}").status_code == 404
    assert editor.start(own).status_code == 404
    assert [w["name"] for w in editor("GET", "/workflows").json["items"]] == ["shared"]
    assert editor("PUT", f"/workflows/{shared}", {"name": "ours"}, If_Match="*").status_code == 200
    assert editor("DELETE", f"/workflows/{shared}").status_code == 403
    assert editor("PUT", f"/workflows/{shared}", {"shared": False}, If_Match="*").status_code == 403


def test_viewers_look_and_change_nothing(admin: Caller, person: Person) -> None:
    id = admin.workflow(shared=True)
    viewer = person("vic", "viewer")

    assert viewer("GET", f"/workflows/{id}").status_code == 200
    assert viewer("PUT", f"/workflows/{id}", {"name": "x"}, If_Match="*").status_code == 403
    assert viewer("POST", "/workflows", {"name": "n", "definition": definition()}).status_code == 403
    assert viewer.start(id).status_code == 403


def test_every_write_leaves_a_line_in_the_audit_trail(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    id = admin.workflow()
    admin("PUT", f"/workflows/{id}", {"name": "n"}, If_Match="*")
    execution = admin.started(id)
    admin("POST", f"/executions/{execution}/cancel")
    admin("DELETE", f"/workflows/{id}")

    lines = connection.execute("SELECT user_id, action, target, address FROM audit_log ORDER BY id").fetchall()

    actions = ["workflow.create", "workflow.publish", "workflow.update", "execution.start", "execution.cancel"]
    assert [line[1] for line in lines] == [*actions, "workflow.archive"]
    assert {line[0] for line in lines} == {admin.user_id}
    assert {line[2] for line in lines} == {id, execution}
    assert {line[3] for line in lines} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"definition": definition()}, "name", "required"),
        ({"name": "n", "definition": definition(), "descripton": "x"}, "descripton", "Did you mean description"),
        ({"name": "", "definition": definition()}, "name", "at least one"),
        ({"name": "n" * 201, "definition": definition()}, "name", "at most 200"),
        ({"name": "n", "definition": []}, "definition", "an object"),
    ],
)
def test_bodies_with_problems(admin: Caller, body: Any, path: str, message: str) -> None:
    answer = admin("POST", "/workflows", body)

    assert answer.status_code == 422
    assert any(e["path"] == path and message in e["message"] for e in answer.json["errors"]), answer.json


def test_a_template_becomes_a_workflow(admin: Caller) -> None:
    page = admin("GET", "/templates").json
    assert page["nextCursor"] is None
    first = page["items"][0]
    assert admin("GET", f"/templates/{first['key']}").json == first
    assert admin("GET", "/templates/none").status_code == 404
    workflow = admin.workflow(definition=first["definition"])
    assert admin.start(workflow).status_code == 202
