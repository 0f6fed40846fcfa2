"""Approvals over HTTP: who may decide, that the first decision counts, and what waits for whom."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from shared.engine.answer import answer_step
from shared.queries.shapes import parse_step_id
from tests.integration.api.asking import asked
from tests.integration.api.caller import Answer, Caller

Person = Callable[..., Caller]
Connection = psycopg.Connection[Any]
YES: dict[str, Any] = {"decision": "approve", "comment": "Fine by me", "data": {"limit": 10**30}}


def decide(caller: Caller, execution: str, body: Any = None, step: str = "step-first") -> Answer:
    return caller("POST", f"/executions/{execution}/steps/{step}/resume", body or YES)


def waiting(caller: Caller) -> list[str]:
    return [item["executionId"] for item in caller("GET", "/approvals").json["items"]]


def test_a_step_says_what_it_asks_and_goes_on_when_decided(admin: Caller, connection: Connection) -> None:
    execution = asked(connection, admin)
    step = admin("GET", f"/executions/{execution}/steps").json["items"][0]
    assert (step["status"], step["dueAt"]) == ("waiting", None)
    assert step["waitingFor"] == {"type": "approval", "message": "Pay?", "approvers": [], "expiresAt": None}

    answer = decide(admin, execution)

    assert answer.status_code == 200
    assert answer.json | {"decidedAt": 0} == {
        "executionId": execution,
        "stepId": "step-first",
        "by": {"id": admin.public_id, "name": "Ada", "email": "ada@example.com"},
        "decidedAt": 0,
        **YES,
    }
    step = admin("GET", f"/executions/{execution}/steps/step-first").json
    assert (step["status"], "waitingFor" in step) == ("ready", False)
    rows = connection.execute(
        "SELECT action, target, detail FROM audit_log WHERE action = 'approval.decide'"
    ).fetchall()
    assert rows == [("approval.decide", execution, {"step": "step-first", "decision": "approve"})]


def test_the_second_decision_is_told_who_was_first(admin: Caller, person: Person, connection: Connection) -> None:
    execution = asked(connection, admin)
    bob = person("bob", "admin")
    assert decide(bob, execution, {"decision": "reject"}).status_code == 200
    late = decide(admin, execution)
    assert (late.status_code, late.json["detail"]) == (409, "Bob has rejected this already.")


def test_of_two_at_the_same_moment_one_wins(admin: Caller, person: Person, connection: Connection) -> None:
    people = [admin, *(person(name, "admin") for name in ("bob", "cleo", "dan"))]
    execution = asked(connection, admin)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda one: decide(one, execution), people))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    (winner,) = [answer.json["by"]["name"] for answer in answers if answer.status_code == 200]
    assert {answer.json["detail"] for answer in answers if answer.status_code == 409} == {
        f"{winner} has approved this already."
    }
    assert connection.execute("SELECT count(*) FROM audit_log WHERE action = 'approval.decide'").fetchone() == (1,)


def test_a_decision_that_waits_for_another_one_is_too_late(
    admin: Caller, connection: Connection, database_url: str
) -> None:
    """The first one has not committed when the second one comes: it waits for the lock, not for luck."""
    execution = asked(connection, admin)
    key = connection.execute("SELECT execution_id, node, item FROM waits").fetchone()
    assert key is not None
    with psycopg.connect(database_url) as first, ThreadPoolExecutor(1) as threads:
        first_answer = '{"decision": "reject"}'
        assert answer_step(first, key, "approval", first_answer, by=admin.user_id) is not None
        late = threads.submit(decide, admin, execution)
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while connection.execute(waits).fetchone() == (0,):
            pass
        first.commit()
        assert (late.result().status_code, late.result().json["detail"]) == (409, "Ada has rejected this already.")


def test_who_may_decide(admin: Caller, person: Person, connection: Connection) -> None:
    owner, named, stranger, viewer = (
        person("owner"),
        person("named", "viewer"),
        person("stranger"),
        person("vera", "viewer"),
    )
    shared, private = owner.workflow(shared=True), owner.workflow()
    open_to_all = asked(connection, owner, workflow=shared)
    only_named = asked(connection, owner, "named@example.com", workflow=shared)
    hidden = asked(connection, owner, named.public_id, workflow=private)
    mine = asked(connection, owner, workflow=private)

    assert set(waiting(admin)) == {open_to_all, only_named, hidden, mine}
    assert set(waiting(owner)) == {open_to_all, mine}
    assert set(waiting(named)) == {only_named, hidden}
    assert waiting(stranger) == [open_to_all]
    assert waiting(viewer) == []

    assert decide(viewer, open_to_all).status_code == 403
    assert decide(stranger, only_named).status_code == 403
    assert decide(stranger, mine).status_code == 404
    assert decide(stranger, open_to_all).status_code == 200
    assert "named@example.com" in decide(owner, only_named).json["detail"]
    assert decide(named, only_named).status_code == 200
    assert named("GET", f"/executions/{hidden}").status_code == 404, "who is named need not see the run"
    assert decide(named, hidden).status_code == 200
    assert decide(admin, mine).status_code == 200
    assert waiting(admin) == []


def test_a_token_that_only_reads_does_not_decide(person: Person, connection: Connection) -> None:
    reader = person("rita", "admin", scopes=("read",))
    execution = asked(connection, person("owner"))
    assert waiting(reader) == [execution]
    assert decide(reader, execution).status_code == 403


def test_what_asks_nothing_takes_no_decision(admin: Caller, connection: Connection) -> None:
    execution = asked(connection, admin)
    assert decide(admin, execution, step="step-second").status_code == 409
    assert decide(admin, execution, step="step-none").status_code == 404
    assert decide(admin, execution, step="first").status_code == 404
    assert decide(admin, "exec-00000000000000000000000000").status_code == 404
    assert decide(admin, execution, {"decision": "maybe"}).status_code == 422
    admin("POST", f"/executions/{execution}/cancel")
    late = decide(admin, execution)
    assert late.status_code == 409
    assert "ended" in late.json["detail"]


def test_the_list_comes_in_pages(admin: Caller, connection: Connection) -> None:
    workflow = admin.workflow()
    made = [asked(connection, admin, workflow=workflow) for _ in range(3)]
    first = admin("GET", "/approvals?limit=2").json
    rest = admin("GET", f"/approvals?limit=2&cursor={first['nextCursor']}").json
    assert [item["executionId"] for item in first["items"] + rest["items"]] == made[::-1]
    assert rest["nextCursor"] is None
    item = first["items"][0]
    assert (item["message"], item["workflowName"], parse_step_id(item["stepId"])) == ("Pay?", "Orders", ("first", ""))
