"""What kinds of credentials there are."""

from functools import lru_cache
from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.operation import operation
from services.api.schemas.credentials import CredentialTypePage
from shared.auth.access import Action
from shared.credentials.base import CredentialType
from shared.credentials.catalogue import credential_types
from shared.credentials.secret_fields import secret_names
from shared.web.answers import answer

blueprint = Blueprint("credential_types", __name__, url_prefix="/api/v1/credential-types")


@blueprint.get("")
@operation(Action.CREDENTIAL_READ, {200: CredentialTypePage})
def index() -> Response:
    """List the credential types."""
    return answer({"items": _every(), "nextCursor": None})


@lru_cache(maxsize=1)
def _every() -> list[dict[str, Any]]:
    return [_shape(each) for each in credential_types().values()]


def _shape(kind: CredentialType) -> dict[str, Any]:
    return {
        "type": kind.type,
        "label": kind.label,
        "help": kind.help,
        "icon": kind.icon,
        "testable": kind.testable,
        "goesAnywhere": kind.goes_anywhere,
        "fields": kind.fields.model_json_schema(),
        "secrets": secret_names(kind.fields),
    }
