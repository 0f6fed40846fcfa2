"""Loops and error scopes through a worker: any definition gives what a sequential program would give."""

from random import Random
from typing import Any
from uuid import UUID

import pytest

from shared.queries import executions
from shared.queries.shapes import Viewer
from tests.factories import random_scopes
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
