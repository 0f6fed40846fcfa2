"""Definitions for tests, small and large. Every one compiles."""

from random import Random
from typing import Any

Definition = dict[str, Any]


def node(name: str, /, kind: str = "transform", params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """One node; a transform that returns its own id unless told otherwise."""
    given = {"output": name} if params is None and kind == "transform" else params or {}
    return {"id": name, "type": kind, "params": given, **more}


def edge(source: str, target: str, port: str | None = None) -> dict[str, str]:
    """One edge."""
    return {"from": source, "to": target} | ({"port": port} if port else {})


def definition(*nodes: dict[str, Any], edges: list[dict[str, str]] | None = None) -> Definition:
    """One container with these nodes; without edges they run one after the other."""
    found: Definition = {"schema": 1, "containers": [{"id": "main", "name": "Main", "nodes": list(nodes)}]}
    return found | ({"edges": edges} if edges else {})


def chain(length: int, kind: str = "transform", params: dict[str, Any] | None = None) -> Definition:
    """`n0`, `n1`, … one after the other; transforms read the one before them."""
    nodes = []
    for place in range(length):
        before = {"output": f"{{{{ steps.n{place - 1}.output }}}}"} if place and kind == "transform" else None
        nodes.append(node(f"n{place}", kind, params or before))
    return definition(*nodes)


def diamond() -> Definition:
    """`start` → `left`, `right` → `join`, which reads both."""
    join = node("join", params={"output": ["{{ steps.left.output }}", "{{ steps.right.output }}"]})
    return definition(
        node("start"),
        node("left"),
        node("right"),
        join,
        edges=[edge("start", "left"), edge("start", "right"), edge("left", "join"), edge("right", "join")],
    )


def branch_join(condition: Any = True) -> Definition:
    """`check` goes to `yes` or to `no` → `after_no`; `join` comes after both; then `last`."""
    return definition(
        node("check", "branch", {"condition": condition}),
        node("yes"),
        node("no"),
        node("after_no"),
        node("join"),
        node("last"),
        edges=[
            edge("check", "yes", "true"),
            edge("check", "no", "false"),
            edge("no", "after_no"),
            edge("yes", "join"),
            edge("after_no", "join"),
            edge("join", "last"),
        ],
    )


def random_dag(seed: int, size: int = 12) -> Definition:
    """A graph of `size` nodes, about a third of them branches whose choice the seed decides; edges only run forwards."""
    random = Random(seed)
    nodes, edges = [], []
    for place in range(size):
        is_branch = random.random() < 0.35
        name = f"n{place}"
        nodes.append(node(name, "branch", {"condition": random.random() < 0.5}) if is_branch else node(name))
        for later in range(place + 1, size):
            if random.random() < 2.2 / size:
                port = random.choice(["true", "false", None]) if is_branch else None
                edges.append(edge(name, f"n{later}", port))
    return definition(*nodes, edges=edges or [edge("n0", f"n{size - 1}")])
