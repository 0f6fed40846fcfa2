"""The parameters of a step: its template, evaluated over what its claim brought."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared import ids
from shared.domain import items
from shared.domain.values import from_json
from shared.engine import reads
from shared.engine.requests import Claimed, Value


def evaluate(claimed: Claimed, callback_urls: Mapping[str, str] | None = None) -> Any:
    """The parameters with every expression replaced; reads only what the claim brought, and the addresses of callbacks."""
    template = claimed.node.params
    if not template.has_expressions:
        return template.source
    found: dict[str, Any] = {
        "input": _value(claimed.values.get("", Value()).output),
        "steps": {node: _read(claimed, node) for node in claimed.node.reads},
        "now": datetime.now(UTC),
    }
    if not template.names.isdisjoint(("item", "index")):
        found |= _item(claimed, reads.innermost_loop(claimed.plan, claimed.node))
    for name, prefix, id in (
        ("execution", ids.EXECUTION, claimed.key[0]),
        ("workflow", ids.WORKFLOW, claimed.workflow_id),
    ):
        if name in template.names:
            found[name] = {"id": ids.encode(prefix, id)}
    if callback_urls:
        found["execution"]["callbackUrls"] = callback_urls
    return template.evaluate(found)


def _read(claimed: Claimed, name: str) -> dict[str, Any]:
    """What `steps.<name>` is: an earlier step's output and error; a loop around this step has its present item."""
    if name in claimed.node.scopes:
        return _item(claimed, name)
    value = claimed.values.get(name, Value())
    return {"output": _value(value.output), "error": _value(value.error)}


def _item(claimed: Claimed, loop: str) -> dict[str, Any]:
    key = items.cut(claimed.key[2], claimed.plan.nodes[loop].depth + 1)
    return {"item": _value(claimed.values.get(loop, Value()).output), "index": items.index(key)}


def _value(text: str | bytes | None) -> Any:
    return None if text is None else from_json(text)
