"""What a process remembers of executions is bounded, and what it has just forgotten is asked for again."""

import pytest

from shared.engine import known
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Claim, Claimed
from tests.integration.engine.conftest import EngineScene


def test_a_batch_that_pushes_an_execution_out_of_memory_still_claims_its_step(
    scene: EngineScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.forget_executions()
    monkeypatch.setattr(known, "_REMEMBERED", 2)
    old = scene.start()
    follows = scene.complete(scene.claim(old.ready[0])).ready
    refs = [*follows, *(ref for _ in range(4) for ref in scene.start().ready)]
    claims = [Claim((ref.execution_id, ref.node, ref.item), number) for number, ref in enumerate(refs)]
    batch = run_batch(scene.connection, Batch(claims, [], Options()))
    assert [type(answer) for answer in batch.claimed] == [Claimed] * 5
    assert known.recall(old.id) is None


def test_executions_of_a_version_share_what_is_the_same_of_them(scene: EngineScene) -> None:
    first, second = scene.start(), scene.start()
    for started in (first, second):
        scene.claim(started.ready[0])
    one, other = known.recall(first.id), known.recall(second.id)
    assert one is not None
    assert other is not None
    assert one.version_id is other.version_id
    assert one.workflow_id is other.workflow_id
