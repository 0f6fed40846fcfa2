"""`webhook.respond`: answers whoever called the webhook that started the run, while the run goes on."""

from typing import Any, ClassVar

from pydantic import Field, ValidationError, field_validator

from shared.domain.errors import InvalidValue, TooLarge
from shared.domain.http_headers import refused_header
from shared.domain.sentences import first_problem
from shared.domain.values import to_json
from shared.nodes.base import Context, NodeError, NodeType, Params, Respond
from shared.nodes.files import FileValue, is_file

MAX_BYTES = 5_000_000
_TOO_LARGE = "The body is too large to be answered: answer with an address to fetch it from."
_WITHOUT_BODY = frozenset({204, 205, 304})


class WebhookRespondParams(Params):
    """Status, headers and body of the answer."""

    status: int = Field(200, description="The HTTP status, from 200 to 599.", ge=200, le=599)
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="More headers. Those of the connection, cookies and policies cannot be set.",
        max_length=50,
    )
    body: Any = Field(
        None,
        description="JSON; a text is sent as it is (plain, unless `Content-Type` says otherwise), a file with its own type.",
    )

    @field_validator("headers")
    @classmethod
    def _allowed(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            why = refused_header(name, value)
            if why is not None:
                raise ValueError(f"{name[:64]!r}: {why}")
        if len({name.lower() for name in headers}) < len(headers):
            raise ValueError("a header is there twice: its name is the same in upper and lower case")
        return headers


class WebhookRespond(NodeType):
    """Only the first answer of a run counts. Without a caller who waits the step succeeds, and its output says so."""

    type = "webhook.respond"
    label = "Answer the webhook"
    help = "Answer whoever called the webhook that started this run, if its trigger waits for that. The run goes on."
    icon = "hook"
    category = "action"
    pure = True
    params = WebhookRespondParams
    example: ClassVar[dict[str, Any]] = {"status": 201, "body": {"received": True}}
    error_codes: ClassVar[dict[str, str]] = {
        "INVALID_BODY": "The body cannot be sent: it is no JSON or no file, or a status without a body has one.",
        "RESPONSE_TOO_LARGE": "The body has more than 5 MB.",
    }

    async def run(self, ctx: Context, params: WebhookRespondParams) -> Respond:  # noqa: ARG002
        """The answer; the step's output is `{answered, reason}`."""
        kind, body = _encoded(params.body)
        if len(body) > MAX_BYTES:
            text = f"{_TOO_LARGE} It has {len(body):,} bytes, the limit is {MAX_BYTES:,}."
            raise NodeError("RESPONSE_TOO_LARGE", text)
        if body and params.status in _WITHOUT_BODY:
            raise NodeError("INVALID_BODY", f"An answer with the status {params.status} has no body: leave it out.")
        headers = {name: value for name, value in params.headers.items() if name.lower() != "content-type"}
        own = [value for name, value in params.headers.items() if name.lower() == "content-type"]
        if body or own:
            headers["Content-Type"] = own[0] if own else kind
        return Respond(params.status, headers, body)


def _encoded(body: Any) -> tuple[str, bytes]:
    """The content type and the bytes of a body. Raises NodeError INVALID_BODY, RESPONSE_TOO_LARGE."""
    if body is None:
        return "", b""
    if isinstance(body, str):
        return "text/plain; charset=utf-8", body.encode("utf-8", "replace")
    if is_file(body):
        return _file(body)
    try:
        return "application/json", to_json(body, max_bytes=MAX_BYTES)
    except TooLarge as error:
        raise NodeError("RESPONSE_TOO_LARGE", f"{_TOO_LARGE} {error}.") from None
    except InvalidValue as error:
        raise NodeError("INVALID_BODY", f"The body cannot be sent as JSON: {error}.") from None


def _file(value: dict[str, Any]) -> tuple[str, bytes]:
    try:
        found = FileValue.model_validate(value)
    except ValidationError as error:
        raise NodeError("INVALID_BODY", f"The file cannot be sent: {first_problem(error)}.") from None
    why = refused_header("Content-Type", found.content_type)
    if why is not None:
        raise NodeError("INVALID_BODY", f"The content type of the file: {why}.")
    return found.content_type, found.content
