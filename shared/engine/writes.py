"""Claims and turns as rows: what the second round trip of a batch sends, each kind of row as one JSON parameter."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from shared.db import hot
from shared.db.wire import Answer
from shared.domain.outcome import Key, Kind, Outcome
from shared.domain.plan import Plan, PlanNode
from shared.domain.planner import ExecutionRow, StepRow, Turn
from shared.engine.requests import Claim, Claimed, NotClaimed

if TYPE_CHECKING:
    from shared.engine.batch import Run

LOST_ERROR = '{"code":"WORKER_LOST","message":"The worker that ran this step is gone.","retryable":true}'
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Grant:
    """A claim that will be written. `starts`: it is the first of its execution; `mine`: it was written before."""

    claim: Claim
    workflow_id: UUID
    plan: Plan
    node: PlanNode
    row: StepRow
    queue_wait_s: float | None
    starts: bool
    mine: bool


def json_rows(rows: Sequence[Row]) -> str:
    """Rows as one parameter for json_to_recordset."""
    return orjson.dumps(rows).decode() if rows else "[]"


def key_rows(keys: Iterable[Key]) -> list[Row]:
    """The key columns of steps."""
    return [{"execution_id": key[0], "node": key[1], "item": key[2]} for key in keys]


def uuid_array(ids: Iterable[UUID]) -> str:
    """Ids as a Postgres array."""
    return "{" + ",".join([id.hex for id in ids]) + "}"


# -- claims ---------------------------------------------------------------------------------------------------------


def write_claims(run: "Run", claims: Sequence[Grant | NotClaimed], worker: str, lease_s: float) -> Answer | None:
    """Write the granted claims; the answer will hold the values that their parameters read (None: nothing to read)."""
    granted = [claim for claim in claims if isinstance(claim, Grant)]
    fresh = [grant for grant in granted if not grant.mine]
    if fresh:
        rows = key_rows(grant.claim.key for grant in fresh)
        for row, grant in zip(rows, fresh, strict=True):
            row |= {"fence": grant.claim.fence, "timeout_s": grant.node.timeout_ms / 1000}
        starting = {grant.claim.key[0] for grant in granted if grant.starts}
        parameters = {"claims": json_rows(rows), "starting": uuid_array(starting), "worker": worker, "lease_s": lease_s}
        run(hot.CLAIM, parameters)
    reads = {(grant.claim.key[0], node, "") for grant in granted for node in _reads(grant.node)}
    return run(hot.READ_VALUES, {"keys": json_rows(key_rows(reads))}) if reads else None


def _reads(node: PlanNode) -> list[str]:
    """The rows of execution_data that the parameters of a node need; '' is the input of the execution."""
    return [*node.reads, ""] if "input" in node.params.names else [*node.reads]


def claimed(answer: Answer | None, claims: Sequence[Grant | NotClaimed]) -> list[Claimed | NotClaimed]:
    """The answers to the claims, in their order."""
    values: dict[UUID, dict[str, str]] = {}
    for execution_id, node, text in answer.rows if answer else ():
        values.setdefault(execution_id, {})[node] = text
    return [claim if isinstance(claim, NotClaimed) else _claimed(claim, values) for claim in claims]


def _claimed(grant: Grant, values: Mapping[UUID, dict[str, str]]) -> Claimed:
    return Claimed(
        key=grant.claim.key,
        fence=grant.claim.fence,
        attempt=grant.row.attempt,
        resumed=grant.row.resumed,
        workflow_id=grant.workflow_id,
        plan=grant.plan,
        node=grant.node,
        values=values.get(grant.claim.key[0], {}),
        queue_wait_s=grant.queue_wait_s,
    )


# -- turns ----------------------------------------------------------------------------------------------------------


def step_rows(turns: Mapping[UUID, Turn], accepted: Sequence[Outcome | None]) -> dict[str, list[Row]]:
    """The rows of steps that changed, new ones, what they produced, and the attempts they replace; lock order."""
    outcomes = [outcome for outcome in accepted if outcome is not None]
    replaced = {(id, *key) for id, turn in turns.items() for key in turn.superseded}
    changed = sorted((id, *key) for id, turn in turns.items() for key in turn.updated)
    added = sorted((id, *key) for id, turn in turns.items() for key in turn.inserted)
    return {
        "kept": [_attempt(outcome) for outcome in outcomes if outcome.key in replaced],
        "changed": [_changed(key, turns[key[0]].updated[key[1:]]) for key in changed],
        "added": [_added(key, turns[key[0]]) for key in added],
        "stored": [_stored(outcome) for outcome in outcomes if outcome.key not in replaced and _stores(outcome)],
    }


def execution_rows(turns: Mapping[UUID, Turn]) -> dict[str, list[Row]]:
    """The counters and states of the executions."""
    return {"executions": [_execution(id, turns[id].execution) for id in sorted(turns)]}


def complete_parameters(republish_s: float, rows: Mapping[str, list[Row]]) -> Row:
    """The parameters of COMPLETE; kinds of rows that are not named have none."""
    kinds = ("kept", "changed", "added", "stored", "executions")
    return {"republish_s": republish_s, **{kind: json_rows(rows.get(kind, ())) for kind in kinds}}


def _attempt(outcome: Outcome) -> Row:
    return {
        "execution_id": outcome.key[0],
        "node": outcome.key[1],
        "item": outcome.key[2],
        "ai_tokens": outcome.ai_tokens,
        "api_calls": outcome.api_calls,
        "error": _error(outcome),
    }


def _error(outcome: Outcome) -> str | None:
    return LOST_ERROR if outcome.kind is Kind.LOST else outcome.error


def _changed(key: Key, row: StepRow) -> Row:
    return {
        "execution_id": key[0],
        "node": row.node,
        "item": row.item,
        "state": row.state.value,
        "port": row.port,
        "error_code": row.error_code,
        "ai_tokens": row.ai_tokens,
        "api_calls": row.api_calls,
        "failures": row.failures,
        "lost": row.lost,
        "arrived": row.arrived,
        "taken": row.taken,
        "resumed": row.resumed,
        "due_s": row.due_s,
    }


def _added(key: Key, turn: Turn) -> Row:
    row = turn.inserted[key[1:]]
    return {
        "execution_id": key[0],
        "node": row.node,
        "item": row.item,
        "state": row.state.value,
        "pool": turn.plan.nodes[row.node].pool,
        "arrived": row.arrived,
        "taken": row.taken,
    }


def _stores(outcome: Outcome) -> bool:
    """A step that ended stores its data; a wait and a retry store theirs when the step ends."""
    ended = outcome.kind not in (Kind.WAIT, Kind.DUE)
    return ended and not (outcome.input is None and outcome.output is None and _error(outcome) is None)


def _stored(outcome: Outcome) -> Row:
    return {
        "execution_id": outcome.key[0],
        "node": outcome.key[1],
        "item": outcome.key[2],
        "input": outcome.input,
        "output": outcome.output,
        "error": _error(outcome),
    }


def _execution(id: UUID, row: ExecutionRow) -> Row:
    return {
        "id": id,
        "state": row.state.value,
        "stopping": row.stopping,
        "open_steps": row.open_steps,
        "waiting_steps": row.waiting_steps,
        "steps_executed": row.steps_executed,
        "steps_resolved": row.steps_resolved,
        "ai_tokens": row.ai_tokens,
        "api_calls": row.api_calls,
        "failed_node": row.failed_node,
        "failed_item": row.failed_item,
    }
