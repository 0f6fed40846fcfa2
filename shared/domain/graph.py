"""A directed graph of node ids: its order, its cycles, what comes before what. Sets of nodes are bits of an integer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_MOST_CYCLES = 20


@dataclass(frozen=True, slots=True)
class Graph:
    """`nodes` in the order of the definition; `edges` as (from, to, may_die): it may stay untaken though its source ran.

    `first` are the joins that go on with the first arrival and give up the paths that only lead to them.
    """

    nodes: tuple[str, ...] = ()
    edges: tuple[tuple[str, str, bool], ...] = ()
    first: frozenset[str] = frozenset()

    def indegrees(self) -> Counter[str]:
        """How many edges lead to each node."""
        return Counter(target for _, target, _ in self.edges)

    def order(self) -> list[str]:
        """The nodes in an order that the edges allow; nodes in or behind a cycle are missing."""
        return _sorted(self.nodes, [(source, target) for source, target, _ in self.edges])

    def cycles(self) -> list[list[str]]:
        """One cycle for each knot of cycles, at most 20, as its nodes in order; none shares a node with another."""
        left = dict.fromkeys(self.nodes)
        successors = self._successors()
        cycles: list[list[str]] = []
        while len(cycles) < _MOST_CYCLES:
            self._peel(left)
            if not left:
                break
            cycles.append(_walk_until_repeat(left, successors))
            for node in cycles[-1]:
                del left[node]
        return cycles

    def ancestors(self, order: Sequence[str]) -> dict[str, int]:
        """For each node of `order` the bits of all nodes that run before it."""
        bits, successors = self.bits(), self._successors()
        above = dict.fromkeys(self.nodes, 0)
        for node in order:
            for target, _ in successors[node]:
                above[target] |= above[node] | bits[node]
        return {node: above[node] for node in order}

    def bits(self) -> dict[str, int]:
        """One bit for each node."""
        return {node: 1 << place for place, node in enumerate(self.nodes)}

    def races(self, order: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each join of `first` the nodes from which every path leads to it: nobody needs them once it has begun."""
        successors = self._successors()
        found: dict[str, tuple[str, ...]] = {}
        for join in self.first:
            racing = {join}
            for node in reversed(order):
                targets = [target for target, _ in successors[node]]
                if targets and racing.issuperset(targets):
                    racing.add(node)
            found[join] = tuple(node for node in self.nodes if node in racing and node != join)
        return found

    def joins_after(self, order: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each node the steps that may have a row already when its end touches them, in the order of the definition.

        These are the joins (indegree above 1), and the racers of a join of `first`, which it may have given up. A taken
        edge touches its target only. An untaken one may skip its target, whose edges then all stay untaken, and so on
        through further joins. Whatever touches a join of `first` may touch all its racers.
        """
        bits, indegrees, successors, races = self.bits(), self.indegrees(), self._successors(), self.races(order)
        racers = {racer for each in races.values() for racer in each}
        joins = {node: bits[node] for node in self.nodes if indegrees[node] > 1 or node in racers}
        given_up = {join: sum(bits[racer] for racer in each) for join, each in races.items()}
        skipped = dict.fromkeys(self.nodes, 0)
        touched = dict.fromkeys(self.nodes, 0)
        for node in reversed(order):
            for target, may_die in successors[node]:
                reach = joins.get(target, 0) | given_up.get(target, 0)
                skipped[node] |= reach | skipped[target]
                touched[node] |= reach | (skipped[target] if may_die else 0)
        return {node: tuple(join for join, bit in joins.items() if touched[node] & bit) for node in self.nodes}

    def _successors(self) -> dict[str, list[tuple[str, bool]]]:
        found: dict[str, list[tuple[str, bool]]] = {node: [] for node in self.nodes}
        for source, target, may_die in self.edges:
            found[source].append((target, may_die))
        return found

    def _peel(self, left: dict[str, None]) -> None:
        """Remove from `left` every node that is in no cycle and between no two cycles."""
        for one, other in ((0, 1), (1, 0)):
            inside = [(str(edge[one]), str(edge[other])) for edge in self.edges if edge[0] in left and edge[1] in left]
            for node in _sorted(tuple(left), inside):
                del left[node]


def _sorted(nodes: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Kahn's order of `nodes`; those in or behind a cycle are missing."""
    successors: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in pairs:
        successors[source].append(target)
    waiting = Counter(target for _, target in pairs)
    ready = [node for node in nodes if not waiting[node]]
    for node in ready:
        for target in successors[node]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return ready


def _walk_until_repeat(left: Mapping[str, None], successors: Mapping[str, list[tuple[str, bool]]]) -> list[str]:
    """A cycle within `left`, where every node has a way on."""
    node = next(iter(left))
    seen: dict[str, int] = {}
    while node not in seen:
        seen[node] = len(seen)
        node = next(target for target, _ in successors[node] if target in left)
    return list(seen)[seen[node] :]
