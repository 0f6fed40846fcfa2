"""The stream of a workflow's page: runs that begin elsewhere, the triggers, who may follow it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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


@contextmanager
def followed(client: FlaskClient, scene: TriggerScene) -> Iterator[Callable[[Callable[[str], bool]], str]]:
    """Reads frames of the stream until one is as wanted. Redis is down: it looks once a second."""
    with client.get(f"/live/workflows/{ids.encode(ids.WORKFLOW, scene.workflow_id)}", buffered=False) as answer:
        assert answer.content_type == "text/event-stream"
        frames = iter(answer.response)

        def until(wanted: Callable[[str], bool]) -> str:
            return next(text for each in frames if wanted(text := _text(each)))

        yield until


def _text(frame: Any) -> str:
    return frame.decode() if isinstance(frame, bytes) else str(frame)


def test_a_run_appears_runs_and_ends(person: Person, scene: TriggerScene) -> None:
    with followed(person("viewer"), scene) as until:
        first = until(lambda text: "It never ran" in text)
        assert "<section" not in first.partition('id="running"')[2].partition("</div>")[0]
        assert ('id="definition"' in first, 'class="graph"' in first) == (False, False)
        started = scene.start()
        run = ids.encode(ids.EXECUTION, started.id)
        queued = until(lambda text: run in text)
        assert ("It never ran" in queued, "s-queued" in queued, f'href="/executions/{run}"' in queued) == (
            False,
            True,
            True,
        )
        claimed = scene.claim(started.ready[0])
        running = until(lambda text: f'id="running-{run}"' in text)
        assert ("1 running" in running, "0 / 2 steps" in running) == (True, True)
        completed = scene.complete(claimed)
        assert 'value="1"' in until(lambda text: "1 / 2 steps" in text)
        scene.complete(scene.claim(completed.ready[0]))
        ended = until(lambda text: "s-success" in text)
        assert (f'id="running-{run}"' in ended, f'id="recent-{run}"' in ended) == (False, True)


def test_only_its_own_runs_are_shown_the_newest_first(person: Person, scene: TriggerScene) -> None:
    own, mine = scene.workflow_id, [scene.start() for _ in range(9)]
    scene.workflow_id, scene.version_id = scene.add_workflow([{"id": "a", "type": "simulate", "params": {}}])
    other = scene.start()
    scene.workflow_id = own
    for each in (*mine, other):
        scene.claim(each.ready[0])
    with followed(person("admin"), scene) as until:
        shown = until(lambda _: True)
    assert "9 running" in shown
    assert shown.count('id="running-exec-') == 8
    assert "and 1 more" in shown
    assert f'id="running-{ids.encode(ids.EXECUTION, other.id)}"' not in shown
    assert ids.encode(ids.EXECUTION, mine[0].id) not in shown


def test_a_firing_of_a_trigger_and_pauses_appear(person: Person, scene: TriggerScene) -> None:
    trigger = scene.schedule(name="Mornings")
    with followed(person("editor"), scene) as until:
        assert "Last firings" not in until(lambda _: True)
        scene.set_back(trigger, 1)
        fire_due(scene.connection)
        (fire,) = scene.fires(trigger)
        run = ids.encode(ids.EXECUTION, fire["execution_id"])
        assert f'href="/executions/{run}"' in until(lambda text: "Last firings" in text)
        scene.pause(trigger)
        assert "data-until" not in until(lambda text: "triggers/t/resume" in text)
        scene.connection.execute("UPDATE workflows SET enabled = false")
        assert "Paused: enable it first" in until(lambda text: "triggers/t/run" not in text)


def test_who_may_not_see_the_workflow_may_not_follow_it(person: Person, scene: TriggerScene) -> None:
    path = f"/live/workflows/{ids.encode(ids.WORKFLOW, scene.workflow_id)}"
    editor = person("editor")
    with followed(editor, scene) as until:
        until(lambda _: True)
        scene.connection.execute("UPDATE workflows SET shared = false")
        with pytest.raises(StopIteration):
            until(lambda _: False)
    assert editor.get(path).status_code == 404
    assert editor.get("/live/workflows/nope").status_code == 404
