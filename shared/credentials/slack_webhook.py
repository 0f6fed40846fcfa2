"""`slack.webhook`: the address of an incoming webhook, which is a secret itself."""

from pydantic import Field, SecretStr, field_validator

from shared.credentials.base import CredentialType, Fields
from shared.domain.errors import NodeError
from shared.net.caller import Unrecorded
from shared.net.calls import Call, parse_url
from shared.net.deadline import within
from shared.net.exchange import follow
from shared.net.network import Network
from shared.net.statuses import Accepted, not_2xx

_TEST_TIMEOUT_S = 10.0
_MAX_BYTES = 100_000
_TEXT = b'{"text":"Flowversal can post here: this is the test of a credential."}'


class SlackWebhookFields(Fields):
    """Slack, Mattermost, Rocket.Chat, and Discord with /slack at the end take the same messages."""

    url: SecretStr = Field(
        description="The address of the incoming webhook, such as https://hooks.slack.com/services/…", max_length=4_000
    )

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: SecretStr) -> SecretStr:
        try:
            parse_url(value.get_secret_value())
        except NodeError:
            raise ValueError("this must be an address that begins with https:// or http://") from None
        return value

    def post(self, content: bytes) -> Call:
        """The request that posts a message; no part of the address is told in an error."""
        text = self.url.get_secret_value().strip()
        url = parse_url(text)
        secrets = (
            text,
            str(url),
            url.path,
            *(part for part in url.path.split("/") if len(part) >= 8),
            url.query.decode(),
        )
        return Call("POST", url, {"content-type": b"application/json"}, content, secrets=secrets)


class SlackWebhook(CredentialType):
    """Where `notify` posts to."""

    type = "slack.webhook"
    label = "Incoming webhook (Slack format)"
    help = (
        "The secret address of an incoming webhook of Slack, Mattermost or Discord (/slack). Its test posts a message."
    )
    icon = "message"
    fields = SlackWebhookFields
    testable = True

    async def test(self, network: Network, fields: SlackWebhookFields) -> str:
        """Post a message that says that it is a test."""
        call = fields.post(_TEXT)
        async with within(_TEST_TIMEOUT_S, call.host):
            await follow(Unrecorded(network.http), call, Accepted(_MAX_BYTES, fails=not_2xx))
        return f"{call.host} took a test message: look for it there."
