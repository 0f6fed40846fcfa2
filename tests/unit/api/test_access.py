"""The authorisation table: complete, and deny by default."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask

from services.api.app import create_app
from services.api.operation import operation_of
from services.dashboard import app as dashboard
from shared.auth.access import RULES, Action, Identity, Role, Scope, may, reach
from shared.settings import Settings
from shared.web.guard import action_of, install_guard
from shared.web.problems import install_problems


def _identity(role: Role, scope: Scope = Scope.ADMIN) -> Identity:
    return Identity(UUID(int=1), "a@b.c", "A", role, scope)


@pytest.fixture(scope="module")
def api() -> Flask:
    return create_app(Settings.model_validate({}))


@pytest.mark.parametrize("make", [create_app, dashboard.create_app], ids=["api", "dashboard"])
def test_every_route_of_both_applications_names_an_action(make: Callable[[Settings], Flask]) -> None:
    app = make(Settings.model_validate({}))

    forgotten = [r.rule for r in app.url_map.iter_rules() if action_of(app.view_functions[r.endpoint]) is None]

    assert forgotten == []


def test_every_route_of_the_api_describes_itself(api: Flask) -> None:
    silent = [r.rule for r in api.url_map.iter_rules() if operation_of(api.view_functions[r.endpoint]) is None]

    assert silent == []


def test_only_these_routes_need_no_sign_in(api: Flask) -> None:
    public = {r.rule for r in api.url_map.iter_rules() if action_of(api.view_functions[r.endpoint]) is Action.PUBLIC}

    docs = {"/api/docs", "/api/docs.css", "/api/v1/openapi.json"}
    assert public == {"/healthz", "/readyz", "/api/v1/session", "/hooks/callback/<secret>", "/hooks/<path:path>"} | docs


def test_the_table_has_a_rule_for_every_action_but_public() -> None:
    assert set(RULES) == set(Action) - {Action.PUBLIC}


@pytest.mark.parametrize("action", [a for a in Action if a is not Action.PUBLIC])
def test_a_scope_that_is_too_small_is_refused_even_for_admins(action: Action) -> None:
    for scope in Scope:
        assert may(_identity(Role.ADMIN, scope), action) is (scope >= RULES[action].scope)


def test_viewers_change_no_workflow_and_start_nothing() -> None:
    viewer = _identity(Role.VIEWER)

    refused = {action for action in RULES if not may(viewer, action)}

    building = {Action.WORKFLOW_WRITE, Action.TRIGGER_OPERATE, Action.EXECUTION_START, Action.EXECUTION_CANCEL}
    credentials = {Action.CREDENTIAL_READ, Action.CREDENTIAL_WRITE}
    assert refused == building | credentials | {Action.USER_READ, Action.SYSTEM_READ, Action.BUDGET_WRITE}


def test_public_is_no_rule_that_somebody_could_have() -> None:
    assert not may(_identity(Role.ADMIN), Action.PUBLIC)


def test_a_view_without_an_action_is_refused_for_everybody() -> None:
    app = Flask(__name__)
    install_problems(app)
    install_guard(app)
    app.add_url_rule("/forgotten", view_func=lambda: "secret")

    answer = app.test_client().get("/forgotten")

    assert answer.status_code == 401
    assert b"secret" not in answer.data


def test_the_widest_known_scope_counts() -> None:
    assert reach(["read", "run"]) is Scope.RUN
    assert reach(["nonsense"]) is None
    assert reach([]) is None
