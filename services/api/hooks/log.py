"""The log of calls, as far as one call is concerned: what is written down when it is taken, refused, answered."""

import time
from typing import Any
from uuid import UUID

from services.api.hooks.call import Call
from services.api.hooks.limits import webhook_limits
from shared.db import deliveries
from shared.db.deliveries import Noted
from shared.db.webhooks import Webhook
from shared.log import get_logger
from shared.metrics import WEBHOOK_CALLS
from shared.web.database import UNREACHABLE, borrowed, commit, connection, db, release
from shared.web.guard import address

_log = get_logger(__name__)


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def ms(self) -> int:
        """Until now."""
        return round((time.perf_counter() - self._began) * 1000)


def noted(webhook: Webhook, call: Call, watch: Stopwatch, status: int | None, **more: Any) -> Noted:
    """A row for this call."""
    return Noted(webhook.trigger_id, call.method, address(), status, duration_ms=watch.ms, **more)


def note_refused(webhook: Webhook, call: Call, watch: Stopwatch, refusal: tuple[int, str], body: bytes | None) -> None:
    """Write a refused call down, if there are not too many; with what it brought where it had proven who it is.

    Nothing of the refusal depends on it: where the database is away, it is not written.
    """
    status, reason = refusal
    WEBHOOK_CALLS.labels(reason).inc()
    release()
    if not webhook_limits().may_log(webhook.trigger_id):
        return
    brought: dict[str, Any] = {} if body is None else {"request": call.request, "body": body, "size": len(body)}
    try:
        deliveries.note(connection(), noted(webhook, call, watch, status, reason=reason, **brought))
        commit()
    except UNREACHABLE as error:
        _log.warning("a refused call was not written down", error=type(error).__name__)
    finally:
        release()


def note_answered(delivery_id: UUID, status: int, watch: Stopwatch) -> None:
    """Write down how a call that waited was answered."""
    try:
        with borrowed(db.engine) as held:
            deliveries.answered(held, delivery_id, status, watch.ms)
            held.commit()
    except UNREACHABLE as error:
        _log.warning("how a call was answered was not written down", error=type(error).__name__)
