"""The messages of Anthropic, and of servers that speak the same."""

from typing import TYPE_CHECKING, Any, ClassVar

from shared.ai.chat import (
    CONTENT_FILTER,
    LENGTH,
    STOP,
    ChatRequest,
    Endpoint,
    Meter,
    OnText,
    Reply,
    Text,
    Usage,
    tokens,
)
from shared.ai.failures import broken_off
from shared.domain.errors import NodeError

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

DEFAULT_MAX_TOKENS = 4_096
"""The protocol must be told a limit."""
_FINISH = {
    "end_turn": STOP,
    "stop_sequence": STOP,
    "max_tokens": LENGTH,
    "model_context_window_exceeded": LENGTH,
    "refusal": CONTENT_FILTER,
}


class AnthropicChat:
    """`POST /v1/messages`."""

    name: ClassVar[str] = "anthropic"
    sdk: ClassVar[tuple[str, ...]] = ("anthropic", "anthropic.resources.messages")
    base_url: ClassVar[str] = "https://api.anthropic.com"

    async def chat(self, endpoint: Endpoint, request: ChatRequest, meter: Meter, on_text: OnText) -> Reply:
        """One message, streamed where `request.stream` says so."""
        messages = _client(endpoint).messages
        text = Text(on_text)
        if not request.stream:
            whole: Any = await messages.create(**_arguments(request))
            meter.answered = True
            _see(meter, whole)
            for block in whole.content:
                await text.add(block.text if block.type == "text" else None)
            return _reply(text, whole.stop_reason)
        finish = None
        async with await messages.create(**_arguments(request), stream=True) as stream:
            meter.answered = True
            async for event in stream:
                if event.type == "message_start":
                    _see(meter, event.message)
                elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                    await text.add(event.delta.text)
                elif event.type == "message_delta":
                    finish = event.delta.stop_reason or finish
                    _see(meter, event)
        return _reply(text, finish)

    def check(self, request: ChatRequest) -> None:
        """Raises NodeError INVALID_PARAMS: the protocol has no temperature any more."""
        if request.temperature is not None:
            text = "temperature: the Anthropic protocol does not have it: leave it out, and say in the prompt what you want."
            raise NodeError("INVALID_PARAMS", text)


def _client(endpoint: Endpoint) -> "AsyncAnthropic":
    # Here, as loading it takes two seconds: see shared/ai/sdk.py.
    from anthropic import AsyncAnthropic  # noqa: PLC0415

    # With a key given it looks for no other credential, in the environment or in files. The real one is the client's business.
    return AsyncAnthropic(
        api_key="unused",
        webhook_key="",
        base_url=endpoint.base_url,
        timeout=None,
        max_retries=0,
        open_telemetry=False,
        http_client=endpoint.http,
    )


def _arguments(request: ChatRequest) -> dict[str, Any]:
    found: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS,
        "messages": [{"role": each.role, "content": each.content} for each in request.messages],
    }
    if request.system:
        found["system"] = request.system
    if request.stop:
        found["stop_sequences"] = list(request.stop)
    if request.schema is not None:
        found["output_config"] = {"format": {"type": "json_schema", "schema": request.schema}}
    return found


def _see(meter: Meter, part: Any) -> None:
    """Note the model and the usage. A stream says what it read at its start, and what it wrote, in all so far, later on."""
    meter.see_model(getattr(part, "model", None))
    usage, former = part.usage, meter.usage
    fresh = getattr(usage, "input_tokens", None)
    read, written = getattr(usage, "cache_read_input_tokens", None), getattr(usage, "cache_creation_input_tokens", None)
    if former is not None and fresh is None:
        meter.usage = Usage(
            former.input_tokens, tokens(usage.output_tokens), former.cached_tokens, former.cache_written_tokens
        )
        return
    cached = tokens(read) if read is not None or former is None else former.cached_tokens
    made = tokens(written) if written is not None or former is None else former.cache_written_tokens
    meter.usage = Usage(tokens(fresh) + cached + made, tokens(usage.output_tokens), cached, made)


def _reply(text: Text, finish: Any) -> Reply:
    if not isinstance(finish, str):
        raise broken_off()
    return Reply(str(text), _FINISH.get(finish, finish))
