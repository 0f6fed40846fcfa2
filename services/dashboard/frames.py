"""What each page shows, read from the database: the same context renders the page and the frames of its stream."""

from typing import Any
from uuid import UUID

from flask import current_app, render_template
from werkzeug.datastructures import MultiDict

from services.dashboard.budgeting import where_to_raise
from services.dashboard.context import running_count, viewer
from services.dashboard.filters import now_ms
from services.dashboard.listing import PAGE_SIZE, PERIOD_NAMES, PERIODS_MS, STATUSES, TRIGGERS, Listing, listing_of
from services.dashboard.waterfall import waterfall
from shared import ids
from shared.auth.access import Action, may
from shared.db import bulk_jobs
from shared.db.workflows import for_start
from shared.domain.errors import NotFound
from shared.engine.plans import plan_of
from shared.queries import ai_usage, approvals, execution_list, executions, last_runs, log_tail, stats, steps, workflows
from shared.queries.bulk_shape import bulk_shape
from shared.queries.callback_urls import show_urls
from shared.queries.execution_list import Filters
from shared.queries.executions import ExecutionRow
from shared.queries.shapes import parse_step_id, step_id
from shared.web.broker import broker_away
from shared.web.database import connection
from shared.web.guard import identity
from shared.web.live import hub_of

Context = dict[str, Any]
Rendered = tuple[str, bool, bool]

RUNNING_SHOWN = 8
OVERVIEW_ROWS = 10
LOG_LINES = 300
WORKFLOWS_SHOWN = 200
SETTLE_MS = 5_000
BULK_SHOWN_S = 60.0
RETRIES_SHOWN = 5
GROWING_SHOWN = 8_000
LEVELS = {"": None, "info": ("info", "warning", "error"), "warning": ("warning", "error"), "error": ("error",)}
TABS = ("input", "output", "error", "attempts")
_FAILED = Filters(statuses=("failed",))
_LIVE = Filters(statuses=("running", "canceling"))


def running_context() -> Context:
    """The live indicator: how many run, and the newest of them."""
    count = running_count()
    shown = execution_list.page(connection(), _LIVE, viewer(), before=None, limit=RUNNING_SHOWN) if count else []
    return {"running": shown, "running_total": max(count, len(shown))}


def executions_context(listing: Listing, *, own: bool) -> Context:
    """A page of the list, and the indicator above it."""
    me = viewer()
    filters = listing.filters(me.user_id if own else None)
    found = execution_list.page(connection(), filters, me, before=listing.before, limit=PAGE_SIZE)
    older = listing.older(execution_list.cursor_of(found, PAGE_SIZE))
    context = {} if own else running_context()
    return context | {
        "executions": found,
        "listing": listing,
        "older": older,
        "newer": listing.newer(),
        "own": own,
        "bulk_jobs": [bulk_shape(job) for job in bulk_jobs.recent(connection(), me.user_id, BULK_SHOWN_S)],
    }


def executions_page(args: MultiDict[str, str], *, own: bool) -> str:
    """The whole page of a list, with its filters and what a bulk action on them would mean."""
    context = executions_context(listing := listing_of(args), own=own)
    user = ids.encode(ids.USER, viewer().user_id) if own else None
    return render_template(
        "executions.html",
        **context,
        statuses=STATUSES,
        triggers=TRIGGERS,
        periods=PERIOD_NAMES,
        bulk_filter=listing.bulk_filter(user),
        bulk_ms=PERIODS_MS.get(listing.period),
    )


def executions_frame(args: MultiDict[str, str], *, own: bool) -> Rendered:
    """The live part of the list."""
    context = executions_context(listing_of(args), own=own)
    busy = bool(context.get("running")) or any(
        each["completedAt"] is None for each in (*context["executions"], *context["bulk_jobs"])
    )
    return render_template("live/executions.html", **context), busy, False


def overview_context() -> Context:
    """Totals and what runs."""
    lists = {"newest": _newest(Filters()), "failed": _newest(_FAILED)}
    return {"totals": _totals(), "broker_away": broker_away()} | lists | running_context()


def _newest(filters: Filters) -> list[dict[str, Any]]:
    return execution_list.page(connection(), filters, viewer(), before=None, limit=OVERVIEW_ROWS)


def _totals() -> dict[str, Any]:
    """Of all executions for admins, else of the person's own."""
    me = viewer()
    if me.everything:
        return stats.overview(connection())
    own = stats.user_stats(connection(), [me.user_id])[me.user_id]
    return own | {"totalExecutions": own["executions"]}


def overview_frame() -> Rendered:
    """The live part of the overview."""
    context = overview_context()
    return render_template("live/overview.html", **context), bool(context["running"]) or context["broker_away"], False


def workflows_context(search: str) -> Context:
    """The workflows with statistics and their last run."""
    me = viewer()
    found = workflows.page(connection(), me, search=search or None, before=None, limit=WORKFLOWS_SHOWN)
    keys = [key for each in found if (key := ids.decode(ids.WORKFLOW, each["id"])) is not None]
    newest = executions.rows(connection(), last_runs.last_runs(connection(), keys), me)
    last = {each["workflowId"]: each for each in (executions.record(connection(), row) for row in newest)}
    return {"workflows": found, "last": last, "search": search}


def workflows_frame(args: MultiDict[str, str]) -> Rendered:
    """The live part of the workflow list."""
    context = workflows_context(search_of(args))
    busy = any(each["completedAt"] is None for each in context["last"].values())
    return render_template("live/workflows.html", **context), busy, False


