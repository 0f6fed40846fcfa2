"""Which steps each scope of a definition holds. A step is a node, or a container that is a scope inside another one."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.domain.definition import ContainerDefinition, Definition
from shared.domain.node_definition import NodeDefinition

ROOT = ""
"""The scope that is the workflow itself."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`members`: scope → its steps in the order of the text; `scope_of`: step → the scope it is in."""

    members: dict[str, list[str]]
    scope_of: dict[str, str]
    steps: dict[str, NodeDefinition | ContainerDefinition] = field(default_factory=dict)

    def around(self, step: str) -> Iterator[str]:
        """The scopes around a step, the innermost first, without the workflow itself."""
        scope = self.scope_of[step]
        while scope != ROOT:
            yield scope
            scope = self.scope_of[scope]

    def loops(self, step: str) -> bool:
        """Whether a step is a loop."""
        found = self.steps[step]
        return isinstance(found, ContainerDefinition) and found.loops


def lay_out(definition: Definition) -> Layout:
    """The layout of a definition; circles of parents, which are a problem reported elsewhere, end at the workflow."""
    nodes: defaultdict[str, list[str]] = defaultdict(list)
    for key, each in definition.nodes.items():
        nodes[each.container].append(key)
    layout = Layout({ROOT: []}, {})
    for key, container in definition.containers.items():
        home = _scope_around(container.parent, definition)
        if container.is_scope:
            _place(layout, key, home)
            layout.steps[key] = container
            layout.members.setdefault(key, [])
            home = key
        for node in nodes.pop(container.id, ()):
            _place(layout, node, home)
            layout.steps[node] = definition.nodes[node]
    return layout


def _place(layout: Layout, step: str, scope: str) -> None:
    layout.scope_of[step] = scope
    layout.members.setdefault(scope, []).append(step)


def _scope_around(name: str, definition: Definition) -> str:
    seen: set[str] = set()
    while name in definition.containers and name not in seen:
        if definition.containers[name].is_scope:
            return name
        seen.add(name)
        name = definition.containers[name].parent
    return ROOT
