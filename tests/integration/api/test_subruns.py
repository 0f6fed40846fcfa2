"""Workflows that run workflows over HTTP: what publishing refuses, and what steps and records say of each other."""

from collections.abc import Callable
from typing import Any

import psycopg

from shared import ids
from shared.domain.outcome import CHILD
from shared.engine.subrun import start_child
from shared.nodes.base import Call
from tests.integration.api.asking import claim, wait
from tests.integration.api.caller import Caller, definition, node

Person = Callable[..., Caller]


def calling(workflow: str) -> dict[str, Any]:
    return definition(node("first"), node("call", "workflow.run", workflowId=workflow))


def test_publishing_refuses_a_workflow_that_the_author_may_not_see(person: Person) -> None:
    author, other = person("author"), person("other")
    hidden, own, shared = other.workflow(), author.workflow(), other.workflow(shared=True)
    for workflow, status in ((own, 201), (shared, 201), (hidden, 422)):
        caller = author.workflow(definition=calling(workflow), publish=False)
        answer = author("POST", f"/workflows/{caller}/publish")
        assert answer.status_code == status, answer.json
    assert [error["path"] for error in answer.json["errors"]] == ["containers[0].nodes[1].params.workflowId"]
    assert (
        author("POST", "/workflows/validate", calling("wf-nonsense")).json["errors"][0]["path"].endswith("workflowId")
    )
    by_expression = author.workflow(definition=calling("{{ input.workflow }}"), publish=False)
    assert author("POST", f"/workflows/{by_expression}/publish").status_code == 201


def test_a_draft_runs_only_what_its_caller_may_see(person: Person) -> None:
    owner, editor = person("owner"), person("editor")
    hidden = owner.workflow()
    failing = definition() | {"settings": {"onFailure": hidden}}
    for built, path in ((calling(hidden), "containers[0].nodes[1].params.workflowId"), (failing, "settings.onFailure")):
        workflow = owner.workflow(shared=True, definition=built, publish=False)
        refused = editor.start(workflow, {"version": "draft"})
        assert (refused.status_code, [each["path"] for each in refused.json["errors"]]) == (422, [path])
        assert owner.start(workflow, {"version": "draft"}).status_code == 202


def test_the_step_names_its_child_and_the_child_its_parent(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    child_workflow = admin.workflow("Child")
    parent = admin.started(
        admin.workflow("Parent", definition=definition(node("call", "workflow.run", workflowId=child_workflow)))
    )
    claimed = claim(connection, parent, "call")
    workflow_id = ids.decode(ids.WORKFLOW, child_workflow)
    assert workflow_id is not None
    started = start_child(connection, claimed.key, claimed.fence, Call(workflow_id, {"n": 1}))
    child = ids.encode(ids.EXECUTION, started.id)
    wait(connection, claimed, CHILD)

    step = admin("GET", f"/executions/{parent}/steps").json["items"][0]
    assert step["childId"] == child
    assert step["waitingFor"] == {"type": "workflow", "executionId": child, "expiresAt": None}
    record = admin("GET", f"/executions/{child}").json
    assert (record["parentId"], record["parentStepId"], record["triggerType"]) == (parent, "step-call", "workflow")
    assert record["input"] == {"n": 1}
    assert "parentStepId" not in admin("GET", f"/executions/{parent}").json
    listed = admin("GET", "/executions?trigger=workflow").json["items"]
    assert [(each["id"], each["parentStepId"]) for each in listed] == [(child, "step-call")]


def test_publishing_refuses_a_workflow_that_would_wait_for_itself(admin: Caller) -> None:
    workflow = admin.workflow()

    def publish(settings: dict[str, Any], **params: Any) -> list[dict[str, str]]:
        built = definition(node("first"), node("call", "workflow.run", workflowId=workflow, **params))
        etag = admin("GET", f"/workflows/{workflow}").headers["ETag"]
        changed = admin("PUT", f"/workflows/{workflow}", {"definition": built | {"settings": settings}}, If_Match=etag)
        assert changed.status_code == 200, changed.json
        published = admin("POST", f"/workflows/{workflow}/publish")
        assert published.status_code in (201, 422), published.json
        return list(published.json.get("errors", []))

    by_key = {"concurrencyKey": "{{ input.customer }}"}
    for settings, params in (({"maxConcurrent": 1}, {}), (by_key, {"input": "{{ input }}"})):
        (problem,) = publish(settings, **params)
        assert problem["path"] == "containers[0].nodes[1].params.workflowId"
        for part in ("wait for ever", "`wait`", "settings.max"):
            assert part in problem["message"]
    assert publish({"maxConcurrent": 2}) == []
    assert publish({"maxConcurrent": 1}, wait=False) == []
    assert publish({"maxConcurrent": 1}, wait="{{ input.wait }}") == []
    assert publish(by_key, input={"customer": "{{ input.other }}"}) == []
