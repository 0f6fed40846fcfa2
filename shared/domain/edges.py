"""The edges of a definition, checked and sorted by scope: every scope is a graph of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from shared.domain.definition import Definition, EdgeDefinition
from shared.domain.errors import Problem
from shared.domain.fields import MAX_PROBLEMS, hint
from shared.domain.graph import Graph
from shared.domain.layout import ROOT, Layout
from shared.domain.node_definition import NodeDefinition
from shared.domain.plan import ERROR_PORT
from shared.expr.errors import shorten

if TYPE_CHECKING:
    from shared.nodes.base import NodeType

_LONGEST_CYCLE = 12


@dataclass(frozen=True, slots=True)
class ScopeGraph:
    """The steps of one scope: `edges` as (from, to, port), `order` one that they allow (short where there is a cycle)."""

    edges: tuple[tuple[str, str, str | None], ...]
    graph: Graph
    order: list[str]
    is_chain: bool
    """Nobody drew edges here: the steps run one after the other."""


@dataclass(slots=True)
class Edges:
    """Reads the edges of a definition; notes every problem. `broken`: an edge leads nowhere, so order cannot be judged."""

    definition: Definition
    layout: Layout
    catalogue: "Mapping[str, NodeType]"
    problems: list[Problem]
    broken: bool = False
    known: dict[tuple[str, str, str | None], str] = field(default_factory=dict)
    """Each edge with both ends in one scope, and that scope."""

    def graphs(self) -> dict[str, ScopeGraph]:
        """The graph of every scope."""
        for edge in self.definition.edges:
            if len(self.problems) < MAX_PROBLEMS:
                self._check(edge)
            scope = self.layout.scope_of.get(edge.source)
            if scope is not None and scope == self.layout.scope_of.get(edge.target):
                self.known.setdefault((edge.source, edge.target, edge.port), scope)
        return {scope: self._graph(scope, members) for scope, members in self.layout.members.items()}

    def _graph(self, scope: str, members: list[str]) -> ScopeGraph:
        drawn = tuple(edge for edge, home in self.known.items() if home == scope)
        # An edge that leads nowhere was still meant: it does not turn the workflow into a chain.
        is_chain = not drawn and not (scope == ROOT and self.broken)
        edges = tuple((one, other, None) for one, other in pairwise(members)) if is_chain else drawn
        pairs = tuple(
            (source, target, port is not None or self.layout.steps[source].on_error == "port")
            for source, target, port in edges
            if source != target
        )
        graph = Graph(tuple(members), pairs, self._first_joins(members))
        order = graph.order()
        if len(order) < len(members):
            for cycle in graph.cycles():
                self._refuse("edges", _cycle_text(cycle))
        return ScopeGraph(edges, graph, order, is_chain)

    def _first_joins(self, members: list[str]) -> frozenset[str]:
        return frozenset(step for step in members if self.layout.steps[step].join == "first")

    # -- one edge -------------------------------------------------------------------------------------------------

    def _refuse(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def _check(self, edge: EdgeDefinition) -> None:
        ends = [self._check_end(edge, "from", edge.source), self._check_end(edge, "to", edge.target)]
        if edge.source == edge.target and all(ends):
            self._refuse(edge.path, f"{edge.source} cannot follow itself: remove this edge")
        elif (edge.source, edge.target, edge.port) in self.known:
            self._refuse(edge.path, f"the edge {edge.source} → {edge.target} is there twice: remove one")
        elif all(ends):
            self._check_scopes(edge)
        if edge.port is not None:
            self._check_port(edge.path, edge.source, edge.port)

    def _check_end(self, edge: EdgeDefinition, end: str, name: str) -> bool:
        if name in self.layout.steps:
            return True
        self.broken = True
        if name in self.definition.containers:
            text = f"{name} is a container that only groups: an edge goes from node to node"
        else:
            text = f"there is no node `{shorten(name, 64)}`{hint(self.problems, name, self.layout.steps)}"
        self._refuse(f"{edge.path}.{end}", text)
        return False

    def _check_scopes(self, edge: EdgeDefinition) -> None:
        """Both ends are in the same scope."""
        source, target = self.layout.scope_of[edge.source], self.layout.scope_of[edge.target]
        if source == target:
            return
        self.broken = True
        around = {end: [end, *self.layout.around(end)] for end in (edge.source, edge.target)}
        for inner, outer in ((edge.source, edge.target), (edge.target, edge.source)):
            scope = self.layout.scope_of[inner]
            if scope not in around[outer] and scope != ROOT:
                end = "from" if inner == edge.source else "to"
                text = f"{inner} is inside the container {scope}: an edge from outside leads to the container itself"
                self._refuse(f"{edge.path}.{end}", text)
                return
        self._refuse(edge.path, f"{edge.source} and {edge.target} are one inside the other: remove this edge")

    def _check_port(self, path: str, source: str, port: str) -> None:
        step = self.layout.steps.get(source)
        if step is None:
            return
        ports: tuple[str, ...] = ()
        if isinstance(step, NodeDefinition):
            node_type = self.catalogue.get(step.type or "")
            if node_type is None:
                return
            ports = node_type.ports(step.params)
        if port in ports or (port == ERROR_PORT and step.on_error == "port"):
            return
        if port == ERROR_PORT:
            what = "node" if isinstance(step, NodeDefinition) else "container"
            text = f"{source} has no port `error` yet: give the {what} `onError: port`"
        elif ports:
            text = f"{source} has no port `{shorten(port, 64)}`; its ports are: {', '.join(ports[:20])}"
        else:
            text = f"{source} has no named ports: leave `port` out"
        self._refuse(f"{path}.port", text)


def _cycle_text(cycle: list[str]) -> str:
    shown = cycle if len(cycle) <= _LONGEST_CYCLE else [*cycle[: _LONGEST_CYCLE - 2], "…", cycle[-1]]
    return (
        f"the edges form a cycle: {' → '.join([*shown, cycle[0]])}; remove one of them, a workflow only runs forwards"
    )
