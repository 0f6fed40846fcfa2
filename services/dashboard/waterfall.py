"""The timeline of one execution as bars: pure, from the API's step shapes to numbers between 0 and 1000."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

WIDTH = 1000
_MIN_BAR = 3.0
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Lane:
    """One attempt of one step. `wait_x`, `run_x` and widths in thousandths of the axis; no bar when it never started.

    `depth`: how far inside loops it is, at most 5; `note`: how far a loop has come.
    """

    step: Mapping[str, Any]
    label: str
    status: str
    duration_ms: int | None
    wait_ms: int | None
    started: bool
    depth: int = 0
    note: str = ""
    wait_x: float = 0.0
    wait_width: float = 0.0
    run_x: float = 0.0
    run_width: float = 0.0


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All lanes and the length of the axis in milliseconds."""

    lanes: tuple[Lane, ...]
    span_ms: int


def waterfall(steps: Sequence[Mapping[str, Any]], start_ms: int, end_ms: int) -> Waterfall:
    """Bars from `start_ms` (the execution's creation) to `end_ms` (its end, or now)."""
    span = max(1, end_ms - start_ms, *(_last_ms(step) - start_ms for step in steps))
    axis = _Axis(start_ms, span, end_ms)
    return Waterfall(tuple(lane for step in steps for lane in _lanes(step, axis)), span)


@dataclass(frozen=True, slots=True)
class _Axis:
    start_ms: int
    span_ms: int
    now_ms: int

    def at(self, moment_ms: int) -> float:
        return round(max(0.0, min(1.0, (moment_ms - self.start_ms) / self.span_ms)) * WIDTH, 1)


def _last_ms(step: Mapping[str, Any]) -> int:
    return max((each or 0 for each in (step.get("completedAt"), step.get("startedAt"))), default=0)


def _places(step: Mapping[str, Any]) -> list[int]:
    """Where in its loops the step is; [] outside."""
    index = step.get("index")
    return [] if index is None else index if isinstance(index, list) else [index]


def _name(step: Mapping[str, Any]) -> str:
    places = ".".join(str(place + 1) for place in _places(step))
    if not places:
        return str(step["name"])
    return f"Item {places}" if step.get("isLoopItem") else f"{step['name']} · {places}"


def _depth(step: Mapping[str, Any]) -> int:
    """A loop, its items, their steps: each a level further in."""
    return min(_DEEPEST, 2 * len(_places(step)) - bool(step.get("isLoopItem")))


def _note(step: Mapping[str, Any]) -> str:
    items = step.get("items")
    if items is None:
        return ""
    done = f"{items['done']:,} of {items['total']:,}" if items["done"] < items["total"] else f"{items['total']:,} items"
    return f"{done}, {items['failed']:,} failed" if items["failed"] else done


def _lanes(step: Mapping[str, Any], axis: _Axis) -> list[Lane]:
    name, depth, note = _name(step), _depth(step), _note(step)
    attempts = [attempt for attempt in step["attempts"] if attempt["startedAt"] is not None]
    if not attempts:
        return [Lane(step, name, step["status"], None, None, started=False, depth=depth, note=note)]
    lanes = []
    waiting_since = step.get("readyAt") if len(attempts) == 1 else None
    for place, attempt in enumerate(attempts):
        label = name if place == 0 else f"{name} · attempt {attempt['number']}"
        if place > 0:
            waiting_since = _waiting_since(step, attempts, place)
        lanes.append(replace(_lane(step, label, attempt, waiting_since, axis), depth=depth, note=note))
    return lanes


def _waiting_since(step: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]], place: int) -> int | None:
    """When the attempt became ready: known for the last one; before that, the end of its predecessor."""
    ready = step.get("readyAt")
    if place == len(attempts) - 1 and ready is not None:
        return int(ready)
    ended = attempts[place - 1]["completedAt"]
    return None if ended is None else int(ended)


def _lane(step: Mapping[str, Any], label: str, attempt: Mapping[str, Any], ready_ms: int | None, axis: _Axis) -> Lane:
    started_ms = attempt["startedAt"]
    ended_ms = attempt["completedAt"] or max(axis.now_ms, started_ms)
    ready_ms = min(ready_ms, started_ms) if ready_ms is not None else started_ms
    run_x = axis.at(started_ms)
    run_width = max(_MIN_BAR, axis.at(ended_ms) - run_x)
    run_x = min(run_x, WIDTH - run_width)
    wait_x = min(axis.at(ready_ms), run_x)
    return Lane(
        step,
        label,
        attempt["status"],
        ended_ms - started_ms,
        started_ms - ready_ms,
        started=True,
        wait_x=wait_x,
        wait_width=round(run_x - wait_x, 1),
        run_x=round(run_x, 1),
        run_width=round(run_width, 1),
    )
