"""A workflow's definition as a drawing: nodes in layers from left to right, containers as frames. Pure.

The definition may be a draft with mistakes in it: whatever cannot be read is left out, nothing is raised.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.definition import read_definition
from shared.domain.edges import Edges
from shared.domain.layout import Layout, lay_out

NODE_WIDTH, NODE_HEIGHT = 180, 54
GAP_X, GAP_Y = 50, 26
PAD = 20
FRAME_HEAD = 26


@dataclass(frozen=True, slots=True)
class Box:
    """A node, with the upper left corner of its rectangle."""

    id: str
    name: str
    type: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """An edge as an SVG path; `port` is written at (`x`, `y`)."""

    path: str
    port: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class FrameBox:
    """A container around its nodes."""

    name: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything to draw, and the size of the canvas."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    frames: tuple[FrameBox, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Node:
    id: str
    name: str
    type: str
    container: str


Edge = tuple[str, str, str]


def drawing(definition: Any) -> Drawing:
    """Lay out a definition (any JSON value)."""
    containers = _dicts(definition.get("containers")) if isinstance(definition, Mapping) else []
    nodes = [node for container in containers for node in _nodes(container)]
    known = {node.id: node for node in nodes}
    edges = _edges(definition, known) if nodes else []
    ranks = _ranks(list(known), edges)
    boxes = _place(list(known.values()), edges, ranks)
    frames = _frames(containers, known, boxes)
    width = max((box.x + NODE_WIDTH for box in boxes.values()), default=0) + PAD
    height = max((box.y + NODE_HEIGHT for box in boxes.values()), default=0) + PAD
    return Drawing(tuple(boxes.values()), tuple(_line(edge, boxes) for edge in edges), frames, width, height)


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _nodes(container: Mapping[str, Any]) -> list[_Node]:
    return [
        _Node(node["id"], str(node.get("name") or node["id"]), str(node.get("type", "")), str(container.get("id", "")))
        for node in _dicts(container.get("nodes"))
        if isinstance(node.get("id"), str)
    ]


def _edges(definition: Any, known: Mapping[str, _Node]) -> list[Edge]:
    """The edges of every scope as (from, to, port), drawn or implied; a scope stands for its first or last node."""
    found = read_definition(definition, [])
    layout = lay_out(found)
    edges = []
    for graph in Edges(found, layout, {}, []).graphs().values():
        for start, end, port in graph.edges:
            source, target = _node_of(start, layout, known, -1), _node_of(end, layout, known, 0)
            if source and target and source != target:
                edges.append((source, target, port or ""))
    return edges


def _node_of(step: str, layout: Layout, known: Mapping[str, _Node], place: int) -> str | None:
    """The step if it is a node, else the first (0) or last (-1) node inside; None if there is none to draw."""
    while layout.members.get(step):
        step = layout.members[step][place]
    return step if step in known else None


def _ranks(node_ids: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The column of each node: behind all that lead to it. A circle (a draft may have one) stops at the node count."""
    ranks = dict.fromkeys(node_ids, 0)
    for _ in node_ids:
        moved = False
        for source, target, _port in edges:
            if ranks[target] <= ranks[source] < len(node_ids) - 1:
                ranks[target] = ranks[source] + 1
                moved = True
        if not moved:
            break
    return ranks


def _place(nodes: Sequence[_Node], edges: Sequence[Edge], ranks: Mapping[str, int]) -> dict[str, Box]:
    """Columns by rank; in a column by the middle of what leads to each node, centred around the tallest column."""
    columns: defaultdict[int, list[_Node]] = defaultdict(list)
    for node in nodes:
        columns[ranks[node.id]].append(node)
    into: defaultdict[str, list[str]] = defaultdict(list)
    for source, target, _port in edges:
        into[target].append(source)
    tallest = max((len(column) for column in columns.values()), default=0)
    boxes: dict[str, Box] = {}
    for rank in sorted(columns):
        column = sorted(columns[rank], key=lambda node: _middle(into[node.id], boxes))
        top = PAD + FRAME_HEAD + (tallest - len(column)) * (NODE_HEIGHT + GAP_Y) // 2
        for row, node in enumerate(column):
            x, y = PAD + rank * (NODE_WIDTH + GAP_X), top + row * (NODE_HEIGHT + GAP_Y)
            boxes[node.id] = Box(node.id, node.name, node.type, x, y)
    return {node.id: boxes[node.id] for node in nodes}


def _middle(sources: Iterable[str], boxes: Mapping[str, Box]) -> float:
    heights = [boxes[source].y for source in sources if source in boxes]
    return sum(heights) / len(heights) if heights else 0.0


def _frames(
    containers: Sequence[Mapping[str, Any]], known: Mapping[str, _Node], boxes: Mapping[str, Box]
) -> tuple[FrameBox, ...]:
    """A frame around each container whose nodes stand together; one that would swallow other nodes is left out."""
    frames = []
    for container in containers:
        key = str(container.get("id", ""))
        inside = [boxes[node.id] for node in known.values() if node.container == key]
        if not inside:
            continue
        left, top = min(box.x for box in inside) - 12, min(box.y for box in inside) - FRAME_HEAD
        right, bottom = max(box.x for box in inside) + NODE_WIDTH + 12, max(box.y for box in inside) + NODE_HEIGHT + 12
        others = [boxes[node.id] for node in known.values() if node.container != key]
        if any(
            left < box.x + NODE_WIDTH and box.x < right and top < box.y + NODE_HEIGHT and box.y < bottom
            for box in others
        ):
            continue
        frames.append(FrameBox(_title(container), left, top, right - left, bottom - top))
    return tuple(frames)


def _title(container: Mapping[str, Any]) -> str:
    """Its name, and what is special about it."""
    found = str(container.get("name") or container.get("id"))
    return f"{found} · for each item" if container.get("forEach") is not None else found


def _line(edge: Edge, boxes: Mapping[str, Box]) -> Line:
    source, target, port = boxes[edge[0]], boxes[edge[1]], edge[2]
    x1, y1 = source.x + NODE_WIDTH, source.y + NODE_HEIGHT // 2
    x2, y2 = target.x - 7, target.y + NODE_HEIGHT // 2
    bend = max(24, abs(x2 - x1) // 2)
    path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return Line(path, port, (x1 + x2) // 2, (y1 + y2) // 2 - 6)
