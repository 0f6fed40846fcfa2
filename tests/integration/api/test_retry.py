"""Retry by hand over HTTP: who may, what is linked, every refusal."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.db.pool import connect
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Claim, Claimed
from tests.integration.api.caller import Answer, Caller, definition, node

Person = Callable[..., Caller]
THREE = definition(node("a", output="a"), node("b", output="{{ steps.a.output }}"), node("c", output="{{ input }}"))


class Worker:
    """Runs what is ready; the last of its names fails."""

    def __init__(self, database_url: str) -> None:
        self.connection = connect(database_url, application_name="worker", autocommit=True)

    def run(self, *nodes: str, fails: str = "") -> None:
        for name in nodes:
            ready = "SELECT execution_id FROM steps WHERE node = %s AND state = 'ready' ORDER BY execution_id DESC"
            row = self.connection.execute(ready, (name,)).fetchone()
            assert row is not None, name
            claimed = run_batch(self.connection, Batch([Claim((row[0], name, ""), 7)], [], Options())).claimed[0]
            assert isinstance(claimed, Claimed)
            failed = {"error_code": "X", "error": '{"code":"X","message":"no"}'}
            more: Any = failed if name == fails else {"output": f'"{name}"'}
            kind = Kind.FAILED if name == fails else Kind.DONE
            outcome = Outcome(claimed.key, kind, 7, touches=claimed.plan.touches(name, ""), **more)
            run_batch(self.connection, Batch([], [outcome], Options()))


@pytest.fixture
def worker(database_url: str) -> Any:
    made = Worker(database_url)
    yield made
    made.connection.close()


@pytest.fixture
def failed(admin: Caller, worker: Worker) -> str:
    """An execution of THREE whose last step failed."""
    execution = admin.started(admin.workflow(definition=THREE), {"input": {"n": 1}})
    worker.run("a", "b", "c", fails="c")
    return execution


def retry(caller: Caller, execution: str, body: Any = None, **headers: str) -> Answer:
    return caller("POST", f"/executions/{execution}/retry", body, **headers)


def test_a_retry_is_accepted_linked_and_shows_what_it_reuses(admin: Caller, failed: str, worker: Worker) -> None:
    answer = retry(admin, failed)

    assert answer.status_code == 202, answer.json
    record = answer.json
    assert answer.headers["Location"] == f"/api/v1/executions/{record['id']}"
    expected = {"status": "queued", "triggerType": "retry", "retryOf": failed, "input": {"n": 1}, "version": 1}
    counts = {"totalSteps": 3, "stepsResolved": 2, "stepsReused": 2, "stepsExecuted": 0}
    assert (expected | counts).items() <= record.items()
    assert admin("GET", answer.headers["Location"]).json == record
    assert admin("GET", f"/executions/{failed}").json["retries"] == [record["id"]]
    steps = admin("GET", f"/executions/{record['id']}/steps").json["items"]
    assert [(s["status"], s.get("reusedFrom"), s["output"]) for s in steps] == [
        ("success", failed, "a"),
        ("success", failed, "b"),
        ("ready", None, None),
    ]
    assert [(s["duration"], s["attempts"], s["startedAt"]) for s in steps[:2]] == [(None, [], None)] * 2

    worker.run("c")
    done = admin("GET", f"/executions/{record['id']}").json
    assert (done["status"], done["output"], done["stepsExecuted"], done["stepsResolved"]) == ("success", "c", 1, 3)


def test_it_is_in_the_audit_trail(admin: Caller, failed: str, connection: psycopg.Connection[Any]) -> None:
    again = retry(admin, failed, {"from": "b"}).json["id"]
    row = connection.execute(
        "SELECT user_id, target, detail FROM audit_log WHERE action = 'execution.retry'"
    ).fetchone()
    assert row == (admin.user_id, again, {"retryOf": failed, "from": "b", "version": "same"})


def test_another_input_and_another_version(admin: Caller, failed: str) -> None:
    workflow = admin("GET", f"/executions/{failed}").json["workflowId"]
    changed = definition(node("a", output="other"), node("b", output="b"), node("c", output="c"))
    admin("PUT", f"/workflows/{workflow}", {"definition": changed}, If_Match="*")

    edited = retry(admin, failed, {"input": {"n": 2}}).json
    nothing = retry(admin, failed, {"input": None}).json
    draft = retry(admin, failed, {"version": "draft"}).json
    numbered = retry(admin, failed, {"version": 1, "from": "start"}).json
    assert admin("POST", f"/workflows/{workflow}/publish").status_code == 201
    newest = retry(admin, failed, {"version": "published"}).json

    assert (edited["input"], edited["stepsReused"]) == ({"n": 2}, 2)
    assert (nothing["input"], nothing["stepsReused"]) == (None, 2)
    assert (draft["version"], draft["stepsReused"], draft["input"]) == ("draft", 0, {"n": 1})
    assert (numbered["version"], numbered["stepsReused"]) == (1, 0)
    assert (newest["version"], newest["stepsReused"]) == (2, 0)
    assert retry(admin, failed, {"version": 9}).status_code == 404


def test_what_is_not_over_or_did_not_fail_says_what_to_do(admin: Caller, worker: Worker) -> None:
    execution = admin.started(admin.workflow(definition=THREE))
    live = retry(admin, execution)
    worker.run("a", "b", "c")
    done = retry(admin, execution)

    assert (live.status_code, done.status_code) == (409, 409)
    assert "Cancel it first" in live.json["detail"]
    assert '"from": "start"' in done.json["detail"]
    assert retry(admin, execution, {"from": "start"}).status_code == 202


def test_bad_requests_are_problems(admin: Caller, failed: str) -> None:
    for body, path in (
        ({"from": "nope"}, "from"),
        ({"from": ""}, "from"),
        ({"version": "newest"}, "version"),
        ({"form": "start"}, "form"),
    ):
        answer = retry(admin, failed, body)
        assert answer.status_code == 422, body
        assert answer.json["errors"][0]["path"].startswith(path)
    assert retry(admin, "exec-00000000000000000000000000").status_code == 404


def test_the_same_key_retries_once(admin: Caller, failed: str, connection: psycopg.Connection[Any]) -> None:
    first, again = (retry(admin, failed, {}, Idempotency_Key="k") for _ in range(2))
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert retry(admin, failed, {"from": "start"}, Idempotency_Key="k").status_code == 422
    assert connection.execute("SELECT count(*) FROM executions").fetchone() == (2,)


def test_it_can_be_waited_for(admin: Caller, failed: str) -> None:
    answer = retry(admin, failed, Prefer="wait=1")
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=1")
    assert answer.json["retryOf"] == failed


def test_who_may_start_the_workflow_may_retry_in_their_own_name(
    admin: Caller, person: Person, worker: Worker, connection: psycopg.Connection[Any]
) -> None:
    editor, viewer = person("eve"), person("vic", "viewer")
    shared = admin.started(admin.workflow(definition=THREE, shared=True))
    worker.run("a", fails="a")
    private = admin.started(admin.workflow(definition=THREE))
    worker.run("a", fails="a")

    assert retry(editor, shared).json["userId"] == editor.public_id
    assert retry(viewer, shared).status_code == 403
    assert retry(person("reader", scopes=("read",)), shared).status_code == 403
    assert retry(editor, private).status_code == 404

    own = retry(editor, shared).json["id"]
    admin("POST", f"/executions/{own}/cancel")
    connection.execute("UPDATE workflows SET shared = false")
    refused = retry(editor, own)
    assert refused.status_code == 409
    assert "not shared with you any more" in refused.json["detail"]
    connection.execute("UPDATE workflows SET enabled = false")
    assert "disabled" in retry(admin, shared).json["detail"]
