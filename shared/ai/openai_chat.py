"""The chat completions of OpenAI, and of the many servers that speak the same."""

from typing import TYPE_CHECKING, Any, ClassVar

from shared.ai.chat import CONTENT_FILTER, ChatRequest, Endpoint, Meter, OnText, Reply, Text, Usage, tokens
from shared.ai.failures import broken_off

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class OpenAiChat:
    """`POST /chat/completions`."""

    name: ClassVar[str] = "openai"
    sdk: ClassVar[tuple[str, ...]] = ("openai", "openai.resources.chat")
    base_url: ClassVar[str] = "https://api.openai.com/v1"

    async def chat(self, endpoint: Endpoint, request: ChatRequest, meter: Meter, on_text: OnText) -> Reply:
        """One completion, streamed where `request.stream` says so."""
        arguments = _arguments(request, official=endpoint.official)
        completions = _client(endpoint).chat.completions
        text = Text(on_text)
        if not request.stream:
            whole: Any = await completions.create(**arguments)
            meter.answered = True
            _see(meter, whole)
            choice = whole.choices[0]
            await text.add(choice.message.content)
            return _reply(text, choice.finish_reason, getattr(choice.message, "refusal", None))
        finish, refusal = None, None
        async with await completions.create(**arguments, stream=True) as stream:
            meter.answered = True
            async for chunk in stream:
                _see(meter, chunk)
                for choice in chunk.choices or ():
                    finish = choice.finish_reason or finish
                    refusal = getattr(choice.delta, "refusal", None) or refusal
                    await text.add(choice.delta.content)
        return _reply(text, finish, refusal)

    def check(self, request: ChatRequest) -> None:
        """Everything in a request can be said in this protocol."""


def _client(endpoint: Endpoint) -> "AsyncOpenAI":
    # Here, as loading it takes a second: see shared/ai/sdk.py.
    from openai import AsyncOpenAI  # noqa: PLC0415

    # Every argument that is left out would be read from the environment. The credential is the client's business.
    return AsyncOpenAI(
        api_key="unused",
        admin_api_key="",
        organization="",
        project="",
        webhook_secret="",
        base_url=endpoint.base_url,
        timeout=None,
        max_retries=0,
        http_client=endpoint.http,
    )


def _arguments(request: ChatRequest, *, official: bool) -> dict[str, Any]:
    messages = [{"role": each.role, "content": each.content} for each in request.messages]
    if request.system:
        messages.insert(0, {"role": "system", "content": request.system})
    found: dict[str, Any] = {
        "model": request.model,
        "messages": messages,
    }
    if request.stream:
        found["stream_options"] = {"include_usage": True}
    if request.temperature is not None:
        found["temperature"] = request.temperature
    if request.max_tokens is not None:
        # The new name is refused by older servers, the old one by newer models of OpenAI.
        found["max_completion_tokens" if official else "max_tokens"] = request.max_tokens
    if request.stop:
        found["stop"] = list(request.stop)
    if request.schema is not None:
        schema = {"name": "reply", "schema": request.schema, "strict": is_strict(request.schema)}
        found["response_format"] = {"type": "json_schema", "json_schema": schema}
    return found


def is_strict(schema: Any) -> bool:
    """Whether a schema keeps to what `strict` asks for: every object closed, every property required."""
    if isinstance(schema, list):
        return all(is_strict(each) for each in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    closed = schema.get("additionalProperties") is False
    if schema.get("type") == "object" or isinstance(properties, dict):
        names = set(properties) if isinstance(properties, dict) else set()
        required = schema.get("required")
        if not closed or names != set(required if isinstance(required, list) else ()):
            return False
    return all(is_strict(each) for each in schema.values())


def _see(meter: Meter, part: Any) -> None:
    """Note the model and the usage, which a stream brings in its last chunk."""
    meter.see_model(getattr(part, "model", None))
    usage = getattr(part, "usage", None)
    if usage is not None:
        details = getattr(usage, "prompt_tokens_details", None)
        meter.usage = Usage(
            tokens(usage.prompt_tokens),
            tokens(usage.completion_tokens),
            tokens(getattr(details, "cached_tokens", 0)),
        )


def _reply(text: Text, finish: Any, refusal: Any) -> Reply:
    if not isinstance(finish, str):
        raise broken_off()
    return Reply(str(text), CONTENT_FILTER if refusal and not text.parts else finish)
