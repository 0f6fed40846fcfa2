"""What the expressions of a step may read: steps that are over before it begins, here or around the scopes it is in."""

from dataclasses import dataclass, field

from shared.domain.definition import ContainerDefinition, Definition
from shared.domain.edges import ScopeGraph
from shared.domain.errors import Problem
from shared.domain.fields import MAX_PROBLEMS, hint
from shared.domain.layout import ROOT, Layout
from shared.domain.reads import expressions_of
from shared.expr import Template
from shared.expr.errors import shorten

_LOOP_NAMES = frozenset({"item", "index"})


@dataclass(slots=True)
class Visibility:
    """Checks every `steps.<id>`, `item` and `index`; notes every problem."""

    definition: Definition
    layout: Layout
    graphs: dict[str, ScopeGraph]
    problems: list[Problem]
    before: dict[str, int] = field(default_factory=dict)
    """For each step whose place in the order is known, the bits of those in its scope that run before it."""
    bits: dict[str, int] = field(default_factory=dict)

    def check(self, templates: dict[str, Template], *, ordered: bool) -> None:
        """Check what these templates read. Not `ordered`: an edge is broken, so nobody can say what runs before what."""
        for each in self.graphs.values():
            self.bits |= each.graph.bits()
            if ordered:
                self.before |= each.graph.ancestors(each.order)
        for key, template in templates.items():
            if template.reads or not template.names.isdisjoint(_LOOP_NAMES):
                self._check_step(key, template.literal)

    def _check_step(self, key: str, literal: frozenset[str]) -> None:
        step = self.layout.steps[key]
        found = (
            expressions_of(step.for_each, f"{step.path}.forEach")
            if isinstance(step, ContainerDefinition)
            else expressions_of({k: v for k, v in step.params.items() if k not in literal}, f"{step.path}.params")
        )
        for path, names, reads in found:
            if len(self.problems) >= MAX_PROBLEMS:
                return
            if not names.isdisjoint(_LOOP_NAMES) and not any(map(self.layout.loops, self.layout.around(key))):
                for name in sorted(names & _LOOP_NAMES):
                    self._refuse(path, f"`{name}` exists inside a loop only: a container with `forEach`")
            for read in sorted(reads):
                problem = self._problem(read, key)
                if problem is not None:
                    self._refuse(path, problem)

    def _problem(self, read: str, key: str) -> str | None:
        """Why a step may not read another one; None if it may."""
        if read not in self.layout.steps:
            return self._unknown(read)
        if read == key:
            return f"steps.{read} is read by {read} itself: a step has no output before it has run"
        scope = self.layout.scope_of[read]
        way_out = [key, *self.layout.around(key)]
        if scope != ROOT and scope not in way_out[1:]:
            outer = scope
            while self.layout.scope_of[outer] not in way_out[1:] and self.layout.scope_of[outer] != ROOT:
                outer = self.layout.scope_of[outer]
            return f"steps.{read} is read, but {read} is inside the container {outer}: read steps.{outer}.output"
        if read in way_out:
            return (
                None
                if self.layout.loops(read)
                else f"steps.{read} is read inside {read}: it has no output before its end"
            )
        here = next(step for step in way_out if self.layout.scope_of[step] == scope)
        if here not in self.before or self.before[here] & self.bits[read]:
            return None
        advice = f"put {read} first" if self.graphs[scope].is_chain else "lead an edge from one to the other"
        return f"steps.{read} is read, but {read} does not run before {here}: {advice}"

    def _unknown(self, read: str) -> str:
        if read in self.definition.containers:
            return f"steps.{read} is read, but {read} is a container that only groups: read one of its nodes"
        near = hint(self.problems, read, self.layout.steps)
        return f"steps.{shorten(read, 64)} is read, but there is no such node{near}"

    def _refuse(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))
