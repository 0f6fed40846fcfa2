"""The workflow that follows a failed run: `settings.onFailure`. Started once, in the transaction that forgets it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared.db import workflows
from shared.db.horizon import EVERYTHING, Horizon
from shared.db.users import ROLE_NOW
from shared.domain.errors import RequestError
from shared.engine.start import MAX_DEPTH, Started, start_execution
from shared.engine.triggered import check_owner
from shared.queries import executions
from shared.queries.shapes import Viewer

NEXT_FAILED = f"""
SELECT e.id, e.on_failure, w.owner_id, {ROLE_NOW} AS role, e.depth
FROM executions e JOIN workflows w ON w.id = e.workflow_id JOIN users u ON u.id = w.owner_id
WHERE e.state = 'failed' AND e.on_failure IS NOT NULL AND e.id BETWEEN %(lo)s AND %(hi)s
ORDER BY e.id LIMIT %(limit)s FOR NO KEY UPDATE OF e SKIP LOCKED
"""
"""The oldest failed execution whose failure workflow was not started, and who chose that workflow."""

FORGET = "UPDATE executions SET on_failure = NULL WHERE id = %(id)s"
"""It was started, or never can be."""

INSERT_NOTE = """
INSERT INTO execution_logs (execution_id, at, level, node, item, attempt, message)
VALUES (%(id)s, clock_timestamp(), 'error', '', '', 0, %(message)s)
"""
"""Why it was not started, in the log of the run that failed."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What became of one failed execution; `started` is None where the reason is in its log."""

    failed: UUID
    started: Started | None


def follow_up(
    connection: psycopg.Connection[Any], *, republish_s: float = 5.0, horizon: Horizon = EVERYTHING
) -> FollowUp | None:
    """Start the failure workflow of one failed execution, in a transaction of its own; None if none waits.

    It runs in the name of the owner of the workflow that failed, who chose it, with the error and the execution as
    input. Publish its steps after this returns.
    """
    with connection.transaction():
        row = connection.execute(NEXT_FAILED, {"limit": 1, **horizon._asdict()}).fetchone()
        if row is None:
            return None
        failed, workflow_id, owner_id, role, depth = row
        owner = Viewer(owner_id, everything=role == "admin")
        connection.execute(FORGET, {"id": failed})
        try:
            with connection.transaction():
                check_owner(role)
                return FollowUp(
                    failed, _start(connection, failed, workflow_id, owner, depth=depth + 1, republish_s=republish_s)
                )
        except RequestError as error:
            connection.execute(INSERT_NOTE, {"id": failed, "message": f"The failure workflow was not started: {error}"})
            return FollowUp(failed, None)


def _start(
    connection: psycopg.Connection[Any],
    failed: UUID,
    workflow_id: UUID,
    owner: Viewer,
    *,
    depth: int,
    republish_s: float,
) -> Started:
    if depth > MAX_DEPTH:
        raise RequestError(f"runs lead to runs more than {MAX_DEPTH} deep here, probably in a circle.")
    found = workflows.for_start(connection, workflow_id, None, viewer=owner.user_id, everything=owner.everything)
    if found is None:
        raise RequestError("there is no such workflow that the owner of this one may see.")
    if not found.enabled:
        raise RequestError(f"{found.name} is disabled.")
    if found.version_id is None:
        raise RequestError(f"{found.name} was never published.")
    return start_execution(
        connection,
        workflow_id=workflow_id,
        version_id=found.version_id,
        user_id=owner.user_id,
        input=_input(connection, failed),
        execution_id=found.execution_id,
        trigger_type="workflow",
        failure_of=failed,
        depth=depth,
        republish_s=republish_s,
    )


def _input(connection: psycopg.Connection[Any], failed: UUID) -> dict[str, Any]:
    """`{"error": {code, message, step, nodeId}, "execution": {…}}`, as the API shows them."""
    row = executions.row(connection, failed, Viewer(failed, everything=True))
    assert row is not None  # noqa: S101 - it is locked
    record = executions.record(connection, row)
    return {"error": record.pop("error"), "execution": record}
