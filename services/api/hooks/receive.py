"""A call of a webhook from its first header to its answer."""

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from services.api.accepting import announce
from services.api.hooks import authentication
from services.api.hooks.answers import fixed
from services.api.hooks.body import value_of
from services.api.hooks.call import Call, read_body, received
from services.api.hooks.credentials import open_credential
from services.api.hooks.limits import webhook_limits
from services.api.hooks.log import Stopwatch, note_answered, note_refused, noted
from services.api.hooks.refused import Refused
from services.api.hooks.room import Share, no_room
from services.api.hooks.start import Taken, once_keys, take
from services.api.hooks.waiting import answer_of
from shared import ids
from shared.credentials.base import Credential
from shared.db import webhooks
from shared.db.webhooks import Webhook
from shared.domain.errors import NotFound, RequestError
from shared.metrics import WEBHOOK_CALLS
from shared.web.database import EXHAUSTED, connection, release
from shared.web.guard import address
from shared.web.problems import TABLE

_UNKNOWN = "No webhook has this address. Use it exactly as its workflow shows it."
_ASLEEP = "This webhook takes no calls at the moment: it is paused, or its workflow is disabled."


@dataclass(slots=True)
class _Receiving:
    """A call on its way; `body` is there from the moment that it is known who sent it, `once` where that proves one sending."""

    webhook: Webhook
    call: Call
    watch: Stopwatch = field(default_factory=Stopwatch)
    body: bytes | None = None
    once: str | None = None


def receive(path: str) -> Response:
    """Start the workflow whose webhook has this path. Raises NotFound, TooManyAttempts; answers every refusal itself.

    429 too where no connection to the database gets free: it is there, but all of this process's are in use.
    """
    try:
        return _receive(path)
    except EXHAUSTED:
        # Nothing is stored: a call has its connection until that is done. To write it down would take another one.
        WEBHOOK_CALLS.labels("busy").inc()
        return no_room().response()


def _receive(path: str) -> Response:
    watch = Stopwatch()
    webhook = webhooks.find(connection(), path)
    if webhook is None:
        release()
        webhook_limits().check_unknown(address())
        raise NotFound(_UNKNOWN)
    try:
        credential = _credential(webhook)
    except Refused as error:
        # Which headers are secret, only the credential says; but nothing of them is kept with a call that is not proven.
        return _refused(_Receiving(webhook, received(webhook, path, ()), watch), error)
    # Whoever sends slowly holds no connection.
    release()
    secrets = authentication.secret_headers(webhook.config["authentication"], credential)
    receiving = _Receiving(webhook, received(webhook, path, secrets), watch)
    try:
        return _take(receiving, credential)
    except Refused as error:
        return _refused(receiving, error)
    except (RequestError, HTTPException) as error:
        _note(receiving, _what(error))
        raise


def _credential(webhook: Webhook) -> Credential | None:
    id = ids.decode(ids.CREDENTIAL, webhook.config["authentication"].get("credential", ""))
    return None if id is None else open_credential(connection(), id, webhook.workflow_id)


def _take(receiving: _Receiving, credential: Credential | None) -> Response:
    """Everything in its order: what costs least and says least comes first."""
    config = receiving.webhook.config
    _admit(receiving, credential)
    waits = config["respond"] == "workflow"
    limits, trigger_id = webhook_limits(), receiving.webhook.trigger_id
    with ExitStack() as until_answered:
        with limits.bodies.share(trigger_id) as share:
            receiving.body = _proven_body(config["authentication"], credential, receiving, share)
            if waits:
                until_answered.enter_context(limits.waiting.share(trigger_id)).grow(1)
            taken = _stored(receiving, receiving.body)
        # Whoever waits needs it no longer.
        receiving.body = None
        _announce(taken)
        response = _waited(taken, receiving) if waits else fixed(config["response"], taken.execution_id)
    if taken.started is None:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _admit(receiving: _Receiving, credential: Credential | None) -> None:
    """What can be said before anything of the body is read. Raises Refused."""
    webhook, call = receiving.webhook, receiving.call
    if not webhook.live:
        reason = "" if webhook.paused_at or not webhook.enabled else "owner"
        raise Refused(404, "paused" if webhook.paused_at else "disabled", "Not found", _ASLEEP, reason=reason)
    if call.method not in webhook.config["methods"]:
        allowed = ", ".join(webhook.config["methods"])
        raise Refused(405, "method", "Method not allowed", f"This webhook takes {allowed}.", {"Allow": allowed})
    authentication.check_headers(webhook.config["authentication"], credential, call)
    if call.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "packed", "Unsupported media type", "Send the body as it is, without Content-Encoding.")


def _proven_body(way: dict[str, Any], credential: Credential | None, receiving: _Receiving, share: Share) -> bytes:
    body = read_body(receiving.webhook.config["maxBytes"], share)
    receiving.once = authentication.check_signature(way, credential, receiving.call, body)
    return body


def _stored(receiving: _Receiving, body: bytes) -> Taken:
    """The run that the call starts. The webhook is read again: it may have ended, or have another version,
    while the body came.
    """
    webhook_limits().check_rate(receiving.webhook.trigger_id, receiving.webhook.config["rate"])
    call, now = receiving.call, webhooks.find(connection(), receiving.call.path)
    if now is None or not now.live or now.trigger_id != receiving.webhook.trigger_id:
        raise Refused(404, "gone", "Not found", _ASLEEP)
    now = replace(now, config=receiving.webhook.config)
    input = {"method": call.method, "path": call.shown_path, "query": call.query, "headers": call.shown}
    input["body"] = value_of(body, call.content_type)
    status = None if now.config["respond"] == "workflow" else (now.config["response"] or {}).get("status", 202)
    row = noted(now, call, receiving.watch, status, size=len(body), request=call.request, body=body)
    return take(now, input, once_keys(now, call, receiving.once), row, len(body))


def _announce(taken: Taken) -> None:
    WEBHOOK_CALLS.labels("accepted" if taken.started else "duplicate").inc()
    if taken.started is not None:
        announce(taken.started, "webhook")


def _waited(taken: Taken, receiving: _Receiving) -> Response:
    response = answer_of(taken.execution_id, receiving.webhook.config["waitMs"] / 1000)
    note_answered(taken.delivery_id, response.status_code, receiving.watch)
    return response


def _refused(receiving: _Receiving, error: Refused) -> Response:
    _note(receiving, (error.status, error.reason))
    return error.response()


def _note(receiving: _Receiving, refusal: tuple[int, str]) -> None:
    note_refused(receiving.webhook, receiving.call, receiving.watch, refusal, receiving.body)


def _what(error: RequestError | HTTPException) -> tuple[int, str]:
    """Status and kind of an error that is answered elsewhere."""
    if isinstance(error, HTTPException):
        return error.code or 500, error.name.lower().replace(" ", "-")
    return next((row[1], row[2]) for row in TABLE if isinstance(error, row[0]))
