"""A workflow's definition as its author wrote it: read from JSON, every problem noted, whatever is intact kept.

What it means (node types, parameters, edges that form a cycle) is the compiler's business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared import ids
from shared.domain.errors import InvalidValue, Problem
from shared.domain.fields import Fields, kind
from shared.domain.plan import RetryPolicy
from shared.domain.reads import has_expression
from shared.domain.values import to_json

SCHEMA = 1
MAX_BYTES = 1_000_000
MAX_NODES = 1_000
MAX_EDGES = 10_000
MAX_NAME = 200
MAX_TIMEOUT_MS = 86_400_000
MAX_RUN_MS = 365 * 86_400_000
MAX_ATTEMPTS = 20
MAX_CODES = 50
ERROR_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_IMPLICIT_TRIGGERS = ("manual", "api")
_LATER_TRIGGERS = ("schedule", "webhook")


@dataclass(frozen=True, slots=True)
class NodeDefinition:
    """One node as written. `timeout_ms` is None where the node type's own applies."""

    path: str
    id: str
    name: str
    type: str | None
    params: dict[str, Any]
    retry: RetryPolicy
    timeout_ms: int | None
    on_worker_lost: str
    on_error: str
    fallback: str | None
    container: str


@dataclass(frozen=True, slots=True)
class EdgeDefinition:
    """One edge as written; `port` is None for the plain way out."""

    path: str
    source: str
    target: str
    port: str | None


@dataclass(slots=True)
class Definition:
    """What could be read. `nodes` by id, in the order of the text; `has_edges`: somebody meant this to be a graph."""

    nodes: dict[str, NodeDefinition] = field(default_factory=dict)
    edges: list[EdgeDefinition] = field(default_factory=list)
    has_edges: bool = False
    containers: frozenset[str] = frozenset()
    timeout_ms: int | None = None
    """Of the whole run, from the start of its first step."""
    on_failure: UUID | None = None
    """The workflow that runs when a run has failed."""


def read_definition(value: Mapping[str, Any], problems: list[Problem]) -> Definition:
    """The definition in `value`, its problems added to `problems`. A value that is no storable JSON reads as empty."""
    definition = Definition()
    if not isinstance(value, dict):
        problems.append(Problem("", f"A definition is an object with `containers`, not {kind(value)}"))
        return definition
    try:
        to_json(value, max_bytes=MAX_BYTES)
    except InvalidValue as error:
        problems.append(Problem(error.path, str(error)))
        return definition
    top = Fields(value, "", problems)
    if top.take("schema") not in (None, SCHEMA):
        top.refuse("schema", f"this version reads schema {SCHEMA}")
    _read_triggers(top)
    _read_containers(top, definition)
    _read_edges(top, definition)
    _read_settings(top.object("settings"), definition)
    top.close("a definition")
    if not definition.nodes and not problems:
        top.refuse("containers", "there is no node: add at least one")
    return definition


def _read_triggers(top: Fields) -> None:
    for trigger in top.objects("triggers", most=100, what="triggers"):
        chosen = trigger.take("type")
        if chosen in _LATER_TRIGGERS:
            trigger.refuse("type", f"{chosen} triggers are not available in this version: start the workflow by API")
        elif chosen not in _IMPLICIT_TRIGGERS:
            trigger.refuse("type", "this must be `manual` or `api`; both are there without being listed")
        else:
            trigger.identifier("id", what="a trigger")
            trigger.close("a trigger")


def _read_settings(settings: Fields, definition: Definition) -> None:
    definition.timeout_ms = settings.whole("timeoutMs", 0, least=1, most=MAX_RUN_MS) or None
    settings.later("maxConcurrent", "a limit of concurrent runs is")
    text = settings.text("onFailure")
    definition.on_failure = ids.decode(ids.WORKFLOW, text)
    if text and definition.on_failure is None:
        settings.refuse("onFailure", "this must be the id of a workflow, wf-…, which runs when a run of this one fails")
    settings.close("`settings`")


def _read_containers(top: Fields, definition: Definition) -> None:
    parents: dict[str, tuple[Fields, str]] = {}
    taken: set[str] = set()
    left = MAX_NODES
    containers = top.objects("containers", most=MAX_NODES, what="containers")
    for container in containers:
        name = _unique_id(container, "a container", taken)
        container.text("name", most=MAX_NAME)
        container.later("forEach", "loops (forEach) are")
        container.later("maxParallel", "loops (maxParallel) are")
        container.later("onError", "error handling by container (onError) is")
        parent = container.text("parent")
        if parent:
            parents[name or container.path] = (container, parent)
        nodes = container.objects("nodes", most=MAX_NODES, what="nodes")
        container.close("a container")
        if len(nodes) > left >= 0:
            top.refuse("containers", f"there are more than {MAX_NODES:,} nodes: split the workflow")
        left -= len(nodes)
        if left >= 0:
            for node in nodes:
                _read_node(node, name or "", taken, definition)
    definition.containers = frozenset(taken - definition.nodes.keys())
    _check_parents(parents, definition.containers)


