"""A compiled workflow: what the engine needs to know of a version, and nothing else. Immutable; cached per version."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from shared.domain import items
from shared.domain.budget import Limit
from shared.domain.limits import KeyedLimits
from shared.domain.triggers.base import TriggerDefinition
from shared.expr import Template

ERROR_PORT = "error"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a node is tried. `max_attempts` counts the first one; times in milliseconds.

    `only` are the error codes that are worth another attempt; empty: those that the node says are.
    """

    max_attempts: int = 1
    backoff: str = "exponential"  # fixed | linear | exponential
    initial_ms: int = 1_000
    max_ms: int = 60_000
    jitter: bool = True
    only: frozenset[str] = frozenset()
    max_elapsed_ms: int | None = None
    """No attempt begins later than this after the first one began."""


@dataclass(frozen=True, slots=True)
class PlanEdge:
    """A way out of a node: taken when `port` is None (any port but `error`) or equals the port the step chose."""

    target: str
    port: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a scope (a container with `forEach` or `onError`) holds.

    `members` are its own steps, `inside` those at any depth below as well; `roots` start, `ends` have no way out.
    `size` counts the steps of one pass, without those of loops inside, which add theirs as they open.
    """

    members: tuple[str, ...]
    inside: tuple[str, ...]
    roots: tuple[str, ...]
    ends: tuple[str, ...]
    size: int
    loops: bool = False
    max_parallel: int = 1
    fallback: str | None = None
    """The result of an item that failed in a loop which goes on: JSON."""


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step, ready to run: a node, or a scope (then it has a `body`).

    `params` is the compiled parameter template; `reads` the ids of the steps whose output it needs;
    `indegree` the number of incoming edges; `joins_after` the steps whose rows completing this one may touch,
    directly or through steps that it makes unreachable (the engine locks these rows before it decides);
    `races` the steps that a join of `first` gives up when it begins; `scopes` those around it, the innermost first;
    `depth` how many loops are around it.
    """

    id: str
    name: str
    type: str
    pool: str
    params: Template
    reads: frozenset[str]
    edges: tuple[PlanEdge, ...]
    indegree: int
    joins_after: tuple[str, ...]
    timeout_ms: int
    pure: bool = False
    """Nobody notices if an attempt runs twice."""
    retry: RetryPolicy = RetryPolicy()
    on_error: str = "fail"  # fail | continue | port
    fallback: str | None = None
    """What the step's output is when it failed and the run goes on: JSON."""
    on_worker_lost: str = "retry"  # retry | fail
    join: str = "all"  # all | any | first
    races: tuple[str, ...] = ()
    container: str = ""
    scopes: tuple[str, ...] = ()
    depth: int = 0
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole workflow. `nodes` keeps the order of the definition; `roots` start ready; `ends` have no way out.

    `total_steps` is how many steps a run has when it starts; loops add theirs when they open.
    """

    nodes: Mapping[str, PlanNode]
    roots: tuple[str, ...]
    ends: tuple[str, ...]
    total_steps: int
    timeout_ms: int | None = None
    on_failure: UUID | None = None
    limits: KeyedLimits | None = None
    triggers: tuple[TriggerDefinition, ...] = ()
    """What starts it by itself."""
    budget: Limit | None = None
    """What the calls of models in one run may use together."""

    def touches(self, name: str, item: str) -> tuple[tuple[str, str], ...]:
        """The rows (node, item), beside its own, that the end of a step may change: joins, and the scopes around it."""
        node = self.nodes[name]
        found = [(join, item) for join in node.joins_after]
        for scope in node.scopes:
            outer = self.nodes[scope]
            at = items.cut(item, outer.depth)
            if outer.body is not None and outer.body.loops:
                found.append((scope, items.cut(item, outer.depth + 1)))
            found += [(scope, at), *((join, at) for join in outer.joins_after)]
        return tuple(dict.fromkeys(found))

    def is_item(self, name: str, item: str) -> bool:
        """Whether the row (name, item) of a loop is one of its items, not the loop itself."""
        return items.cut(item, self.nodes[name].depth) != item
