"""What a worker does for a scope: finds the items of a loop before its steps run, and collects the results afterwards."""

import json
from collections.abc import Mapping
from typing import Any

from shared.domain import items
from shared.domain.definition import MAX_ITEMS
from shared.domain.errors import NodeError, TooLarge
from shared.domain.fields import kind
from shared.domain.plan import Body
from shared.domain.values import from_json, to_json
from shared.engine.requests import Claimed, Results, Value

_NOTHING = b"null"


def values_of(claimed: Claimed, params: Any, max_bytes: int) -> tuple[bytes, ...] | None:
    """The items of a loop, each as JSON; None for a scope that does not loop.

    Raises NodeError where `forEach` gives no list or too long a one, InvalidValue where the list cannot be stored, TooLarge for more than `max_bytes`.
    """
    if not body_of(claimed).loops:
        return None
    found = params["forEach"]
    if not isinstance(found, list):
        text = f"`forEach` must give a list, not {kind(found)}: write an expression such as {{{{ input.orders }}}}."
        raise NodeError("INVALID_PARAMS", text)
    if len(found) > MAX_ITEMS:
        text = f"The list has {len(found):,} items; a loop takes at most {MAX_ITEMS:,}. Split the list, or filter it."
        raise NodeError("TOO_MANY_ITEMS", text)
    to_json(found, max_bytes=max_bytes)
    return tuple(to_json(value, max_bytes=max_bytes) for value in found)


def result_of(claimed: Claimed, max_bytes: int) -> bytes:
    """The output of a scope whose steps are over, as JSON: that of its last step, in a loop a list with one for each item.

    Several last steps: an object by node id. An item that failed leaves the fallback. Raises TooLarge for more than
    `max_bytes`.
    """
    body, results = body_of(claimed), claimed.results or Results(0, 0, {})
    if body.loops:
        keys = (items.key(claimed.key[2], index) for index in range(results.children))
        found = [_item_result(body, results, claimed.node.id, key) for key in keys]
        text = b"[" + b",".join(found) + b"]"
    else:
        text = _result(body, results, claimed.key[2])
    if len(text) > max_bytes:
        size = f"{len(text):,} bytes, the limit is {max_bytes:,}"
        raise TooLarge("", f"The results of {claimed.node.name} have {size}: keep only the parts you need")
    return text


def error_of(claimed: Claimed) -> NodeError | None:
    """Why a loop that went on is not a success: some of its items failed."""
    results = claimed.results
    if results is None or not results.failed:
        return None
    first = min(
        (at, value.error) for (node, at), value in results.values.items() if node == claimed.node.id and value.error
    )
    message = str(from_json(first[1]).get("message", ""))
    text = f"{results.failed:,} of {results.children:,} items failed; the first was item {items.index(first[0])}: {message}"
    return NodeError("ITEMS_FAILED", text)


def body_of(claimed: Claimed) -> Body:
    """What the claimed scope holds."""
    assert claimed.node.body is not None  # noqa: S101 - the caller has looked
    return claimed.node.body


def _item_result(body: Body, results: Results, loop: str, key: str) -> bytes:
    item = results.values.get((loop, key))
    if item is not None and item.error is not None:
        return _NOTHING if body.fallback is None else body.fallback.encode()
    return _result(body, results, key)


def _result(body: Body, results: Results, at: str) -> bytes:
    outputs = _outputs(body, results.values, at)
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    parts = (json.dumps(node).encode() + b":" + text for node, text in outputs.items())
    return b"{" + b",".join(parts) + b"}" if outputs else _NOTHING


def _outputs(body: Body, values: Mapping[tuple[str, str], Value], at: str) -> dict[str, bytes]:
    """What the last steps of one pass have left, JSON by node."""
    found = ((node, values.get((node, at), Value()).output) for node in body.ends)
    return {
        node: output if isinstance(output, bytes) else output.encode() for node, output in found if output is not None
    }
