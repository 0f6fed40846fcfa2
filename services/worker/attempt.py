"""Run one attempt of a step: evaluate its parameters, run its node, say how it ended. No database in here."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.worker import scope
from services.worker.context import StepContext
from services.worker.masking import masked_answer, masked_outcome
from services.worker.outcomes import checked, failed, note, outcome_of, wait_s
from services.worker.parameters import evaluate
from services.worker.payloads import Payloads, too_large
from services.worker.running import Registry, Running
from shared import ids
from shared.callbacks import PATH, mask_tokens
from shared.domain.errors import InvalidValue, NodeError, StaleFence, TooLarge, Unavailable
from shared.domain.outcome import CHILD, Kind, Outcome
from shared.domain.values import to_json
from shared.engine.requests import Claimed
from shared.engine.respond import Answered
from shared.expr import ExpressionError
from shared.log import get_logger
from shared.nodes.base import Call, Done, NodeType, Respond, Wait

_log = get_logger(__name__)


def _nobody_waits(_claimed: Claimed, _respond: Respond) -> Answered:
    return Answered.NO_CALLER


@dataclass(slots=True)
class _Given:
    """What a step was given: JSON, or its bytes where it is too large to travel with the outcome."""

    text: str | None = None
    large: bytes | None = None


class Runner:
    """Runs nodes: pure ones in the calling thread, the others on the process's event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        registry: Registry,
        node_types: Mapping[str, NodeType],
        payloads: Payloads,
        start_child: Callable[[Claimed, Call], UUID],
        *,
        respond: Callable[[Claimed, Respond], Answered] = _nobody_waits,
    ) -> None:
        self._loop = loop
        self._registry = registry
        self._node_types = node_types
        self._payloads = payloads
        self._most = payloads.limits.value
        self._start_child = start_child
        self._respond = respond

    def run(self, claimed: Claimed, running: Running, ctx: StepContext) -> Outcome:
        """The outcome of one attempt. Its texts are JSON that Postgres takes; what is large is stored.

        Raises nothing but Unavailable, where it could not be found out whether a called workflow was started.
        """
        given = _Given()
        try:
            outcome = self._attempt(claimed, running, ctx, given)
            if ctx.redactor is not None:
                outcome = masked_outcome(outcome, ctx.redactor)
                given.large = None if given.large is None else ctx.redactor.json(given.large.decode()).encode()
            if given.large is not None and outcome.kind in (Kind.DONE, Kind.FAILED, Kind.STOPPED):
                return self._with_input(claimed, running, outcome, given.large)
            return outcome
        finally:
            self._payloads.room.leave(running)

    def _with_input(self, claimed: Claimed, running: Running, outcome: Outcome, given: bytes) -> Outcome:
        """The outcome with a large input; one that cannot be stored is described."""
        try:
            return replace(outcome, input=self._payloads.keep(claimed, running, given))
        except NodeError as error:
            return replace(outcome, input=note(error))

    def _attempt(self, claimed: Claimed, running: Running, ctx: StepContext, given: "_Given") -> Outcome:
        """The outcome, whatever is raised."""
        try:
            return self._do(claimed, running, ctx, given)
        except Unavailable:
            raise
        except StaleFence:
            # Nobody will take this outcome; whoever has the step now hands in another.
            return outcome_of(claimed, Kind.STOPPED, ctx, input=given.text)
        except NodeError as error:
            return failed(claimed, error, ctx=ctx, given=given.text)
        except ExpressionError as error:
            return failed(claimed, NodeError(error.code, str(error)), ctx=ctx, given=given.text)
        except InvalidValue as error:
            reason = too_large(error) if isinstance(error, TooLarge) else NodeError("INVALID_OUTPUT", str(error))
            return failed(claimed, reason, ctx=ctx, given=given.text)
        except (CancelledError, asyncio.CancelledError):
            if running.stopped:
                return outcome_of(claimed, Kind.STOPPED, ctx, input=given.text)
            text = f"The node canceled itself; this is a bug of the node type {claimed.node.type!r}."
            return failed(claimed, NodeError("NODE_BUG", text, retryable=True), ctx=ctx, given=given.text)
        except Exception as error:  # noqa: BLE001 - third-party nodes may raise anything
            _log.exception("a node raised what it does not document", node_type=claimed.node.type)
            text = f"The node raised {type(error).__name__}; this is a bug of the node type {claimed.node.type!r}."
            return failed(claimed, NodeError("NODE_BUG", text), ctx=ctx, given=given.text)

    def _do(self, claimed: Claimed, running: Running, ctx: StepContext, given: "_Given") -> Outcome:
        """The outcome of what goes well; raises what does not."""
        if claimed.results is not None:
            return self._collect(claimed, running, ctx)
        claimed = self._payloads.load(claimed, running)
        params = evaluate(claimed, ctx.callback_urls)
        if claimed.node.body is not None:
            return self._open(claimed, running, ctx, params)
        self._note_input(params, given)
        node_type = self._node_types[claimed.node.type]
        result = self._call(node_type, node_type.parse(params), claimed, running, ctx)
        return self._succeeded(claimed, running, ctx, given.text, result)

    def _open(self, claimed: Claimed, running: Running, ctx: StepContext, params: Any) -> Outcome:
        """A scope opens; a loop over nothing is over at once. A worker runs a scope twice: see `_collect`."""
        values = scope.values_of(claimed, params, self._most)
        if values == ():
            return outcome_of(claimed, Kind.DONE, ctx, output=scope.result_of(claimed, self._most).decode())
        kept = None if values is None else self._payloads.keep_items(claimed, running, values)
        return outcome_of(claimed, Kind.OPEN, ctx, items=kept)

    def _collect(self, claimed: Claimed, running: Running, ctx: StepContext) -> Outcome:
        """The steps of a scope are over: what they have left is its output."""
        found = replace(claimed, results=self._payloads.load_results(claimed, running))
        output = self._payloads.keep(claimed, running, scope.result_of(found, self._most))
        error = scope.error_of(claimed)
        if error is None:
            return outcome_of(claimed, Kind.DONE, ctx, output=output)
        return replace(failed(claimed, error, ctx=ctx), output=output)

    def _call(
        self, node_type: NodeType, params: Any, claimed: Claimed, running: Running, ctx: StepContext
    ) -> Done | Wait:
        if running.stopped:
            raise CancelledError
        needed = node_type.memory_bytes(params)
        if needed:
            self._payloads.room.take(running, needed, within_s=claimed.node.timeout_ms / 1000)
            if running.stopped:
                raise CancelledError
        coroutine = node_type.run(ctx, params)
        result = _run_pure(coroutine) if node_type.pure else self._run_on_loop(coroutine, claimed, running)
        if isinstance(result, Respond):
            answer = result if ctx.redactor is None else masked_answer(result, ctx.redactor)
            return self._answered(claimed, running, answer)
        if not isinstance(result, Call):
            return result
        if ctx.redactor is not None:
            result = replace(result, input=ctx.redactor.value(result.input))
        return self._started(claimed, running, result)

    def _run_on_loop(
        self, coroutine: Coroutine[Any, Any, Done | Wait | Call | Respond], claimed: Claimed, running: Running
    ) -> Done | Wait | Call | Respond:
        limit_s, too_long = _limit(claimed)
        future: Future[Done | Wait | Call | Respond] = asyncio.run_coroutine_threadsafe(
            asyncio.wait_for(coroutine, limit_s), self._loop
        )
        self._registry.arm(running, future.cancel)
        try:
            return future.result(timeout=limit_s + 5)
        except TimeoutError:
            future.cancel()
            raise NodeError("STEP_TIMEOUT", too_long, retryable=True) from None

    def _started(self, claimed: Claimed, running: Running, call: Call) -> Done | Wait:
        """Start what the node calls: outside of the node, which knows no database."""
        if running.stopped:
            raise CancelledError
        child = self._start_child(claimed, call)
        return Wait(ask=CHILD) if call.wait else Done({"executionId": ids.encode(ids.EXECUTION, child)})

    def _answered(self, claimed: Claimed, running: Running, respond: Respond) -> Done:
        """Answer whoever waits for the run: outside of the node too."""
        if running.stopped:
            raise CancelledError
        answered = self._respond(claimed, respond)
        taken = answered is Answered.TAKEN
        return Done({"answered": taken, "reason": None if taken else answered.value})

    def _note_input(self, params: Any, given: "_Given") -> None:
        """What the step was given, for people to see; what cannot be stored is described instead."""
        try:
            raw = to_json(params, max_bytes=self._most)
        except InvalidValue as error:
            given.text = note(error)
            return
        if len(raw) <= self._payloads.limits.offload:
            given.text = mask_tokens(raw.decode())
        else:
            given.large = mask_tokens(raw.decode()).encode() if PATH.encode() in raw else raw

    def _succeeded(
        self, claimed: Claimed, running: Running, ctx: StepContext, given: str | None, result: Done | Wait
    ) -> Outcome:
        if isinstance(result, Wait):
            return outcome_of(claimed, Kind.WAIT, ctx, due_s=wait_s(result), ask=checked(result.ask))
        raw = to_json(result.output, max_bytes=self._most)
        if ctx.redactor is not None and ctx.redactor.found_in(raw):
            raw = to_json(ctx.redactor.value(result.output), max_bytes=self._most)
        output = self._payloads.keep(claimed, running, raw)
        return outcome_of(claimed, Kind.DONE, ctx, port=result.port, input=given, output=output)


def _run_pure(coroutine: Coroutine[Any, Any, Done | Wait | Call | Respond]) -> Done | Wait | Call | Respond:
    """Run a coroutine that never awaits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Done | Wait | Call | Respond = stop.value
        return result
    coroutine.close()
    raise NodeError("NODE_BUG", "The node type says it is pure, but it awaits something.")


def _limit(claimed: Claimed) -> tuple[float, str]:
    """Seconds that this attempt may take, by itself and with those before it together; and what is said past them."""
    limit_s, budget_ms = claimed.node.timeout_ms / 1000, claimed.node.retry.max_elapsed_ms
    if budget_ms is not None and not claimed.resumed:
        left_s = max(0.0, budget_ms / 1000 - claimed.elapsed_s)
        if left_s < limit_s:
            text = f"All attempts together took longer than {budget_ms / 1000:g} s."
            return left_s, f"{text} Raise retry.maxElapsedMs if that is expected."
    return limit_s, (
        f"The step took longer than its limit of {limit_s:g} s. "
        "Raise the node's own `timeoutMs`, beside `params`, if that is expected."
    )
