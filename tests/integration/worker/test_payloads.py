"""Large values through a worker: by reference from step to step, bounded, in either store; and what a crash leaves."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.worker.payloads import Limits
from services.worker.running import Running
from shared.blobs import Key
from shared.db.blobs import PostgresStore
from shared.domain.payload import parse_ref
from shared.engine.large_input import Offload
from shared.engine.orphans import sweep_puts
from shared.engine.retry import retry_execution
from shared.engine.start import start_execution
from shared.queries import executions, steps, values
from shared.queries.executions import ExecutionRow
from shared.queries.shapes import Viewer
from tests.factories import definition, loop, node
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.calling import Calling
from tests.integration.worker.conftest import Pipeline

LIMITS = Limits(offload=10_000, value=2_000_000, loaded=3_000_000, cached=500_000)
BIG = "{{ 'ab' * 100000 }}"


@pytest.fixture
def limits() -> Limits:
    return LIMITS


@pytest.fixture(params=["postgres", "files"])
def blob_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "blobs" if request.param == "files" else None


def run(scene: Scene, pipeline: Pipeline, source: dict[str, Any], given: Any = None) -> UUID:
    scene.use(source)
    started = scene.start(given)
    pipeline.drain(started)
    return started.id


def row_of(scene: Scene, id: UUID) -> ExecutionRow:
    row = executions.row(scene.connection, id, Viewer(scene.user_id, everything=True))
    assert row is not None
    return row


def record(scene: Scene, id: UUID) -> dict[str, Any]:
    return executions.detail(scene.connection, row_of(scene, id))


def output(scene: Scene, pipeline: Pipeline, id: UUID) -> Any:
    """The whole output of a run."""
    whole = values.of_run(scene.connection, row_of(scene, id), "output")
    assert whole is not None
    return json.loads(b"".join(whole.read(pipeline.store, 0, whole.size)))


def count(scene: Scene, table: str) -> int:
    return int(scene.one(f"SELECT count(DISTINCT id) AS n FROM {table}")["n"])


def test_a_large_value_goes_from_step_to_step_by_reference(
    scene: Scene, pipeline: Pipeline, blob_folder: Path | None
) -> None:
    value = {"text": "é" * 100_000, "small": 1}
    source = definition(
        node("a", params={"output": "{{ input.value }}"}),
        node("b", params={"output": "{{ steps.a.output }}"}),
        node("c", params={"output": "{{ [len(steps.b.output.text), steps.b.output.small] }}"}),
        node("d", params={"output": "{{ [steps.b.output, steps.a.output] }}"}),
    )
    id = run(scene, pipeline, source, {"value": value})
    assert output(scene, pipeline, id) == [value, value]
    shape = record(scene, id)
    assert shape["output"] is None
    assert shape["outputRef"]["url"].endswith("/output")
    assert shape["outputRef"]["preview"].startswith('[{"text":"éé')
    found = {step["nodeId"]: step for step in steps.page(scene.connection, row_of(scene, id), after=None, limit=9)[0]}
    assert found["c"]["output"] == [100_000, 1]
    assert found["a"]["output"] is None
    assert found["a"]["outputRef"]["sha256"] == found["b"]["outputRef"]["sha256"]
    assert found["a"]["outputRef"]["size"] == len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    # The outputs of a and d, and the inputs of all but c: b has passed on what a has stored.
    assert count(scene, "blob_puts") == 5
    assert (count(scene, "blobs") == 0) is (blob_folder is not None)
    assert scene.one("SELECT max(octet_length(output::text)) AS n FROM execution_data")["n"] < 100


def test_a_loop_over_large_items_with_large_results(scene: Scene, pipeline: Pipeline) -> None:
    source = {
        "schema": 1,
        "containers": [
            loop("each", [node("one", params={"output": "{{ [index, item] }}"})], maxParallel=3),
            {"id": "after", "nodes": [node("report", params={"output": "{{ len(steps.each.output) }}"})]},
        ],
    }
    items = ["x" * (100_000 + n) for n in range(6)] + ["small"]
    id = run(scene, pipeline, source, {"items": items})
    assert record(scene, id)["output"] == 7
    whole = values.of_step(scene.connection, row_of(scene, id), "step-each", "output")
    assert whole is not None
    text = b"".join(whole.read(pipeline.store, 0, whole.size))
    assert json.loads(text) == [[n, item] for n, item in enumerate(items)]
    item = steps.one(scene.connection, row_of(scene, id), "step-each:3")
    assert item is not None
    assert (item["inputRef"]["size"], len(item["inputRef"]["preview"])) == (100_005, 200)
    third = values.of_step(scene.connection, row_of(scene, id), "step-each:3", "input")
    assert third is not None
    assert json.loads(b"".join(third.read(pipeline.store, 0, third.size))) == items[3]
    assert steps.one(scene.connection, row_of(scene, id), "step-each:6")["input"] == "small"  # type: ignore[index]


def test_many_small_items_do_not_travel_in_one_transaction(scene: Scene, pipeline: Pipeline) -> None:
    source = {"schema": 1, "containers": [loop("each", [node("one", params={"output": "{{ len(item) }}"})])]}
    scene.use(source)
    first = scene.start({"items": ["x" * 1_000] * 1_500}).ready[0]
    (begun, *_) = pipeline.process(first)
    found = scene.one(
        "SELECT sum(octet_length(input::text)) AS inline, count(input_blob) AS n FROM execution_data WHERE node = 'each'"
    )
    assert found == {"inline": None, "n": 1_500}
    pipeline.process(begun)
    assert scene.one("SELECT output::text AS t FROM execution_data WHERE node = 'one'") == {"t": "1000"}


def test_results_that_are_too_many_are_not_loaded(scene: Scene, pipeline: Pipeline) -> None:
    inside = [node("one", params={"output": BIG})]
    id = run(scene, pipeline, {"schema": 1, "containers": [loop("each", inside, list(range(11)))]})
    error = record(scene, id)["error"]
    assert (error["code"], error["nodeId"]) == ("PAYLOAD_TOO_LARGE", "each")
    assert "2,200,022 bytes together, the limit is 2,000,000" in error["message"]
    assert "FLOWVERSAL_MAX_OUTPUT_BYTES" in error["message"]


def test_results_that_are_small_one_by_one_but_many_do_not_come_with_the_claim(
    scene: Scene, pipeline: Pipeline
) -> None:
    inside = [node("one", params={"output": "{{ 'abcd' * 2400 }}"})]
    id = run(scene, pipeline, {"schema": 1, "containers": [loop("each", inside, list(range(150)))]})
    assert output(scene, pipeline, id) == ["abcd" * 2_400] * 150


def test_what_one_step_may_return_and_read(scene: Scene, pipeline: Pipeline) -> None:
    one = definition(node("a", params={"output": "{{ ['ab' * 600000, 'ab' * 600000] }}"}))
    error = record(scene, run(scene, pipeline, one))["error"]
    assert error["code"] == "PAYLOAD_TOO_LARGE"
    assert "2,400,007 bytes as JSON, the limit is 2,000,000" in error["message"]
    parts = [node(f"p{n}", params={"output": "{{ 'ab' * 900000 }}"}) for n in range(2)]
    both = definition(*parts, node("sum", params={"output": "{{ len(steps.p0.output) + len(steps.p1.output) }}"}))
    error = record(scene, run(scene, pipeline, both))["error"]
    assert (error["code"], error["nodeId"]) == ("PAYLOAD_TOO_LARGE", "sum")
    assert "reads 3,600,004 bytes, the limit is 3,000,000" in error["message"]


def test_a_value_that_is_gone_is_a_clear_error(scene: Scene, pipeline: Pipeline) -> None:
    scene.use(definition(node("a", params={"output": BIG}), node("b", params={"output": "{{ steps.a.output }}"})))
    (b,) = pipeline.process(scene.start().ready[0])
    found = scene.one("SELECT output_blob FROM execution_data WHERE node = 'a'")
    ref = parse_ref(found["output_blob"])
    assert ref is not None
    pipeline.store.delete(Key(ref.execution_id, ref.id))
    pipeline.payloads._cache = type(pipeline.payloads._cache)(0)
    pipeline.process(b)
    assert record(scene, b.execution_id)["error"]["code"] == "PAYLOAD_GONE"


def test_a_blob_whose_outcome_was_stale_is_removed_and_one_that_may_still_come_is_not(
    scene: Scene, pipeline: Pipeline
) -> None:
    """A worker dies, or is too late, between the two writes."""
    scene.use(definition(node("a", params={"output": BIG})))
    ref = scene.start().ready[0]
    claimed = scene.claim(ref)
    kept = pipeline.payloads.keep(claimed, Running(claimed.key, claimed.fence), b'"' + b"x" * 50_000 + b'"')
    assert not isinstance(kept, str)
    key = Key(kept.execution_id, kept.id)
    sweep = lambda: sweep_puts(scene.connection, pipeline.store, age_s=0.0)  # noqa: E731
    assert sweep() == (1, 0), "its attempt runs: the outcome may come"
    scene.pass_time(60, ref)
    (again,) = scene.expire()
    assert not scene.complete(claimed, output=kept).accepted
    assert sweep() == (1, 1)
    assert (pipeline.store.get(key), sweep()) == (None, (0, 0))
    pipeline.process(again)
    assert sweep() == (2, 0), "the second attempt's input and output are referred to"
    assert sweep() == (0, 0)
    assert output(scene, pipeline, ref.execution_id) == "ab" * 100_000


def test_the_items_of_a_loop_are_referred_to_while_it_runs(scene: Scene, pipeline: Pipeline) -> None:
    scene.use({"schema": 1, "containers": [loop("each", [node("one", params={"output": "{{ len(item) }}"})])]})
    waiting = pipeline.process(scene.start({"items": ["x" * 20_000] * 3}).ready[0])
    assert sweep_puts(scene.connection, pipeline.store, age_s=0.0) == (1, 0)
    while waiting:
        waiting += pipeline.process(waiting.pop())
    assert scene.one("SELECT output::text AS t FROM execution_data WHERE node = 'each' AND item = ''") == {
        "t": "[20000,20000,20000]"
    }


def test_a_value_of_another_execution_can_be_referred_to(scene: Scene, pipeline: Pipeline) -> None:
    """What goes on from an earlier run copies its rows, not its blobs."""
    first = run(scene, pipeline, definition(node("a", params={"output": BIG})))
    source = definition(node("a", params={"output": "x"}), node("b", params={"output": "{{ len(steps.a.output) }}"}))
    scene.use(source)
    started = scene.start()
    (b,) = pipeline.process(started.ready[0])
    scene.connection.execute(
        "UPDATE execution_data d SET output = NULL, output_blob = f.output_blob FROM execution_data f"
        " WHERE d.execution_id = %s AND d.node = 'a' AND f.execution_id = %s AND f.node = 'a'",
        (started.id, first),
    )
    pipeline.process(b)
    assert record(scene, started.id)["output"] == 200_000


def test_a_retry_goes_on_with_the_large_values_of_the_first(scene: Scene, pipeline: Pipeline) -> None:
    source = definition(
        node("a", params={"output": BIG}),
        node("b", "fail", {"code": "NO", "message": "no"}),
        node("c", params={"output": "{{ [len(steps.a.output), len(input.x)] }}"}),
    )
    scene.use(source)
    given = {"x": "y" * 300_000}
    with scene.connection.transaction():
        offload = Offload(pipeline.store, 10_000)
        if isinstance(pipeline.store, PostgresStore):
            offload = Offload(PostgresStore(lambda: nullcontext(scene.connection)), 10_000)
        first = start_execution(
            scene.connection,
            workflow_id=scene.workflow_id,
            version_id=scene.version_id,
            user_id=scene.user_id,
            input=given,
            trigger_type="api",
            offload=offload,
        )
    pipeline.drain(first)
    source["containers"][0]["nodes"][1] = node("b")
    scene.use(source)
    for edited, reused in ((None, 1), (json.dumps(given, separators=(",", ":")), 1), ('{"x":"1"}', 1)):
        with scene.connection.transaction():
            again = retry_execution(scene.connection, first.id, scene.version_id, user_id=scene.user_id, input=edited)
        pipeline.drain(again)
        shape = record(scene, again.id)
        assert shape["status"] == "success"
        assert shape["stepsReused"] == reused
        assert shape["output"] == [200_000, 1 if edited == '{"x":"1"}' else 300_000]
        assert ("inputRef" in shape) is (edited is None)


def test_a_workflow_that_is_run_with_a_large_value_and_returns_one(scene: Scene, pipeline: Pipeline) -> None:
    calling = Calling(scene, pipeline)
    inner = calling.add([node("work", params={"output": "{{ [input, input] }}"})])
    ref = calling.begin(params={"input": "{{ 'ab' * 100000 }}"}, workflow=inner)
    child = calling.call(ref)
    stored = scene.one("SELECT input, input_blob FROM execution_data WHERE execution_id = %s AND node = ''", child)
    assert stored["input"] is None
    assert stored["input_blob"]["size"] == 200_002
    calling.run_child(child)
    calling.report()
    calling.pipeline.follow(ref)
    calling.pipeline.follow(ref._replace(node="last"))
    assert output(scene, pipeline, ref.execution_id) == ["ab" * 100_000] * 2


def test_a_workflow_whose_large_output_is_gone(scene: Scene, pipeline: Pipeline) -> None:
    calling = Calling(scene, pipeline)
    inner = calling.add([node("work", params={"output": BIG})])
    ref = calling.begin(workflow=inner)
    child = calling.call(ref)
    calling.run_child(child)
    found = scene.one("SELECT output_blob FROM execution_data WHERE execution_id = %s AND node = 'work'", child)
    stored = parse_ref(found["output_blob"])
    assert stored is not None
    pipeline.store.delete(Key(stored.execution_id, stored.id))
    calling.report()
    calling.pipeline.follow(ref)
    assert calling.error(ref)["code"] == "PAYLOAD_GONE"


def test_rows_from_before_are_read_as_they_are(scene: Scene, pipeline: Pipeline) -> None:
    """Values above the threshold that were stored in their rows."""
    scene.use(definition(node("a"), node("b", params={"output": "{{ [len(steps.a.output), len(input.x)] }}"})))
    started = scene.start({"x": "y" * 50_000})
    (b,) = pipeline.process(started.ready[0])
    scene.connection.execute(
        "UPDATE execution_data SET output = to_json(repeat('z', 60000)) WHERE execution_id = %s AND node = 'a'",
        (started.id,),
    )
    pipeline.process(b)
    shape = record(scene, started.id)
    assert (shape["output"], shape["input"]) == ([60_000, 50_000], {"x": "y" * 50_000})


def test_a_refused_store_fails_the_step_and_the_worker_lives(
    scene: Scene, pipeline: Pipeline, tmp_path: Path, blob_folder: Path | None
) -> None:
    if blob_folder is not None:
        (tmp_path / "blobs").write_text("a file where the folder should be")
    else:
        scene.connection.execute("ALTER TABLE blobs RENAME TO away")
    source = definition(node("a", params={"output": BIG}, onError="continue"), node("b", params={"output": 1}))
    id = run(scene, pipeline, source)
    assert record(scene, id)["output"] == 1
    error = scene.one("SELECT error FROM execution_data WHERE node = 'a'")["error"]
    assert (error["code"], error["retryable"]) == ("PAYLOAD_STORE", True)


def test_a_step_that_waits_stores_nothing(scene: Scene, pipeline: Pipeline) -> None:
    scene.use(
        definition(
            node("a", "simulate", {"durationMs": 1, "failureRate": 0}), node("w", "delay", {"durationMs": 60_000})
        )
    )
    (wait,) = pipeline.process(scene.start().ready[0])
    pipeline.process(wait)
    assert count(scene, "blob_puts") == 0
