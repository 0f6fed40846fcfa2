"""The triggers of a workflow on its page, in the list, and on the page of a run that one started."""

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from shared import ids
from shared.engine.fire import fire_due
from tests.integration.clockwork.triggering import TriggerScene

Person = Callable[[str], FlaskClient]


@pytest.fixture
def scene(database_url: str) -> Iterator[TriggerScene]:
    made = TriggerScene(database_url)
    made.connection.execute("UPDATE workflows SET shared = true")
    yield made
    made.connection.close()


def page_of(client: FlaskClient, scene: TriggerScene) -> str:
    text: str = client.get(f"/workflows/{ids.encode(ids.WORKFLOW, scene.workflow_id)}").text
    return text


def test_the_page_says_what_a_schedule_does_and_what_became_of_it(person: Person, scene: TriggerScene) -> None:
    assert 'id="triggers"' not in page_of(person("viewer"), scene)
    trigger = scene.schedule(cron="0 9 * * MON-FRI", timezone="Europe/Berlin", name="Mornings <b>")
    scene.set_back(trigger, 1)
    fire_due(scene.connection)
    (fire,) = scene.fires(trigger)
    page = page_of(editor := person("editor"), scene)
    assert "At 09:00 on Monday through Friday, Europe/Berlin" in page
    assert "Mornings &lt;b&gt;" in page
    assert "data-until=" in page
    run = ids.encode(ids.EXECUTION, fire["execution_id"])
    assert f'href="/executions/{run}"' in page
    assert 'triggers/t/pause"' in page
    assert 'triggers/t/run"' in page
    assert "Overdue since" not in page
    scene.set_back(trigger, 60)
    assert "Overdue since" in page_of(editor, scene)
    scene.pause(trigger)
    paused = page_of(editor, scene)
    assert 'triggers/t/resume"' in paused
    assert 'triggers/t/pause"' not in paused
    assert "Mornings &lt;b&gt;</a>" in editor.get(f"/executions/{run}").text


def test_who_may_only_look_sees_no_buttons_and_other_types_are_told_apart(person: Person, scene: TriggerScene) -> None:
    followed = scene.more()
    scene.follow(followed, by=scene.workflow_id, on=["failed"])
    scene.connection.execute("UPDATE workflows SET shared = true")
    page = page_of(person("viewer"), scene)
    assert f'href="/workflows/{ids.encode(ids.WORKFLOW, followed)}"' in page
    assert "ends: failed" in page
    assert "data-trigger" not in page


def test_the_list_shows_which_workflows_start_by_themselves(person: Person, scene: TriggerScene) -> None:
    viewer = person("viewer")
    assert "Trigger: schedule" not in viewer.get("/workflows").text
    draft = (
        "UPDATE workflows SET definition = jsonb_set(definition::jsonb, '{triggers}',"
        ' \'[{"id": "t", "type": "schedule", "everyMs": 60000}]\')::json'
    )
    scene.connection.execute(draft.encode())
    assert "Trigger: schedule" in viewer.get("/workflows").text
