"""What a definition means, told as a sequential program: no engine, no planner, one step after the other.

Knows the nodes that tests use: transform, branch and fail. Joins `any` and `first` are as good as `all` here, so a
definition that has them must not read who came first.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from shared.expr import compile_template

Node = dict[str, Any]


class Failure(Exception):
    """A step failed and nobody around dealt with it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Result:
    """How a run ends."""

    status: str
    output: Any = None
    outputs: dict[tuple[str, str], Any] = field(default_factory=dict)
    """The output of every step that succeeded outside of what was given up."""


@dataclass
class Interpreter:
    """One run."""

    definition: dict[str, Any]
    input: Any
    outputs: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.containers = {each["id"]: each for each in self.definition["containers"]}
        self.members: dict[str, list[str]] = {"": []}
        self.steps: dict[str, Node] = {}
        for container in self.definition["containers"]:
            home = self._scope(container.get("parent", ""))
            if self._is_scope(container):
                self._place(container["id"], container, home)
                self.members.setdefault(container["id"], [])
                home = container["id"]
            for node in container["nodes"]:
                self._place(node["id"], node, home)

    def run(self) -> Result:
        """Run it all."""
        try:
            output = self._pass("", {"input": self.input}, "", {})
        except Failure:
            return Result("failed")
        return Result("success", output, self.outputs)

    def _place(self, name: str, step: Node, scope: str) -> None:
        self.steps[name] = step
        self.members.setdefault(scope, []).append(name)

    def _is_scope(self, container: Node) -> bool:
        return "forEach" in container or container.get("onError", "fail") != "fail"

    def _scope(self, name: str) -> str:
        while name and not self._is_scope(self.containers[name]):
            name = self.containers[name].get("parent", "")
        return name

    def _edges(self, scope: str) -> list[tuple[str, str, str | None]]:
        members = self.members[scope]
        edges = [(e["from"], e["to"], e.get("port")) for e in self.definition.get("edges", []) if e["from"] in members]
        return edges or [(one, other, None) for one, other in pairwise(members)]

    def _pass(self, scope: str, world: dict[str, Any], item: str, seen: dict[str, Any]) -> Any:
        """Every step of a scope once; the output of its ends."""
        edges, seen, taken = self._edges(scope), dict(seen), set[tuple[str, str, str | None]]()
        ran: set[str] = set()
        left = deque(self.members[scope])
        done: set[str] = set()
        while left:
            name = left.popleft()
            incoming = [edge for edge in edges if edge[1] == name]
            if not all(edge[0] in done for edge in incoming):
                left.append(name)
                continue
            done.add(name)
            if incoming and not taken & set(incoming):
                seen[name] = {"output": None, "error": None}
                continue
            port = self._step(name, world, item, seen)
            ran.add(name)
            taken |= {
                edge for edge in edges if edge[0] == name and (edge[2] == port if edge[2] or port == "error" else True)
            }
        ends = [name for name in self.members[scope] if not any(edge[0] == name for edge in edges)]
        found = {name: self.outputs[name, item] for name in ends if (name, item) in self.outputs}
        return next(iter(found.values())) if len(found) == 1 else found or None

    def _step(self, name: str, world: dict[str, Any], item: str, seen: dict[str, Any]) -> str | None:
        """Run one step; the port it takes."""
        step = self.steps[name]
        try:
            output, port = self._output(name, step, world, item, seen)
        except Failure as failure:
            return self._failed(name, item, seen, failure)
        seen[name] = {"output": output, "error": None}
        self.outputs[name, item] = output
        return port

    def _failed(self, name: str, item: str, seen: dict[str, Any], failure: Failure) -> str | None:
        step, output = self.steps[name], self.steps[name].get("fallback")
        if step.get("onError", "fail") == "fail":
            raise failure
        seen[name] = {"output": output, "error": {"code": failure.code, "message": str(failure)}}
        if output is not None:
            self.outputs[name, item] = output
        return "error" if step["onError"] == "port" else None

    def _output(
        self, name: str, step: Node, world: dict[str, Any], item: str, seen: dict[str, Any]
    ) -> tuple[Any, str | None]:
        if name in self.containers:
            return self._container(name, step, world, item, seen), None
        params = compile_template(step["params"]).evaluate(world | {"steps": seen})
        if step["type"] == "fail":
            raise Failure(params["code"], params["message"])
        if step["type"] == "branch":
            port = "true" if params["condition"] else "false"
            return port, port
        return params["output"], None

    def _container(self, name: str, step: Node, world: dict[str, Any], item: str, seen: dict[str, Any]) -> Any:
        if "forEach" not in step:
            return self._attempt(name, world, item, seen)
        found = compile_template(step["forEach"]).evaluate(world | {"steps": seen})
        results, failed = [], 0
        for index, value in enumerate(found):
            here = {"item": value, "index": index}
            try:
                at = f"{item}/{index:06}" if item else f"{index:06}"
                results.append(self._attempt(name, world | here, at, seen | {name: here}))
            except Failure:
                if step.get("onError", "fail") != "continue":
                    raise
                failed += 1
                results.append(step.get("fallback"))
        if failed:
            self.outputs[name, item] = results
            seen[name] = {"output": results, "error": {}}
        return results

    def _attempt(self, name: str, world: dict[str, Any], item: str, seen: dict[str, Any]) -> Any:
        """One pass; what it left is forgotten if it fails."""
        before = dict(self.outputs)
        try:
            return self._pass(name, world, item, seen)
        except Failure:
            self.outputs = before
            raise
