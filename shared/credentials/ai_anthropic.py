"""`ai.anthropic`: a key for Anthropic, or for a server that speaks its protocol."""

from typing import Any, ClassVar

from pydantic import Field

from shared.ai.anthropic_chat import AnthropicChat
from shared.ai.credentials import AiFields, ApiKey, BaseUrl, try_models
from shared.credentials.base import CredentialType
from shared.net.network import Network

VERSION = "2023-06-01"


class AnthropicFields(AiFields):
    """A key, and where it is good."""

    api_key: ApiKey = Field(description="The API key, sk-ant-…")
    base_url: BaseUrl = Field(None, description="Another server with the same protocol.", max_length=2_000)

    def headers(self) -> dict[str, str]:
        """What proves who asks."""
        key = self.api_key.get_secret_value()
        return {"x-api-key": key} if key else {}


class Anthropic(CredentialType):
    """Tried by listing the models."""

    type = "ai.anthropic"
    label = "Anthropic, or compatible"
    help = "A key for the Anthropic API, or for a server that speaks its protocol."
    icon = "sparkles"
    fields: ClassVar = AnthropicFields
    testable = True

    async def test(self, network: Network, fields: Any) -> str:
        """List the models, which costs nothing. Raises NodeError."""
        base_url = fields.base_url or AnthropicChat.base_url
        return await try_models(network, f"{base_url.rstrip('/')}/v1/models", fields, {"anthropic-version": VERSION})
