"""Small workflows to begin with. Each runs as it stands."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Starter:
    """A definition with a name and a sentence."""

    title: str
    about: str
    definition: dict[str, Any]


def _node(node_id: str, kind: str, name: str, **params: Any) -> dict[str, Any]:
    return {"id": node_id, "type": kind, "name": name, "params": params}


def _one_container(nodes: list[dict[str, Any]], edges: list[dict[str, str]] | None = None) -> dict[str, Any]:
    definition: dict[str, Any] = {"schema": 1, "containers": [{"id": "main", "name": "Main", "nodes": nodes}]}
    return definition | ({"edges": edges} if edges else {})


STARTERS: dict[str, Starter] = {
    "simulate": Starter(
        "Three steps in a row",
        "Simulated work, one step after the other.",
        _one_container(
            [
                _node(
                    "prepare", "transform", "Prepare", output={"greeting": "Hello, {{ input.name | default('world') }}"}
                ),
                _node("work", "simulate", "Work", durationMs=800, failureRate=0, tokensMin=50, tokensMax=200),
                _node("finish", "transform", "Finish", output="{{ steps.prepare.output }}"),
            ]
        ),
    ),
    "branch": Starter(
        "A decision",
        "Two ways, chosen by a condition on the input.",
        _one_container(
            [
                _node("check", "branch", "Is it large?", condition="{{ input.amount > 100 }}"),
                _node("review", "simulate", "Review by hand", durationMs=1500, failureRate=0),
                _node("accept", "transform", "Accept at once", output={"accepted": True}),
            ],
            [
                {"from": "check", "port": "true", "to": "review"},
                {"from": "check", "port": "false", "to": "accept"},
            ],
        ),
    ),
    "parallel": Starter(
        "Side by side",
        "Two steps at the same time, joined at the end.",
        _one_container(
            [
                _node("begin", "transform", "Begin", output={"ready": True}),
                _node("left", "simulate", "Left", durationMs=1200, failureRate=0),
                _node("right", "simulate", "Right", durationMs=2000, failureRate=0),
                _node("join", "transform", "Join", output={"done": True}),
            ],
            [
                {"from": "begin", "to": "left"},
                {"from": "begin", "to": "right"},
                {"from": "left", "to": "join"},
                {"from": "right", "to": "join"},
            ],
        ),
    ),
}
