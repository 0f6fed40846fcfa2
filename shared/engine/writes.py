"""Turns and claims as rows: what the second round trip of a batch sends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from shared.db import hot
from shared.domain.plan import Plan, PlanNode
from shared.domain.planner import Kind, StepRow, Turn
from shared.domain.states import TERMINAL_EXECUTION
from shared.engine.requests import Claim, Claimed, Key, NotClaimed, Outcome

if TYPE_CHECKING:
    from shared.engine.batch import Batch, Options

_Connection = psycopg.Connection[Any]
LOST_ERROR = '{"code":"WORKER_LOST","message":"The worker that ran this step is gone.","retryable":true}'


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


def _bounds(ids: Sequence[UUID]) -> dict[str, UUID]:
    return {"lo": min(ids), "hi": max(ids)}


def _columns(keys: Sequence[Key]) -> dict[str, Any]:
    """The key columns of a set of steps, and the bounds that prune partitions."""
    return {
        "ids": [key[0] for key in keys],
        "nodes": [key[1] for key in keys],
        "items": [key[2] for key in keys],
        **_bounds([key[0] for key in keys]),
    }


def write_claims(
    connection: _Connection, claims: Sequence[Grant | NotClaimed], batch: "Batch"
) -> psycopg.Cursor[Any] | None:
    """Write the granted claims; the cursor will hold the values that their parameters read (None: nothing to read)."""
    granted = [claim for claim in claims if isinstance(claim, Grant)]
    starting = sorted({grant.claim.key[0] for grant in granted if grant.starts})
    if starting:
        connection.execute(hot.START_EXECUTIONS, {"ids": starting, **_bounds(starting)})
    fresh = [grant for grant in granted if not grant.mine]
    if fresh:
        connection.execute(
            hot.CLAIM_STEPS,
            {
                **_columns([grant.claim.key for grant in fresh]),
                "fences": [grant.claim.fence for grant in fresh],
                "timeouts": [grant.node.timeout_ms / 1000 for grant in fresh],
                "worker": batch.options.worker,
                "lease_s": batch.options.lease_s,
            },
        )
    reads = sorted({(g.claim.key[0], node, "") for g in granted for node in _reads(g.node)})
    return connection.execute(hot.READ_INPUTS, _columns(reads)) if reads else None


def _reads(node: PlanNode) -> list[str]:
    """The rows of execution_data that the parameters of a node need; '' is the input of the execution."""
    return [*node.reads, ""] if "input" in node.params.names else [*node.reads]


def claimed(cursor: psycopg.Cursor[Any] | None, claims: Sequence[Grant | NotClaimed]) -> list[Claimed | NotClaimed]:
    """The answers to the claims, in their order."""
    values: dict[UUID, dict[str, str]] = {}
    for execution_id, node, _item, text in cursor or ():
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


def write_turns(
    connection: _Connection, turns: Mapping[UUID, Turn], accepted: Sequence[Outcome | None], options: "Options"
) -> None:
    """Write the steps that changed, the new ones, what they produced, and the attempts they replace."""
    outcomes = [outcome for outcome in accepted if outcome is not None]
    replaced = {(id, *key) for id, turn in turns.items() for key in turn.superseded}
    _keep_attempts(connection, [outcome for outcome in outcomes if outcome.key in replaced])
    _update_steps(connection, turns, options)
    _insert_steps(connection, turns, options)
    _insert_data(connection, [outcome for outcome in outcomes if outcome.key not in replaced])


def _keep_attempts(connection: _Connection, kept: Sequence[Outcome]) -> None:
    if kept:
        parameters = {
            **_columns([outcome.key for outcome in kept]),
            "ai_tokens": [outcome.ai_tokens for outcome in kept],
            "api_calls": [outcome.api_calls for outcome in kept],
            "errors": [_error(outcome) for outcome in kept],
        }
        connection.execute(hot.KEEP_ATTEMPTS, parameters)


def _error(outcome: Outcome) -> str | None:
    return LOST_ERROR if outcome.kind is Kind.LOST else outcome.error


def _update_steps(connection: _Connection, turns: Mapping[UUID, Turn], options: "Options") -> None:
    changed = sorted((id, *key) for id, turn in turns.items() for key in turn.updated)
    if not changed:
        return
    rows = [turns[id].updated[node, item] for id, node, item in changed]
    parameters = {
        **_columns(changed),
        "states": [row.state for row in rows],
        "ports": [row.port for row in rows],
        "error_codes": [row.error_code for row in rows],
        "ai_tokens": [row.ai_tokens for row in rows],
        "api_calls": [row.api_calls for row in rows],
        "failures": [row.failures for row in rows],
        "lost": [row.lost for row in rows],
        "arrived": [row.arrived for row in rows],
        "taken": [row.taken for row in rows],
        "resumed": [row.resumed for row in rows],
        "due_s": [row.due_s for row in rows],
        "republish_s": options.republish_s,
    }
    connection.execute(hot.UPDATE_STEPS, parameters)


def _insert_steps(connection: _Connection, turns: Mapping[UUID, Turn], options: "Options") -> None:
    new = sorted((id, *key) for id, turn in turns.items() for key in turn.inserted)
    if not new:
        return
    rows = [turns[id].inserted[node, item] for id, node, item in new]
    keys = _columns(new)
    parameters = {
        "ids": keys["ids"],
        "nodes": keys["nodes"],
        "items": keys["items"],
        "states": [row.state for row in rows],
        "pools": [turns[id].plan.nodes[node].pool for id, node, _ in new],
        "arrived": [row.arrived for row in rows],
        "taken": [row.taken for row in rows],
        "republish_s": options.republish_s,
    }
    connection.execute(hot.INSERT_STEPS, parameters)


def _insert_data(connection: _Connection, outcomes: Sequence[Outcome]) -> None:
    """Input, output and error of steps that ended now; a wait and a retry write theirs when the step ends."""
    ended = [o for o in outcomes if o.kind not in (Kind.WAIT, Kind.DUE)]
    ended = [o for o in ended if o.input is not None or o.output is not None or _error(o) is not None]
    if ended:
        keys = _columns([outcome.key for outcome in ended])
        parameters = {
            "ids": keys["ids"],
            "nodes": keys["nodes"],
            "items": keys["items"],
            "inputs": [outcome.input for outcome in ended],
            "outputs": [outcome.output for outcome in ended],
            "errors": [_error(outcome) for outcome in ended],
        }
        connection.execute(hot.INSERT_DATA, parameters)


def write_executions(connection: _Connection, turns: Mapping[UUID, Turn]) -> None:
    """Write the counters and states, and a statistics row for each execution that ended."""
    ids = sorted(turns)
    if not ids:
        return
    rows = [turns[id].execution for id in ids]
    parameters = {
        "ids": ids,
        **_bounds(ids),
        "states": [row.state for row in rows],
        "stopping": [row.stopping for row in rows],
        "open_steps": [row.open_steps for row in rows],
        "waiting_steps": [row.waiting_steps for row in rows],
        "steps_executed": [row.steps_executed for row in rows],
        "steps_resolved": [row.steps_resolved for row in rows],
        "ai_tokens": [row.ai_tokens for row in rows],
        "api_calls": [row.api_calls for row in rows],
        "failed_nodes": [row.failed_node for row in rows],
        "failed_items": [row.failed_item for row in rows],
    }
    connection.execute(hot.UPDATE_EXECUTIONS, parameters)
    ended = [id for id in ids if turns[id].execution.state in TERMINAL_EXECUTION]
    if ended:
        connection.execute(hot.INSERT_STATS, {"ids": ended, **_bounds(ended)})
