"""What waits for the signed-in person's decision: the page and the frames of its stream."""

from typing import Any
from uuid import UUID

from flask import render_template
from werkzeug.datastructures import MultiDict

from services.dashboard.context import viewer
from services.dashboard.frames import Context, Rendered
from shared import ids
from shared.auth.access import Action, may
from shared.queries import approvals, executions
from shared.web.database import connection
from shared.web.guard import identity

PAGE_SIZE = 50


def asked_context(args: MultiDict[str, str]) -> Context:
    """A page of questions, newest first, each with whether its run may be looked at; `?before=` goes on."""
    before = ids.decode(ids.APPROVAL, args.get("before", ""))
    found = approvals.page(connection(), approvals.decider(identity()), before=before, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    visible = _visible(shown)
    return {
        "asked": [ask | {"visible": ask["executionId"] in visible} for ask in shown],
        "older": shown[-1]["id"] if len(found) > PAGE_SIZE else None,
        "before": args.get("before") if before is not None else None,
        "may_decide": may(identity(), Action.APPROVAL_DECIDE),
    }


def asked_frame(args: MultiDict[str, str]) -> Rendered:
    """The live part of the page."""
    return render_template("live/approvals.html", **asked_context(args)), False, False


def _visible(asked: list[dict[str, Any]]) -> set[str]:
    """The runs that this person sees: who is named as an approver may decide without seeing the rest."""
    keys: list[UUID] = [key for ask in asked if (key := ids.decode(ids.EXECUTION, ask["executionId"])) is not None]
    return {ids.encode(ids.EXECUTION, row.id) for row in executions.rows(connection(), keys, viewer())}
