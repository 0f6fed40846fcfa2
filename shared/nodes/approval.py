"""`approval`: asks people, and waits for what they decide, holding no worker."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from shared import ids
from shared.nodes.base import Ask, Context, Done, NodeError, NodeType, Params, Wait

_LONGEST_MS = 365 * 86_400_000
_PORTS = {"approve": "approved", "reject": "rejected"}


def _approver(text: str) -> str:
    clean = text.strip().lower()
    if ids.decode(ids.USER, clean) is not None or "@" in clean[1:-1]:
        return clean
    raise ValueError("this must be the e-mail of a user, or a user's id, user-…")


class ApprovalParams(Params):
    """Who is asked what, and for how long."""

    message: str = Field(description="What people read before they decide.", min_length=1, max_length=10_000)
    approvers: list[Annotated[str, AfterValidator(_approver)]] = Field(
        default_factory=list,
        description="Who may decide: e-mails or ids of users. Admins always may; without a list, whoever may run the workflow.",
        max_length=100,
    )
    timeout_ms: int | None = Field(
        None,
        description="How long to wait, in milliseconds, at most 365 days; without it for ever.",
        ge=1,
        le=_LONGEST_MS,
    )
    on_timeout: Literal["reject", "approve", "fail"] = Field(
        "reject", description="What it means when nobody has decided in time."
    )


class Approval(NodeType):
    """The step waits until somebody decides over the API or on the run's page, or until its time is over."""

    type = "approval"
    label = "Approval"
    help = "Ask people to approve or reject, and go on as they decide. Nothing is held while waiting."
    icon = "users"
    category = "logic"
    pure = True
    resumed_by = "answer"
    params = ApprovalParams
    example: ClassVar[dict[str, Any]] = {"message": "Pay invoice 4711?", "timeoutMs": 86_400_000}
    error_codes: ClassVar[dict[str, str]] = {
        "APPROVAL_TIMEOUT": "Nobody decided in time, and `onTimeout` is `fail`; another attempt asks again."
    }

    def ports(self, params: dict[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """`approved` and `rejected`."""
        return tuple(_PORTS.values())

    async def run(self, ctx: Context, params: ApprovalParams) -> Done | Wait:
        """A Wait at first, then `{decision, by, comment, data, decidedAt, timedOut}`."""
        if not ctx.resumed:
            ask = Ask("approval", params.message, tuple(params.approvers))
            return Wait(for_ms=params.timeout_ms, ask=ask)
        if ctx.answer is not None:
            return Done(ctx.answer | {"timedOut": False}, _PORTS[ctx.answer["decision"]])
        if params.on_timeout == "fail":
            raise NodeError("APPROVAL_TIMEOUT", "Nobody decided in time.", retryable=True)
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        nobody = {"by": None, "comment": None, "data": None, "decidedAt": now_ms, "timedOut": True}
        return Done({"decision": params.on_timeout} | nobody, _PORTS[params.on_timeout])
