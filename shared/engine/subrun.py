"""A step starts another workflow: once for each attempt that calls for it, whatever becomes of its worker."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.blobs import Store
from shared.db import subruns, workflows
from shared.db.workflows import Startable
from shared.domain.errors import InvalidDefinition, InvalidValue, NodeError, NotFound, StaleFence
from shared.domain.outcome import Key
from shared.domain.states import TERMINAL_EXECUTION
from shared.domain.values import from_json
from shared.engine.large_input import Offload
from shared.engine.own_slots import check_own_slots
from shared.engine.start import MAX_DEPTH, Started, start_execution
from shared.nodes.base import Call
from shared.queries import executions, values
from shared.queries.executions import ExecutionRow
from shared.queries.shapes import Viewer

LOCK_RUNNING = """
SELECT FROM steps WHERE execution_id = %s AND node = %s AND item = %s AND state = 'running' AND fence = %s FOR UPDATE
"""
"""The step that calls is still the caller's: its outcome, and whoever takes it away, waits for the child to be there."""

CALLER = """
SELECT e.user_id, u.role = 'admin', v.created_by, a.role = 'admin', e.depth
FROM executions e JOIN users u ON u.id = e.user_id
JOIN workflow_versions v ON v.id = e.version_id JOIN users a ON a.id = v.created_by WHERE e.id = %s
"""
"""Who runs the parent, who published its version, and how deep it is. Not locked: no transaction holds a parent and a child."""


@dataclass(frozen=True, slots=True)
class Child:
    """The execution that a step started; `started` has what to publish after the commit, if it was now."""

    id: UUID
    started: Started | None


def start_child(
    connection: psycopg.Connection[Any],
    step: Key,
    fence: int,
    call: Call,
    *,
    max_input_bytes: int = 2_000_000,
    offload: Offload | None = None,
    republish_s: float = 5.0,
) -> Child:
    """The child of a running step, in a transaction of its own: started now, or by an attempt whose worker died.

    Raises NodeError where it cannot be started, StaleFence where the step is somebody else's by now.
    """
    with connection.transaction():
        if connection.execute(LOCK_RUNNING, (*step, fence)).fetchone() is None:
            raise StaleFence("The step that calls a workflow was taken away meanwhile.")
        former = subruns.newest(connection, step)
        if former is not None and not former.reported:
            return Child(former.child_id, None)
        row = connection.execute(CALLER, (step[0],)).fetchone()
        if row is None:
            raise StaleFence("The execution that calls a workflow is gone.")
        caller, author, depth = Viewer(*row[:2]), Viewer(*row[2:4]), row[4] + 1
        if depth > MAX_DEPTH:
            text = f"Workflows run workflows more than {MAX_DEPTH} deep here: probably one of them runs itself."
            raise NodeError("SUBFLOW_DEPTH", text)
        found = _startable(connection, call, caller, author)
        try:
            started = start_execution(
                connection,
                workflow_id=call.workflow_id,
                version_id=_version(found, call),
                user_id=caller.user_id,
                input=call.input,
                execution_id=found.execution_id,
                trigger_type="workflow",
                called_by=step[0],
                depth=depth,
                awaited=call.wait,
                max_input_bytes=max_input_bytes,
                offload=offload,
                republish_s=republish_s,
            )
        except InvalidValue as error:
            raise NodeError("INVALID_INPUT", f"The input of the workflow cannot be used: {error}") from None
        except (InvalidDefinition, NotFound) as error:
            raise NodeError("WORKFLOW_INVALID", f"The workflow cannot be run: {error}") from None
        subruns.insert(connection, step, started.id, waits=call.wait)
        if call.wait and started.queued_reason is not None:
            check_own_slots(connection, started.id, found.name)
        return Child(started.id, started)


def _startable(connection: psycopg.Connection[Any], call: Call, caller: Viewer, author: Viewer) -> Startable:
    """What both may see: an id that an expression gives was seen by nobody when the version was published."""
    found = _visible(connection, call, caller)
    if found is not None and author.user_id != caller.user_id and _visible(connection, call, author) is None:
        found = None
    if found is None:
        name = ids.encode(ids.WORKFLOW, call.workflow_id)
        text = f"There is no workflow {name} that both whoever runs this one and whoever published it may see."
        raise NodeError("WORKFLOW_NOT_FOUND", text)
    if not found.enabled:
        raise NodeError("WORKFLOW_DISABLED", f"The workflow {found.name} is disabled. Enable it, then run this again.")
    return found


def _visible(connection: psycopg.Connection[Any], call: Call, eyes: Viewer) -> Startable | None:
    return workflows.for_start(
        connection, call.workflow_id, call.version, viewer=eyes.user_id, everything=eyes.everything
    )


def _version(found: Startable, call: Call) -> UUID:
    if found.version_id is not None:
        return found.version_id
    if call.version is not None:
        raise NodeError("VERSION_NOT_FOUND", f"The workflow {found.name} has no version {call.version}.")
    raise NodeError("NOT_PUBLISHED", f"The workflow {found.name} was never published. Publish it first.")


def child_result(
    connection: psycopg.Connection[Any], step: Key, store: Store, *, max_bytes: int
) -> dict[str, Any] | None:
    """What became of the child that a step waited for: `{executionId, workflowName, status}` and `output` or `error`.

    None if it has none that is over. One that did not succeed counts as reported from now on: this attempt is told, as
    often as it takes, and the next one starts another. Raises NodeError for an output of more than `max_bytes`, or one
    that is gone from the `store`.
    """
    child = subruns.newest(connection, step)
    row = None if child is None else executions.row(connection, child.child_id, Viewer(step[0], everything=True))
    if row is None or row.state not in TERMINAL_EXECUTION:
        return None
    if row.state != "success":
        subruns.set_reported(connection, row.id)
    shape = executions.detail(connection, row)
    if "outputRef" in shape:
        shape["output"] = _large_output(connection, row, store, max_bytes)
    wanted = ("workflowName", "status", "output", "error")
    return {"executionId": shape["id"]} | {name: shape[name] for name in wanted if name in shape}


def _large_output(connection: psycopg.Connection[Any], child: ExecutionRow, store: Store, max_bytes: int) -> Any:
    whole = values.of_run(connection, child, "output")
    if whole is None:
        return None
    if whole.size > max_bytes:
        text = f"The output of the workflow has {whole.size:,} bytes, the limit is {max_bytes:,}: let it return less."
        raise NodeError("PAYLOAD_TOO_LARGE", text)
    try:
        return from_json(b"".join(whole.read(store, 0, whole.size)))
    except LookupError:
        raise NodeError("PAYLOAD_GONE", "The output of the workflow is gone from the store. Run it again.") from None
