"""Turns of the planner as rows: what the second round trip of a batch sends, each kind of row as one JSON parameter."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from shared.broker import StepRef
from shared.db.hot import Row, json_rows
from shared.domain.outcome import Key, Kind, Outcome
from shared.domain.payload import Ref, Stored
from shared.domain.planner import ExecutionRow, StepRow, Turn
from shared.domain.scopes import is_given_up
from shared.domain.states import StepState

LOST_ERROR = (
    '{"code":"WORKER_LOST","message":"The worker that ran this step is gone: it crashed, was killed, or had no memory '
    'left. If this happens each time, let the step work on less at once.","retryable":true}'
)


def step_rows(turns: Mapping[UUID, Turn], outcomes: Sequence[Outcome]) -> dict[str, list[Row]]:
    """The rows of steps that changed, new ones, what they produced (`referring`: where some of it is in the blob
    store), and the attempts they replace; lock order.
    """
    replaced = {(id, *key) for id, turn in turns.items() for key in turn.superseded}
    changed = sorted((id, *key) for id, turn in turns.items() for key in turn.updated)
    added = sorted((id, *key) for id, turn in turns.items() for key in turn.inserted)
    stored = [
        _stored(outcome, turns[outcome.key[0]])
        for outcome in outcomes
        if outcome.key not in replaced and _stores(outcome)
    ] + [_value((id, *key), value) for id, turn in turns.items() for key, value in turn.values.items()]
    referring = [row for row in stored if _refers(row)]
    return {
        "kept": [_attempt(outcome) for outcome in outcomes if outcome.key in replaced],
        "changed": [_changed(key, turns[key[0]].updated[key[1:]]) for key in changed],
        "added": [_added(key, turns[key[0]]) for key in added],
        "stored": [row for row in stored if not _refers(row)] if referring else stored,
        "referring": [_referring(row) for row in referring],
    }


def execution_rows(turns: Mapping[UUID, Turn]) -> dict[str, list[Row]]:
    """The counters and states of the executions."""
    return {"executions": [_execution(id, turns[id].execution) for id in sorted(turns)]}


def complete_parameters(republish_s: float, rows: Mapping[str, list[Row]]) -> Row:
    """The parameters of COMPLETE; kinds of rows that are not named have none."""
    kinds = ("kept", "changed", "added", "stored", "executions")
    return {"republish_s": republish_s, **{kind: json_rows(rows.get(kind, ())) for kind in kinds}}


def ready(execution_id: UUID, turn: Turn, priority: int) -> tuple[StepRef, ...]:
    """The steps that want a message."""
    rows = [*turn.inserted.values(), *turn.updated.values()]
    return tuple(
        StepRef(execution_id, row.node, row.item, turn.plan.nodes[row.node].pool, priority)
        for row in rows
        if row.state is StepState.READY and not is_given_up(turn, row.key)
    )


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
    } | ({"children": row.children} if row.children else {})


def _stores(outcome: Outcome) -> bool:
    """A step that ended stores its data; a wait and a retry store theirs when the step ends."""
    ended = outcome.kind not in (Kind.WAIT, Kind.DUE, Kind.OPEN)
    return ended and not (outcome.input is None and outcome.output is None and _error(outcome) is None)


def _stored(outcome: Outcome, turn: Turn) -> Row:
    """A step that failed for good has its node's fallback as output, if there is one."""
    row = turn.updated[outcome.key[1:]]
    fallback = turn.plan.nodes[row.node].fallback if row.state is StepState.FAILED else None
    return {
        "execution_id": outcome.key[0],
        "node": outcome.key[1],
        "item": outcome.key[2],
        "input": outcome.input,
        "output": outcome.output if fallback is None else fallback,
        "error": _error(outcome),
    }


def _refers(row: Row) -> bool:
    return isinstance(row["output"], Ref) or isinstance(row["input"], Ref)


def _referring(row: Row) -> Row:
    """A row for INSERT_REFERRING."""
    found = dict(row)
    for name in ("input", "output"):
        value = row[name]
        if isinstance(value, Ref):
            found |= {name: None, f"{name}_blob": value.json, f"{name}_preview": value.preview}
    return found


def _value(key: Key, value: Stored) -> Row:
    """An item of a loop: what its steps are given."""
    return {"execution_id": key[0], "node": key[1], "item": key[2], "input": value, "output": None, "error": None}


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
        "total_steps": row.total_steps,
    }
