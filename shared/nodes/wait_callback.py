"""`wait.callback`: waits for one call from outside on an address of its own, holding no worker."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.nodes.base import Ask, Context, Done, NodeError, NodeType, Params, Wait

_LONGEST_MS = 365 * 86_400_000
TYPE = "wait.callback"


class WaitCallbackParams(Params):
    """For how long, and what then."""

    timeout_ms: int | None = Field(
        None,
        description="How long to wait, in milliseconds, at most 365 days; without it for ever.",
        ge=1,
        le=_LONGEST_MS,
    )
    on_timeout: Literal["fail", "continue"] = Field(
        "fail", description="What happens when nobody has called in time; `continue` goes on with a null body."
    )


class WaitCallback(NodeType):
    """Earlier steps send the address out: `{{ execution.callbackUrls.<id of this node> }}`. It takes one call."""

    type = TYPE
    label = "Wait for a callback"
    help = "Wait until another system calls an address that was made for this step. Nothing is held while waiting."
    icon = "globe"
    category = "logic"
    pure = True
    resumed_by = "answer"
    params = WaitCallbackParams
    example: ClassVar[dict[str, Any]] = {"timeoutMs": 3_600_000, "onTimeout": "continue"}
    error_codes: ClassVar[dict[str, str]] = {
        "CALLBACK_TIMEOUT": "Nobody called in time, and `onTimeout` is `fail`; another attempt waits again."
    }

    async def run(self, ctx: Context, params: WaitCallbackParams) -> Done | Wait:
        """A Wait at first, then `{body, headers, query, receivedAt}` of the call."""
        if not ctx.resumed:
            return Wait(for_ms=params.timeout_ms, ask=Ask("callback"))
        if ctx.answer is not None:
            return Done(ctx.answer)
        if params.on_timeout == "fail":
            raise NodeError("CALLBACK_TIMEOUT", "Nobody called the address of this step in time.", retryable=True)
        return Done({"body": None, "headers": {}, "query": {}, "receivedAt": None})
