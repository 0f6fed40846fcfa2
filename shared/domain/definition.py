"""A workflow's definition as its author wrote it: read from JSON, every problem noted, whatever is intact kept.

What it means (node types, parameters, edges that form a cycle) is the compiler's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared import ids
from shared.domain.budget import Limit
from shared.domain.budget_definition import read_budget
from shared.domain.errors import InvalidValue, Problem
from shared.domain.fields import Fields, kind
from shared.domain.limits import Limits
from shared.domain.node_definition import (
    JOINS,
    MAX_BYTES,
    MAX_NAME,
    MAX_RUN_MS,
    ON_ERROR,
    NodeDefinition,
    read_fallback,
    read_node,
)
from shared.domain.reads import has_expression
from shared.domain.triggers.base import TriggerDefinition
from shared.domain.triggers.read import read_triggers
from shared.domain.values import to_json

SCHEMA = 1
MAX_NODES = 1_000
MAX_EDGES = 10_000
MAX_PARALLEL = 1_000
MAX_ITEMS = 10_000
MAX_DEPTH = 8
MAX_CONCURRENT = 100_000
MAX_RATE_MS = 31 * 86_400_000


@dataclass(frozen=True, slots=True)
class ContainerDefinition:
    """One container as written. `for_each` is a list, or text with an expression that gives one; None: no loop."""

    path: str
    id: str
    name: str
    parent: str
    for_each: str | list[Any] | None
    max_parallel: int
    on_error: str
    fallback: str | None
    join: str

    @property
    def loops(self) -> bool:
        """Whether its steps run once for each item."""
        return self.for_each is not None

    @property
    def is_scope(self) -> bool:
        """Whether it is a step of its own, with its nodes inside; else it only groups them."""
        return self.loops or self.on_error != "fail"


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
    containers: dict[str, ContainerDefinition] = field(default_factory=dict)
    timeout_ms: int | None = None
    """Of the whole run, from the start of its first step."""
    on_failure: UUID | None = None
    """The workflow that runs when a run has failed."""
    limits: Limits = field(default_factory=Limits)
    concurrency_key: str = ""
    triggers: list[TriggerDefinition] = field(default_factory=list)
    budget: Limit | None = None
    """What the calls of models in one run may use."""


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
    definition.triggers = read_triggers(top)
    _read_containers(top, definition)
    _read_edges(top, definition)
    _read_settings(top.object("settings"), definition)
    top.close("a definition")
    if not definition.nodes and not problems:
        top.refuse("containers", "there is no node: add at least one")
    return definition


def _read_settings(settings: Fields, definition: Definition) -> None:
    definition.timeout_ms = settings.whole("timeoutMs", 0, least=1, most=MAX_RUN_MS) or None
    _read_limits(settings, definition)
    definition.budget = read_budget(settings)
    definition.on_failure = _read_on_failure(settings)
    settings.close("`settings`")


def _read_on_failure(settings: Fields) -> UUID | None:
    """The id as text, or as `{"workflowId": …}`."""
    fields, key = settings, "onFailure"
    if isinstance(settings.take(key), dict):
        fields, key = settings.object(key), "workflowId"
    text = fields.text(key)
    found = ids.decode(ids.WORKFLOW, text)
    if found is None and (text or fields is not settings):
        fields.refuse(key, "this must be the id of a workflow, wf-…, which runs when a run of this one fails")
    if fields is not settings:
        fields.close("`onFailure`")
    return found


def _read_limits(settings: Fields, definition: Definition) -> None:
    max_concurrent = settings.whole("maxConcurrent", 0, least=1, most=MAX_CONCURRENT) or None
    key = definition.concurrency_key = settings.text("concurrencyKey", most=1_000)
    max_per_key = settings.whole("maxPerKey", 1, least=1, most=MAX_CONCURRENT) if key else None
    if not key and settings.take("maxPerKey") is not None:
        settings.refuse("maxPerKey", "this needs a `concurrencyKey`, such as {{ input.customerId }}")
    if key and not has_expression(key):
        settings.refuse("concurrencyKey", "this must be an expression over the input, such as {{ input.customerId }}")
    rate = settings.object("rate")
    rate_max = rate.whole("max", 0, least=1, most=1_000_000) or None
    rate_ms = rate.whole("perMs", 0, least=100, most=MAX_RATE_MS) or None
    rate.close("`rate`")
    if (rate_max is None) != (rate_ms is None):
        settings.refuse("rate", "give both `max` and `perMs`, such as 100 starts per 60000 ms")
    definition.limits = Limits(max_concurrent, max_per_key, rate_max, rate_ms)


def _read_containers(top: Fields, definition: Definition) -> None:
    taken: set[str] = set()
    left = MAX_NODES
    found: list[tuple[Fields, ContainerDefinition]] = []
    for fields in top.objects("containers", most=MAX_NODES, what="containers"):
        container = _read_container(fields, _unique_id(fields, "a container", taken))
        definition.containers[container.id or container.path] = container
        found.append((fields, container))
        nodes = fields.objects("nodes", most=MAX_NODES, what="nodes")
        fields.close("a container")
        if len(nodes) > left >= 0:
            top.refuse("containers", f"there are more than {MAX_NODES:,} nodes: split the workflow")
        left -= len(nodes)
        if left >= 0:
            for each in nodes:
                node = read_node(each, _unique_id(each, "a node", taken), container.id)
                # A node without a usable id still has its parameters checked, under a key that no edge can name.
                definition.nodes[node.id or node.path] = node
    for fields, container in found:
        _check_parents(fields, container, definition.containers)


def _read_container(fields: Fields, name: str | None) -> ContainerDefinition:
    on_error = fields.choice("onError", ON_ERROR)
    for_each = _read_for_each(fields)
    max_parallel = fields.whole("maxParallel", 1, least=1, most=MAX_PARALLEL)
    container = ContainerDefinition(
        path=fields.path,
        id=name or "",
        name=fields.text("name", most=MAX_NAME) or name or "",
        parent=fields.text("parent"),
        for_each=for_each,
        max_parallel=max_parallel,
        on_error=on_error,
        fallback=read_fallback(fields, on_error),
        join=fields.choice("join", JOINS),
    )
    if max_parallel > 1 and for_each is None:
        fields.refuse("maxParallel", "this belongs to a loop: add `forEach`, or leave it out")
    if container.join != "all" and not container.is_scope:
        fields.refuse("join", "a container that only groups has no incoming edges: set `join` at its first node")
    return container


def _read_for_each(fields: Fields) -> str | list[Any] | None:
    value = fields.take("forEach")
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        text = f"this list has {len(value):,} items; a loop takes at most {MAX_ITEMS:,}: split it"
        fields.refuse("forEach", text)
        return []
    if value is None or isinstance(value, list) or (isinstance(value, str) and has_expression(value)):
        return value
    fields.refuse("forEach", "this must be a list, or an expression that gives one, such as {{ input.orders }}")
    return []


def _unique_id(fields: Fields, what: str, taken: set[str]) -> str | None:
    name = fields.identifier("id", what=what)
    if name is None:
        return None
    if name in taken:
        fields.refuse("id", f"the id {name} is used more than once: every node and container needs its own")
        return None
    taken.add(name)
    return name


def _check_parents(
    fields: Fields, container: ContainerDefinition, containers: Mapping[str, ContainerDefinition]
) -> None:
    """The parents exist, form no circle, and are not too many."""
    above: list[str] = []
    outer = container.parent
    while outer in containers and outer not in above:
        above.append(outer)
        outer = containers[outer].parent
    if container.parent and container.parent not in containers:
        fields.refuse("parent", "there is no container with this id")
    elif container.id in above:
        fields.refuse("parent", "a container cannot be inside itself: choose another `parent`")
    elif len(above) == MAX_DEPTH:
        fields.refuse(
            "parent", f"containers are nested more than {MAX_DEPTH} deep: put a part into a workflow of its own"
        )


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
