"""Dead letters over HTTP: who sees them, filters, groups, redrive of one and of many, dismiss."""

import secrets
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared import ids
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.bury import bury
from shared.engine.requests import Claim
from tests.integration.api.caller import Caller

Person = Callable[..., Caller]
Fail = Callable[..., str]


@pytest.fixture
def fail(connection: psycopg.Connection[Any]) -> Fail:
    """Starts a run and fails its first step; writes the letter; the execution's id."""

    def run(caller: Caller, workflow: str, message: str = "HTTP 503 after 7 ms", code: str = "HTTP_STATUS") -> str:
        public = caller.started(workflow, {"input": {"n": 5}})
        execution_id = ids.decode("exec", public)
        assert execution_id is not None
        key, fence = (execution_id, "first", ""), secrets.randbits(62)
        run_batch(connection, Batch([Claim(key, fence)], [], Options()))
        error = f'{{"code":"{code}","message":"{message}","retryable":false}}'
        outcome = Outcome(key, Kind.FAILED, fence, input='{"output":{"n":5}}', error=error, error_code=code)
        assert run_batch(connection, Batch([], [outcome], Options())).ended == {execution_id: "failed"}
        bury(connection)
        return public

    return run


def letters(caller: Caller, query: str = "") -> list[Any]:
    answer = caller("GET", f"/dead-letters{query}")
    assert answer.status_code == 200, answer.json
    items: list[Any] = answer.json["items"]
    return items


def test_list_and_read(admin: Caller, fail: Fail) -> None:
    workflow = admin.workflow("Orders")
    execution = fail(admin, workflow)
    (letter,) = letters(admin)
    expected = {
        "executionId": execution,
        "workflowId": workflow,
        "workflowName": "Orders",
        "nodeId": "first",
        "step": "First",
        "stepId": "step-first",
        "code": "HTTP_STATUS",
        "message": "HTTP 503 after 7 ms",
        "state": "open",
        "redrivenAs": None,
        "closedAt": None,
    }
    assert expected.items() <= letter.items()
    found = admin("GET", f"/dead-letters/{letter['id']}").json
    assert letter.items() <= found.items()
    assert (found["execution"]["id"], found["execution"]["status"]) == (execution, "failed")
    step = found["failedStep"]
    assert (step["input"], step["error"]["code"], len(step["attempts"])) == ({"output": {"n": 5}}, "HTTP_STATUS", 1)
    assert admin("GET", "/dead-letters/letter-00000000000000000000000000").status_code == 404


def test_filters_pages_and_groups(admin: Caller, fail: Fail) -> None:
    orders, other = admin.workflow("Orders"), admin.workflow("Other")
    for number in range(3):
        fail(admin, orders, f"HTTP 503 after {number} ms")
    fail(admin, orders, "refused", "NETWORK")
    last = fail(admin, other)
    assert len(letters(admin, f"?workflowId={orders}")) == 4
    (refused,) = letters(admin, "?code=NETWORK&state=open")
    assert letters(admin, f"?fingerprint={refused['fingerprint']}") == [refused]
    assert letters(admin, f"?from={refused['failedAt']}&to={refused['failedAt'] + 1}") == [refused]
    assert letters(admin, "?state=dismissed") == []
    assert letters(admin, "?from=9999999999999") == []
    first = admin("GET", "/dead-letters?limit=2").json
    second = admin("GET", f"/dead-letters?limit=2&cursor={first['nextCursor']}").json
    assert [each["id"] for each in first["items"] + second["items"]] == [each["id"] for each in letters(admin)][:4]
    groups = admin("GET", "/dead-letters/groups").json["items"]
    assert [(each["workflowName"], each["count"], each["open"]) for each in groups] == [
        ("Other", 1, 1),
        ("Orders", 1, 1),
        ("Orders", 3, 3),
    ]
    many = groups[2]
    assert (many["message"], many["step"], many["nodeId"]) == ("HTTP 503 after 2 ms", "First", "first")
    assert many["firstAt"] < many["lastAt"]
    page = admin("GET", "/dead-letters/groups?limit=1").json
    assert page["items"] == groups[:1]
    assert admin("GET", f"/dead-letters/groups?limit=2&cursor={page['nextCursor']}").json["items"] == groups[1:]
    assert letters(admin)[0]["executionId"] == last
    refused_query = admin("GET", "/dead-letters?fingerprint=xyz&sate=open")
    assert refused_query.status_code == 422
    assert "state" in refused_query.text


