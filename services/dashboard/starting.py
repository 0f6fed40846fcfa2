"""What starts a workflow by itself, with what a person needs of each trigger: addresses, callers, followed workflows."""

from typing import Any
from uuid import UUID

import psycopg
from flask import current_app

from services.dashboard.context import viewer
from services.dashboard.curl import curl_line, variables
from shared import ids
from shared.auth.access import Action, may, may_start
from shared.db import credentials, deliveries, webhooks
from shared.db.deliveries import KEPT_BYTES, Delivery
from shared.db.workflows import Workflow, get
from shared.domain.triggers.finished import TYPE as EXECUTION
from shared.domain.triggers.webhook import TYPE as WEBHOOK
from shared.queries import deliveries as calls
from shared.queries import triggers
from shared.web.database import connection
from shared.web.guard import identity
from shared.web.webhook_urls import told_base_url

CALLS = 10
_SIGNERS = {"github": "GitHub", "stripe": "Stripe", "slack": "Slack", "standard-webhooks": "Standard Webhooks"}


def triggers_of(workflow: Workflow) -> list[dict[str, Any]]:
    """The triggers of the published version, by key. Webhooks have `webhook`, those that follow a workflow `followed`."""
    base_url = told_base_url(current_app.config["BASE_URL"])
    found = triggers.listed(connection(), workflow.id, enabled=workflow.enabled, base_url=base_url)
    keys = {each["id"]: key for each in found if (key := ids.decode(ids.TRIGGER, each["id"])) is not None}
    for each in found:
        if each["type"] == WEBHOOK:
            each["webhook"] = _webhook(connection(), keys[each["id"]], each["config"]) | _address(connection(), each)
        elif each["type"] == EXECUTION:
            each["followed"] = _followed(connection(), each["config"]["workflowId"])
    return found


def callers(authentication: dict[str, Any]) -> str:
    """Who may call a webhook, in words."""
    match authentication["type"]:
        case "secret":
            return f"Callers send a secret in {authentication['header'] or 'a header'}"
        case "hmac" if authentication["preset"]:
            return f"Calls are signed as {_SIGNERS.get(authentication['preset'], authentication['preset'])} does"
        case "hmac":
            return f"Calls are signed in {authentication['header']}"
        case "basic":
            return "Callers send user name and password"
    return "Whoever knows the address may call it"


def _webhook(connection: psycopg.Connection[Any], id: UUID, config: dict[str, Any]) -> dict[str, Any]:
    newest = deliveries.page(connection, id, None, CALLS) if may(identity(), Action.EXECUTION_READ) else []
    asleep = _asleep(connection, id) if newest else ""
    return {
        "methods": config["methods"],
        "callers": callers(config["authentication"]),
        "open": config["authentication"]["type"] == "none",
        "credential": config["authentication"].get("credential"),
        "waits": config["respond"] == "workflow",
        "calls": [calls.record(each) | _again(each, asleep) for each in newest],
    }


def _address(connection: psycopg.Connection[Any], trigger: dict[str, Any]) -> dict[str, Any]:
    """Where it is called and how, for those who may know: `url`, `curl`, and `variables`, what to set before."""
    if trigger["url"] is None:
        return {"url": None}
    config, way = trigger["config"], trigger["config"]["authentication"]
    key = ids.decode(ids.CREDENTIAL, way.get("credential", ""))
    named = credentials.referred(connection, {key}) if key is not None else []
    type = named[0].type if named else None
    curl = curl_line(trigger["url"], config["methods"], way, type)
    return {"url": trigger["url"], "curl": curl, "variables": variables(way, type)}


def _asleep(connection: psycopg.Connection[Any], id: UUID) -> str:
    """Why none of a webhook's calls can be run again; empty if they can."""
    found = webhooks.of_trigger(connection, id)
    if found is None or not found.enabled:
        return "The workflow is paused: enable it first"
    return "" if may_start(found.owner_role) else "The workflow's owner may start nothing any more"


def _again(call: Delivery, asleep: str) -> dict[str, Any]:
    """`again`: whether there is anything to run again; `notAgain`: why that cannot be done all the same, or empty."""
    reason = ""
    if not call.whole and call.reason == "duplicate":
        reason = "It repeats a call: run that one again"
    elif not call.whole:
        reason = f"Its body is longer than {KEPT_BYTES // 1_000} kB: not all of it was kept"
    elif call.reason in calls.UNREADABLE:
        reason = "Its body cannot be used: it has to be sent anew, corrected"
    kept = call.whole or call.reason == "duplicate" or call.execution_id is not None
    return {"again": kept, "notAgain": reason or asleep}


def _followed(connection: psycopg.Connection[Any], workflow_id: str) -> dict[str, str] | None:
    """Id and name of the workflow, if this person may see it."""
    key, me = ids.decode(ids.WORKFLOW, workflow_id), viewer()
    found = get(connection, key, viewer=me.user_id, everything=me.everything) if key is not None else None
    return None if found is None else {"id": ids.encode(ids.WORKFLOW, found.id), "name": found.name}
