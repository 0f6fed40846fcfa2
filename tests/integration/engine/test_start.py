"""Accepting an execution."""

import pytest

from shared.db.partitions import PARTITIONED
from shared.domain.errors import InvalidDefinition, InvalidValue
from shared.engine import start
from tests.integration.engine.conftest import EngineScene


def test_a_start_makes_the_partitions_that_are_missing(scene: EngineScene) -> None:
    """Clockwork was down for weeks."""
    names = "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class p ON p.oid = inhparent WHERE p.relname = %s"
    for table in PARTITIONED:
        for (name,) in scene.connection.execute(names, (table,)).fetchall():
            scene.connection.execute(f"DROP TABLE {name}")
    start._weeks_seen.cache_clear()
    scene.connection.autocommit = False
    started = scene.start()
    scene.connection.commit()
    assert scene.execution(started.id)["state"] == "queued"


def test_an_input_that_cannot_be_stored_is_refused_and_leaves_nothing(scene: EngineScene) -> None:
    for value in ({"a": "x\x00y"}, {"a": float("nan")}, {"a": "\ud800"}):
        with pytest.raises(InvalidValue, match=r"\(at .*a"):
            start.start_execution(
                scene.connection,
                workflow_id=scene.workflow_id,
                version_id=scene.version_id,
                user_id=scene.user_id,
                input=value,
                trigger_type="api",
            )
    assert scene.one("SELECT count(*) AS n FROM executions") == {"n": 0}


def test_a_version_without_nodes_cannot_start(scene: EngineScene) -> None:
    scene.use({"schema": 1, "containers": []})
    with pytest.raises(InvalidDefinition):
        scene.start()
