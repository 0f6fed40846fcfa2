"""Calls of webhooks as the API shows them."""

from base64 import b64encode
from typing import Any

from shared import ids
from shared.db.deliveries import Delivery, FullDelivery
from shared.queries.shapes import ms

# Refused for what their bodies hold: the same bytes are refused again.
UNREADABLE = frozenset({"malformed-json", "malformed-form", "invalid-value"})


def record(found: Delivery) -> dict[str, Any]:
    """One of a list."""
    return {
        "id": ids.encode(ids.DELIVERY, found.id),
        "at": ms(found.at),
        "method": found.method,
        "status": found.status,
        "reason": found.reason,
        "durationMs": found.duration_ms,
        "bytes": found.size,
        "address": found.address,
        "executionId": None if found.execution_id is None else ids.encode(ids.EXECUTION, found.execution_id),
        "replayOf": None if found.replay_of is None else ids.encode(ids.DELIVERY, found.replay_of),
        "replayable": found.whole and found.reason not in UNREADABLE,
    }


def detail(found: FullDelivery) -> dict[str, Any]:
    """With what came; `truncated`: the body is only the beginning of it."""
    if found.request is None:
        return record(found) | {"request": None}
    shown = {"body": _body(found.body, found.request["contentType"]), "truncated": not found.whole}
    return record(found) | {"request": found.request | shown}


def _body(raw: bytes | None, content_type: str) -> Any:
    """Text where it is text, else a file value."""
    try:
        return (raw or b"").decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(raw or b"").decode(), "contentType": content_type, "bytes": len(raw or b"")}
