"""The loop of bulk actions: what it announces, and that it rests."""

from typing import Any

from services.worker.clockwork import loop_types
from services.worker.loops.base import Tools
from services.worker.loops.bulk import Bulk
from shared.db import bulk_jobs
from shared.domain.outcome import Kind
from shared.engine.complete import Applied
from shared.settings import Settings
from tests.integration.clockwork.scene import Scene


def add(scene: Scene, action: str, ids: list[Any]) -> None:
    more = {"filter": {"all": True}, "retry_from": "failed", "retry_version": "same", "address": None}
    bulk_jobs.insert(scene.connection, scene.user_id, ids, action=action, **more)


def test_it_publishes_retries_and_hints_at_both_runs(scene: Scene) -> None:
    said: list[tuple[str, Applied]] = []

    class Announced(Tools):
        def announce(self, applied: Applied, kind: str) -> None:
            said.append((kind, applied))

    loop = Bulk(Announced(Settings(), None, None))  # type: ignore[arg-type]
    failed, queued = scene.run_through(last=Kind.FAILED), scene.start().id
    assert loop.run(scene.connection) == loop.interval_s

    add(scene, "retry", [failed])
    assert 0 < loop.run(scene.connection) < 0.1, "it rests as long as it worked"
    (kind, applied) = said.pop()
    again = scene.one("SELECT id FROM execution_retries")["id"]
    assert (kind, [ref[:2] for ref in applied.ready]) == ("bulk", [(again, "b")])
    assert (applied.touched, applied.accepted, applied.ended) == ({failed, again}, 1, {})

    add(scene, "cancel", [queued])
    loop.run(scene.connection)
    (kind, applied) = said.pop()
    assert (applied.ready, applied.touched, applied.ended) == ([], {queued}, {queued: "canceled"})
    assert loop.run(scene.connection) == loop.interval_s


def test_clockwork_finds_it() -> None:
    assert Bulk in loop_types()
