"""Definition → plan: checks everything there is to check, reports all of it at once, compiles what is right.

Pure. The phases go on after a problem with whatever is intact: reading, nodes, edges, order, what expressions read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.domain.definition import ContainerDefinition, Definition, read_definition
from shared.domain.edges import Edges, ScopeGraph
from shared.domain.errors import InvalidDefinition, Problem
from shared.domain.fields import MAX_PROBLEMS, hint
from shared.domain.layout import ROOT, Layout, lay_out
from shared.domain.limits import KeyedLimits, Limits
from shared.domain.node_definition import NodeDefinition
from shared.domain.plan import Body, Plan, PlanEdge, PlanNode
from shared.domain.reads import dynamic_keys
from shared.domain.visibility import Visibility
from shared.expr import EMPTY, Template, TemplateErrors, compile_template
from shared.expr.errors import shorten

if TYPE_CHECKING:
    from shared.nodes.base import NodeType

CONTAINER = "container"
"""The type of a step that is a scope."""
_SCOPE_TIMEOUT_MS = 60_000


def compile_definition(definition: Mapping[str, Any], catalogue: "Mapping[str, NodeType]") -> Plan:
    """The plan of a definition. Raises InvalidDefinition with every problem, each with its path and what to do."""
    problems: list[Problem] = []
    found = read_definition(definition, problems)
    layout = lay_out(found)
    compiler = _Compiler(found, layout, catalogue, problems)
    compiler.check_steps()
    compiler.check_limits()
    edges = Edges(found, layout, catalogue, problems)
    compiler.graphs = edges.graphs()
    Visibility(found, layout, compiler.graphs, problems).check(compiler.templates, ordered=not edges.broken)
    if problems:
        shown = problems[:MAX_PROBLEMS]
        raise InvalidDefinition([Problem(shorten(it.path, 300), shorten(it.message, 600)) for it in shown])
    return compiler.plan()


@dataclass(slots=True)
class _Compiler:
    definition: Definition
    layout: Layout
    catalogue: "Mapping[str, NodeType]"
    problems: list[Problem]
    templates: dict[str, Template] = field(default_factory=dict)
    graphs: dict[str, ScopeGraph] = field(default_factory=dict)
    limits: KeyedLimits | None = None

    def refuse(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    # -- steps ----------------------------------------------------------------------------------------------------

    def check_steps(self) -> None:
        """Node types, parameters, expressions; scopes hold something."""
        for key, step in self.layout.steps.items():
            if len(self.problems) >= MAX_PROBLEMS:
                return
            if isinstance(step, NodeDefinition):
                self._check_params(step)
                self._compile(key, step.params, f"{step.path}.params", self._literal(step))
            else:
                if not self.layout.members[key]:
                    self.refuse(step.path, "this container is empty: add a node, or remove it")
                given = {} if step.for_each is None else {"forEach": step.for_each}
                self._compile(key, given, step.path)

    def _compile(self, key: str, value: dict[str, Any], path: str, literal: frozenset[str] = frozenset()) -> None:
        try:
            self.templates[key] = compile_template(value, path=path, literal=literal) if value else EMPTY
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
        dynamic = dynamic_keys(node.params) - node_type.literal
        for path, message in node_type.param_problems(node.params, dynamic):
            self.refuse(f"{node.path}.params.{path}" if path else f"{node.path}.params", message)

    def _literal(self, node: NodeDefinition) -> frozenset[str]:
        """The parameters of a node in which `{{` is text."""
        found = self.catalogue.get(node.type or "")
        return found.literal if found else frozenset()

    def check_limits(self) -> None:
        """The key of a run is computed from its input alone, before it begins."""
        limits, text = self.definition.limits, self.definition.concurrency_key
        if limits == Limits():
            return
        key = None
        if text:
            try:
                key = compile_template(text, path="settings.concurrencyKey")
            except TemplateErrors as errors:
                self.problems += errors.problems
                return
            if not key.names <= {"input"}:
                others = ", ".join(sorted(key.names - {"input"}))
                self.refuse("settings.concurrencyKey", f"this may read `input` only, not {others}")
        self.limits = KeyedLimits(limits, key)

    # -- the plan -------------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """The plan of a definition without problems."""
        nodes = {key: node for scope in self.layout.members for key, node in self._scope_nodes(scope).items()}
        root = self._body(ROOT)
        return Plan(
            nodes={key: nodes[key] for key in self.layout.steps},
            roots=root.roots,
            ends=root.ends,
            total_steps=root.size,
            timeout_ms=self.definition.timeout_ms,
            on_failure=self.definition.on_failure,
            limits=self.limits,
            triggers=tuple(self.definition.triggers),
            budget=self.definition.budget,
        )

    def _scope_nodes(self, scope: str) -> dict[str, PlanNode]:
        """The steps of one scope."""
        found = self.graphs[scope]
        indegrees = found.graph.indegrees()
        joins, races = found.graph.joins_after(found.order), found.graph.races(found.order)
        out: dict[str, list[PlanEdge]] = {key: [] for key in self.layout.members[scope]}
        for source, target, port in found.edges:
            out[source].append(PlanEdge(target, port))
        return {
            key: self._step(
                key,
                edges=tuple(out[key]),
                indegree=indegrees[key],
                joins_after=joins[key],
                races=races.get(key, ()),
            )
            for key in self.layout.members[scope]
        }

    def _step(self, key: str, **placed: Any) -> PlanNode:
        step, scopes = self.layout.steps[key], tuple(self.layout.around(key))
        template = self.templates[key]
        return PlanNode(
            id=step.id,
            name=step.name,
            params=template,
            reads=template.reads,
            on_error=step.on_error,
            join=step.join,
            scopes=scopes,
            depth=sum(map(self.layout.loops, scopes)),
            **(self._node(step) if isinstance(step, NodeDefinition) else self._container(step)),
            **placed,
        )

    def _node(self, node: NodeDefinition) -> dict[str, Any]:
        """What only nodes have."""
        node_type = self.catalogue[node.type or ""]
        return {
            "type": node_type.type,
            "pool": node_type.pool,
            "timeout_ms": node.timeout_ms or node_type.step_timeout_ms(node.params),
            "pure": node_type.pure,
            "retry": node.retry or node_type.default_retry,
            "on_worker_lost": node.on_worker_lost,
            "fallback": node.fallback,
            "container": node.container,
        }

    def _container(self, container: ContainerDefinition) -> dict[str, Any]:
        """What only scopes have. The fallback of a loop is that of each item that failed."""
        return {
            "type": CONTAINER,
            "pool": "default",
            "timeout_ms": _SCOPE_TIMEOUT_MS,
            "pure": True,
            "fallback": None if container.loops else container.fallback,
            "container": container.parent,
            "body": self._body(container.id),
        }

    def _body(self, scope: str) -> Body:
        members = self.layout.members[scope]
        found = self.graphs[scope]
        reached = {target for _, target, _ in found.edges}
        going_on = {source for source, _, _ in found.edges}
        step = self.layout.steps.get(scope)
        container = step if isinstance(step, ContainerDefinition) else None
        return Body(
            members=tuple(members),
            inside=tuple(self._inside(scope)),
            roots=tuple(key for key in members if key not in reached),
            ends=tuple(key for key in members if key not in going_on),
            size=self._size(scope),
            loops=container is not None and container.loops,
            max_parallel=container.max_parallel if container else 1,
            fallback=container.fallback if container else None,
        )

    def _inside(self, scope: str) -> list[str]:
        found = list(self.layout.members[scope])
        for key in self.layout.members[scope]:
            if key in self.layout.members:
                found += self._inside(key)
        return found

    def _size(self, scope: str) -> int:
        inner = [key for key in self.layout.members[scope] if key in self.layout.members and not self.layout.loops(key)]
        return len(self.layout.members[scope]) + sum(map(self._size, inner))
