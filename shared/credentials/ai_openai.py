"""`ai.openai`: a key for OpenAI, or for any server that speaks its protocol."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from shared.ai.credentials import AiFields, ApiKey, BaseUrl, try_models
from shared.ai.openai_chat import OpenAiChat
from shared.credentials.base import CredentialType
from shared.net.network import Network


class OpenAiFields(AiFields):
    """A key, and where it is good."""

    api_key: ApiKey = Field(
        SecretStr(""), description="The API key; may stay empty for a server of your own that asks for none."
    )
    base_url: BaseUrl = Field(
        None,
        description="Another server with the same protocol, for example http://localhost:11434/v1.",
        max_length=2_000,
    )
    organisation: str | None = Field(
        None, description="The id of the organisation that pays, org-…", max_length=200, pattern=r"^[\x21-\x7e]+$"
    )

    def headers(self) -> dict[str, str]:
        """What proves who asks."""
        key, found = self.api_key.get_secret_value(), dict[str, str]()
        if key:
            found["authorization"] = f"Bearer {key}"
        if self.organisation:
            found["openai-organization"] = self.organisation
        return found


class OpenAi(CredentialType):
    """Tried by listing the models."""

    type = "ai.openai"
    label = "OpenAI, or compatible"
    help = "A key for the OpenAI API, or for any server that speaks its protocol (vLLM, Ollama, llama.cpp and others)."
    icon = "sparkles"
    fields: ClassVar = OpenAiFields
    testable = True

    async def test(self, network: Network, fields: Any) -> str:
        """List the models, which costs nothing. Raises NodeError."""
        base_url = fields.base_url or OpenAiChat.base_url
        return await try_models(network, f"{base_url.rstrip('/')}/models", fields)
