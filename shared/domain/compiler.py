"""Definition → plan: checks everything there is to check, reports all of it at once, compiles what is right.

Pure. The phases go on after a problem with whatever is intact: reading, nodes, edges, order, what expressions read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from shared.domain.definition import Definition, NodeDefinition, read_definition
from shared.domain.errors import InvalidDefinition, Problem
from shared.domain.fields import MAX_PROBLEMS, hint
from shared.domain.graph import Graph
from shared.domain.plan import ERROR_PORT, Plan, PlanEdge, PlanNode
from shared.domain.reads import dynamic_keys, expressions_of
from shared.expr import EMPTY, Template, TemplateErrors, compile_template
from shared.expr.errors import shorten

if TYPE_CHECKING:
    from shared.nodes.base import NodeType

_LONGEST_CYCLE = 12
_LOOP_NAMES = frozenset({"item", "index"})


def compile_definition(definition: Mapping[str, Any], catalogue: "Mapping[str, NodeType]") -> Plan:
    """The plan of a definition. Raises InvalidDefinition with every problem, each with its path and what to do."""
    problems: list[Problem] = []
    compiler = _Compiler(read_definition(definition, problems), catalogue, problems)
    compiler.check_nodes()
    compiler.check_edges()
    compiler.check_reads()
    if problems:
        shown = problems[:MAX_PROBLEMS]
        raise InvalidDefinition([Problem(shorten(it.path, 300), shorten(it.message, 600)) for it in shown])
    return compiler.plan()


@dataclass(slots=True)
class _Compiler:
    definition: Definition
    catalogue: "Mapping[str, NodeType]"
    problems: list[Problem]
    templates: dict[str, Template] = field(default_factory=dict)
    edges: dict[tuple[str, str, str | None], None] = field(default_factory=dict)
    broken_edges: bool = False
    graph: Graph = field(default_factory=Graph)
    order: list[str] = field(default_factory=list)

    def refuse(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    # -- nodes ----------------------------------------------------------------------------------------------------

    def check_nodes(self) -> None:
        """Node types, parameters, expressions."""
        for key, node in self.definition.nodes.items():
            if len(self.problems) >= MAX_PROBLEMS:
                return
            self._check_params(node)
            try:
                self.templates[key] = (
                    compile_template(node.params, path=f"{node.path}.params") if node.params else EMPTY
                )
            except TemplateErrors as errors:
                self.problems += errors.problems

    def _check_params(self, node: NodeDefinition) -> None:
        if node.type is None:
            return
        node_type = self.catalogue.get(node.type)
        if node_type is None:
            near = hint(self.problems, node.type, self.catalogue)
            self.refuse(f"{node.path}.type", f"there is no node type `{shorten(node.type, 64)}`{near}")
            return
        for path, message in node_type.param_problems(node.params, dynamic_keys(node.params)):
            self.refuse(f"{node.path}.params.{path}" if path else f"{node.path}.params", message)

    # -- edges ----------------------------------------------------------------------------------------------------

    def check_edges(self) -> None:
        """Both ends, ports, doubles, cycles; then the order of the nodes."""
        if self.definition.has_edges:
            for number, edge in enumerate(self.definition.edges):
                if len(self.problems) < MAX_PROBLEMS:
                    self._check_edge(number)
                if edge.source in self.definition.nodes and edge.target in self.definition.nodes:
                    self.edges.setdefault((edge.source, edge.target, edge.port))
        else:
            chain = list(self.definition.nodes)
            self.edges = {(one, other, None): None for one, other in pairwise(chain)}
        pairs = tuple(
            (source, target, port is not None or self.definition.nodes[source].on_error == "port")
            for source, target, port in self.edges
            if source != target
        )
        self.graph = Graph(tuple(self.definition.nodes), pairs)
        self.order = self.graph.order()
        if len(self.order) < len(self.definition.nodes):
            for cycle in self.graph.cycles():
                self.refuse("edges", _cycle_text(cycle))

    def _check_edge(self, number: int) -> None:
        edge = self.definition.edges[number]
        self._check_end(edge.path, "from", edge.source)
        self._check_end(edge.path, "to", edge.target)
        if edge.source == edge.target and edge.source in self.definition.nodes:
            self.refuse(edge.path, f"{edge.source} cannot follow itself: remove this edge")
        elif (edge.source, edge.target, edge.port) in self.edges:
            self.refuse(edge.path, f"the edge {edge.source} → {edge.target} is there twice: remove one")
        if edge.port is not None:
            self._check_port(edge.path, edge.source, edge.port)

    def _check_end(self, path: str, end: str, name: str) -> None:
        if name in self.definition.nodes:
            return
        self.broken_edges = True
        if name in self.definition.containers:
            self.refuse(f"{path}.{end}", f"{name} is a container: an edge goes from node to node")
        else:
            near = hint(self.problems, name, self.definition.nodes)
            self.refuse(f"{path}.{end}", f"there is no node `{shorten(name, 64)}`{near}")

    def _check_port(self, path: str, source: str, port: str) -> None:
        node = self.definition.nodes.get(source)
        node_type = self.catalogue.get(node.type or "") if node else None
        if node is None or node_type is None:
            return
        ports = node_type.ports(node.params)
        if port in ports or (port == ERROR_PORT and node.on_error == "port"):
            return
        if port == ERROR_PORT:
            text = f"{source} has no port `error` yet: give the node `onError: port`"
        elif ports:
            text = f"{source} has no port `{shorten(port, 64)}`; its ports are: {', '.join(ports[:20])}"
        else:
            text = f"{source} has no named ports: leave `port` out"
        self.refuse(f"{path}.port", text)

    # -- what expressions read ------------------------------------------------------------------------------------

    def check_reads(self) -> None:
        """Every `steps.<id>` names a node that runs before."""
        bits = self.graph.bits()
        # Behind a broken edge or in a cycle nobody can say what runs before what.
        before = {} if self.broken_edges else self.graph.ancestors(self.order)
        for key, node in self.definition.nodes.items():
            template = self.templates.get(key)
            if template is not None and not template.reads and template.names.isdisjoint(_LOOP_NAMES):
                continue
            for path, names, reads in expressions_of(node.params, f"{node.path}.params"):
                if len(self.problems) >= MAX_PROBLEMS:
                    return
                for name in sorted(names & _LOOP_NAMES):
                    self.refuse(
                        path, f"`{name}` exists inside a loop only, and loops are not available in this version"
                    )
                for read in sorted(reads):
                    if read not in self.definition.nodes:
                        self._unknown_read(path, read)
                    elif key in before and not before[key] & bits[read]:
                        self.refuse(path, self._order_text(read, key))

    def _unknown_read(self, path: str, read: str) -> None:
        if read in self.definition.containers:
            self.refuse(path, f"steps.{read} is read, but {read} is a container: read one of its nodes")
        else:
            near = hint(self.problems, read, self.definition.nodes)
            self.refuse(path, f"steps.{shorten(read, 64)} is read, but there is no such node{near}")

    def _order_text(self, read: str, reader: str) -> str:
        if read == reader:
            return f"steps.{read} is read by {read} itself: a node has no output before it has run"
        advice = "lead an edge from one to the other" if self.definition.has_edges else f"put {read} first"
        return f"steps.{read} is read, but {read} does not run before {reader}: {advice}"

    # -- the plan -------------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """The plan of a definition without problems."""
        indegrees, joins = self.graph.indegrees(), self.graph.joins_after(self.order)
        out: dict[str, list[PlanEdge]] = {key: [] for key in self.definition.nodes}
        for source, target, port in self.edges:
            out[source].append(PlanEdge(target, port))
        nodes = {
            key: self._plan_node(node, tuple(out[key]), indegrees[key], joins[key])
            for key, node in self.definition.nodes.items()
        }
        return Plan(
            nodes=nodes,
            roots=tuple(key for key in nodes if not indegrees[key]),
            ends=tuple(key for key in nodes if not out[key]),
            timeout_ms=self.definition.timeout_ms,
            on_failure=self.definition.on_failure,
        )

    def _plan_node(
        self, node: NodeDefinition, edges: tuple[PlanEdge, ...], indegree: int, joins_after: tuple[str, ...]
    ) -> PlanNode:
        template = self.templates[node.id]
        node_type = self.catalogue[node.type or ""]
        return PlanNode(
            id=node.id,
            name=node.name,
            type=node_type.type,
            pool=node_type.pool,
            params=template,
            reads=template.reads,
            edges=edges,
            indegree=indegree,
            joins_after=joins_after,
            timeout_ms=node.timeout_ms or node_type.default_timeout_ms,
            pure=node_type.pure,
            retry=node.retry,
            on_worker_lost=node.on_worker_lost,
            on_error=node.on_error,
            fallback=node.fallback,
            container=node.container,
        )


def _cycle_text(cycle: list[str]) -> str:
    shown = cycle if len(cycle) <= _LONGEST_CYCLE else [*cycle[: _LONGEST_CYCLE - 2], "…", cycle[-1]]
    return (
        f"the edges form a cycle: {' → '.join([*shown, cycle[0]])}; remove one of them, a workflow only runs forwards"
    )
