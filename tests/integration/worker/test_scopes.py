"""Loops and error scopes through a worker: any definition gives what a sequential program would give."""

from random import Random
from typing import Any
from uuid import UUID

import pytest

from shared.queries import executions, steps
from shared.queries.shapes import Viewer
from tests.factories import definition, edge, loop, node, random_scopes
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.conftest import Pipeline
from tests.interpreter import Interpreter


def run(
    scene: Scene, pipeline: Pipeline, source: dict[str, Any], given: Any = None, order: Random | None = None
) -> UUID:
    scene.use(source)
    started = scene.start(given)
    pipeline.drain(started, order)
    return started.id


def record(scene: Scene, id: UUID) -> dict[str, Any]:
    row = executions.row(scene.connection, id, Viewer(scene.user_id, everything=True))
    assert row is not None
    return executions.detail(scene.connection, row)


@pytest.mark.parametrize("group", range(10))
def test_a_random_definition_gives_what_a_sequential_program_gives(
    scene: Scene, pipeline: Pipeline, group: int
) -> None:
    for seed in range(group * 20, group * 20 + 20):
        source = random_scopes(seed)
        expected = Interpreter(source, {}).run()
        id = run(scene, pipeline, source, order=Random(seed))
        found = record(scene, id)
        assert (found["status"], found.get("output")) == (expected.status, expected.output), seed
        check_books(scene, id)


def check_books(scene: Scene, id: UUID) -> None:
    """The counters of a run that is over equal a count of its rows."""
    row = scene.execution(id)
    left = (
        "SELECT count(*) FROM steps WHERE execution_id = %s AND state NOT IN ('success','failed','skipped','canceled')"
    )
    assert scene.one(left, id)["count"] == 0
    assert (row["open_steps"], row["waiting_steps"]) == (0, 0)
    if row["state"] == "success":
        assert row["steps_resolved"] == row["total_steps"]


ORDERS = {
    "schema": 1,
    "containers": [
        loop(
            "orders",
            [node("twice", params={"output": "{{ item * 2 }}"})],
            maxParallel=2,
        ),
        loop(
            "lines",
            [node("line", params={"output": "{{ [steps.orders.item, index, item, steps.twice.output, input.tag] }}"})],
            "{{ [item, item + 1] }}",
            parent="orders",
        ),
        {"id": "after", "nodes": [node("report", params={"output": "{{ steps.orders.output }}"})]},
    ],
}


def test_a_step_sees_its_item_and_those_around(scene: Scene, pipeline: Pipeline) -> None:
    id = run(scene, pipeline, ORDERS, {"items": [10, 20], "tag": "t"})
    assert record(scene, id)["output"] == [
        [[10, 0, 10, 20, "t"], [10, 1, 11, 20, "t"]],
        [[20, 0, 20, 40, "t"], [20, 1, 21, 40, "t"]],
    ]


def test_errors_are_collected_and_the_results_keep_their_order(scene: Scene, pipeline: Pipeline) -> None:
    inside = [
        node("odd", "branch", {"condition": "{{ item % 2 == 1 }}"}),
        node("no", "fail", {"code": "ODD", "message": "{{ 'not ' + str(item) }}"}),
        node("yes", params={"output": "{{ item }}"}),
    ]
    source = {
        "schema": 1,
        "containers": [
            loop("each", inside, onError="continue", fallback="none", maxParallel=4),
            {
                "id": "after",
                "nodes": [node("report", params={"output": "{{ [steps.each.output, steps.each.error] }}"})],
            },
        ],
        "edges": [edge("odd", "no", "true"), edge("odd", "yes", "false")],
    }
    results, error = record(scene, run(scene, pipeline, source, {"items": [0, 1, 2, 3]}))["output"]
    assert results == [0, "none", 2, "none"]
    assert error["code"] == "ITEMS_FAILED"
    assert error["message"] == "2 of 4 items failed; the first was item 1: not 1"


