"""Run again and bulk actions on the pages: who sees which button, and what the pages say of retries."""

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared import ids
from shared.db import bulk_jobs
from shared.domain.outcome import Kind
from shared.engine.retry import retry_execution
from tests.integration.clockwork.scene import Scene

Person = Callable[[str], FlaskClient]


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    made = Scene(database_url)
    made.connection.execute("UPDATE workflows SET shared = true")
    yield made
    made.connection.close()


def public(execution_id: Any) -> str:
    return ids.encode(ids.EXECUTION, execution_id)


def test_who_may_start_sees_run_again_once_it_is_over(person: Person, scene: Scene) -> None:
    editor, viewer = person("editor"), person("viewer")
    live, over = public(scene.start().id), public(scene.run_through(last=Kind.FAILED))
    assert "data-rerun" not in editor.get(f"/executions/{live}").text
    page = editor.get(f"/executions/{over}").text
    assert 'id="rerun-button"' in page
    assert 'data-rerun="step-b"' in page
    assert 'id="rerun"' in page
    shown = viewer.get(f"/executions/{over}").text
    assert "data-rerun" not in shown
    assert 'id="rerun"' not in shown


@pytest.mark.parametrize(("change", "why"), [("enabled = false", "paused"), ("archived_at = now()", "archived")])
def test_what_cannot_run_again_says_why(person: Person, scene: Scene, change: str, why: str) -> None:
    over = public(scene.run_through(last=Kind.FAILED))
    scene.connection.execute(f"UPDATE workflows SET {change}".encode())
    page = person("admin").get(f"/executions/{over}").text
    button = re.search(r'<button[^>]*id="rerun-button"[^>]*>', page)
    assert button is not None
    assert 'aria-disabled="true"' in button[0]
    assert why in button[0]
    assert "Retry from here" not in page


def test_a_retry_and_its_first_lead_to_each_other_and_reused_steps_look_it(person: Person, scene: Scene) -> None:
    first = scene.run_through(last=Kind.FAILED)
    again = retry_execution(scene.connection, first, scene.version_id, user_id=scene.user_id)
    admin = person("admin")
    page = admin.get(f"/executions/{public(again.id)}?step=step-a").text
    assert f'href="/executions/{public(first)}"' in page
    assert "Retry of another run" in page
    assert "reused, did not run again" in page
    assert f'href="/executions/{public(first)}?step=step-a"' in page
    assert "1 reused" in page
    assert "skipped" not in page
    assert f'href="/executions/{public(again.id)}"' in admin.get(f"/executions/{public(first)}").text


def bulk_of(page: str) -> tuple[dict[str, Any], list[str]]:
    """What the buttons would act on, and which there are."""
    found = re.search(r"data-filter='([^']*)'", page)
    assert found is not None
    return json.loads(html.unescape(found[1])), re.findall(r'data-bulk="(\w+)"', page)


def test_bulk_actions_are_those_of_the_filters(person: Person, scene: Scene) -> None:
    admin = person("admin")
    workflow = ids.encode(ids.WORKFLOW, scene.workflow_id)
    both = ["cancel", "retry"]
    assert bulk_of(admin.get("/admin/executions").text) == ({}, both)
    assert bulk_of(admin.get("/admin/executions?status=failed").text) == ({"status": "failed"}, ["retry"])
    assert bulk_of(admin.get("/admin/executions?status=queued").text) == ({"status": "queued"}, ["cancel"])
    asked, _ = bulk_of(admin.get(f"/admin/executions?q=it's&trigger=api&workflow={workflow}&time=1h").text)
    assert asked == {"search": "it's", "trigger": "api", "workflowId": workflow}
    assert 'data-since-ms="3600000"' in admin.get("/admin/executions?time=1h").text
    own, _ = bulk_of(admin.get("/executions").text)
    assert list(own) == ["userId"]
    assert "data-bulk=" not in person("viewer").get("/admin/executions").text


def test_the_list_shows_how_far_ones_own_actions_are(person: Person, scene: Scene) -> None:
    admin = person("admin")
    row = scene.one("SELECT id FROM users WHERE email = 'admin@example.com'")
    more: dict[str, Any] = {"filter": {"all": True}, "retry_from": "failed", "retry_version": "same", "address": None}
    found = [scene.start().id for _ in range(3)]
    bulk_jobs.insert(scene.connection, row["id"], found, action="cancel", **more)
    assert "Canceling 0 of 3" in admin.get("/admin/executions").text
    assert "Canceling 0" not in person("editor").get("/admin/executions").text
    job = bulk_jobs.recent(scene.connection, row["id"], 60)[0]
    errors = [{"executionId": public(found[0]), "message": "Because."}]
    scene.connection.execute("DELETE FROM bulk_items")
    bulk_jobs.advance(scene.connection, job.id, changed=1, skipped=1, failed=1, errors=errors)
    page = admin.get("/executions").text
    assert "Canceled 1 of 3" in page
    assert "1 could not be: Because." in page
