"""Steps use credentials: who may, as they are at that moment, and without leaving anything of them behind."""

import json
import zlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from services.worker.context import StepContext
from shared import ids
from shared.broker import StepRef
from shared.db import webhook_answers
from shared.domain.masking import MASK
from shared.nodes.catalogue import node_types
from shared.redactor import KNOWN
from tests.integration.clockwork.scene import Scene
from tests.integration.worker import vault
from tests.integration.worker.conftest import Pipeline
from tests.integration.worker.our_logs import our_logs
from tests.integration.worker.vault import SECRET, TOKEN, Blab, stored

__all__ = ["our_logs"]

Row = dict[str, Any]
INSIDE_JSON = json.dumps(SECRET)[1:-1]


@pytest.fixture(autouse=True)
def blab(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tests' node type among the others, and a key for the worker."""
    types = {**node_types(), "blab": Blab()}
    monkeypatch.setattr("shared.engine.plans.node_types", lambda: types)
    monkeypatch.setattr("tests.integration.worker.conftest.node_types", lambda: types)
    monkeypatch.setenv("FLOWVERSAL_VAULT_KEY", vault.KEY.hex())
    return None


def run(scene: Scene, pipeline: Pipeline, credential: str, **params: Any) -> Row:
    """The step after its attempt, with what it left."""
    node = {"id": "a", "type": "blab", "params": {"credential": credential, **params}}
    scene.use({"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": [node]}]})
    started = scene.start()
    pipeline.process(started.ready[0])
    return left(scene, started.ready[0])


def left(scene: Scene, ref: StepRef) -> Row:
    found = scene.one("SELECT * FROM execution_data WHERE execution_id = %s AND node = %s", *ref[:2])
    return found | scene.step(ref)


def another_user(scene: Scene) -> Any:
    return scene._insert("INSERT INTO users (email, name, role) VALUES (%s, 'O', 'editor')", f"{uuid4()}@example.com")


def test_a_step_gets_the_fields_type_and_hosts(scene: Scene, pipeline: Pipeline) -> None:
    step = run(scene, pipeline, stored(scene.connection, scene.user_id, hosts=["api.example.com"]))
    assert step["state"] == "success"
    assert step["output"] == {"found": MASK, MASK: f"Basic {MASK}", "type": "hmac", "hosts": ["api.example.com"]}


@pytest.mark.parametrize("shared", [True, False])
def test_those_of_others_only_when_they_are_shared(scene: Scene, pipeline: Pipeline, shared: bool) -> None:
    step = run(scene, pipeline, stored(scene.connection, another_user(scene), shared=shared))
    assert step["state"] == ("success" if shared else "failed")
    assert step["error_code"] == (None if shared else "CREDENTIAL_NOT_FOUND")


def test_the_words_do_not_tell_whether_one_exists(scene: Scene, pipeline: Pipeline) -> None:
    hidden = stored(scene.connection, another_user(scene))
    nowhere = ids.encode(ids.CREDENTIAL, uuid4())
    texts = [run(scene, pipeline, id)["error"]["message"].replace(id, "it") for id in (hidden, nowhere)]
    assert texts[0] == texts[1]


def test_a_deleted_one_is_gone_at_once(scene: Scene, pipeline: Pipeline) -> None:
    id = stored(scene.connection, scene.user_id)
    assert run(scene, pipeline, id)["state"] == "success"
    scene.connection.execute("DELETE FROM credentials")
    assert run(scene, pipeline, id)["error_code"] == "CREDENTIAL_NOT_FOUND"


def test_a_key_that_is_missing_is_named(scene: Scene, pipeline: Pipeline) -> None:
    step = run(scene, pipeline, stored(scene.connection, scene.user_id, key=b"o" * 32))
    assert step["error_code"] == "VAULT_LOCKED"
    assert "FLOWVERSAL_VAULT_KEY" in step["error"]["message"]


def test_a_damaged_one_says_so(scene: Scene, pipeline: Pipeline) -> None:
    id = stored(scene.connection, scene.user_id)
    scene.connection.execute("UPDATE credentials SET sealed = wrapped_key")
    assert run(scene, pipeline, id)["error_code"] == "CREDENTIAL_UNUSABLE"


def test_its_use_is_noted_once_a_minute(scene: Scene, pipeline: Pipeline) -> None:
    id = stored(scene.connection, scene.user_id)
    used = "SELECT last_used_at FROM credentials"
    run(scene, pipeline, id)
    first = scene.one(used)["last_used_at"]
    run(scene, pipeline, id)
    assert scene.one(used)["last_used_at"] == first
    scene.connection.execute("UPDATE credentials SET last_used_at = last_used_at - interval '61 s'")
    run(scene, pipeline, id)
    assert scene.one(used)["last_used_at"] > first


@pytest.mark.parametrize("how", ["output", "error", "bug", "large"])
def test_nothing_of_it_stays(
    scene: Scene, pipeline: Pipeline, capsys: pytest.CaptureFixture[str], our_logs: None, how: str
) -> None:
    step = run(scene, pipeline, stored(scene.connection, scene.user_id), how=how, given=["me", SECRET, {SECRET: 1}])
    pipeline.runner._logs.close()
    lines = scene.connection.execute("SELECT message, fields FROM execution_logs").fetchall()
    blobs = [zlib.decompress(packed) for (packed,) in scene.connection.execute("SELECT packed FROM blobs")]
    assert lines == [(f"it is {MASK}", {"deep": {"er": [MASK]}})]
    assert len(blobs) == (1 if how == "large" else 0)
    assert step["input"]["given"] == ["me", MASK, {MASK: 1}]
    seen = [json.dumps(step, default=str), b"".join(blobs).decode(), *capsys.readouterr()]
    assert not [text for text in seen if SECRET in text or INSIDE_JSON in text or "canary" in text]


def test_what_a_node_names_as_a_secret_is_masked_as_well(scene: Scene, pipeline: Pipeline) -> None:
    step = run(scene, pipeline, stored(scene.connection, scene.user_id), how="token", given=TOKEN)
    pipeline.runner._logs.close()
    lines = scene.connection.execute("SELECT message FROM execution_logs ORDER BY id").fetchall()
    assert step["output"] == {"echo": f"Bearer {MASK}", MASK: 1}
    assert step["input"]["given"] == MASK
    assert lines[-1] == (f"got {MASK}",)
    assert KNOWN.mask(f"x {TOKEN}") == f"x {MASK}"


def test_nothing_of_it_is_answered_to_the_caller_of_a_webhook(scene: Scene, pipeline: Pipeline) -> None:
    params = {"credential": stored(scene.connection, scene.user_id), "how": "answer"}
    node = {"id": "a", "type": "blab", "params": params}
    scene.use({"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": [node]}]})
    started = scene.start()
    scene.connection.execute(webhook_answers.EXPECT, {"id": started.id, "wait_s": 30})
    pipeline.process(started.ready[0])
    seen = webhook_answers.look(scene.connection, started.id)
    assert seen is not None
    assert (seen.headers, seen.body) == ({"X-Said": "a ???"}, b"\xff" + f"{MASK}|{MASK}==".encode())


def test_steps_without_credentials_have_no_redactor(
    scene: Scene, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[StepContext] = []
    monkeypatch.setattr(
        "services.worker.run_step.StepContext", lambda *a, **k: made.append(StepContext(*a, **k)) or made[-1]
    )
    pipeline.drain(scene.start())
    assert [ctx.redactor for ctx in made] == [None, None]
