"""`webhook.call`: delivers a signed event to another system."""

import time
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from shared.credentials.base import CREDENTIAL_CODES
from shared.domain.errors import InvalidValue
from shared.domain.values import to_json
from shared.net.calls import CALL_CODES, INVALID_URL, MAX_URL, Call, parse_url
from shared.net.deadline import within
from shared.net.exchange import follow
from shared.net.failures import CODES
from shared.net.signature import signed_headers
from shared.net.statuses import Accepted, not_2xx
from shared.nodes.base import Context, Credential, CredentialOf, Done, NodeError, NodeType, Params, RetryPolicy
from shared.nodes.http.answers import answer_body
from shared.nodes.http.scalars import Headers

_MAX_BODY_BYTES = 16_000_000
_MAX_ANSWER_BYTES = 1_000_000


class WebhookCallParams(Params):
    """What to deliver, and where."""

    url: str = Field(description="The receiver: an http:// or https:// address.", min_length=1, max_length=MAX_URL)
    method: Annotated[
        Literal["POST", "PUT", "PATCH"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = Field("POST", description="The HTTP method.")
    body: Any = Field(None, description="The event, any JSON; it is sent as JSON.")
    credential: Annotated[str | None, CredentialOf("hmac")] = Field(
        None, description="The secret to sign with; without it the call is not signed."
    )
    headers: Headers = Field(
        default_factory=dict, description="Further headers; one that is null is left out.", max_length=50
    )
    timeout_ms: int = Field(30_000, description="Most time for one delivery, in milliseconds.", ge=1, le=300_000)


class WebhookCall(NodeType):
    """Output `{status, body, durationMs, webhookId}`. Delivered means answered with 2xx; redirects are not followed.

    Headers as in the Standard Webhooks specification: `webhook-id` is the same for all attempts of a step, so that the
    receiver can tell a repetition; `webhook-timestamp`; `webhook-signature: v1,<base64 of HMAC-SHA256 of
    id.timestamp.body>`, keyed with the secret's text or with what follows `whsec_` in base64.
    """

    type = "webhook.call"
    label = "Call a webhook"
    help = "Deliver an event as JSON to another system, signed so that it can tell who sent it."
    icon = "hook"
    params = WebhookCallParams
    time_parameter = "timeoutMs"
    # Receivers can tell a repetition by its `webhook-id`.
    default_retry = RetryPolicy(max_attempts=5)
    example: ClassVar[dict[str, Any]] = {
        "url": "https://hooks.example.com/orders",
        "credential": "cred-00000000000000000000000001",
        "body": {"event": "order.paid", "orderId": 17},
    }
    error_codes: ClassVar[dict[str, str]] = (
        CODES
        | CREDENTIAL_CODES
        | {
            INVALID_URL: CALL_CODES[INVALID_URL],
            "HTTP_STATUS": "The receiver did not answer with 2xx; 408, 425, 429 and 5xx may be retried.",
            "TIMEOUT": "No complete answer within `timeoutMs`; the receiver may have taken the event.",
            "RESPONSE_TOO_LARGE": "The answer is larger than 1 MB.",
        }
    )

    async def run(self, ctx: Context, params: WebhookCallParams) -> Done:
        """Deliver once. Raises NodeError with the codes above; the engine's retry policy decides about another attempt."""
        secret = await ctx.credential(params.credential) if params.credential else None
        call = _call(params, ctx.idempotency_key, secret)
        if secret is not None:
            secret.check_host(call.host)
        started = time.perf_counter()
        async with within(params.timeout_ms / 1_000, call.host):
            answer = await follow(ctx, call, Accepted(_MAX_ANSWER_BYTES, fails=not_2xx))
            body = await answer_body(answer, "auto")
        took_ms = round((time.perf_counter() - started) * 1_000)
        return Done({"status": answer.status, "body": body, "durationMs": took_ms, "webhookId": ctx.idempotency_key})


def _call(params: WebhookCallParams, id: str, secret: Credential | None) -> Call:
    try:
        body = to_json(params.body, max_bytes=_MAX_BODY_BYTES)
    except InvalidValue as error:
        raise NodeError("INVALID_PARAMS", f"body: {error}") from None
    key = secret.fields.secret.get_secret_value() if secret is not None else None
    given = {name.lower(): value.strip().encode() for name, value in params.headers.items() if value is not None}
    signed = signed_headers(key, id, int(time.time()), body)
    headers = {"content-type": b"application/json", "idempotency-key": id.encode()} | given | signed
    return Call(params.method, parse_url(params.url), headers, body)
