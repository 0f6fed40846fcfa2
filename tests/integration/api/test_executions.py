"""Start, read, list, cancel, while broker and Redis are down."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import psycopg
import pytest

from tests.integration.api.caller import Caller, definition, node

Person = Callable[..., Caller]
LONG = 10**99 + 7


def test_a_start_is_accepted_with_record_and_location_though_broker_and_redis_are_down(admin: Caller) -> None:
    workflow = admin.workflow("Orders")

    answer = admin.start(workflow, {"input": {"n": LONG, "text": "ü"}})

    assert answer.status_code == 202
    record = answer.json
    assert answer.headers["Location"] == f"/api/v1/executions/{record['id']}"
    assert admin("GET", answer.headers["Location"]).json == record
    assert record["input"] == {"n": LONG, "text": "ü"}
    expected = {
        "workflowId": workflow,
        "workflowName": "Orders",
        "userId": admin.public_id,
        "userName": "Ada",
        "status": "queued",
        "triggerType": "api",
        "version": 1,
        "startedAt": None,
        "completedAt": None,
        "duration": None,
        "stepsExecuted": 0,
        "totalSteps": 2,
        "aiTokensUsed": 0,
        "apiCallsMade": 0,
    }
    assert expected.items() <= record.items()
    assert "error" not in record


def test_an_input_is_optional_and_may_be_any_json(admin: Caller) -> None:
    workflow = admin.workflow()

    assert admin.raw("POST", f"/workflows/{workflow}/executions", b"", "").json["input"] == {}
    assert admin.start(workflow, {"input": [1, None]}).json["input"] == [1, None]


def test_a_workflow_that_was_never_published_says_so(admin: Caller) -> None:
    workflow = admin.workflow(publish=False)

    refused = admin.start(workflow)
    draft = admin.start(workflow, {"version": "draft"})

    assert refused.status_code == 409
    assert "never published" in refused.json["detail"]
    assert (draft.status_code, draft.json["version"]) == (202, "draft")


def test_the_version_can_be_chosen(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    workflow = admin.workflow()
    admin("PUT", f"/workflows/{workflow}", {"definition": definition(node("only"))}, If_Match="*")

    totals = {v: admin.start(workflow, {"version": v}).json["totalSteps"] for v in ("published", 1, "draft")}
    admin.start(workflow, {"version": "draft"})

    assert totals == {"published": 2, 1: 2, "draft": 1}
    assert admin.start(workflow, {"version": 9}).status_code == 404
    assert admin.start(workflow, {"version": "newest"}).status_code == 422
    drafts = connection.execute("SELECT count(*) FROM workflow_versions WHERE number IS NULL").fetchone()
    assert drafts == (1,)


def test_a_disabled_workflow_does_not_start(admin: Caller) -> None:
    workflow = admin.workflow()
    admin("PUT", f"/workflows/{workflow}", {"enabled": False}, If_Match="*")

    assert admin.start(workflow).status_code == 409


def test_waiting_ends_with_what_there_is(admin: Caller) -> None:
    workflow = admin.workflow()
    began = monotonic()

    answer = admin.start(workflow, Prefer="respond-async, wait=1")

    assert answer.status_code == 202
    assert answer.json["status"] == "queued"
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert 1 <= monotonic() - began < 4


def test_waiting_for_one_that_is_over_takes_no_time(admin: Caller) -> None:
    execution = admin.started(admin.workflow())
    admin("POST", f"/executions/{execution}/cancel")
    began = monotonic()

    answer = admin("GET", f"/executions/{execution}", Prefer="wait=60")

    assert answer.json["status"] == "canceled"
    assert monotonic() - began < 5


def test_a_queued_execution_is_canceled_at_once_and_stays_canceled(admin: Caller) -> None:
    execution = admin.started(admin.workflow())

    first = admin("POST", f"/executions/{execution}/cancel")
    second = admin("POST", f"/executions/{execution}/cancel")

    assert {first.status_code, second.status_code} == {200}
    assert first.json["status"] == second.json["status"] == "canceled"
    assert 0 <= second.json["timeToStop"] == second.json["completedAt"] - second.json["cancelRequestedAt"] < 5_000
    steps = admin("GET", f"/executions/{execution}/steps").json["items"]
    assert [step["status"] for step in steps] == ["canceled", "canceled"]
    assert admin("GET", "/stats/overview").json["canceled"] == 1


def test_a_running_one_is_canceling_and_an_ended_one_cannot_be_canceled(
    admin: Caller, connection: psycopg.Connection[Any]
) -> None:
    workflow = admin.workflow()
    running, ended = admin.started(workflow), admin.started(workflow)
    connection.execute(
        "WITH e AS (UPDATE executions SET state = 'running' RETURNING id) "
        "UPDATE steps SET state = 'running', fence = 1 WHERE execution_id IN (SELECT id FROM e)"
    )
    canceling = admin("POST", f"/executions/{running}/cancel")
    connection.execute(
        "UPDATE executions SET state = 'success', completed_at = now(), open_steps = 0 WHERE stopping IS NULL"
    )

    assert (canceling.status_code, canceling.json["status"]) == (202, "canceling")
    assert admin("POST", f"/executions/{running}/cancel").status_code == 202
    assert admin("POST", f"/executions/{ended}/cancel").status_code == 409
    assert [e["id"] for e in admin("GET", "/executions?status=canceling").json["items"]] == [running]
    assert admin("GET", "/executions?status=running").json["items"] == []


def test_steps_come_in_the_order_of_the_definition_with_those_not_reached(admin: Caller) -> None:
    workflow = admin.workflow(definition=definition(node("zeta"), node("alpha"), node("mid")))
    execution = admin.started(workflow)

    steps = admin("GET", f"/executions/{execution}/steps").json["items"]
    first = admin("GET", f"/executions/{execution}/steps?limit=2").json
    rest = admin("GET", f"/executions/{execution}/steps?limit=2&cursor={first['nextCursor']}").json

    assert [(s["nodeId"], s["status"]) for s in steps] == [("zeta", "ready"), ("alpha", "pending"), ("mid", "pending")]
    assert first["items"] + rest["items"] == steps
    assert rest["nextCursor"] is None
    assert admin("GET", f"/executions/{execution}/steps/step-alpha").json == steps[1]
    assert admin("GET", f"/executions/{execution}/steps/step-none").status_code == 404


def test_log_lines_come_in_pages_and_by_cursor(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    execution = admin.started(admin.workflow())
    connection.execute(
        "INSERT INTO execution_logs (execution_id, at, level, node, item, attempt, message) "
        "SELECT e.id, now(), 'info', 'first', '', 1, 'line ' || n FROM executions e, generate_series(1, 5) n ORDER BY n"
    )
    path = f"/executions/{execution}/logs"

    first = admin("GET", f"{path}?limit=3").json
    rest = admin("GET", f"{path}?after={first['nextCursor']}").json
    by_line = admin("GET", f"{path}?after={first['items'][2]['id']}").json
    nothing = admin("GET", f"{path}?after={rest['nextCursor']}").json

    assert [line["message"] for line in first["items"] + rest["items"]] == [f"line {n}" for n in range(1, 6)]
    assert by_line == rest
    assert nothing == {"items": [], "nextCursor": rest["nextCursor"]}
    assert first["items"][0]["stepId"] == "step-first"
    assert admin("GET", f"{path}?after=nonsense").status_code == 422


def test_strangers_see_neither_the_execution_nor_its_parts(admin: Caller, person: Person) -> None:
    execution = admin.started(admin.workflow())
    editor = person("bob")

    for part in ("", "/steps", "/logs", "/events", "/steps/step-first"):
        assert editor("GET", f"/executions/{execution}{part}").status_code == 404
    assert editor("POST", f"/executions/{execution}/cancel").status_code == 404
    assert editor("GET", "/executions").json["items"] == []


@pytest.mark.parametrize("bad", ["exec-1", "wf-00000000000000000000000000", "exec-uuuuuuuuuuuuuuuuuuuuuuuuuu", "%00"])
def test_an_id_that_is_none_is_not_found(admin: Caller, bad: str) -> None:
    assert admin("GET", f"/executions/{bad}").status_code == 404
