"""Run one attempt of a step: evaluate its parameters, run its node, say how it ended. No database in here."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from datetime import UTC, datetime
from random import random
from typing import Any
from uuid import UUID

from services.worker import scope
from services.worker.context import StepContext
from services.worker.running import Registry, Running
from shared import ids
from shared.callbacks import mask_tokens
from shared.domain import items
from shared.domain.errors import InvalidValue, NodeError, StaleFence, Unavailable
from shared.domain.outcome import CHILD, Ask, Kind, Outcome
from shared.domain.values import from_json, to_json
from shared.engine import reads
from shared.engine.requests import Claimed, Value
from shared.expr import ExpressionError
from shared.log import get_logger
from shared.nodes.base import Call, Done, NodeType, Wait

MAX_INPUT_BYTES = 1_000_000
# Up to six bytes for each character, where all of them are control characters.
MAX_ERROR_BYTES = 6 * 4_000 + 1_000
_log = get_logger(__name__)


class Runner:
    """Runs nodes: pure ones in the calling thread, the others on the process's event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        registry: Registry,
        node_types: Mapping[str, NodeType],
        max_output_bytes: int,
        start_child: Callable[[Claimed, Call], UUID],
    ) -> None:
        self._loop = loop
        self._registry = registry
        self._node_types = node_types
        self._max_output_bytes = max_output_bytes
        self._start_child = start_child

    def run(self, claimed: Claimed, running: Running, ctx: StepContext) -> Outcome:
        """The outcome of one attempt. Its texts are JSON that Postgres takes.

        Raises nothing but Unavailable, where it could not be found out whether a called workflow was started.
        """
        given: str | None = None
        try:
            params = evaluate(claimed, ctx.callback_urls)
            if claimed.node.body is not None:
                return self._scope(claimed, ctx, params)
            given = _input_text(params)
            node_type = self._node_types[claimed.node.type]
            result = self._call(node_type, node_type.parse(params), claimed, running, ctx)
            return self._succeeded(claimed, ctx, given, result)
        except Unavailable:
            raise
        except StaleFence:
            # Nobody will take this outcome; whoever has the step now hands in another.
            return _outcome(claimed, Kind.STOPPED, ctx, input=given)
        except NodeError as error:
            return failed(claimed, error, ctx=ctx, given=given)
        except ExpressionError as error:
            return failed(claimed, NodeError(error.code, str(error)), ctx=ctx, given=given)
        except InvalidValue as error:
            return failed(claimed, NodeError("INVALID_OUTPUT", str(error)), ctx=ctx, given=given)
        except (CancelledError, asyncio.CancelledError):
            if running.stopped:
                return _outcome(claimed, Kind.STOPPED, ctx, input=given)
            text = f"The node canceled itself; this is a bug of the node type {claimed.node.type!r}."
            return failed(claimed, NodeError("NODE_BUG", text, retryable=True), ctx=ctx, given=given)
        except Exception as error:  # noqa: BLE001 - third-party nodes may raise anything
            _log.exception("a node raised what it does not document", node_type=claimed.node.type)
            text = f"The node raised {type(error).__name__}; this is a bug of the node type {claimed.node.type!r}."
            return failed(claimed, NodeError("NODE_BUG", text), ctx=ctx, given=given)

    def _scope(self, claimed: Claimed, ctx: StepContext, params: Any) -> Outcome:
        """A scope opens, or its results are collected: a worker runs it twice."""
        if claimed.results is None:
            values = scope.values_of(claimed, params, self._max_output_bytes)
            if values != ():
                return _outcome(claimed, Kind.OPEN, ctx, items=values)
        output = scope.result_of(claimed, self._max_output_bytes)
        error = scope.error_of(claimed)
        if error is None:
            return _outcome(claimed, Kind.DONE, ctx, output=output)
        return replace(failed(claimed, error, ctx=ctx), output=output)

    def _call(
        self, node_type: NodeType, params: Any, claimed: Claimed, running: Running, ctx: StepContext
    ) -> Done | Wait:
        if running.stopped:
            raise CancelledError
        coroutine = node_type.run(ctx, params)
        result = _run_pure(coroutine) if node_type.pure else self._run_on_loop(coroutine, claimed, running)
        return self._started(claimed, running, result) if isinstance(result, Call) else result

    def _run_on_loop(
        self, coroutine: Coroutine[Any, Any, Done | Wait | Call], claimed: Claimed, running: Running
    ) -> Done | Wait | Call:
        limit_s = claimed.node.timeout_ms / 1000
        future: Future[Done | Wait | Call] = asyncio.run_coroutine_threadsafe(
            asyncio.wait_for(coroutine, limit_s), self._loop
        )
        self._registry.arm(running, future.cancel)
        try:
            return future.result(timeout=limit_s + 5)
        except TimeoutError:
            future.cancel()
            text = f"The step took longer than its limit of {limit_s:g} s. Raise timeoutMs if that is expected."
            raise NodeError("STEP_TIMEOUT", text, retryable=True) from None

    def _started(self, claimed: Claimed, running: Running, call: Call) -> Done | Wait:
        """Start what the node calls: outside of the node, which knows no database."""
        if running.stopped:
            raise CancelledError
        child = self._start_child(claimed, call)
        return Wait(ask=CHILD) if call.wait else Done({"executionId": ids.encode(ids.EXECUTION, child)})

    def _succeeded(self, claimed: Claimed, ctx: StepContext, given: str | None, result: Done | Wait) -> Outcome:
        if isinstance(result, Wait):
            return _outcome(claimed, Kind.WAIT, ctx, due_s=_wait_s(result), ask=_checked(result.ask))
        output = to_json(result.output, max_bytes=self._max_output_bytes).decode()
        return _outcome(claimed, Kind.DONE, ctx, port=result.port, input=given, output=output)


