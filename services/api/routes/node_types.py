"""What a workflow can be built of."""

from functools import lru_cache
from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.operation import operation
from services.api.schemas.people import NodeTypePage
from shared.auth.access import Action
from shared.nodes.base import NodeType, RetryPolicy
from shared.nodes.catalogue import node_types
from shared.web.answers import answer

blueprint = Blueprint("node_types", __name__, url_prefix="/api/v1/node-types")


@blueprint.get("")
@operation(Action.WORKFLOW_READ, {200: NodeTypePage})
def index() -> Response:
    """List the node types."""
    return answer({"items": _every(), "nextCursor": None})


@lru_cache(maxsize=1)
def _every() -> list[dict[str, Any]]:
    return [_shape(node_type) for node_type in node_types().values()]


def _retry(policy: RetryPolicy) -> dict[str, Any]:
    """As a definition writes it."""
    return {
        "maxAttempts": policy.max_attempts,
        "backoff": policy.backoff,
        "initialMs": policy.initial_ms,
        "maxMs": policy.max_ms,
        "jitter": policy.jitter,
    }


def _shape(node_type: NodeType) -> dict[str, Any]:
    return {
        "type": node_type.type,
        "label": node_type.label,
        "help": node_type.help,
        "icon": node_type.icon,
        "category": node_type.category,
        "pool": node_type.pool,
        "params": node_type.params.model_json_schema(),
        "ports": list(node_type.ports(node_type.example)),
        "example": node_type.example,
        "examples": node_type.examples,
        "errorCodes": node_type.error_codes,
        "defaultTimeoutMs": node_type.default_timeout_ms,
        "defaultRetry": _retry(node_type.default_retry),
    }
