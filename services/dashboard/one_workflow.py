"""The page of one workflow: what of it moves, for the page itself and for the frames of its stream."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import render_template

from services.dashboard.context import viewer
from services.dashboard.frames import RUNNING_SHOWN, Context, Rendered
from services.dashboard.starting import triggers_of
from shared import ids
from shared.db.workflows import Workflow, get
from shared.domain.errors import NotFound
from shared.queries import execution_list, executions, running, workflows
from shared.queries.execution_list import Filters
from shared.templates.catalogue import needs_of
from shared.web.database import connection

RECENT = 8


def visible_workflow(workflow_id: str) -> Workflow:
    """The workflow with this API id. Raises NotFound, also for one that this person may not see."""
    key: UUID | None = ids.decode(ids.WORKFLOW, workflow_id)
    me = viewer()
    found = get(connection(), key, viewer=me.user_id, everything=me.everything) if key is not None else None
    if found is None:
        raise NotFound("There is no such workflow, or you may not see it.")
    return found


def needs_before(workflow: Workflow) -> Sequence[str]:
    """What is to be chosen before it runs, until it was published for the first time."""
    return needs_of(workflow.definition) if workflow.published_version is None else ()


def workflow_context(workflow: Workflow) -> Context:
    """Its statistics, what runs of it, its newest runs, and its triggers."""
    recent = execution_list.page(connection(), Filters(workflow_id=workflow.id), viewer(), before=None, limit=RECENT)
    return {
        "workflow": workflows.detail(connection(), workflow),
        "recent": recent,
        "triggers": triggers_of(workflow),
    } | _running(workflow)


def workflow_frame(workflow_id: str) -> Rendered:
    """The live part of the page: neither the definition nor its drawing."""
    context = workflow_context(visible_workflow(workflow_id))
    busy = (
        bool(context["running"]) or any(map(_moves, context["recent"])) or any(map(_is_about_to, context["triggers"]))
    )
    return render_template("live/workflow.html", **context), busy, False


def _running(workflow: Workflow) -> Context:
    found, total = running.of_workflow(connection(), workflow.id, RUNNING_SHOWN)
    rows = executions.rows(connection(), found, viewer()) if found else []
    return {"running": [executions.record(connection(), row) for row in rows], "running_total": total}


def _moves(run: dict[str, Any]) -> bool:
    return run["completedAt"] is None


def _is_about_to(trigger: dict[str, Any]) -> bool:
    """Whether it will start a run in a moment."""
    return bool(trigger["waiting"]) and not trigger["paused"]