def search_of(args: MultiDict[str, str]) -> str:
    """The text to search for."""
    return args.get("q", "").replace("\x00", "").strip()[:200]


def execution_context(execution_id: UUID, args: MultiDict[str, str]) -> Context:
    """One execution with its timeline, the opened step and the end of its log. Raises NotFound."""
    row = executions.row(connection(), execution_id, viewer())
    if row is None:
        raise NotFound("There is no such execution, or you may not see it.")
    record = executions.detail(connection(), row)
    found = [step for _, step in steps.overview(connection(), row).steps]
    level = args.get("level", "")
    level = level if level in LEVELS else ""
    start = record["createdAt"]
    opened = _opened(row, found, args.get("step", ""))
    return {
        "execution": record,
        "unpriced": ai_usage.unpriced(connection(), execution_id),
        "broker_away": row.state == "queued" and broker_away(),
        "steps": found,
        "shortened": len(found) >= steps.MOST_SHOWN or any(_is_long(step) for step in found),
        "waterfall": waterfall(found, start, record["completedAt"] or max(now_ms(), start)),
        "opened": opened,
        "raise_at": where_to_raise(row, record.get("error")),
        "raise_step_at": where_to_raise(row, opened["error"] if opened else None),
        "growing": _growing(execution_id, opened),
        "parent": _parent(row),
        "may_decide": _may_decide(execution_id, opened),
        "asking": [step for step in found if _asks(step)],
        "tab": args.get("tab", "") if args.get("tab") in TABS else "",
        "level": level,
        "log": log_tail.tail(connection(), execution_id, LEVELS[level], LOG_LINES),
        "log_lines": LOG_LINES,
        "retries": _retries(execution_id),
    } | _again(row)


def _retries(execution_id: UUID) -> list[dict[str, Any]]:
    """The newest retries that this person may see."""
    newest = executions.retries(connection(), execution_id)[:RETRIES_SHOWN]
    return [executions.record(connection(), each) for each in executions.rows(connection(), newest, viewer())]


def _again(row: ExecutionRow) -> Context:
    """Why it cannot run again (empty if it can), and which version of its workflow is published now."""
    me = viewer()
    found = for_start(connection(), row.workflow_id, None, viewer=me.user_id, everything=me.everything)
    if found is None:
        return {"not_again": "Its workflow is archived, or not shared with you any more", "newest_version": None}
    reason = "" if found.enabled else "Its workflow is paused: enable it first"
    return {"not_again": reason, "newest_version": found.published_version}


def _is_long(step: dict[str, Any]) -> bool:
    return step.get("items") is not None and step["items"]["total"] > steps.FIRST_ITEMS


def execution_frame(execution_id: UUID, args: MultiDict[str, str]) -> Rendered:
    """The live part of an execution's page; final some seconds after the end, when the last log lines are in."""
    context = execution_context(execution_id, args)
    ended = context["execution"]["completedAt"]
    return render_template("live/execution.html", **context), True, ended is not None and now_ms() - ended > SETTLE_MS


def _parent(row: ExecutionRow) -> Context | None:
    """The run that led to this one, as far as this person may see it: its record, and the step that started this one."""
    found = None if row.parent_id is None else executions.row(connection(), row.parent_id, viewer())
    if found is None:
        return None
    node = plan_of(connection(), found.version_id).nodes.get(row.parent_node or "")
    step = None if node is None else {"id": step_id(node.id, row.parent_item or ""), "name": node.name}
    return {"run": executions.record(connection(), found), "step": step}


def _asks(step: dict[str, Any]) -> bool:
    """Whether the step waits for a decision."""
    return bool(step.get("waitingFor", {}).get("type") == "approval")


def _may_decide(execution_id: UUID, step: dict[str, Any] | None) -> bool:
    """Whether this person may decide what the opened step asks."""
    key = parse_step_id(step["id"]) if step is not None and _asks(step) else None
    if key is None or not may(identity(), Action.APPROVAL_DECIDE):
        return False
    standing = approvals.standing(connection(), (execution_id, *key), approvals.decider(identity()))
    return standing is not None and standing.may


def _growing(execution_id: UUID, step: dict[str, Any] | None) -> str:
    """The end of the text that the opened step has so far, while it runs."""
    key = parse_step_id(step["id"]) if step is not None and step["status"] == "running" else None
    found = None if key is None else hub_of(current_app).texts.of(execution_id, [key]).get(key)
    if found is None or step is None or found.attempt != step["attempts"][-1]["number"]:
        return ""
    return found.text[-GROWING_SHOWN:]


def _opened(row: ExecutionRow, found: list[dict[str, Any]], wanted: str) -> dict[str, Any] | None:
    """The step to show in full: the wanted one, else the one that the run failed at, one that failed, asks, or began last."""
    known = {step["id"]: step for step in found}
    if wanted not in known:
        failed = [key for key, step in known.items() if step["status"] == "failed"]
        first = sorted(failed, key=lambda key: known[key]["nodeId"] != row.failed_node)
        first += [key for key, step in known.items() if _asks(step)]
        begun = [step for step in found if step["startedAt"] is not None]
        newest = max(begun, key=lambda step: step["startedAt"], default=found[0] if found else None)
        wanted = first[0] if first else newest["id"] if newest is not None else ""
    opened = steps.one(connection(), row, wanted) if wanted in known else None
    if opened is not None:
        show_urls(connection(), row, [opened], viewer(), current_app.config["BASE_URL"])
    return opened
