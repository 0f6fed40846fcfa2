"""Webhooks: what a call is answered, and the log of calls."""

from typing import Any, Literal

from services.api.schemas.base import Answer, DeliveryId, Limit, Milliseconds, Query


class WebhookAccepted(Answer):
    """The call is stored; its run goes on."""

    execution_id: str
    status: Literal["success"] | None = None


class ListDeliveries(Query):
    """A page of the calls of a webhook."""

    limit: Limit = 50
    cursor: DeliveryId | None = None


class Delivery(Answer):
    """A call. `status` null: not answered yet. `reason`: why it was refused, or `duplicate`."""

    id: str
    at: Milliseconds
    method: str
    status: int | None
    reason: str | None
    duration_ms: Milliseconds | None
    bytes: int
    address: str
    execution_id: str | None
    replay_of: str | None
    replayable: bool


class DeliveryPage(Answer):
    """Newest first."""

    items: list[Delivery]
    next_cursor: str | None


class DeliveredRequest(Answer):
    """What came, without secrets."""

    path: str
    query: dict[str, Any]
    headers: dict[str, str]
    content_type: str
    body: Any = None
    truncated: bool


class DeliveryDetail(Delivery):
    """A call with what came, null where that was not kept. A body that is no text is a file value."""

    request: DeliveredRequest | None
