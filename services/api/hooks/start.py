"""The run that a call starts: in one transaction with its row of the log, and once for each delivery id."""

from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
from flask import current_app

from services.api.hooks.call import Call
from services.api.idempotency import TWIN_WAIT_MS
from shared import ids
from shared.blobs import make_store
from shared.db import deliveries, idempotency, webhook_answers
from shared.db.deliveries import Noted
from shared.db.webhooks import Webhook
from shared.domain.errors import Conflict
from shared.domain.values import from_json
from shared.engine.large_input import Offload
from shared.engine.runnable import Runnable
from shared.engine.start import Started
from shared.engine.triggered import Starter, start_triggered
from shared.settings import Settings
from shared.web.answers import dumps
from shared.web.database import commit, connection, release

_DELIVERY_HEADERS = {"github": "x-github-delivery", "standard-webhooks": "webhook-id"}


@dataclass(frozen=True, slots=True)
class Taken:
    """A call that is stored. `started` is None for one that was taken before; `delivery_id` is that of its row of the log."""

    execution_id: UUID
    delivery_id: UUID
    started: Started | None = None


def once_keys(webhook: Webhook, call: Call, once: str | None) -> tuple[str, ...]:
    """What two calls have in common that are one, sent twice: `once`, and an id that the caller gave.

    `once` comes first: whoever repeats a signed call may have put another id beside it, which was not signed.
    """
    config = webhook.config
    preset = config["authentication"].get("preset")
    names = [config["deliveryHeader"], _DELIVERY_HEADERS.get(preset), "idempotency-key", "webhook-id"]
    given = (
        f"{name.lower()} {call.headers[name.lower()]}" for name in names if name and call.headers.get(name.lower())
    )
    found = (None if once is None else f"once {once}", next(given, None))
    return tuple(sha256(each.encode("utf-8", "replace")).hexdigest() for each in found if each is not None)


def take(webhook: Webhook, input: Any, keys: tuple[str, ...], noted: Noted, body_bytes: int) -> Taken:
    """Start the run and commit, or find the run that a call with one of these keys has started within 24 hours.

    Raises Conflict while a call with the same key is being taken; InvalidValue, InvalidDefinition and Forbidden as `start_run`.
    """
    hashed, ours = sha256(dumps(input)).digest(), list[str]()
    for key in keys:
        found = _claimed_before(webhook, key, hashed)
        if found is not None:
            return _taken_before(webhook, found, ours, noted)
        ours.append(key)
    started = start_run(connection(), webhook, input, body_bytes=body_bytes)
    _remember(webhook, ours, started.id)
    if webhook.config["respond"] == "workflow":
        webhook_answers.expect(connection(), started.id, webhook.config["waitMs"] / 1000)
    row = deliveries.note(connection(), _with(noted, execution_id=started.id))
    commit()
    return Taken(started.id, row.rows[0][0], started)


def _taken_before(webhook: Webhook, execution_id: UUID, ours: list[str], noted: Noted) -> Taken:
    """A call that was sent again; `ours` are keys that are its alone, such as that of a newer signature."""
    _remember(webhook, ours, execution_id)
    row = deliveries.note(connection(), _with(noted, execution_id=execution_id, reason="duplicate", request=None))
    commit()
    return Taken(execution_id, row.rows[0][0])


def start_run(connection: psycopg.Connection[Any], webhook: Webhook, input: Any, *, body_bytes: int) -> Started:
    """Insert the run of a webhook's workflow, in its owner's name; with the next round trip of the connection's wire at the latest.

    Raises Forbidden for an owner who may start nothing.
    """
    settings: Settings = current_app.extensions["flowversal-settings"]
    return start_triggered(
        connection,
        Starter(webhook.trigger_id, webhook.workflow_id, webhook.owner_id, webhook.owner_role),
        runnable=Runnable(webhook.workflow_name, webhook.version_id, webhook.version, webhook.execution_id),
        input=input,
        trigger_type="webhook",
        # A control character takes six bytes in JSON, a file four for three; and the headers.
        max_input_bytes=6 * body_bytes + 1_000_000,
        offload=Offload(make_store(settings, lambda: nullcontext(connection)), settings.offload_bytes),
        republish_s=settings.republish_after_s,
        later=True,
    )


def _claimed_before(webhook: Webhook, key: str, hashed: bytes) -> UUID | None:
    """The execution that was started under this key; None: the key is ours now."""
    try:
        if idempotency.claim(connection(), webhook.owner_id, _route(webhook), key, hashed, wait_ms=TWIN_WAIT_MS):
            return None
    except psycopg.errors.LockNotAvailable:
        release()
        raise Conflict("A call with the same delivery id is being taken. Send it again in a moment.") from None
    found = idempotency.find(connection(), webhook.owner_id, _route(webhook), key)
    id = None if found is None or found.response is None else from_json(found.response)["executionId"]
    execution_id = None if id is None else ids.decode(ids.EXECUTION, id)
    if execution_id is None:
        raise Conflict("A call with the same delivery id has just ended without a result. Send it again.")
    return execution_id


def _remember(webhook: Webhook, keys: list[str], execution_id: UUID) -> None:
    text = dumps({"executionId": ids.encode(ids.EXECUTION, execution_id)}).decode()
    for key in keys:
        idempotency.remember(
            connection(), webhook.owner_id, _route(webhook), key, status=202, location=None, response=text
        )


def _route(webhook: Webhook) -> str:
    return f"webhook {ids.encode(ids.TRIGGER, webhook.trigger_id)}"


def _with(noted: Noted, **changes: Any) -> Noted:
    return Noted(**{name: getattr(noted, name) for name in Noted.__slots__} | changes)
