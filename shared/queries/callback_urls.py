"""The addresses of the callbacks that steps wait for, shown to those who may use them."""

from collections.abc import Iterable
from typing import Any

import psycopg

from shared.callbacks import url_of
from shared.db.keys import callback_key
from shared.queries.executions import ExecutionRow
from shared.queries.shapes import Viewer, parse_step_id

OWNS = "SELECT owner_id = %s FROM workflows WHERE id = %s"


def show_urls(
    connection: psycopg.Connection[Any],
    execution: ExecutionRow,
    steps: Iterable[dict[str, Any]],
    viewer: Viewer,
    public_url: str,
) -> None:
    """Add `waitingFor.url` to steps that wait for a callback: for admins, the workflow's owner, and who started the run."""
    waiting = [step for step in steps if step.get("waitingFor", {}).get("type") == "callback"]
    if not waiting or not _may_see(connection, execution, viewer):
        return
    key = callback_key(connection)
    for step in waiting:
        parsed = parse_step_id(step["id"])
        assert parsed is not None  # noqa: S101 - the id is ours
        step["waitingFor"]["url"] = url_of(public_url, key, (execution.id, *parsed))


def _may_see(connection: psycopg.Connection[Any], execution: ExecutionRow, viewer: Viewer) -> bool:
    if viewer.everything or execution.user_id == viewer.user_id:
        return True
    return connection.execute(OWNS, (viewer.user_id, execution.workflow_id)).fetchone() == (True,)