def _unique_id(fields: Fields, what: str, taken: set[str]) -> str | None:
    name = fields.identifier("id", what=what)
    if name is None:
        return None
    if name in taken:
        fields.refuse("id", f"the id {name} is used more than once: every node and container needs its own")
        return None
    taken.add(name)
    return name


def _check_parents(parents: dict[str, tuple[Fields, str]], containers: frozenset[str]) -> None:
    for name, (container, parent) in parents.items():
        if parent not in containers:
            container.refuse("parent", "there is no container with this id")
            continue
        seen, outer = {name}, parent
        while outer in parents and outer not in seen:
            seen.add(outer)
            outer = parents[outer][1]
        if outer == name:
            container.refuse("parent", "a container cannot be inside itself: choose another `parent`")


def _read_node(fields: Fields, container: str, taken: set[str], definition: Definition) -> None:
    name = _unique_id(fields, "a node", taken)
    node = NodeDefinition(
        path=fields.path,
        id=name or "",
        name=fields.text("name", most=MAX_NAME) or name or "",
        type=_node_type(fields),
        params=fields.object("params").value,
        retry=_read_retry(fields.object("retry")),
        timeout_ms=fields.whole("timeoutMs", 0, least=1, most=MAX_TIMEOUT_MS) or None,
        on_worker_lost=fields.choice("onWorkerLost", ("retry", "fail")),
        on_error=(on_error := fields.choice("onError", ("fail", "continue", "port"))),
        fallback=_read_fallback(fields, on_error),
        container=container,
    )
    fields.choice("join", ("all",), later=("any", "first"))
    fields.close("a node")
    # A node without a usable id still has its parameters checked, under a key that no edge can name.
    definition.nodes[name or fields.path] = node


def _read_fallback(fields: Fields, on_error: str) -> str | None:
    """The output of the node when it failed and the run goes on, as JSON."""
    value = fields.take("fallback")
    if value is None:
        return None
    if on_error != "continue":
        fields.refuse("fallback", "a fallback is used with `onError: continue` only: set that, or leave it out")
    if has_expression(value):
        fields.refuse(
            "fallback", "a fallback is a fixed value, without expressions: build others in a node that follows"
        )
    return to_json(value, max_bytes=MAX_BYTES).decode()


def _node_type(fields: Fields) -> str | None:
    value = fields.take("type")
    if isinstance(value, str) and value:
        return value
    fields.refuse("type", "a node needs a `type`, such as http.request")
    return None


def _read_retry(retry: Fields) -> RetryPolicy:
    default = RetryPolicy()
    policy = RetryPolicy(
        max_attempts=retry.whole("maxAttempts", default.max_attempts, least=1, most=MAX_ATTEMPTS),
        backoff=retry.choice("backoff", ("exponential", "linear", "fixed")),
        initial_ms=retry.whole("initialMs", default.initial_ms, least=0, most=MAX_TIMEOUT_MS),
        max_ms=retry.whole("maxMs", default.max_ms, least=0, most=MAX_TIMEOUT_MS),
        jitter=retry.flag("jitter", default=default.jitter),
        max_elapsed_ms=retry.whole("maxElapsedMs", 0, least=1, most=MAX_RUN_MS) or None,
        only=_read_codes(retry),
    )
    retry.close("`retry`")
    return policy


def _read_codes(retry: Fields) -> frozenset[str]:
    value = retry.take("only")
    if value is None:
        return frozenset()
    if isinstance(value, list) and 0 < len(value) <= MAX_CODES and all(_is_code(code) for code in value):
        return frozenset(value)
    retry.refuse("only", f"this must be a list of 1 to {MAX_CODES} error codes, such as HTTP_STATUS")
    return frozenset()


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and ERROR_CODE.fullmatch(value) is not None


def _read_edges(top: Fields, definition: Definition) -> None:
    edges = top.objects("edges", most=MAX_EDGES, what="edges")
    definition.has_edges = bool(top.value.get("edges"))
    for edge in edges:
        source, target = _edge_end(edge, "from"), _edge_end(edge, "to")
        port = edge.text("port") or None
        edge.close("an edge")
        if source and target:
            definition.edges.append(EdgeDefinition(edge.path, source, target, port))


def _edge_end(edge: Fields, key: str) -> str | None:
    value = edge.take(key)
    if isinstance(value, str) and value:
        return value
    edge.refuse(key, f"an edge needs `{key}`, the id of a node")
    return None
