"""Budgets of tokens and money for workflows and users."""

from typing import Any
from uuid import UUID

from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import visible_workflow
from services.api.operation import operation
from services.api.schemas import ai as schemas
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit, budgets, users
from shared.db.budgets import BudgetKey
from shared.domain.budget import PERIODS, SCOPES, Limit
from shared.domain.budget_definition import nano_of
from shared.domain.errors import Forbidden, NotFound
from shared.queries.budget_shape import PREFIXES, budget_shape
from shared.web.answers import answer
from shared.web.database import commit, connection
from shared.web.guard import address, identity
from shared.web.problems import ProblemError

blueprint = Blueprint("budgets", __name__, url_prefix="/api/v1/budgets")

_NO_BUDGET = "There is no such budget: set it with PUT, for the period `day` or `month`."
_BOTH_PERIODS = 2


@blueprint.get("")
@operation(Action.USER_READ, {200: schemas.BudgetPage}, query=schemas.ListBudgets)
def index(query: schemas.ListBudgets) -> Response:
    """List all budgets, with where each stands."""
    found = budgets.page(connection(), after=_after(query.cursor), limit=query.limit)
    items = [budget_shape(each) for each in found]
    last = items[-1] if len(items) == query.limit else None
    cursor = None if last is None else f"{last['scope']}:{last['id']}:{last['period']}"
    return answer({"items": items, "nextCursor": cursor})


@blueprint.get("/workflow/<workflow:workflow_id>")
@operation(Action.BUDGET_READ, {200: schemas.BudgetPage})
def of_workflow(workflow_id: UUID) -> Response:
    """Read the budgets of a workflow that you may see."""
    visible_workflow(workflow_id)
    return _of("workflow", workflow_id)


@blueprint.get("/user/<user:user_id>")
@operation(Action.BUDGET_READ, {200: schemas.BudgetPage})
def of_user(user_id: UUID) -> Response:
    """Read your budgets, or as an admin those of anybody."""
    _check_user(user_id)
    return _of("user", user_id)


@blueprint.put("/workflow/<workflow:workflow_id>/<period>")
@operation(Action.WORKFLOW_WRITE, {200: schemas.Budget, 403: ProblemAnswer}, body=schemas.SetBudget)
def set_for_workflow(workflow_id: UUID, period: str, body: schemas.SetBudget) -> Response:
    """Set the budget of a workflow for a `day` or a `month`.

    For its owner and admins. A limit that is left out does not apply.
    """
    _check_owner(workflow_id)
    return _set(_key("workflow", workflow_id, period), body)


@blueprint.put("/user/<user:user_id>/<period>")
@operation(Action.BUDGET_WRITE, {200: schemas.Budget}, body=schemas.SetBudget)
def set_for_user(user_id: UUID, period: str, body: schemas.SetBudget) -> Response:
    """Set the budget of what a user runs, for a `day` or a `month`.

    For admins. A limit that is left out does not apply.
    """
    _check_user(user_id)
    return _set(_key("user", user_id, period), body)


@blueprint.delete("/workflow/<workflow:workflow_id>/<period>")
@operation(Action.WORKFLOW_WRITE, {204: "Removed.", 403: ProblemAnswer})
def delete_for_workflow(workflow_id: UUID, period: str) -> Response:
    """Remove the budget of a workflow."""
    _check_owner(workflow_id)
    return _delete(_key("workflow", workflow_id, period))


@blueprint.delete("/user/<user:user_id>/<period>")
@operation(Action.BUDGET_WRITE, {204: "Removed."})
def delete_for_user(user_id: UUID, period: str) -> Response:
    """Remove the budget of a user."""
    return _delete(_key("user", user_id, period))


def _of(scope: str, target_id: UUID) -> Response:
    found = budgets.page(connection(), scope=scope, target_id=target_id, limit=_BOTH_PERIODS)
    return answer({"items": [budget_shape(each) for each in found], "nextCursor": None})


def _set(key: BudgetKey, body: schemas.SetBudget) -> Response:
    limit = Limit(body.max_tokens, None if body.max_cost_usd is None else nano_of(body.max_cost_usd))
    if limit == Limit():
        raise ProblemError(422, "invalid-request", "Invalid request", "Give `maxTokens`, `maxCostUsd` or both.")
    budgets.put(connection(), key, limit, identity().user_id)
    _audit("budget.set", key, body.model_dump(by_alias=True, exclude_none=True))
    commit()
    found = budgets.page(connection(), scope=key.scope, target_id=key.target_id, limit=_BOTH_PERIODS)
    return answer(next(budget_shape(each) for each in found if each.period == key.period))


def _delete(key: BudgetKey) -> Response:
    if not budgets.delete(connection(), key):
        raise NotFound(_NO_BUDGET)
    _audit("budget.delete", key, {})
    commit()
    return Response(status=204)


def _key(scope: str, target_id: UUID, period: str) -> BudgetKey:
    if period not in PERIODS:
        raise NotFound(_NO_BUDGET)
    return BudgetKey(scope, target_id, period)


def _check_owner(workflow_id: UUID) -> None:
    if visible_workflow(workflow_id).owner_id != identity().user_id and not identity().sees_all:
        raise Forbidden("The budget of a workflow is set by its owner or an admin.")


def _check_user(user_id: UUID) -> None:
    hidden = user_id != identity().user_id and not identity().sees_all
    if hidden or users.get(connection(), user_id) is None:
        raise NotFound("There is no such user, or none that you may see.")


def _audit(action: str, key: BudgetKey, detail: dict[str, Any]) -> None:
    target = ids.encode(PREFIXES[key.scope], key.target_id)
    detail = {"period": key.period, **detail}
    audit.append(connection(), identity().user_id, action, target, detail=detail, address=address())


def _after(cursor: str | None) -> BudgetKey | None:
    if cursor is None:
        return None
    scope, _, rest = cursor.partition(":")
    text, _, period = rest.partition(":")
    target_id = ids.decode(PREFIXES[scope], text) if scope in SCOPES else None
    if target_id is None or period not in PERIODS:
        raise ProblemError(422, "invalid-cursor", "Invalid cursor", "`cursor` is the nextCursor of a page of budgets.")
    return BudgetKey(scope, target_id, period)