def test_redrive_one(admin: Caller, fail: Fail, connection: psycopg.Connection[Any]) -> None:
    execution = fail(admin, admin.workflow())
    (letter,) = letters(admin)
    path = f"/dead-letters/{letter['id']}/redrive"
    done = admin("POST", path, Idempotency_Key="k1")
    assert done.status_code == 202, done.json
    assert done.headers["Location"] == f"/api/v1/executions/{done.json['redrivenAs']}"
    assert (done.json["state"], done.json["closedBy"]) == ("redriven", admin.public_id)
    again = admin("GET", done.headers["Location"]).json
    assert (again["retryOf"], again["triggerType"], again["input"]) == (execution, "retry", {"n": 5})
    assert admin("POST", path, Idempotency_Key="k1").json == done.json, "the same request"
    twice = admin("POST", path)
    assert (twice.status_code, again["id"] in twice.json["detail"]) == (409, True)
    assert admin("POST", f"/dead-letters/{letter['id']}/dismiss").status_code == 409
    row = connection.execute("SELECT target, detail FROM audit_log WHERE action = 'dead_letter.redrive'").fetchall()
    assert row == [(letter["id"], {"execution": again["id"]})]


def test_redrive_by_filter_goes_on_with_the_cursor(admin: Caller, fail: Fail) -> None:
    orders, off = admin.workflow("Orders"), admin.workflow("Off")
    kept = fail(admin, orders, "refused", "NETWORK")
    fail(admin, off)
    for _ in range(3):
        fail(admin, orders)
    admin("PUT", f"/workflows/{off}", {"enabled": False}, If_Match="*")
    filter = {"code": "HTTP_STATUS"}
    first = admin("POST", "/dead-letters/redrive", {"filter": filter, "limit": 2})
    assert first.status_code == 202, first.json
    assert (first.json["redriven"], first.json["remaining"], len(first.json["executionIds"])) == (1, 2, 1)
    assert "disabled" in first.json["refused"][0]["reason"]
    again = fail(admin, orders)
    rest = admin("POST", "/dead-letters/redrive", {"filter": filter, "cursor": first.json["nextCursor"]}).json
    assert (rest["redriven"], rest["refused"], rest["remaining"], rest["nextCursor"]) == (2, [], 0, None)
    assert {each["workflowName"] for each in letters(admin, "?state=open")} == {"Off", "Orders"}
    still = [each["executionId"] for each in letters(admin, "?state=open")]
    assert {kept, again} < {*still}, "what fails meanwhile is for the next time"
    (group,) = [
        each for each in admin("GET", "/dead-letters/groups?state=open").json["items"] if each["code"] == "NETWORK"
    ]
    by_cause = admin("POST", "/dead-letters/redrive", {"filter": {"fingerprint": group["fingerprint"]}}).json
    assert (by_cause["redriven"], by_cause["remaining"]) == (1, 0)
    odd = admin("POST", "/dead-letters/redrive", {"filter": {}, "cursor": "letter-1"})
    assert (odd.status_code, odd.json["errors"][0]["path"]) == (422, "cursor")
    assert admin("POST", "/dead-letters/redrive", {}).status_code == 422, "a filter must be named, if only an empty one"


def test_dismiss(admin: Caller, fail: Fail, connection: psycopg.Connection[Any]) -> None:
    fail(admin, admin.workflow())
    (letter,) = letters(admin)
    done = admin("POST", f"/dead-letters/{letter['id']}/dismiss").json
    assert (done["state"], done["closedBy"], done["closedAt"] > 0) == ("dismissed", admin.public_id, True)
    assert admin("POST", f"/dead-letters/{letter['id']}/dismiss").json == done
    assert connection.execute("SELECT count(*) FROM audit_log WHERE action = 'dead_letter.dismiss'").fetchone() == (1,)
    assert letters(admin, "?state=open") == []


def test_who_may_see_and_redrive(admin: Caller, person: Person, fail: Fail) -> None:
    owner, stranger, viewer = person("olga"), person("sam"), person("vera", "viewer")
    private, shared = owner.workflow("Mine"), owner.workflow("Ours", shared=True)
    fail(owner, private)
    fail(owner, shared)
    assert {each["workflowName"] for each in letters(admin)} == {"Mine", "Ours"}
    assert {each["workflowName"] for each in letters(owner)} == {"Mine", "Ours"}
    for other in (stranger, viewer):
        assert {each["workflowName"] for each in letters(other)} == {"Ours"}
        assert [each["workflowName"] for each in other("GET", "/dead-letters/groups").json["items"]] == ["Ours"]
    mine = next(each for each in letters(owner) if each["workflowName"] == "Mine")
    ours = next(each for each in letters(owner) if each["workflowName"] == "Ours")
    for verb in ("redrive", "dismiss"):
        assert stranger("POST", f"/dead-letters/{mine['id']}/{verb}").status_code == 404
        assert viewer("POST", f"/dead-letters/{ours['id']}/{verb}").status_code == 403
    assert viewer("POST", "/dead-letters/redrive", {"filter": {}}).status_code == 403
    assert stranger("POST", "/dead-letters/redrive", {"filter": {}}).json["redriven"] == 1
    assert letters(owner, "?state=open") == [mine]
    assert stranger("GET", "/dead-letters/messages").status_code == 403


