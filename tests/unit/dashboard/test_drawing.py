"""The graph and the waterfall: pure layouts."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.graph import NODE_HEIGHT, NODE_WIDTH, drawing
from services.dashboard.waterfall import WIDTH, waterfall

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["containers", "nodes", "edges", "id", "from", "to", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


def nodes(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "type": "transform", "name": name} for name in names]


def test_without_edges_nodes_stand_in_a_row():
    drawn = drawing({"containers": [{"id": "a", "nodes": nodes("x", "y")}, {"id": "b", "nodes": nodes("z")}]})
    assert [box.id for box in sorted(drawn.boxes, key=lambda box: box.x)] == ["x", "y", "z"]
    assert len({box.y for box in drawn.boxes}) == 1
    assert len(drawn.lines) == 2
    assert len(drawn.frames) == 2


def test_nodes_never_overlap_and_edges_lead_right():
    edges = [{"from": "a", "to": each} for each in "bcd"] + [{"from": each, "to": "e"} for each in "bcd"]
    drawn = drawing({"containers": [{"id": "main", "nodes": nodes(*"abcde")}], "edges": edges})
    places = {box.id: box for box in drawn.boxes}
    assert places["a"].x < places["b"].x == places["c"].x < places["e"].x
    for one in drawn.boxes:
        for other in drawn.boxes:
            apart = abs(one.x - other.x) >= NODE_WIDTH or abs(one.y - other.y) >= NODE_HEIGHT
            assert one is other or apart


def test_a_loop_is_drawn_with_its_own_way_through():
    loop = {"id": "each", "forEach": [1], "nodes": nodes("x", "y")}
    containers = [{"id": "one", "nodes": nodes("a")}, loop, {"id": "two", "nodes": nodes("b")}]
    drawn = drawing({"containers": containers, "edges": [{"from": "a", "to": "each"}, {"from": "each", "to": "b"}]})
    assert [box.id for box in sorted(drawn.boxes, key=lambda box: box.x)] == ["a", "x", "y", "b"]
    assert len(drawn.lines) == 3
    assert [frame.name for frame in drawn.frames] == ["one", "each · for each item", "two"]


def test_a_circle_in_a_draft_is_still_drawn():
    edges = [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]
    assert len(drawing({"containers": [{"id": "c", "nodes": nodes("a", "b")}], "edges": edges}).boxes) == 2


@given(JSON)
def test_no_draft_is_too_broken_to_draw(definition: Any):
    drawing(definition)


def test_a_loop_says_how_far_it_is_and_its_items_stand_further_in():
    shapes = [
        step(type="container", items={"total": 1_000, "done": 3, "failed": 1}),
        step(type="container", index=0, isLoopItem=True),
        step(type="transform", index=0),
        step(type="transform", index=[0, 1]),
    ]
    lanes = waterfall(shapes, 0, 1_000).lanes
    assert [(lane.label, lane.depth) for lane in lanes] == [("A", 0), ("Item 1", 1), ("A · 1", 2), ("A · 1.2", 4)]
    assert lanes[0].note == "3 of 1,000, 1 failed"


def step(**fields: Any) -> dict[str, Any]:
    shape = {
        "id": "step-a",
        "name": "A",
        "type": "transform",
        "status": "success",
        "index": None,
        "readyAt": 0,
        "startedAt": 100,
        "completedAt": 600,
    }
    attempt = {"number": 1, "status": "success", "startedAt": 100, "completedAt": 600}
    return shape | {"attempts": [attempt]} | fields


def test_queue_wait_and_run_stand_apart():
    lane = waterfall([step()], 0, 1_000).lanes[0]
    assert (lane.wait_x, lane.wait_width, lane.run_x, lane.run_width) == (0, 100, 100, 500)
    assert (lane.wait_ms, lane.duration_ms) == (100, 500)


def test_each_attempt_has_a_lane_and_a_running_one_reaches_to_now():
    attempts = [
        {"number": 1, "status": "failed", "startedAt": 100, "completedAt": 200},
        {"number": 2, "status": "running", "startedAt": 400, "completedAt": None},
    ]
    lanes = waterfall([step(status="running", readyAt=300, completedAt=None, attempts=attempts)], 0, 1_000).lanes
    assert [lane.label for lane in lanes] == ["A", "A · attempt 2"]
    assert (lanes[1].wait_x, lanes[1].run_x, lanes[1].run_width) == (300, 400, 600)


def test_a_step_that_never_started_has_no_bar():
    assert not waterfall([step(status="skipped", startedAt=None, attempts=[])], 0, 1_000).lanes[0].started


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), max_size=5), st.integers(0, 10_000))
def test_every_bar_stays_on_the_axis(spans: list[tuple[int, int]], end: int):
    steps = [
        step(
            attempts=[{"number": 1, "status": "success", "startedAt": min(span), "completedAt": max(span)}],
            startedAt=min(span),
            completedAt=max(span),
        )
        for span in spans
    ]
    for lane in waterfall(steps, 0, end).lanes:
        assert 0 <= lane.wait_x <= lane.run_x
        assert lane.run_x + lane.run_width <= WIDTH + 0.2