def _run_pure(coroutine: Coroutine[Any, Any, Done | Wait | Call]) -> Done | Wait | Call:
    """Run a coroutine that never awaits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Done | Wait | Call = stop.value
        return result
    coroutine.close()
    raise NodeError("NODE_BUG", "The node type says it is pure, but it awaits something.")


def evaluate(claimed: Claimed, callback_urls: Mapping[str, str] | None = None) -> Any:
    """The parameters with every expression replaced; reads only what the claim brought, and the addresses of callbacks."""
    template = claimed.node.params
    if not template.has_expressions:
        return template.source
    found: dict[str, Any] = {
        "input": _value(claimed.values.get("", Value()).output),
        "steps": {node: _read(claimed, node) for node in claimed.node.reads},
        "now": datetime.now(UTC),
    }
    if not template.names.isdisjoint(("item", "index")):
        found |= _item(claimed, reads.innermost_loop(claimed.plan, claimed.node))
    for name, prefix, id in (
        ("execution", ids.EXECUTION, claimed.key[0]),
        ("workflow", ids.WORKFLOW, claimed.workflow_id),
    ):
        if name in template.names:
            found[name] = {"id": ids.encode(prefix, id)}
    if callback_urls:
        found["execution"]["callbackUrls"] = callback_urls
    return template.evaluate(found)


def _read(claimed: Claimed, name: str) -> dict[str, Any]:
    """What `steps.<name>` is: an earlier step's output and error; a loop around this step has its present item."""
    if name in claimed.node.scopes:
        return _item(claimed, name)
    value = claimed.values.get(name, Value())
    return {"output": _value(value.output), "error": _value(value.error)}


def _item(claimed: Claimed, loop: str) -> dict[str, Any]:
    key = items.cut(claimed.key[2], claimed.plan.nodes[loop].depth + 1)
    return {"item": _value(claimed.values.get(loop, Value()).output), "index": items.index(key)}


def _value(text: str | None) -> Any:
    return None if text is None else from_json(text)


def failed(claimed: Claimed, error: NodeError, *, ctx: StepContext | None = None, given: str | None = None) -> Outcome:
    """The outcome of an attempt that failed."""
    return _outcome(
        claimed,
        Kind.FAILED,
        ctx,
        input=given,
        error=_error_json(error.code, error.message, retryable=error.retryable),
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


def _outcome(claimed: Claimed, kind: Kind, ctx: StepContext | None, **fields: Any) -> Outcome:
    return Outcome(
        key=claimed.key,
        kind=kind,
        fence=claimed.fence,
        touches=claimed.plan.touches(*claimed.key[1:]),
        ai_tokens=ctx.tokens if ctx else 0,
        api_calls=ctx.api_calls if ctx else 0,
        **fields,
    )


def _error_json(code: str, message: str, *, retryable: bool) -> str:
    """An error as JSON that Postgres takes, whatever characters its message has."""
    clean = mask_tokens(message)[:4_000].encode("utf-8", "replace").decode().replace("\x00", "?")
    return to_json({"code": code, "message": clean, "retryable": retryable}, max_bytes=MAX_ERROR_BYTES).decode()


def _input_text(params: Any) -> str | None:
    """What the step was given, for people to see; too large or unstorable inputs are described instead."""
    try:
        return mask_tokens(to_json(params, max_bytes=MAX_INPUT_BYTES).decode())
    except InvalidValue as error:
        return to_json({"notStored": str(error)[:1_000]}, max_bytes=MAX_INPUT_BYTES).decode()


def _wait_s(wait: Wait) -> float | None:
    if wait.until is not None:
        return max(0.0, (wait.until - datetime.now(UTC)).total_seconds())
    return None if wait.for_ms is None else wait.for_ms / 1000


def _checked(ask: Ask | None) -> Ask | None:
    """The question as it is; raises InvalidValue where Postgres could not take its text."""
    if ask is not None:
        to_json([ask.message, *ask.approvers], max_bytes=MAX_INPUT_BYTES)
    return ask
