"""`ai.chat`: asks a language model, over the protocol of OpenAI or of Anthropic."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from shared.ai import prices, sdk
from shared.ai.anthropic_chat import AnthropicChat
from shared.ai.bounded import bounded_client
from shared.ai.chat import CONTENT_FILTER, LENGTH, ChatRequest, Endpoint, Message, Meter, Provider, Reply
from shared.ai.credentials import AiFields
from shared.ai.failures import AI_CONTENT_FILTER, CODES, INVALID_RESPONSE, node_error
from shared.ai.openai_chat import OpenAiChat
from shared.ai.structured import ReplyError, SchemaError, check_schema, value_of
from shared.credentials.base import CREDENTIAL_CODES
from shared.domain.ai_call import AiCall, to_usd
from shared.net.calls import parse_url
from shared.nodes.base import Context, CredentialOf, Done, NodeError, NodeType, Params, RetryPolicy

PROVIDERS: dict[str, Provider] = {"ai.openai": OpenAiChat(), "ai.anthropic": AnthropicChat()}
"""By the type of the credential."""
MOST_ANSWER_BYTES = 32_000_000
"""A stream takes about 300 bytes for a token."""
_MOST_CHARACTERS = 4_000_000
# Checking more than this would hold up every other step on the loop.
_CHECKED_AT_ONCE = 200_000


class ChatMessage(Params):
    """One message of the history."""

    role: Literal["user", "assistant"] = Field(description="Who said it: `user` or `assistant`.")
    content: str = Field(description="What was said.", max_length=_MOST_CHARACTERS)


class AiChatParams(Params):
    """Whom to ask, what, and how."""

    credential: Annotated[str, CredentialOf(*PROVIDERS)] = Field(
        description="The credential of the provider; its type is the protocol that is spoken."
    )
    model: str = Field(description="The name of the model, as the provider writes it.", min_length=1, max_length=200)
    system: str = Field(
        "", description="What the model should know and how it should behave.", max_length=_MOST_CHARACTERS
    )
    prompt: str = Field(
        "", description="What to ask; after `messages`, if there are some.", max_length=_MOST_CHARACTERS
    )
    messages: list[ChatMessage] = Field(
        default_factory=list, description="The conversation so far: a list of {role, content}.", max_length=1_000
    )
    temperature: float | None = Field(
        None, description="How freely the model chooses, 0 to 2. The Anthropic protocol does not have it.", ge=0, le=2
    )
    max_tokens: int | None = Field(
        None, description="Most tokens of the reply; Anthropic gets 4096 unless set.", ge=1, le=1_000_000
    )
    stop: list[Annotated[str, Field(min_length=1, max_length=1_000)]] = Field(
        default_factory=list, description="Texts at which the reply ends.", max_length=4
    )
    response_schema: dict[str, Any] | None = Field(
        None, description="A JSON Schema: the reply is then JSON that follows it, checked here, in `json`."
    )
    stream: bool = Field(True, description="Take the reply piece by piece, so that it can be watched as it grows.")
    timeout_ms: int = Field(120_000, description="Most time for all of it, in milliseconds.", ge=1, le=86_400_000)

    @model_validator(mode="after")
    def _there_is_something_to_ask(self) -> Self:
        if not self.prompt and not self.messages:
            raise ValueError("give a `prompt`, or `messages` with at least one message")
        size = len(self.system) + len(self.prompt) + sum(len(each.content) for each in self.messages)
        if size > _MOST_CHARACTERS:
            raise ValueError(
                f"`system`, `prompt` and `messages` have {size:,} characters: at most {_MOST_CHARACTERS:,}"
            )
        return self


class AiChat(NodeType):
    """Output `{text, json?, model, finishReason, usage: {inputTokens, outputTokens, cachedTokens}, costUsd}`.

    `usage` is null where the provider does not say it, `costUsd` where no price is known. `json` is there with a
    `responseSchema`. What a call used is recorded also where the step then fails.
    """

    type = "ai.chat"
    label = "AI chat"
    help = "Ask a language model; tokens and cost are counted, and budgets are kept."
    icon = "sparkles"
    category = "ai"
    pool = "ai"
    params = AiChatParams
    time_parameter = "timeoutMs"
    default_retry = RetryPolicy(max_attempts=3)
    example: ClassVar[dict[str, Any]] = {
        "credential": "cred-00000000000000000000000001",
        "model": "gpt-4o-mini",
        "system": "You sort support tickets.",
        "prompt": "My parcel never came.",
        "responseSchema": {
            "type": "object",
            "properties": {"topic": {"enum": ["delivery", "payment", "other"]}, "urgent": {"type": "boolean"}},
            "required": ["topic", "urgent"],
            "additionalProperties": False,
        },
    }
    error_codes: ClassVar[dict[str, str]] = (
        CREDENTIAL_CODES
        | CODES
        | {
            "AI_TRUNCATED": "The reply reached its limit of tokens before it was complete JSON.",
            "BUDGET_EXCEEDED": "A budget of tokens or money is used up; nothing was sent.",
            "INVALID_URL": "The credential's base URL is not a valid http:// or https:// address.",
            "TIMEOUT": "No complete reply within `timeoutMs`.",
        }
    )

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """A schema that is none is found before the first run."""
        schema = params.get("responseSchema")
        if isinstance(schema, dict) and "{{" not in str(schema):
            try:
                check_schema(schema)
            except SchemaError as error:
                yield "responseSchema", f"this is no JSON Schema that can be checked: {error}"

    async def run(self, ctx: Context, params: AiChatParams) -> Done:
        """Ask, if the budgets allow it. Raises NodeError with the codes above."""
        request = _request(params)
        if params.response_schema is not None:
            _check_schema(params.response_schema)
        try:
            async with asyncio.timeout(params.timeout_ms / 1_000):
                call = await _prepared(ctx, params.credential, request)
                reply = await call.run()
        except TimeoutError:
            text = f"There was no complete reply of {params.model} within {params.timeout_ms:,} ms: raise `timeoutMs`."
            raise NodeError("TIMEOUT", text, retryable=True) from None
        if len(reply.text) > _CHECKED_AT_ONCE:
            return Done(await asyncio.to_thread(_output, reply, call.used, request))
        return Done(_output(reply, call.used, request))


async def _prepared(ctx: Context, credential: str, request: ChatRequest) -> "_Call":
    """All that comes before a request is sent: the credential, its hosts, the budgets, the SDK."""
    secret = await ctx.credential(credential)
    provider = PROVIDERS[secret.type]
    provider.check(request)
    base_url = secret.fields.base_url or provider.base_url
    host = parse_url(base_url).host
    secret.check_host(host)
    await ctx.check_budget()
    await sdk.load((*provider.sdk, *prices.SDK))
    return _Call(ctx, provider, secret.fields, base_url, host, request)


@dataclass(slots=True)
class _Call:
    """One call: counted, logged and recorded once, however it ends."""

    ctx: Context
    provider: Provider
    fields: AiFields
    base_url: str
    host: str
    request: ChatRequest
    used: AiCall | None = None

    async def run(self) -> Reply:
        meter = Meter(self.request.model)
        result = "canceled or timed out"
        http = bounded_client(self.ctx.http, self.fields.headers(), self.ctx.count_api_call, MOST_ANSWER_BYTES)
        official = self.base_url.rstrip("/") == self.provider.base_url
        try:
            reply = await self.provider.chat(
                Endpoint(http, self.base_url, official), self.request, meter, self.ctx.delta
            )
            result = reply.finish
        except Exception as error:  # noqa: BLE001 - an SDK may raise anything over what a server sends
            failed = node_error(error, self.host, self.fields.api_key.get_secret_value())
            result = failed.code
            raise failed from None
        finally:
            self._record(meter, result)
        return reply

    def _record(self, meter: Meter, result: str) -> None:
        """A call that the provider did not take costs nothing; any other is recorded, also when it broke off."""
        if meter.answered:
            self.used = _used(self.ctx.attempt, self.provider.name, meter, self.fields)
            self.ctx.count_ai_call(self.used)
        tokens = self.used.tokens if self.used is not None else 0
        self.ctx.log(
            "info" if result in ("stop", LENGTH) else "warning",
            f"{meter.model} at {self.host}: {result}, {tokens} tokens",
            model=meter.model, host=self.host, result=result, tokens=tokens,
        )  # fmt: skip


def _used(attempt: int, provider: str, meter: Meter, fields: AiFields) -> AiCall:
    usage = meter.usage
    cost = prices.cost_nano(provider, meter.model, usage, fields.own_prices())
    if usage is None:
        return AiCall(attempt, provider, meter.model, cost_nano=cost)
    return AiCall(attempt, provider, meter.model, usage.input_tokens, usage.output_tokens, usage.cached_tokens, cost)


def _request(params: AiChatParams) -> ChatRequest:
    messages = [Message(each.role, each.content) for each in params.messages]
    if params.prompt:
        messages.append(Message("user", params.prompt))
    return ChatRequest(
        model=params.model,
        messages=tuple(messages),
        system=params.system,
        temperature=params.temperature,
        max_tokens=params.max_tokens,
        stop=tuple(params.stop),
        schema=params.response_schema,
        stream=params.stream,
    )


def _check_schema(schema: dict[str, Any]) -> None:
    try:
        check_schema(schema)
    except SchemaError as error:
        raise NodeError(
            "INVALID_PARAMS", f"responseSchema: this is no JSON Schema that can be checked: {error}"
        ) from None


def _output(reply: Reply, used: AiCall | None, request: ChatRequest) -> dict[str, Any]:
    """The node's output. Raises NodeError AI_CONTENT_FILTER, AI_TRUNCATED, INVALID_RESPONSE."""
    assert used is not None  # noqa: S101 - there is a reply, so the call was answered
    if reply.finish == CONTENT_FILTER:
        raise NodeError(
            AI_CONTENT_FILTER, f"{used.model} withheld the reply because of its content: change the prompt."
        )
    text = reply.text.replace("\x00", "").encode("utf-8", "replace").decode()
    output: dict[str, Any] = {"text": text}
    if request.schema is not None:
        output["json"] = _json(text, reply.finish, used.model, request.schema)
    usage = None
    if used.input_tokens is not None:
        usage = {
            "inputTokens": used.input_tokens,
            "outputTokens": used.output_tokens,
            "cachedTokens": used.cached_tokens,
        }
    cost = None if used.cost_nano is None else to_usd(used.cost_nano)
    return output | {"model": used.model, "finishReason": reply.finish, "usage": usage, "costUsd": cost}


def _json(text: str, finish: str, model: str, schema: dict[str, Any]) -> Any:
    if finish == LENGTH:
        said = f"The reply of {model} reached its limit of tokens before it was complete: raise `maxTokens`."
        raise NodeError("AI_TRUNCATED", said)
    try:
        return value_of(text, schema)
    except ReplyError as error:
        said = f"The reply of {model} does not follow `responseSchema`: {error}."
        raise NodeError(INVALID_RESPONSE, said, retryable=True) from None
