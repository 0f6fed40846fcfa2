"""The API's own documentation: the OpenAPI document, and a page that lists it."""

from functools import lru_cache
from typing import Any

from flask import Blueprint, Flask, current_app, render_template
from werkzeug.wrappers import Response

from services.api.openapi import document
from services.api.operation import operation
from shared.auth.access import Action
from shared.web.answers import answer

blueprint = Blueprint("docs", __name__)

_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"


@blueprint.get("/api/v1/openapi.json")
@operation(Action.PUBLIC, {200: "OpenAPI 3.1."})
def openapi() -> Response:
    """The OpenAPI document."""
    return answer(_document())


@blueprint.get("/api/docs")
@operation(Action.PUBLIC, {200: "HTML."})
def page() -> Response:
    """The operations as a page."""
    html = render_template("docs.html", document=_document())
    return Response(html, headers={"Content-Security-Policy": _POLICY}, content_type="text/html; charset=utf-8")


@blueprint.get("/api/docs.css")
@operation(Action.PUBLIC, {200: "CSS."})
def style() -> Response:
    """The page's style."""
    css = render_template("docs.css")
    return Response(css, headers={"Cache-Control": "max-age=3600"}, content_type="text/css; charset=utf-8")


def _document() -> dict[str, Any]:
    return _document_of(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's way


@lru_cache(maxsize=4)
def _document_of(app: Flask) -> dict[str, Any]:
    return document(app)
