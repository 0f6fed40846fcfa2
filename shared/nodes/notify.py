"""`notify`: posts a message to an incoming webhook in Slack's format."""

import time
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from shared.credentials.base import CREDENTIAL_CODES
from shared.domain.errors import InvalidValue
from shared.domain.values import to_json
from shared.net.deadline import within
from shared.net.exchange import follow
from shared.net.failures import CODES
from shared.net.statuses import Accepted, not_2xx
from shared.nodes.base import Context, CredentialOf, Done, NodeError, NodeType, Params

MAX_TEXT = 40_000
_MAX_BLOCKS = 50
_MAX_BODY_BYTES = 500_000
_MAX_ANSWER_BYTES = 100_000


class NotifyParams(Params):
    """What to post, and where."""

    credential: Annotated[str, CredentialOf("slack.webhook")] = Field(
        description="The incoming webhook; its address is a secret, so it is kept as a credential."
    )
    text: str = Field(
        "",
        description="The message, in Slack's mrkdwn; with `blocks` what notifications show. Discord takes 2,000 characters.",
        max_length=MAX_TEXT,
    )
    blocks: list[dict[str, Any]] = Field(
        default_factory=list, description="Blocks of Slack's Block Kit, if wanted.", max_length=_MAX_BLOCKS
    )
    username: str | None = Field(None, description="Who posts, where the server allows that.", max_length=80)
    icon_emoji: str | None = Field(None, description="The picture, such as :bell:, where allowed.", max_length=100)
    channel: str | None = Field(None, description="Another channel, where the server allows that.", max_length=200)
    timeout_ms: int = Field(30_000, description="Most time for all of it, in milliseconds.", ge=1, le=300_000)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text.strip() and not self.blocks:
            raise ValueError("there is nothing to post: give `text` or `blocks`")
        return self

    def message(self) -> dict[str, Any]:
        """What is posted."""
        values = {
            "text": self.text,
            "blocks": self.blocks,
            "username": self.username,
            "icon_emoji": self.icon_emoji,
            "channel": self.channel,
        }
        return {name: value for name, value in values.items() if value}


class Notify(NodeType):
    """Output `{status, durationMs}`.

    Works with Slack, Mattermost, Rocket.Chat, and Discord where the address ends with /slack. A message may arrive twice
    if a worker dies or an answer is lost: such webhooks know no idempotency.
    """

    type = "notify"
    label = "Notify (Slack format)"
    help = "Post a message to a channel of Slack, Mattermost or Discord by an incoming webhook."
    icon = "message"
    params = NotifyParams
    time_parameter = "timeoutMs"
    example: ClassVar[dict[str, Any]] = {
        "credential": "cred-00000000000000000000000001",
        "text": "The nightly report is ready.",
    }
    error_codes: ClassVar[dict[str, str]] = (
        CODES
        | CREDENTIAL_CODES
        | {
            "HTTP_STATUS": "The webhook did not take the message; 408, 425, 429 and 5xx may be retried.",
            "TIMEOUT": "No answer within `timeoutMs`; the message may have been posted.",
            "RESPONSE_TOO_LARGE": "The answer is longer than such webhooks give.",
        }
    )

    async def run(self, ctx: Context, params: NotifyParams) -> Done:
        """Post. Raises NodeError with the codes above; the address is never in their text."""
        secret = await ctx.credential(params.credential)
        call = secret.fields.post(_json(params.message()))
        secret.check_host(call.host)
        accepted = Accepted(_MAX_ANSWER_BYTES, fails=not_2xx)
        started = time.perf_counter()
        async with within(params.timeout_ms / 1_000, call.host):
            answer = await follow(ctx, call, accepted)
        return Done({"status": answer.status, "durationMs": round((time.perf_counter() - started) * 1_000)})


def _json(message: dict[str, Any]) -> bytes:
    try:
        return to_json(message, max_bytes=_MAX_BODY_BYTES)
    except InvalidValue as error:
        raise NodeError("INVALID_PARAMS", f"blocks: {error}") from None
