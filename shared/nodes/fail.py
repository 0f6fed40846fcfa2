"""`fail`: ends the execution as failed, on purpose."""

from typing import Any, ClassVar

from pydantic import Field

from shared.nodes.base import Context, Done, NodeError, NodeType, Params


class FailParams(Params):
    """The error to raise."""

    code: str = Field("FAILED", description="Upper-case code of the error.", pattern=r"^[A-Z][A-Z0-9_]{0,63}$")
    message: str = Field("Failed on purpose.", description="What went wrong, for people.", max_length=2_000)


class Fail(NodeType):
    """Raises `code` with `message`; a retry does not help."""

    type = "fail"
    label = "Fail"
    help = "Stop here: the execution fails with this code and message."
    icon = "alert"
    category = "logic"
    pure = True
    params = FailParams
    example: ClassVar[dict[str, Any]] = {"code": "NO_STOCK", "message": "Nothing left to sell."}
    error_codes: ClassVar[dict[str, str]] = {"<code>": "The code in the parameters, FAILED unless it is set."}

    async def run(self, ctx: Context, params: FailParams) -> Done:  # noqa: ARG002
        """Never returns."""
        raise NodeError(params.code, params.message)
