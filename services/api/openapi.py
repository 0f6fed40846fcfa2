"""The OpenAPI 3.1 document, made from the routes and what each declares (`operation`) and from the pydantic models."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from services.api.operation import Operation, operation_of
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import RULES, Action

_CONVERTER = re.compile(r"<(?:(\w+):)?(\w+)>")
_PREFIXES = {
    "workflow": ids.WORKFLOW,
    "execution": ids.EXECUTION,
    "letter": ids.LETTER,
    "token": ids.TOKEN,
    "bulk": ids.BULK,
    "delivery": ids.DELIVERY,
    "credential": ids.CREDENTIAL,
    "user": ids.USER,
}
_REF = "#/components/schemas/{model}"
_HEADERS = {
    "Idempotency-Key": "Creates once: repeated with the same body, the same answer comes again.",
    "Prefer": "`wait=N`: answer when the execution is over, after N (at most 60) seconds at the latest.",
}


def document(app: Flask) -> dict[str, Any]:
    """The whole document. Every operation that the application serves is in it."""
    rules = [(rule, operation_of(app.view_functions[rule.endpoint])) for rule in app.url_map.iter_rules()]
    operations = [(rule, found) for rule, found in rules if found is not None]
    paths: dict[str, dict[str, Any]] = {}
    for rule, found in sorted(operations, key=lambda each: each[0].rule):
        for method in sorted(cast("set[str]", rule.methods) - {"HEAD", "OPTIONS"}):
            paths.setdefault(_path(rule), {})[method.lower()] = _operation(rule, found, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flowversal",
            "version": "1",
            "description": "Workflow automation. Errors are RFC 9457 problems; times are milliseconds since the epoch.",
        },
        "paths": paths,
        "components": {"schemas": _schemas([found for _, found in operations]), "securitySchemes": _SECURITY},
        "security": [{"token": []}, {"session": [], "csrf": []}],
    }


_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token, `fv_…`."},
    "session": {"type": "apiKey", "in": "cookie", "name": "flowversal"},
    "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
}


def _path(rule: Rule) -> str:
    return _CONVERTER.sub(r"{\2}", rule.rule)


def _operation(rule: Rule, found: Operation, method: str) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": found.summary,
        "description": " ".join(filter(None, [found.about, _allowed(found.action)])),
        "parameters": [*_in_path(rule), *_in_query(found), *_in_headers(found)],
        "responses": {str(status): _answer(status, body) for status, body in _answers(found, method).items()},
    }
    if found.body is not None:
        shape["requestBody"] = {"content": {"application/json": {"schema": _ref(found.body)}}}
    if found.action is Action.PUBLIC:
        shape["security"] = []
    return shape


def _allowed(action: Action) -> str:
    rule = RULES.get(action)
    if rule is None:
        return "Needs no sign-in."
    return f"Roles: {', '.join(sorted(rule.roles))}; token scope: {rule.scope.name.lower()}."


def _in_path(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(converter)}
        for converter, name in _CONVERTER.findall(rule.rule)
    ]


def _path_schema(converter: str) -> dict[str, Any]:
    if converter == "int":
        return {"type": "integer"}
    prefix = _PREFIXES.get(converter)
    return {"type": "string", "pattern": f"^{prefix}-[0-9a-z]{{26}}$"} if prefix else {"type": "string"}


def _in_query(found: Operation) -> list[dict[str, Any]]:
    if found.query is None:
        return []
    properties: Mapping[str, Any] = found.query.model_json_schema(ref_template=_REF)["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema, "explode": False}
        for name, schema in properties.items()
    ]


def _in_headers(found: Operation) -> list[dict[str, Any]]:
    named = {"Idempotency-Key": found.creates, "Prefer": found.waits}
    described = {name: _HEADERS[name] for name, used in named.items() if used} | dict(found.headers)
    return [
        {
            "name": name,
            "in": "header",
            "required": name == "If-Match",
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in described.items()
    ]


def _answers(found: Operation, method: str) -> dict[int, type[BaseModel] | str]:
    """The declared answers, and the problems that every operation of its kind can have."""
    common = [400, 503] if found.action is Action.PUBLIC else [400, 401, 403, 404, 503]
    if method in {"POST", "PUT", "PATCH"}:
        common += [413, 415, 422]
    return dict.fromkeys(common, ProblemAnswer) | dict(found.answers)


def _answer(status: int, body: type[BaseModel] | str) -> dict[str, Any]:
    if isinstance(body, str):
        return {"description": body}
    kind = "application/problem+json" if body is ProblemAnswer else "application/json"
    return {"description": HTTPStatus(status).phrase, "content": {kind: {"schema": _ref(body)}}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas(operations: list[Operation]) -> dict[str, Any]:
    used: set[type[BaseModel]] = {ProblemAnswer}
    for found in operations:
        used |= {body for body in found.answers.values() if not isinstance(body, str)}
        if found.body is not None:
            used.add(found.body)
    models = [(model, "validation") for model in sorted(used, key=lambda each: each.__name__)]
    _, schema = models_json_schema(cast("Any", models), ref_template=_REF)
    return cast("dict[str, Any]", schema["$defs"])
