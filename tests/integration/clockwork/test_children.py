"""The loops between parents and children: reports and cancels, announced when they are committed."""

from typing import Any
from uuid import UUID

import pytest

from services.worker.loops.base import Loop, Tools
from services.worker.loops.children import Children
from services.worker.loops.orphans import Orphans
from shared.domain.outcome import CHILD, Kind
from shared.engine.cancel import cancel_execution
from shared.engine.plans import _plans
from shared.engine.start import Started
from shared.engine.subrun import start_child
from shared.nodes.base import Call
from shared.settings import Settings
from tests.integration.clockwork.scene import Scene

Said = list[tuple[str, list[str], set[UUID], dict[UUID, str]]]


@pytest.fixture
def said() -> Said:
    return []


def made(loop: type[Loop], said: Said) -> Loop:
    class Announced(Tools):
        def announce(self, applied: Any, kind: str) -> None:
            said.append((kind, [ref.node for ref in applied.ready], applied.touched, applied.ended))

    return loop(Announced(Settings(), None, None))  # type: ignore[arg-type]


@pytest.fixture
def family(scene: Scene) -> tuple[UUID, Started]:
    """A parent whose first step waits for a child: another run of the same workflow."""
    scene.connection.execute("UPDATE workflow_versions SET number = 1")
    scene.connection.execute("UPDATE workflows SET published_version = 1")
    claimed = scene.claim(scene.start().ready[0])
    child = start_child(scene.connection, claimed.key, claimed.fence, Call(scene.workflow_id, {}))
    scene.complete(claimed, Kind.WAIT, ask=CHILD)
    assert child.started is not None
    return claimed.key[0], child.started


def test_a_child_that_ends_wakes_its_parent(scene: Scene, family: tuple[UUID, Started], said: Said) -> None:
    parent, child = family
    loop = made(Children, said)
    assert loop.run(scene.connection) == loop.interval_s
    assert said == []
    completed = scene.complete(scene.claim(child.ready[0]))
    scene.complete(scene.claim(completed.ready[0]))
    loop.run(scene.connection)
    loop.run(scene.connection)
    assert said == [("reported", ["a"], {parent}, {})]
    assert scene.execution(parent)["state"] == "running"


def test_the_children_of_a_canceled_parent_are_canceled(scene: Scene, family: tuple[UUID, Started], said: Said) -> None:
    parent, child = family
    loop = made(Orphans, said)
    assert loop.run(scene.connection) == loop.interval_s
    cancel_execution(scene.connection, parent)
    assert loop.run(scene.connection) == 0.0
    assert loop.run(scene.connection) == loop.interval_s
    assert said == [("orphaned", [], {child.id}, {child.id: "canceled"})]
    made(Children, said).run(scene.connection)
    assert said[1:] == [("reported", [], {parent}, {})]


def test_a_failing_step_takes_the_children_of_its_siblings_along(scene: Scene, said: Said) -> None:
    nodes = [{"id": id, "type": "transform", "params": {"output": 1}} for id in ("a", "b", "z")]
    scene.connection.execute("UPDATE workflow_versions SET number = 1")
    scene.connection.execute("UPDATE workflows SET published_version = 1")
    scene.use({"schema": 1, "containers": [{"id": "c", "nodes": nodes}], "edges": [{"from": "a", "to": "z"}]})
    waits, fails = (scene.claim(ref) for ref in scene.start().ready)
    child = start_child(scene.connection, waits.key, waits.fence, Call(scene.workflow_id, {}))
    scene.complete(waits, Kind.WAIT, ask=CHILD)
    scene.complete(fails, Kind.FAILED, error_code="X", error='{"code":"X"}')
    made(Orphans, said).run(scene.connection)
    assert [done[2] for done in said] == [{child.id}]


def test_both_searches_use_their_index(scene: Scene) -> None:
    scene.connection.execute("SET enable_seqscan = off")
    for query, index in (
        ("SELECT id FROM executions WHERE awaited AND completed_at IS NOT NULL", "awaited"),
        ("SELECT child_id FROM subruns WHERE orphaned", "subruns_orphaned"),
    ):
        plan = scene.connection.execute(f"EXPLAIN {query}".encode()).fetchall()
        assert index in "\n".join(line for (line,) in plan)


def test_a_parent_whose_version_nobody_can_compile_holds_up_no_other(scene: Scene, said: Said) -> None:
    scene.connection.execute("UPDATE workflow_versions SET number = 1")
    scene.connection.execute("UPDATE workflows SET published_version = 1")
    nodes = [{"id": "a", "type": "transform", "params": {"output": 1}}]
    parents, versions = [], []
    for _ in range(2):
        scene.use({"schema": 1, "containers": [{"id": "c", "nodes": nodes}]})
        claimed = scene.claim(scene.start().ready[0])
        child = start_child(scene.connection, claimed.key, claimed.fence, Call(scene.workflow_id, {}))
        assert child.started is not None
        scene.complete(claimed, Kind.WAIT, ask=CHILD)
        cancel_execution(scene.connection, child.started.id)
        parents.append(claimed.key[0])
        versions.append(scene.version_id)
    good = "SELECT definition::text FROM workflow_versions WHERE id = %s"
    (text,) = scene.connection.execute(good, (versions[0],)).fetchone() or ("",)
    redefine = "UPDATE workflow_versions SET definition = %s WHERE id = %s"
    scene.connection.execute(redefine, (text.replace("transform", "gone.with-its-package"), versions[0]))
    _plans().clear()
    loop = made(Children, said)
    assert loop.run(scene.connection) == loop.interval_s
    assert [touched for _, _, touched, _ in said] == [{parents[1]}]
    loop.run(scene.connection)
    assert len(said) == 1, "it is left alone for a minute"
    scene.connection.execute(redefine, (text, versions[0]))
    made(Children, said).run(scene.connection)
    assert [touched for _, _, touched, _ in said] == [{parents[1]}, {parents[0]}]
