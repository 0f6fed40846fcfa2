"""The document says what the API does: every route is in it, and real answers fit its models."""

from typing import Any

import pytest
from flask import Flask

from services.api.operation import operation_of
from services.api.schemas.base import Answer as Model
from tests.integration.api.caller import Caller


@pytest.fixture
def document(admin: Caller) -> Any:
    return admin("GET", "/openapi.json").json


def test_every_route_is_in_the_document_with_a_summary(app: Flask, document: Any) -> None:
    described = {
        (path, method.upper()): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    routes = sum(len((rule.methods or set()) - {"HEAD", "OPTIONS"}) for rule in app.url_map.iter_rules())

    assert document["openapi"].startswith("3.1")
    assert len(described) == routes
    for place, operation in described.items():
        assert operation["summary"], place
        assert "401" in operation["responses"] or operation["security"] == [], place


def test_every_reference_leads_to_a_schema(document: Any) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [r for child in part.values() for r in references(child)]
        return [r for child in part for r in references(child)] if isinstance(part, list) else []

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_real_answers_fit_the_models(admin: Caller, app: Flask) -> None:
    workflow = admin.workflow()
    execution = admin.started(workflow)
    for endpoint, path in {
        "people.me": "/me",
        "people.list_tokens": "/tokens",
        "workflows.index": "/workflows",
        "workflows.read": f"/workflows/{workflow}",
        "versions.index": f"/workflows/{workflow}/versions",
        "versions.read": f"/workflows/{workflow}/versions/1",
        "executions.index": "/executions",
        "executions.read": f"/executions/{execution}",
        "executions.list_steps": f"/executions/{execution}/steps",
        "executions.read_step": f"/executions/{execution}/steps/step-first",
        "executions.list_logs": f"/executions/{execution}/logs",
        "node_types.index": "/node-types",
        "credentials.index": "/credentials",
        "credential_types.index": "/credential-types",
        "dead_letters.index": "/dead-letters",
        "dead_letters.groups": "/dead-letters/groups",
        "dead_letters.messages": "/dead-letters/messages",
        "retention.read": "/retention",
        "stats.overview": "/stats/overview",
        "stats.by_workflow": "/stats/workflows",
        "stats.by_user": "/stats/users",
    }.items():
        declared = operation_of(app.view_functions[endpoint])
        assert declared is not None
        model = declared.answers[200]
        assert isinstance(model, type)
        assert issubclass(model, Model)
        model.model_validate(admin("GET", path).json)


def test_the_page_lists_the_operations_and_loads_nothing_from_elsewhere(admin: Caller) -> None:
    page = admin("GET", "/api/docs")

    assert page.status_code == 200
    assert "/api/v1/workflows/{workflow_id}/executions" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script" not in page.text
    assert admin("GET", "/api/docs.css").content_type.startswith("text/css")
