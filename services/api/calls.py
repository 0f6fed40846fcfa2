"""The workflows that a definition names: those that its nodes run, that it follows, and the one that follows a failure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from services.api.access import viewer
from shared import ids
from shared.db import workflows
from shared.domain.errors import InvalidDefinition, Problem
from shared.domain.plan import Plan
from shared.domain.triggers.finished import TYPE as FOLLOWS
from shared.nodes.workflow_run import TYPE as CALL
from shared.web.database import connection

_WHOLE_INPUT = re.compile(r"\{\{\s*input\s*\}\}")


def check_named_workflows(workflow_id: UUID, definition: Mapping[str, Any], plan: Plan) -> None:
    """Raises InvalidDefinition if the definition, which compiles, names workflows that the caller may not see, or runs
    itself in a way that waits for ever. What an expression gives is known when it runs: the engine looks then, with the
    eyes of who published it and of who runs it.
    """
    calls = list(_calls(definition))
    named = [(f"{path}.workflowId", id) for path, id, _ in calls]
    if plan.on_failure is not None:
        named.insert(0, ("settings.onFailure", plan.on_failure))
    named += _followed(plan)
    problems = list(_unseen(named))
    for path, id, params in calls:
        if id == workflow_id:
            problems += _blocks_itself(path, params, plan)
    if problems:
        raise InvalidDefinition(problems)


def _calls(definition: Mapping[str, Any]) -> Iterator[tuple[str, UUID, Mapping[str, Any]]]:
    """The nodes that run a workflow with a known id: the path of their parameters, the id, the parameters."""
    for at, container in enumerate(definition["containers"]):
        for place, node in enumerate(container.get("nodes") or ()):
            params = node.get("params") or {}
            id = ids.decode(ids.WORKFLOW, str(params.get("workflowId"))) if node["type"] == CALL else None
            if id is not None:
                yield f"containers[{at}].nodes[{place}].params", id, params


def _followed(plan: Plan) -> Iterator[tuple[str, UUID]]:
    """The workflows whose ends start this one."""
    for trigger in plan.triggers:
        id = ids.decode(ids.WORKFLOW, trigger.config["workflowId"]) if trigger.type == FOLLOWS else None
        if id is not None:
            yield f"{trigger.path}.workflowId", id


def _unseen(named: list[tuple[str, UUID]]) -> Iterator[Problem]:
    eyes = viewer()
    for path, id in named:
        if workflows.get(connection(), id, viewer=eyes.user_id, everything=eyes.everything) is None:
            yield Problem(path, "there is no workflow with this id that you may see: choose another")


def _blocks_itself(path: str, params: Mapping[str, Any], plan: Plan) -> Iterator[Problem]:
    """A call of the workflow itself in the version that is checked: the run that waits holds the only slot."""
    waits, version = params.get("wait", True), params.get("version")
    if waits is not True or version is not None or plan.limits is None:
        return
    limits = plan.limits.limits
    if limits.max_concurrent == 1:
        yield Problem(f"{path}.workflowId", _forever("settings.maxConcurrent is 1"))
    elif limits.max_per_key == 1 and _WHOLE_INPUT.fullmatch(str(params.get("input")).strip()):
        yield Problem(f"{path}.workflowId", _forever("settings.maxPerKey is 1 and the input, so the key, is the same"))


def _forever(why: str) -> str:
    return (
        f"this runs the workflow itself and waits for it, but {why}: the run that waits holds the only slot, so both "
        "would wait for ever. Raise the limit, set `wait` to false, or move what repeats into a workflow of its own"
    )
