"""Actions on many executions over HTTP: what a filter means, who may, progress, stop."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.engine.bulk import advance_bulk
from tests.integration.api.caller import Answer, Caller

Person = Callable[..., Caller]


def bulk(caller: Caller, action: str, filter: Any, **more: Any) -> Answer:
    return caller("POST", "/executions/bulk", {"action": action, "filter": filter, **more})


def work(connection: psycopg.Connection[Any], limit: int = 25) -> None:
    """What clockwork does until nothing is left."""
    while advance_bulk(connection, limit=limit) is not None:
        pass


def statuses(caller: Caller) -> dict[str, str]:
    return {item["id"]: item["status"] for item in caller("GET", "/executions?limit=200").json["items"]}


def test_it_is_accepted_done_in_the_background_and_read(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    orders, mails = admin.workflow("Orders"), admin.workflow("Mails")
    wanted, others = [admin.started(orders) for _ in range(3)], [admin.started(mails)]

    dry = bulk(admin, "cancel", {"workflowId": orders}, dryRun=True)
    answer = bulk(admin, "cancel", {"workflowId": orders})
    late = admin.started(orders)

    assert (dry.status_code, dry.json) == (200, {"action": "cancel", "count": 3})
    assert answer.status_code == 202
    job = answer.json
    assert answer.headers["Location"] == f"/api/v1/executions/bulk/{job['id']}"
    expected = {"action": "cancel", "status": "running", "total": 3, "done": 0, "errors": [], "completedAt": None}
    assert expected.items() <= job.items()
    assert admin("GET", answer.headers["Location"]).json == job
    assert set(statuses(admin).values()) == {"queued"}

    assert advance_bulk(connection, limit=2) is not None
    assert admin("GET", answer.headers["Location"]).json["done"] == 2
    work(connection)
    done = admin("GET", answer.headers["Location"]).json
    assert {"status": "done", "done": 3, "changed": 3, "skipped": 0, "failed": 0}.items() <= done.items()
    assert done["completedAt"] >= done["createdAt"]
    found = statuses(admin)
    assert {found[id] for id in wanted} == {"canceled"}
    assert {found[id] for id in [*others, late]} == {"queued"}


def test_a_bulk_retry(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    workflow = admin.workflow()
    first = [admin.started(workflow, {"input": {"n": n}}) for n in range(3)]
    bulk(admin, "cancel", {"all": True})
    work(connection)

    job = bulk(admin, "retry", {"status": "canceled"}, **{"from": "failed", "version": "published"}).json
    work(connection)

    assert admin("GET", f"/executions/bulk/{job['id']}").json["changed"] == 3
    items = admin("GET", "/executions?trigger=retry").json["items"]
    assert sorted(item["retryOf"] for item in items) == first
    assert {item["userId"] for item in items} == {admin.public_id}
    assert bulk(admin, "retry", {"status": "canceled"}, dryRun=True).json["count"] == 0


def test_every_filter_of_the_list(admin: Caller, person: Person) -> None:
    orders = admin.workflow("Orders", shared=True)
    bob = person("bob")
    by_ada, by_bob = admin.started(orders), bob.started(orders)
    at = admin("GET", f"/executions/{by_ada}").json["createdAt"]
    for filter, count in (
        ({"all": True}, 2),
        ({"status": ["queued", "running"]}, 2),
        ({"status": "running"}, 0),
        ({"userId": bob.public_id}, 1),
        ({"trigger": "api,manual"}, 2),
        ({"trigger": ["schedule"]}, 0),
        ({"search": "ada"}, 1),
        ({"search": by_bob}, 1),
        ({"from": at, "to": at + 60_000}, 2),
        ({"to": at}, 0),
    ):
        answer = bulk(admin, "cancel", filter, dryRun=True)
        assert answer.json == {"action": "cancel", "count": count}, filter


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"action": "cancel", "filter": {}}, "filter"),
        ({"action": "cancel", "filter": {"status": []}}, "filter"),
        ({"action": "cancel", "filter": {"all": False}}, "filter"),
        ({"action": "cancel", "filter": {"all": True, "status": "queued"}}, "filter"),
        ({"action": "cancel"}, "filter"),
        ({"action": "cancel", "filter": {"status": "success"}}, "filter.status"),
        ({"action": "retry", "filter": {"status": "success"}}, "filter.status"),
        ({"action": "cancel", "filter": {"stauts": "queued"}}, "filter.stauts"),
        ({"action": "cancel", "filter": {"workflowId": "wf-1"}}, "filter.workflowId"),
        ({"action": "delete", "filter": {"all": True}}, "action"),
        ({"action": "cancel", "filter": {"all": True}, "from": "start"}, ""),
        ({"action": "retry", "filter": {"all": True}, "from": "node"}, "from"),
    ],
)
def test_bad_requests_are_problems(admin: Caller, body: Any, path: str) -> None:
    answer = admin("POST", "/executions/bulk", body)
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json["errors"]] == [path]


def test_an_empty_filter_says_how_to_mean_everything(admin: Caller) -> None:
    assert '{"all": true}' in bulk(admin, "cancel", {}).json["errors"][0]["message"]


def test_it_reaches_no_further_than_its_owner_sees(
    admin: Caller, person: Person, connection: psycopg.Connection[Any]
) -> None:
    private, shared = admin.started(admin.workflow("private")), admin.started(admin.workflow("s", shared=True))
    eve, bob = person("eve"), person("bob")

    job = bulk(eve, "cancel", {"all": True}).json
    work(connection)

    assert job["total"] == 1
    assert statuses(admin) == {private: "queued", shared: "canceled"}
    path = f"/executions/bulk/{job['id']}"
    seen = [caller("GET", path).status_code for caller in (eve, admin, bob)]
    assert seen == [200, 200, 404]
    assert bob("POST", f"{path}/cancel").status_code == 404


def test_who_may_look_may_not_act(admin: Caller, person: Person) -> None:
    admin.started(admin.workflow(shared=True))
    for caller in (person("vic", "viewer"), person("reader", scopes=("read",))):
        for action in ("cancel", "retry"):
            assert bulk(caller, action, {"all": True}).status_code == 403
            assert bulk(caller, action, {"all": True}, dryRun=True).status_code == 403
    assert list(statuses(admin).values()) == ["queued"]


def test_a_stop(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    workflow = admin.workflow()
    for _ in range(3):
        admin.started(workflow)
    job = bulk(admin, "cancel", {"all": True}).json
    path = f"/executions/bulk/{job['id']}"
    advance_bulk(connection, limit=1)

    stopped, again = admin("POST", f"{path}/cancel"), admin("POST", f"{path}/cancel")
    work(connection)

    assert (stopped.status_code, again.status_code) == (200, 200)
    assert (stopped.json["status"], stopped.json["done"]) == ("canceled", 1)
    assert sorted(statuses(admin).values()) == ["canceled", "queued", "queued"]
    rest = bulk(admin, "cancel", {"all": True}).json
    work(connection)
    assert admin("POST", f"/executions/bulk/{rest['id']}/cancel").status_code == 409
    assert admin("GET", "/executions/bulk/bulk-00000000000000000000000000").status_code == 404


def test_nothing_to_do_is_done(admin: Caller) -> None:
    answer = bulk(admin, "cancel", {"all": True})
    assert (answer.status_code, answer.json["status"], answer.json["total"]) == (202, "done", 0)


def test_the_job_and_each_change_are_audited(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    execution = admin.started(admin.workflow())
    job = bulk(admin, "cancel", {"status": "queued"}).json["id"]
    work(connection)
    rows = connection.execute(
        "SELECT action, target, detail FROM audit_log WHERE action LIKE 'execution.%%' AND user_id = %s ORDER BY id",
        (admin.user_id,),
    ).fetchall()
    assert rows[1:] == [
        ("execution.bulk", job, {"action": "cancel", "filter": {"status": "queued"}, "total": 1}),
        ("execution.cancel", execution, {"bulk": job}),
    ]


def test_the_same_key_makes_one_job(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    admin.started(admin.workflow())
    body = {"action": "cancel", "filter": {"all": True}}
    first, again = (admin("POST", "/executions/bulk", body, Idempotency_Key="k") for _ in range(2))
    assert first.json == again.json
    assert connection.execute("SELECT count(*) FROM bulk_jobs").fetchone() == (1,)
