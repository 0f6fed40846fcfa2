"""Budgets on the pages of workflows and users: who sees and who sets them, and where a run that one stopped leads to."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from shared import ids
from shared.db import budgets
from shared.db.budgets import BudgetKey
from shared.domain.ai_call import AiCall
from shared.domain.budget import Limit, Standing
from shared.domain.outcome import Kind
from tests.factories import chain
from tests.integration.clockwork.scene import Scene

Person = Callable[[str], FlaskClient]
CENT = 10_000_000
OWN = "UPDATE workflows SET shared = true, owner_id = (SELECT id FROM users WHERE email = %s)"
USER = "SELECT id FROM users WHERE email = %s"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    made = Scene(database_url)
    made.use(chain(1))
    made.connection.execute("UPDATE workflows SET shared = true")
    yield made
    made.connection.close()


def public_user(scene: Scene, role: str) -> str:
    return ids.encode(ids.USER, scene.one(USER, f"{role}@example.com")["id"])


def test_a_workflow_shows_where_its_budgets_stand(person: Person, scene: Scene) -> None:
    place = f"/workflows/{ids.encode(ids.WORKFLOW, scene.workflow_id)}"
    admin, viewer = person("admin"), person("viewer")
    assert "None is set" in admin.get(place).text
    assert 'id="budgets"' not in viewer.get(place).text
    for period, limit in (("day", Limit(100)), ("month", Limit(2_000, 25 * CENT))):
        budgets.put(scene.connection, BudgetKey("workflow", scene.workflow_id, period), limit, scene.user_id)
    used = (AiCall(1, "openai", "m", 60, 40, 0, CENT), AiCall(1, "openai", "x"))
    scene.complete(scene.claim(scene.start().ready[0]), ai_calls=used, ai_tokens=100)
    page = viewer.get(place).text
    assert '<span class="num">100 of 100 tokens</span>' in page
    assert '<progress class="s-failed" max="100" value="100" aria-label="Tokens used this day">' in page
    assert "100 of 2\u202f000 tokens" in page
    assert "$0.0100 of $0.25" in page
    assert "Without 1 call that has no price" in page
    assert (page.count("Used up"), page.count("Begins anew <time")) == (1, 2)
    assert "data-budget" not in page
    assert 'data-tokens="2000" data-cost="0.25"' in admin.get(place).text


def test_owners_and_admins_set_the_budgets_of_a_workflow_and_admins_those_of_people(
    person: Person, scene: Scene
) -> None:
    workflow = f"/workflows/{ids.encode(ids.WORKFLOW, scene.workflow_id)}"
    people = {role: person(role) for role in ("admin", "editor", "viewer")}
    assert "data-budget=" in people["admin"].get(workflow).text
    assert "data-budget=" not in people["editor"].get(workflow).text
    scene.connection.execute(OWN, ("editor@example.com",))
    assert "data-budget=" in people["editor"].get(workflow).text
    own = f"/admin/users/{public_user(scene, 'editor')}"
    assert "data-budget=" in people["admin"].get(own).text
    assert f'href="{own}#budgets"' in people["admin"].get("/admin/users").text
    assert (people["editor"].get(own).status_code, people["viewer"].get(own).status_code) == (200, 404)
    assert "data-budget=" not in people["editor"].get(own).text
    assert "viewer@example.com" in people["viewer"].get("/admin/users/me").text
    assert people["admin"].get("/admin/users/user-x").status_code == 404


@pytest.mark.parametrize("scope", ["run", "workflow", "user"])
def test_what_a_budget_stopped_leads_to_where_it_is_raised(person: Person, scene: Scene, scope: str) -> None:
    why = Standing(scope, "day", Limit(5), 7, 0, None if scope == "run" else datetime.now(UTC)).why_not()
    error = json.dumps({"code": "BUDGET_EXCEEDED", "message": why, "retryable": False})
    started = scene.start()
    scene.complete(scene.claim(started.ready[0]), Kind.FAILED, error=error, error_code="BUDGET_EXCEEDED")
    workflow = f"/workflows/{ids.encode(ids.WORKFLOW, scene.workflow_id)}"
    place = {
        "run": f"{workflow}/edit",
        "workflow": f"{workflow}#budgets",
        "user": f"/admin/users/{ids.encode(ids.USER, scene.user_id)}#budgets",
    }[scope]
    allowed = {"run": ("admin", "editor"), "workflow": ("admin",), "user": ("admin",)}[scope]
    for role in ("admin", "editor", "viewer"):
        page = person(role).get(f"/executions/{ids.encode(ids.EXECUTION, started.id)}").text
        assert page.count(f'href="{place}">Raise the budget</a>') == (2 if role in allowed else 0), role
        assert page.count("Raise the budget<") == (2 if role in allowed else 0), role
