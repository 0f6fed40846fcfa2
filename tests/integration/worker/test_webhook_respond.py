"""The node that answers a webhook in a worker: the first answer counts, and its output says honestly what became of it."""

from typing import Any

import pytest

from shared.broker import StepRef
from shared.db import webhook_answers
from shared.domain.errors import StaleFence
from shared.engine.respond import Answered, respond
from shared.nodes.base import Respond
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.conftest import Pipeline


def begin(scene: Scene, wait_s: float | None = 30) -> StepRef:
    """A run with two answers, whose caller waits for so long."""
    answers = [node(name, "webhook.respond", {"status": 201, "body": name}) for name in ("first", "second")]
    scene.use(definition(*answers))
    ref = scene.start().ready[0]
    if wait_s is not None:
        values = {"id": ref.execution_id, "wait_s": wait_s}
        scene.connection.execute(webhook_answers.EXPECT, values)
    return ref


def output(scene: Scene, ref: StepRef, name: str) -> Any:
    row = scene.one("SELECT output FROM execution_data WHERE execution_id = %s AND node = %s", ref.execution_id, name)
    return row["output"]


def found(scene: Scene, ref: StepRef) -> webhook_answers.WaitedFor:
    seen = webhook_answers.look(scene.connection, ref.execution_id)
    assert seen is not None
    return seen


def test_the_first_answer_counts_and_the_run_goes_on(scene: Scene, pipeline: Pipeline) -> None:
    ref = begin(scene)
    assert pipeline.follow(ref) == ["second"]
    seen = found(scene, ref)
    assert (seen.answered, seen.status, seen.body, seen.state) == (True, 201, b"first", "running")
    assert output(scene, ref, "first") == {"answered": True, "reason": None}
    pipeline.follow(ref._replace(node="second"))
    assert output(scene, ref, "second") == {"answered": False, "reason": "answered-before"}
    assert found(scene, ref).body == b"first"
    assert scene.execution(ref.execution_id)["state"] == "success"


@pytest.mark.parametrize(("wait_s", "reason"), [(None, "no-caller"), (0, "too-late")])
def test_an_answer_that_nobody_waits_for(scene: Scene, pipeline: Pipeline, wait_s: float | None, reason: str) -> None:
    ref = begin(scene, wait_s)
    assert pipeline.follow(ref) == ["second"]
    assert output(scene, ref, "first") == {"answered": False, "reason": reason}


def test_a_caller_who_was_told_to_look_takes_no_answer(scene: Scene, pipeline: Pipeline) -> None:
    ref = begin(scene)
    webhook_answers.close(scene.connection, ref.execution_id)
    pipeline.follow(ref)
    assert output(scene, ref, "first") == {"answered": False, "reason": "too-late"}
    assert not found(scene, ref).answered


def test_an_attempt_that_repeats_one_finds_its_answer_taken_and_a_stale_one_gives_none(scene: Scene) -> None:
    ref = begin(scene)
    key, answer = (ref.execution_id, "first", ""), Respond(200, {}, b"x")
    with pytest.raises(StaleFence):
        respond(scene.connection, key, 5, answer)
    claimed = scene.claim(ref)
    assert respond(scene.connection, key, claimed.fence, answer) is Answered.TAKEN
    assert respond(scene.connection, key, claimed.fence + 1, Respond(200, {}, b"again")) is Answered.TAKEN
    assert found(scene, ref).body == b"x"


def test_answers_are_forgotten_after_a_day(scene: Scene) -> None:
    ref = begin(scene)
    assert webhook_answers.prune(scene.connection) == 0
    scene.connection.execute("UPDATE webhook_answers SET waits_until = now() - interval '25 hours'")
    assert webhook_answers.prune(scene.connection) == 1
    assert webhook_answers.look(scene.connection, ref.execution_id) is None
