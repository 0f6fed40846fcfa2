"""The time to stop is measured from the rows and the witness, and only a calm one can be too slow."""

from tests.chaos import stops, witness
from tests.chaos.stops import Stop
from tests.integration.clockwork.scene import Scene


def test_only_what_ran_counts_and_only_calm_stops_are_judged(database_url: str) -> None:
    scene = Scene(database_url)
    witness.install(scene.connection)
    began = scene.one("SELECT extract(epoch FROM now())::float8 AS at")["at"]
    for running in (True, False):
        ref = scene.start().ready[0]
        if running:
            scene.claim(ref)
        scene.connection.execute(
            "UPDATE executions SET stopping = 'cancel', stop_requested_at = now(), completed_at = now() + interval '3 seconds'"
            " WHERE id = %s",
            (ref.execution_id,),
        )
        scene.connection.execute("UPDATE steps SET state = 'canceled' WHERE execution_id = %s", (ref.execution_id,))
    before, during = (began - 60, began - 50), (began + 2, began + 60)
    (calm,) = stops.stops(scene.connection, [before])
    (disturbed,) = stops.stops(scene.connection, [before, during])
    scene.connection.close()
    assert (calm.calm, disturbed.calm, round(calm.took_s)) == (True, False, 3)
    assert [each.what for each in stops.too_slow([calm, disturbed])] == ["cancels"]
    assert stops.too_slow([Stop(calm.execution, 0.9, calm=True)]) == []
    numbers = {"count": 1, "p50S": 3.0, "maxS": 3.0}
    assert stops.summary([calm]) == {"calm": numbers, "disturbed": {"count": 0}}
