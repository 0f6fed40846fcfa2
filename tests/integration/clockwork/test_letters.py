"""Dead letters: one for each run that failed, however it failed, and none for any other."""

from uuid import UUID

import psycopg

from services.worker.loops.base import Tools
from services.worker.loops.gauges import Gauges
from services.worker.loops.letters import Letters
from shared import metrics
from shared.db.horizon import live_horizon
from shared.domain.outcome import Kind
from shared.engine.bury import bury
from shared.engine.cancel import cancel_execution
from shared.engine.deadline import time_out
from shared.live import HintWriter
from shared.publisher import make_publisher
from shared.settings import Settings
from tests.factories import definition, node
from tests.integration.clockwork.scene import Row, Scene


def fail(scene: Scene, message: str = "HTTP 503 after 12 ms", code: str = "HTTP_STATUS") -> UUID:
    """A run whose first step fails for good."""
    claimed = scene.claim(scene.start().ready[0])
    scene.complete(claimed, Kind.FAILED, error_code=code, error=f'{{"code":"{code}","message":"{message}"}}')
    return claimed.key[0]


def letter(scene: Scene, execution_id: UUID) -> Row:
    return scene.one("SELECT * FROM dead_letters WHERE execution_id = %s", execution_id)


def test_a_failed_run_has_one_letter_with_the_step_and_its_error(scene: Scene) -> None:
    failed = fail(scene)
    assert (len(bury(scene.connection)), bury(scene.connection)) == (1, [])
    row = letter(scene, failed)
    expected = {
        "workflow_id": scene.workflow_id,
        "version_id": scene.version_id,
        "user_id": scene.user_id,
        "node": "a",
        "item": "",
        "step": "A",
        "code": "HTTP_STATUS",
        "message": "HTTP 503 after 12 ms",
        "state": "open",
        "redriven_as": None,
    }
    assert expected.items() <= row.items()
    execution = scene.execution(failed)
    assert (row["fingerprint"], row["failed_at"]) == (execution["error_fingerprint"], execution["completed_at"])


def test_the_same_cause_has_the_same_fingerprint(scene: Scene) -> None:
    same = [fail(scene), fail(scene, "HTTP 502 after 990 ms")]
    others = [fail(scene, "refused"), fail(scene, code="OTHER")]
    bury(scene.connection)
    found = [letter(scene, id)["fingerprint"] for id in (*same, *others)]
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_a_step_that_killed_its_workers_is_one_and_a_run_out_of_time_too(scene: Scene) -> None:
    ref = scene.start().ready[0]
    for _ in range(3):
        scene.claim(ref)
        scene.pass_time(60, ref)
        scene.expire()
    late = scene.claim(scene.start().ready[0])
    scene.complete(late, Kind.WAIT, due_s=3_600.0)
    scene.connection.execute(
        "UPDATE executions SET started_at = now(), deadline_at = now() WHERE id = %s", (late.key[0],)
    )
    assert time_out(scene.connection, late.key[0]) is not None
    assert len(bury(scene.connection)) == 2
    assert (letter(scene, ref.execution_id)["code"], letter(scene, ref.execution_id)["node"]) == ("WORKER_LOST", "a")
    row = letter(scene, late.key[0])
    assert (row["code"], row["node"], row["step"]) == ("RUN_TIMEOUT", None, None)


def test_success_cancel_and_a_failure_that_the_workflow_deals_with_have_none(scene: Scene) -> None:
    scene.run_through()
    cancel_execution(scene.connection, scene.start().id)
    scene.use(definition(node("a", onError="continue"), node("b")))
    completed = scene.complete(
        scene.claim(scene.start().ready[0]), Kind.FAILED, error_code="X", error='{"code":"X","message":"x"}'
    )
    scene.complete(scene.claim(completed.ready[0]))
    assert bury(scene.connection) == []


def test_a_node_that_says_the_run_has_failed_is_one(scene: Scene) -> None:
    scene.use(definition(node("stop", "fail", {"code": "NO_STOCK", "message": "none left"})))
    failed = fail(scene, "none left", "NO_STOCK")
    assert len(bury(scene.connection)) == 1
    assert letter(scene, failed)["code"] == "NO_STOCK"


def test_an_error_of_an_odd_shape_still_makes_a_letter(scene: Scene) -> None:
    odd = [fail(scene) for _ in range(3)]
    for id, error in zip(odd, ("[]", '{"code": 7, "message": null}', None), strict=True):
        scene.connection.execute("UPDATE execution_data SET error = %s WHERE execution_id = %s", (error, id))
    scene.connection.execute("UPDATE executions SET version_id = uuid7() WHERE id = %s", (odd[0],))
    assert len(bury(scene.connection)) == 3
    assert {letter(scene, id)["code"] for id in odd} == {"FAILED"}
    assert letter(scene, odd[0])["step"] == "a", "a version that cannot be read any more"


def test_two_processes_write_one(scene: Scene) -> None:
    """The second one does not wait for the first: it finds nothing."""
    fail(scene)
    with psycopg.connect(scene.database_url) as other, other.transaction():
        assert len(bury(other)) == 1
        assert bury(scene.connection) == []
    assert bury(scene.connection) == []


def test_a_run_without_a_letter_holds_the_horizon(scene: Scene) -> None:
    failed = fail(scene)
    old = scene.one(
        "UPDATE executions SET id = uuid7_floor(now() - interval '5 days') WHERE id = %s RETURNING id", failed
    )
    assert live_horizon(scene.connection).lo == old["id"]
    assert len(bury(scene.connection)) == 1
    assert live_horizon(scene.connection).lo > old["id"]


def test_the_loop_writes_them_and_the_gauge_counts_those_that_are_open(scene: Scene) -> None:
    settings = Settings(
        DATABASE_URL=scene.database_url, BROKER_URL="redis://127.0.0.1:1", REDIS_URL="redis://127.0.0.1:1"
    )
    tools = Tools(settings, make_publisher(settings.broker_url), HintWriter(settings.redis_url))
    fail(scene)
    loop = Letters(tools)
    assert loop.run(scene.connection) == loop.interval_s
    assert scene.one("SELECT count(*) AS n FROM dead_letters")["n"] == 1
    Gauges(tools).run(scene.connection)
    assert metrics.OPEN_DEAD_LETTERS._value.get() == 1
    tools.publisher.close()
    tools.hints.close()