@pytest.mark.parametrize(
    ("over", "code", "words"),
    [
        ("{{ input }}", "INVALID_PARAMS", "a list, not an object"),
        ("{{ range(10001) }}", "TOO_MANY_ITEMS", "at most 10,000"),
        ("{{ input.nothing.there }}", "EXPRESSION_NAME", "nothing"),
    ],
)
def test_what_cannot_be_looped_over(scene: Scene, pipeline: Pipeline, over: str, code: str, words: str) -> None:
    found = record(scene, run(scene, pipeline, {"schema": 1, "containers": [loop("each", [node("a")], over)]}))
    assert found["status"] == "failed"
    assert (found["error"]["code"], found["error"]["nodeId"]) == (code, "each")
    assert words in found["error"]["message"]


def test_a_redelivered_message_publishes_the_items_that_a_crash_lost(scene: Scene, pipeline: Pipeline) -> None:
    scene.use({"schema": 1, "containers": [loop("each", [node("a")], [1, 2, 3], maxParallel=2)]})
    first = scene.start().ready[0]
    begun = pipeline.process(first)
    assert [ref.item for ref in begun] == ["000000", "000001"]
    assert pipeline.process(first, redelivered=True) == begun
    (third,) = pipeline.process(begun[0])
    assert pipeline.process(begun[0], redelivered=True) == [begun[1], third]
    pipeline.process(begun[1])
    (closing,) = pipeline.process(third)
    assert pipeline.process(third, redelivered=True) == [closing]


def test_a_step_that_kills_its_workers_is_an_error_like_any_other(scene: Scene, pipeline: Pipeline) -> None:
    scene.use(
        {
            "schema": 1,
            "containers": [
                {"id": "try", "onError": "continue", "fallback": "instead", "nodes": [node("a"), node("b")]},
                {"id": "after", "nodes": [node("c", params={"output": "{{ steps.try.output }}"})]},
            ],
        }
    )
    (a,) = pipeline.process(scene.start().ready[0])
    for _ in range(3):
        scene.claim(a)
        scene.pass_time(60, a)
        ready = scene.expire()
    assert [ref.node for ref in ready] == ["c"]
    pipeline.process(ready[0])
    assert record(scene, a.execution_id)["output"] == "instead"


def test_a_step_inside_a_scope_that_was_given_up_is_told_to_end(scene: Scene, pipeline: Pipeline) -> None:
    scene.connection.execute("LISTEN flowversal_stop")
    source = definition(node("a", "fail", {"code": "X", "message": "m"}), node("b"), node("c"), edges=[edge("b", "c")])
    source["containers"][0] |= {"onError": "continue"}
    scene.use(source)
    a, b = pipeline.process(scene.start().ready[0])
    claimed = scene.claim(b)
    pipeline.process(a)
    (told,) = scene.connection.notifies(timeout=5, stop_after=1)
    assert told.payload == f"{b.execution_id} b "
    assert scene.execution(b.execution_id)["state"] == "success"
    assert scene.complete(claimed).ready == (), "too late"
    assert scene.step(b)["state"] == "canceled"


def test_pages_of_steps_cover_a_loop_once(scene: Scene, pipeline: Pipeline) -> None:
    id = run(scene, pipeline, ORDERS, {"items": [1, 2, 3, 4, 5], "tag": "t"})
    row = executions.row(scene.connection, id, Viewer(scene.user_id, everything=True))
    assert row is not None
    pages, after = [], None
    while True:
        found, after = steps.page(scene.connection, row, after=after, limit=4)
        pages += [step["id"] for step in found]
        if after is None:
            break
    assert len(pages) == len(set(pages)) == 1 + 5 + 5 + 5 * (1 + 2 + 2) + 1
    assert pages[:3] == ["step-orders", "step-orders:0", "step-orders:1"]
    assert pages[-1] == "step-report"
    shown = [step["id"] for _, step in steps.overview(scene.connection, row).steps]
    assert shown[:6] == [
        "step-orders",
        "step-orders:0",
        "step-twice:0",
        "step-lines:0",
        "step-lines:0.0",
        "step-line:0.0",
    ]
    assert sorted(shown) == sorted(pages)
    assert steps.one(scene.connection, row, "step-line:4.1")["output"] == [5, 1, 6, 10, "t"]
    assert steps.one(scene.connection, row, "step-line:5.0") is None