def test_messages_are_listed_for_admins(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "INSERT INTO dead_messages (origin, queue, rejected_at, reason, body, body_bytes)"
        " SELECT i::text, 'q', now(), 'not JSON', 'x', 1 FROM generate_series(1, 3) AS i"
    )
    page = admin("GET", "/dead-letters/messages?limit=2").json
    rest = admin("GET", f"/dead-letters/messages?limit=2&cursor={page['nextCursor']}").json
    assert (len(page["items"]), len(rest["items"]), rest["nextCursor"]) == (2, 1, None)
    shown = {key: page["items"][0][key] for key in ("queue", "reason", "body", "bodyBytes")}
    assert shown == {"queue": "q", "reason": "not JSON", "body": "x", "bodyBytes": 1}


def test_dismiss_by_filter_goes_on_with_the_cursor(
    admin: Caller, fail: Fail, connection: psycopg.Connection[Any]
) -> None:
    orders = admin.workflow("Orders")
    kept = fail(admin, orders, "refused", "NETWORK")
    for _ in range(3):
        fail(admin, orders)
    filter = {"code": "HTTP_STATUS"}
    first = admin("POST", "/dead-letters/dismiss", {"filter": filter, "limit": 2})
    assert (first.status_code, first.json["dismissed"], first.json["remaining"]) == (200, 2, 1)
    again = fail(admin, orders)
    rest = admin("POST", "/dead-letters/dismiss", {"filter": filter, "cursor": first.json["nextCursor"]}).json
    assert rest == {"dismissed": 1, "remaining": 0, "nextCursor": None}
    assert {each["executionId"] for each in letters(admin, "?state=open")} == {kept, again}
    audited = "SELECT count(DISTINCT target) FROM audit_log WHERE action = 'dead_letter.dismiss'"
    assert connection.execute(audited).fetchone() == (3,)
    assert admin("POST", "/dead-letters/dismiss", {}).status_code == 422, "a filter must be named, if only an empty one"


def test_only_what_one_sees_is_dismissed_by_filter(admin: Caller, person: Person, fail: Fail) -> None:
    fail(admin, admin.workflow("Private", shared=False))
    editor, viewer = person("edith"), person("vera", "viewer")
    assert editor("POST", "/dead-letters/dismiss", {"filter": {}}).json["dismissed"] == 0
    assert viewer("POST", "/dead-letters/dismiss", {"filter": {}}).status_code == 403
    assert len(letters(admin, "?state=open")) == 1


def test_a_retry_by_hand_closes_the_letter(admin: Caller, fail: Fail) -> None:
    first = fail(admin, admin.workflow())
    again = admin("POST", f"/executions/{first}/retry", {}).json["id"]
    (letter,) = letters(admin)
    assert (letter["state"], letter["redrivenAs"], letter["closedBy"]) == ("redriven", again, admin.public_id)
    assert admin("POST", "/dead-letters/redrive", {"filter": {}}).json["redriven"] == 0
    refused = admin("POST", f"/dead-letters/{letter['id']}/redrive")
    assert (refused.status_code, again in refused.json["detail"]) == (409, True)


def test_redrive_in_the_version_that_is_published_now(admin: Caller, fail: Fail) -> None:
    workflow = admin.workflow()
    for _ in range(2):
        fail(admin, workflow)
    admin("POST", f"/workflows/{workflow}/publish")
    same, newest = letters(admin)
    for letter, body, version in ((same, {}, 1), (newest, {"version": "published"}, 2)):
        done = admin("POST", f"/dead-letters/{letter['id']}/redrive", body)
        assert admin("GET", done.headers["Location"]).json["version"] == version
    fail(admin, workflow)
    many = admin("POST", "/dead-letters/redrive", {"filter": {}, "version": "published"}).json
    assert admin("GET", f"/executions/{many['executionIds'][0]}").json["version"] == 2
    odd = admin("POST", "/dead-letters/redrive", {"filter": {}, "version": "draft"})
    assert (odd.status_code, odd.json["errors"][0]["path"]) == (422, "version")


def test_a_workflow_that_is_not_shared_any_more_is_not_run_by_a_redrive(
    admin: Caller, person: Person, fail: Fail
) -> None:
    owner, guest = person("olga"), person("gus")
    workflow = owner.workflow("Ours", shared=True)
    fail(guest, workflow)
    owner("PUT", f"/workflows/{workflow}", {"shared": False}, If_Match="*")
    (letter,) = letters(guest)
    refused = guest("POST", f"/dead-letters/{letter['id']}/redrive")
    assert (refused.status_code, "not shared with you" in refused.json["detail"]) == (409, True)
    many = guest("POST", "/dead-letters/redrive", {"filter": {}}).json
    assert (many["redriven"], [each["id"] for each in many["refused"]]) == (0, [letter["id"]])
