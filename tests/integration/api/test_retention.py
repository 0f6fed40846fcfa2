"""Retention over HTTP: who may say how long, and a dry run that tells what a pass then does."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from shared import ids
from shared.domain.outcome import Kind
from shared.settings import Settings
from tests.integration.api.caller import Caller
from tests.integration.api.conftest import application
from tests.integration.clockwork.past import PastScene, weeks_ago

Person = Callable[..., Caller]


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    with application(settings.model_copy(update={"retention_days": 30})) as made:
        yield made


@pytest.fixture
def scene(settings: Settings) -> Iterator[PastScene]:
    made = PastScene(settings.database_url)
    yield made
    made.connection.close()


def test_a_workflow_says_how_long_its_executions_stay(admin: Caller, person: Person) -> None:
    owner, stranger = person("olga"), person("sam")
    workflow = owner.workflow("Mine", shared=True, retentionDays=90)
    path = f"/workflows/{workflow}"
    assert owner("GET", path).json["retentionDays"] == 90
    assert owner("PUT", path, {"name": "Renamed"}, If_Match="*").json["retentionDays"] == 90, "left out: kept"
    assert stranger("PUT", path, {"retentionDays": 1}, If_Match="*").status_code == 403
    assert stranger("PUT", path, {"retentionDays": 90, "name": "N"}, If_Match="*").status_code == 200
    assert owner("PUT", path, {"retentionDays": None}, If_Match="*").json["retentionDays"] is None
    assert admin("PUT", path, {"retentionDays": 7}, If_Match="*").json["retentionDays"] == 7
    assert [each["retentionDays"] for each in owner("GET", "/workflows").json["items"]] == [7]
    for wrong in (0, -1, 36_501, "30", 1.5):
        assert owner("PUT", path, {"retentionDays": wrong}, If_Match="*").status_code == 422


def test_the_dry_run_says_what_a_pass_then_removes(admin: Caller, scene: PastScene) -> None:
    for weeks in (6, 7):
        scene.past(weeks_ago(weeks), last=Kind.FAILED)
    kept_week = scene.past(weeks_ago(8))
    scene.move(scene.start().id, weeks_ago(8))
    scene.past(weeks_ago(2))
    own = admin.workflow("Short", retentionDays=5)
    found = ids.decode("wf", own)
    scene.connection.execute("UPDATE executions SET workflow_id = %s WHERE id = %s", (found, kept_week))
    scene.connection.execute("ANALYZE")
    told = admin("GET", "/retention").json
    assert (told["instanceDays"], told["executions"], told["runs"]) == (30, 3, [])
    assert [(each["workflowName"], each["retentionDays"], each["executions"]) for each in told["rules"]] == [
        (None, 30, 2),
        ("Short", 5, 1),
    ]
    weeks = [(each["action"], each["executions"], each["kept"]) for each in told["weeks"]]
    assert weeks == [("delete", 1, 1), ("drop", 1, 0), ("drop", 1, 0)]
    dropped = told["weeks"][1]
    assert dropped["rows"]["steps"] == 2
    assert dropped["bytes"] > 0 == dropped["reusableBytes"]
    assert told["weeks"][0]["reusableBytes"] > 0 == told["weeks"][0]["bytes"]
    assert told["bytes"] == sum(each["bytes"] for each in told["weeks"])
    assert scene.rows_of(kept_week) != {}, "nothing was changed"
    more = admin("GET", "/retention?days=3").json
    assert (more["instanceDays"], more["days"], more["executions"]) == (30, 3, 4)
    assert admin("GET", "/retention?days=0").status_code == 422
    for _ in scene.steps(30):
        pass
    after = admin("GET", "/retention").json
    assert (after["weeks"], after["executions"]) == ([], 0)
    assert [(run["action"], run["executions"]) for run in after["runs"]] == [("drop", 1), ("drop", 1), ("delete", 1)]
    assert sum(run["bytes"] for run in after["runs"]) == told["bytes"]
    assert all(run["completedAt"] >= run["beganAt"] for run in after["runs"])


def test_it_is_for_admins(person: Person) -> None:
    assert person("eva")("GET", "/retention").status_code == 403
