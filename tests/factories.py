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


def container(name: str, nodes: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One container; with `forEach` or `onError` a scope."""
    return {"id": name, "name": name, "nodes": nodes, **more}


def loop(name: str, nodes: list[dict[str, Any]], over: Any = "{{ input.items }}", **more: Any) -> dict[str, Any]:
    """One loop."""
    return container(name, nodes, forEach=over, **more)


def random_scopes(seed: int) -> Definition:
    """Nested loops and error scopes, branches and failures; every choice is the seed's, none is that of time."""
    return _Scopes(Random(seed)).build()


class _Scopes:
    """Draws a definition from a seed, scope by scope."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.containers: list[dict[str, Any]] = []
        self.edges: list[dict[str, str]] = []
        self.count = 0
        # A race and a failure in it: who wins is a matter of time.
        self.races = random.random() < 0.3

    def build(self) -> Definition:
        self._scope("", 0, in_loop=False, visible=[])
        found: Definition = {"schema": 1, "containers": self.containers}
        return found | ({"edges": self.edges} if self.edges else {})

    def _name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def _scope(self, parent: str, depth: int, *, in_loop: bool, visible: list[str]) -> None:
        """One container, and those inside it. Text order is run order where there are no edges."""
        random = self.random
        name, more = self._name("c"), {"parent": parent} if parent else {}
        loops = depth > 0 and random.random() < 0.6
        if loops:
            sizes = [0, 1, 2, 3, 5]
            more |= {"forEach": list(range(random.choice(sizes))), "maxParallel": random.randint(1, 4)}
        if depth > 0 and (not loops or random.random() < 0.6):
            more |= {"onError": random.choice(["continue", "port"])}
            if more["onError"] == "continue" and random.random() < 0.5:
                more |= {"fallback": "instead"}
        made = container(name, [], **more)
        self.containers.append(made)
        in_loop = in_loop or loops
        members: list[str] = []
        for _ in range(random.randint(1, 4)):
            made["nodes"].append(self._node(visible + members, in_loop=in_loop))
            members.append(made["nodes"][-1]["id"])
        for _ in range(random.choice([0, 1, 1, 2]) if depth < 3 else 0):
            place = len(self.containers)
            self._scope(name, depth + 1, in_loop=in_loop, visible=visible)
            members.append(self.containers[place]["id"])
        if random.random() < 0.6:
            self._connect(members)
            for step in [*made["nodes"], *self.containers]:
                if step["id"] in members and self.races and random.random() < 0.3:
                    self._make_race(step)

    def _make_race(self, step: dict[str, Any]) -> None:
        if "nodes" not in step or "forEach" in step or "onError" in step:
            step["join"] = self.random.choice(["any", "first"])

    def _node(self, readable: list[str], *, in_loop: bool) -> dict[str, Any]:
        random, name = self.random, self._name("n")
        kind = random.choices(["transform", "branch", "fail"], [6, 2, 0 if self.races else 1])[0]
        if kind == "branch":
            return node(name, kind, {"condition": "{{ index % 2 == 0 }}" if in_loop else random.random() < 0.5})
        if kind == "fail":
            handled = random.choice([{}, {}, {"onError": "continue", "fallback": 7}, {"onError": "port"}])
            return node(name, kind, {"code": "BOOM", "message": name}, **handled)
        return node(name, params={"output": [name, "{{ [index, item] }}"] if in_loop else name})

    def _connect(self, members: list[str]) -> None:
        """Edges that only run forwards; those out of branches may name a port."""
        steps = {each["id"]: each for made in self.containers for each in (made, *made["nodes"])}
        for place, name in enumerate(members):
            for later in members[place + 1 :]:
                if self.random.random() < 0.6:
                    self.edges.append(edge(name, later, self._port(steps[name])))

    def _port(self, step: dict[str, Any]) -> str | None:
        options: list[str | None] = [None]
        if step.get("type") == "branch":
            options += ["true", "false"]
        if step.get("onError") == "port":
            options.append("error")
        return self.random.choice(options)
