"""The triggers of a workflow over the API: reading, pausing, running now, doing a range again; and looking at a schedule."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from services.api.schemas import triggers as schemas
from services.api.schemas.executions import Execution
from shared import ids
from shared.db import schedules
from shared.engine.fire import fire_due
from shared.engine.fire_waiting import AGAIN, fire_waiting
from tests.integration.api.caller import Caller, definition

Person = Callable[..., Caller]
Database = psycopg.Connection[Any]
HOUR = 3_600_000


def with_triggers(caller: Caller, *found: dict[str, Any], **more: Any) -> str:
    return caller.workflow(definition=definition() | {"triggers": list(found)}, **more)


def schedule(key: str = "nightly", **fields: Any) -> dict[str, Any]:
    return {"id": key, "type": "schedule", **({"cron": "0 3 * * *"} if "everyMs" not in fields else {}), **fields}


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def set_back(connection: Database, seconds: float) -> None:
    connection.execute("UPDATE schedules SET next_at = now() - make_interval(secs => %s)", (seconds,))


def test_they_are_listed_with_their_next_runs_and_last_firings(admin: Caller, connection: Database) -> None:
    other = admin.workflow("Other")
    follows = {"id": "after", "type": "execution", "workflowId": other}
    workflow = with_triggers(admin, schedule(name="Every night", timezone="Europe/Berlin"), follows)
    set_back(connection, 1)
    fire_due(connection)
    answer = admin("GET", f"/workflows/{workflow}/triggers").json
    schemas.TriggerList.model_validate(answer)
    after, nightly = answer["items"]
    assert (after["key"], after["type"], after["config"], "schedule" in after) == (
        "after",
        "execution",
        {"workflowId": other, "on": ["success"]},
        False,
    )
    assert (nightly["name"], nightly["paused"], nightly["version"]) == ("Every night", False, 1)
    assert nightly["schedule"]["sentence"] == "At 03:00 every day, Europe/Berlin"
    runs = nightly["schedule"]["nextRuns"]
    assert len(runs) == 10
    assert runs[0] == nightly["schedule"]["nextAt"]
    assert runs == sorted(set(runs))
    (fire,) = nightly["fires"]
    assert (fire["outcome"], fire["cause"], fire["count"], fire["reason"]) == ("started", "schedule", 1, None)
    assert 1_000 <= fire["late"] < 60_000
    record = admin("GET", f"/executions/{fire['executionId']}").json
    Execution.model_validate(record)
    assert (record["triggerType"], record["triggerId"]) == ("schedule", nightly["id"])
    assert (record["triggerKey"], record["triggerName"]) == ("nightly", "Every night")
    assert record["input"] == {"scheduledAt": fire["at"], "trigger": "nightly"}
    for name in ("nightly", nightly["id"]):
        assert admin("GET", f"/workflows/{workflow}/triggers/{name}").json["id"] == nightly["id"]
    assert admin("GET", f"/workflows/{workflow}/triggers/other").status_code == 404


def test_pause_and_resume(admin: Caller, connection: Database) -> None:
    workflow = with_triggers(admin, schedule(everyMs=HOUR))
    path = f"/workflows/{workflow}/triggers/nightly"
    for _ in range(2):
        paused = admin("POST", f"{path}/pause").json
        assert (paused["paused"], paused["schedule"]["nextRuns"]) == (True, [])
    set_back(connection, 7_200)
    resumed = admin("POST", f"{path}/resume").json
    assert (resumed["paused"], resumed["pausedAt"], len(resumed["schedule"]["nextRuns"])) == (False, None, 10)
    assert fire_due(connection).claimed == 0, "nothing is caught up with"
    actions = connection.execute(
        "SELECT action, target FROM audit_log WHERE action LIKE 'trigger.%' ORDER BY id"
    ).fetchall()
    assert actions == [("trigger.pause", paused["id"]), ("trigger.resume", paused["id"])]


def test_a_schedule_that_nobody_fires_is_seen_to_be_overdue(admin: Caller, connection: Database) -> None:
    workflow = with_triggers(admin, schedule(everyMs=HOUR))
    path = f"/workflows/{workflow}/triggers/nightly"
    assert admin("GET", path).json["schedule"]["overdueSince"] is None
    set_back(connection, 60)
    assert admin("GET", path).json["schedule"]["overdueSince"] is not None
    fire_due(connection)
    assert admin("GET", path).json["schedule"]["overdueSince"] is None
    set_back(connection, 60)
    assert admin("POST", f"{path}/pause").json["schedule"]["overdueSince"] is None


def test_a_workflow_that_is_enabled_again_does_not_catch_up(admin: Caller, connection: Database) -> None:
    workflow = with_triggers(admin, schedule(everyMs=HOUR))
    for enabled in (False, True):
        etag = admin("GET", f"/workflows/{workflow}").headers["ETag"]
        assert admin("PUT", f"/workflows/{workflow}", {"enabled": enabled}, If_Match=etag).status_code == 200
        if not enabled:
            assert admin("GET", f"/workflows/{workflow}/triggers").json["items"][0]["schedule"]["nextRuns"] == []
            set_back(connection, 7_200)
    assert fire_due(connection).claimed == 0


def test_run_now_is_in_the_callers_name_and_leaves_the_schedule_alone(person: Person, connection: Database) -> None:
    owner, other = person("owner"), person("other")
    workflow = with_triggers(owner, schedule(input={"n": 1}), shared=True)
    path = f"/workflows/{workflow}/triggers/nightly"
    before = owner("GET", path).json["schedule"]
    owner("POST", f"{path}/pause")
    answer = other("POST", f"{path}/run", Idempotency_Key="k")
    assert answer.status_code == 202
    assert (answer.json["triggerType"], answer.json["triggerKey"], answer.json["userId"]) == (
        "api",
        "nightly",
        other.public_id,
    )
    assert (answer.json["input"]["n"], answer.json["input"]["trigger"]) == (1, "nightly")
    assert other("POST", f"{path}/run", Idempotency_Key="k").json == answer.json
    owner("POST", f"{path}/resume")
    after = owner("GET", path).json
    assert after["schedule"] == before
    assert [(fire["cause"], fire["executionId"]) for fire in after["fires"]] == [("manual", answer.json["id"])]
    record = owner("GET", f"/executions/{answer.json['id']}").json
    assert record["triggerId"] == after["id"]


def test_a_range_is_done_again_once(admin: Caller, connection: Database) -> None:
    workflow = with_triggers(admin, schedule(everyMs=HOUR), schedule("daily"))
    path = f"/workflows/{workflow}/triggers/daily"
    body = {"from": moment("2026-01-01"), "to": moment("2026-01-05")}
    counted = admin("POST", f"{path}/backfill", body | {"dryRun": True})
    assert (counted.status_code, admin("GET", path).json["waiting"]) == (200, 0)
    first = admin("POST", f"{path}/backfill", body)
    assert first.status_code == 202
    assert (
        counted.json
        == first.json
        == {
            "firings": 4,
            "queued": 4,
            "already": 0,
            "firstAt": moment("2026-01-01 03:00"),
            "lastAt": moment("2026-01-04 03:00"),
        }
    )
    assert admin("POST", f"{path}/backfill", body).json["already"] == 4
    assert admin("GET", path).json["waiting"] == 4
    while fire_waiting(connection, AGAIN).claimed:
        pass
    more = body | {"to": moment("2026-01-06")}
    counted = admin("POST", f"{path}/backfill", more | {"dryRun": True})
    again = admin("POST", f"{path}/backfill", more).json
    assert counted.json == again
    assert (again["firings"], again["queued"], again["already"]) == (5, 1, 4)
    listed = admin("GET", "/executions?trigger=schedule").json["items"]
    assert len(listed) == 4
    assert {each["triggerKey"] for each in listed} == {"daily"}
    assert admin("POST", f"{path}/backfill/cancel").json == {"canceled": 1}
    assert admin("GET", path).json["waiting"] == 0
    assert admin("GET", first.headers["Location"]).json["items"][0]["outcome"] == "skipped"


def test_a_range_ends_now_and_has_a_limit(admin: Caller) -> None:
    workflow = with_triggers(admin, schedule(everyMs=HOUR), schedule("often", cron="* * * * *"))
    path = f"/workflows/{workflow}/triggers"
    future = {"from": moment("2098-01-01"), "to": moment("2099-01-01")}
    assert admin("POST", f"{path}/nightly/backfill", future).json["firings"] == 0
    for body, message in (
        ({"from": moment("2026-01-01"), "to": moment("2026-01-02")}, "more than 1,000"),
        ({"from": 10, "to": 5}, "before `from`"),
    ):
        refused = admin("POST", f"{path}/often/backfill", body)
        assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "to")
        assert message in refused.json["errors"][0]["message"]
    assert admin("POST", f"{path}/often/backfill", {"from": 5}).status_code == 422


def test_only_a_schedule_can_be_run_and_done_again(admin: Caller) -> None:
    workflow = with_triggers(admin, {"id": "after", "type": "execution", "workflowId": admin.workflow("Other")})
    path = f"/workflows/{workflow}/triggers/after"
    for action, body in (("run", {}), ("backfill", {"from": 1, "to": 2}), ("backfill/cancel", {})):
        refused = admin("POST", f"{path}/{action}", body)
        assert refused.status_code == 409
        assert "Only a schedule" in refused.json["detail"]


def test_firings_page_by_page(admin: Caller, connection: Database) -> None:
    workflow = with_triggers(admin, schedule(everyMs=60_000, misfire="skip", graceMs=0))
    connection.execute("UPDATE schedules SET next_at = n, anchor = n FROM (SELECT now() - interval '301 s' AS n) AS x")
    fire_due(connection)
    path = f"/workflows/{workflow}/triggers/nightly/fires"
    found: list[int] = []
    cursor = ""
    while True:
        page = admin("GET", f"{path}?limit=4{cursor}").json
        schemas.FirePage.model_validate(page)
        found += [item["at"] for item in page["items"]]
        assert all(item["outcome"] == "missed" and "misfire: skip" in item["reason"] for item in page["items"])
        if page["nextCursor"] is None:
            break
        cursor = "&cursor=" + page["nextCursor"].replace("+", "%2B")
    assert len(found) == 6
    assert found == sorted(set(found), reverse=True)
    assert admin("GET", f"{path}?outcome=started,failed").json["items"] == []
    for wrong in ("cursor=x", "cursor=2026-01-01~x", "outcome=maybe", "limit=0"):
        assert admin("GET", f"{path}?{wrong}").status_code == 422


def test_who_may_not_see_the_workflow_finds_no_trigger_and_viewers_change_nothing(person: Person) -> None:
    owner, stranger, viewer = person("owner"), person("stranger"), person("viewer", "viewer")
    hidden, shared = with_triggers(owner, schedule()), with_triggers(owner, schedule(), shared=True)
    assert stranger("GET", f"/workflows/{hidden}/triggers").status_code == 404
    for action in ("pause", "resume", "run", "backfill/cancel"):
        assert stranger("POST", f"/workflows/{hidden}/triggers/nightly/{action}").status_code == 404
        assert viewer("POST", f"/workflows/{shared}/triggers/nightly/{action}").status_code == 403
    assert viewer("GET", f"/workflows/{shared}/triggers/nightly").status_code == 200
    reader = person("reader", scopes=("read",))
    assert reader("POST", f"/workflows/{shared}/triggers/nightly/pause").status_code == 403


def test_a_schedule_can_be_looked_at_before_it_is_saved(admin: Caller) -> None:
    body = {"cron": "30 2 * * *", "timezone": "America/New_York", "from": moment("2026-03-07 12:00"), "count": 2}
    answer = admin("POST", "/schedules/preview", body)
    assert answer.json == {
        "sentence": "At 02:30 every day, America/New_York",
        "nextRuns": [moment("2026-03-08 07:00"), moment("2026-03-09 06:30")],
    }
    every = admin("POST", "/schedules/preview", {"everyMs": 90_000}).json
    assert every["sentence"] == "Every 90 seconds"
    assert every["nextRuns"][1] - every["nextRuns"][0] == 90_000
    assert len(every["nextRuns"]) == 10


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "@daily", "timezone": "Mars"}, "timezone"),
        ({}, ""),
        ({"everyMs": 5}, "everyMs"),
        ({"cron": "@daily", "count": 1_000}, "count"),
        ({"cron": "@daily", "corn": 1}, "corn"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_with_the_place(admin: Caller, body: dict[str, Any], path: str) -> None:
    refused = admin("POST", "/schedules/preview", body)
    assert refused.status_code == 422
    assert path in [error["path"] for error in refused.json["errors"]]


def test_problems_of_a_schedule_have_their_place_in_the_definition(admin: Caller) -> None:
    wrong = definition() | {"triggers": [schedule(), schedule("t2", cron="61 * * * *", timezone="Europe/Berln")]}
    refused = admin("POST", "/workflows/validate", wrong)
    assert [error["path"] for error in refused.json["errors"]] == ["triggers[1].cron", "triggers[1].timezone"]


def test_a_new_version_keeps_the_time_of_a_schedule(admin: Caller, connection: Database) -> None:
    workflow = with_triggers(admin, schedule(everyMs=HOUR))
    uuid = ids.decode(ids.TRIGGER, admin("GET", f"/workflows/{workflow}/triggers/nightly").json["id"])
    assert uuid is not None
    before = schedules.of_triggers(connection, [uuid])
    assert admin("POST", f"/workflows/{workflow}/publish").status_code == 201
    assert schedules.of_triggers(connection, [uuid]) == before
