"""Budgets on pages: where they stand, who may set them, and where one that stopped a run can be raised."""

from typing import Any
from uuid import UUID

from flask import url_for

from services.dashboard import filters
from services.dashboard.context import viewer
from shared import ids
from shared.auth.access import Action, may
from shared.db import budgets, workflows
from shared.db.budgets import Budget
from shared.db.workflows import Workflow
from shared.domain.budget import BUDGET_EXCEEDED, PERIODS, dollars, whose
from shared.queries.budget_shape import PREFIXES, budget_shape
from shared.queries.executions import ExecutionRow
from shared.web.database import connection
from shared.web.guard import identity

Context = dict[str, Any]


def workflow_budgets(workflow: Workflow) -> Context | None:
    """The budgets of a workflow that this person sees; None for who may not read budgets."""
    return _of("workflow", workflow.id, may_set=_may_set(workflow)) if may(identity(), Action.BUDGET_READ) else None


def user_budgets(user_id: UUID) -> Context | None:
    """The budgets of what a user runs: for that user and admins, else None."""
    hidden = not may(identity(), Action.BUDGET_READ) or (user_id != identity().user_id and not identity().sees_all)
    return None if hidden else _of("user", user_id, may_set=may(identity(), Action.BUDGET_WRITE))


def where_to_raise(run: ExecutionRow, error: dict[str, Any] | None) -> str | None:
    """Where this person can raise the budget that this error of a run is about; None if they cannot, or for another error."""
    if error is None or error.get("code") != BUDGET_EXCEEDED:
        return None
    scope = whose(str(error.get("message", "")))
    if scope == "user":
        user_id = ids.encode(ids.USER, run.user_id)
        place = url_for("admin_user.page", user_id=user_id, _anchor="budgets")
        return place if may(identity(), Action.BUDGET_WRITE) else None
    me = viewer()
    workflow = workflows.get(connection(), run.workflow_id, viewer=me.user_id, everything=me.everything)
    if scope is None or workflow is None or not may(identity(), Action.WORKFLOW_WRITE):
        return None
    workflow_id = ids.encode(ids.WORKFLOW, workflow.id)
    if scope == "run":
        return url_for("editor.edit", workflow_id=workflow_id)
    return url_for("workflow.page", workflow_id=workflow_id, _anchor="budgets") if _may_set(workflow) else None


def _may_set(workflow: Workflow) -> bool:
    own = workflow.owner_id == identity().user_id or identity().sees_all
    return own and may(identity(), Action.WORKFLOW_WRITE)


def _of(scope: str, target_id: UUID, *, may_set: bool) -> Context:
    found = budgets.page(connection(), scope=scope, target_id=target_id, limit=len(PERIODS))
    taken = {each.period for each in found}
    return {
        "scope": scope,
        "path": f"/budgets/{scope}/{ids.encode(PREFIXES[scope], target_id)}",
        "set": [_shown(each) for each in found],
        "free": [period for period in PERIODS if period not in taken],
        "may_set": may_set,
    }


def _shown(budget: Budget) -> Context:
    """The API's shape, with `meters`, and the limits as somebody would type them."""
    nano = budget.max_cost_nano
    return budget_shape(budget) | {
        "meters": _meters(budget),
        "typedTokens": "" if budget.max_tokens is None else str(budget.max_tokens),
        "typedCost": "" if nano is None else dollars(nano).replace("$", "").replace(",", ""),
    }


def _meters(budget: Budget) -> list[Context]:
    """One for each limit: `of` names it, `text` says it, `used` and `most` are drawn, `full` if it stops further calls."""
    found = []
    tokens, nano = budget.max_tokens, budget.max_cost_nano
    if tokens is not None:
        text = f"{filters.number(budget.used_tokens)} of {filters.plural(tokens, 'token')}"
        found.append(_meter("Tokens", text, budget.used_tokens, tokens))
    if nano is not None:
        used = dollars(0) if budget.used_cost_nano == 0 else filters.dollars(budget.used_cost_nano / 1e9)
        found.append(_meter("Cost", f"{used} of {dollars(nano)}", budget.used_cost_nano, nano))
    return found


def _meter(of: str, text: str, used: int, most: int) -> Context:
    return {"of": of, "text": text, "used": min(used, most), "most": most, "full": used >= most}
