"""A compiled workflow: what the engine needs to know of a version, and nothing else. Immutable; cached per version."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

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
class PlanNode:
    """One node, ready to run.

    `params` is the compiled parameter template; `reads` the ids of the nodes whose output it needs;
    `indegree` the number of incoming edges; `joins_after` every join that completing this node may touch,
    directly or through nodes that it makes unreachable (the engine locks these rows before it decides).
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
    container: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole workflow. `nodes` keeps the order of the definition; `roots` start ready; `ends` have no way out."""

    nodes: Mapping[str, PlanNode]
    roots: tuple[str, ...]
    ends: tuple[str, ...]
    timeout_ms: int | None = None
    on_failure: UUID | None = None

    @property
    def total_steps(self) -> int:
        """How many steps a run has (loops add theirs as they appear)."""
        return len(self.nodes)
