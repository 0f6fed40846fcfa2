"""Outcomes of attempts: built of what happened, with texts that Postgres takes."""

from dataclasses import replace
from datetime import UTC, datetime
from random import random
from typing import Any

from services.worker.context import StepContext
from shared.callbacks import mask_tokens
from shared.domain.errors import NodeError
from shared.domain.outcome import Ask, Kind, Outcome
from shared.domain.values import to_json
from shared.engine.requests import Claimed
from shared.nodes.base import Wait

MAX_ASK_BYTES = 1_000_000
# Up to six bytes for each character, where all of them are control characters.
MAX_ERROR_BYTES = 6 * 4_000 + 1_000


def failed(claimed: Claimed, error: NodeError, *, ctx: StepContext | None = None, given: str | None = None) -> Outcome:
    """The outcome of an attempt that failed."""
    message = error.message if ctx is None else ctx.masked(error.message)
    return outcome_of(
        claimed,
        Kind.FAILED,
        ctx,
        input=given,
        error=_error_json(error.code, message, retryable=error.retryable),
        error_code=error.code,
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
        jitter=random(),  # noqa: S311 - back-off, not a secret
    )


def refused(outcome: Outcome, error: BaseException) -> Outcome:
    """The failure of an attempt whose outcome Postgres would not store; what it used still counts."""
    reason = (str(error).splitlines() or ["it gave no reason"])[0]
    text = f"Postgres refused the step's output: {reason}"
    return replace(
        outcome,
        kind=Kind.FAILED,
        port=None,
        input=None,
        output=None,
        error=_error_json("INVALID_OUTPUT", text, retryable=False),
        error_code="INVALID_OUTPUT",
        retryable=False,
    )


def outcome_of(claimed: Claimed, kind: Kind, ctx: StepContext | None, **fields: Any) -> Outcome:
    """The outcome of this attempt, with what it used."""
    return Outcome(
        key=claimed.key,
        kind=kind,
        fence=claimed.fence,
        touches=claimed.plan.touches(*claimed.key[1:]),
        ai_tokens=ctx.tokens if ctx else 0,
        ai_calls=tuple(ctx.ai.calls) if ctx else (),
        api_calls=ctx.api_calls if ctx else 0,
        **fields,
    )


def _error_json(code: str, message: str, *, retryable: bool) -> str:
    """An error as JSON that Postgres takes, whatever characters its message has."""
    clean = mask_tokens(message)[:4_000].encode("utf-8", "replace").decode().replace("\x00", "?")
    return to_json({"code": code, "message": clean, "retryable": retryable}, max_bytes=MAX_ERROR_BYTES).decode()


def note(error: Exception) -> str:
    """In place of an input."""
    return to_json({"notStored": str(error)[:1_000]}, max_bytes=MAX_ERROR_BYTES).decode()


def wait_s(wait: Wait) -> float | None:
    """Seconds to wait from now; None: until somebody ends it."""
    if wait.until is not None:
        return max(0.0, (wait.until - datetime.now(UTC)).total_seconds())
    return None if wait.for_ms is None else wait.for_ms / 1000


def checked(ask: Ask | None) -> Ask | None:
    """The question as it is; raises InvalidValue where Postgres could not take its text."""
    if ask is not None:
        to_json([ask.message, *ask.approvers], max_bytes=MAX_ASK_BYTES)
    return ask
