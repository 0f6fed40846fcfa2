"""Retry by hand: what is copied, what runs anew, and what the new run's rows, data and statistics say."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared import ids
from shared.broker import StepRef
from shared.domain.errors import Conflict, InvalidValue, NotFound
from shared.domain.outcome import Kind
from shared.engine import admission
from shared.engine.bury import bury
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.follow_up import follow_up
from shared.engine.retry import retry_execution
from shared.engine.start import Started
from shared.queries.stats import counted, recount
from tests.factories import branch_join, chain, definition, diamond, edge, node
from tests.integration.engine.conftest import EngineScene
from tests.integration.engine.test_races import Racer, await_waiter

FAILURE = {"error_code": "X", "error": '{"code":"X","message":"no"}'}


class RetryScene(EngineScene):
    """Runs that end in every way, and retries of them."""

    def run(self, started: Started, **ends: dict[str, Any]) -> UUID:
        """Run all there is to run; `ends` says how steps end, by node: an output and port, or a kind."""
        todo = list(started.ready)
        while todo:
            ref = todo.pop(0)
            if self.step(ref)["state"] != "ready":
                continue
            claimed = self.claim(ref)
            todo += self.complete(claimed, **{"output": f'"{ref.node}"', **ends.get(ref.node, {})}).ready
        return started.id

    def retry(self, first: UUID, start_from: str = "failed", **more: Any) -> Started:
        with self.connection.transaction():
            return retry_execution(
                self.connection, first, self.version_id, user_id=self.user_id, start_from=start_from, **more
            )

    def outputs(self, execution_id: UUID) -> dict[str, Any]:
        rows = self.connection.execute(
            "SELECT node, output FROM execution_data WHERE execution_id = %s AND node <> ''", (execution_id,)
        )
        return dict(rows.fetchall())

    def reused(self, execution_id: UUID) -> dict[str, UUID]:
        rows = self.connection.execute(
            "SELECT node, reused_from FROM steps WHERE execution_id = %s AND reused_from IS NOT NULL", (execution_id,)
        )
        return dict(rows.fetchall())


FAILS: dict[str, Any] = {"kind": Kind.FAILED, "output": None, **FAILURE}


@pytest.fixture
def scene(database_url: str) -> Iterator[RetryScene]:
    made = RetryScene(database_url)
    yield made
    made.connection.close()


def nodes(started: Started) -> list[str]:
    return [ref.node for ref in started.ready]


def test_from_the_failed_step_what_succeeded_is_copied(scene: RetryScene) -> None:
    scene.use(chain(4))
    first = scene.run(scene.start(), n2=FAILS)

    again = scene.retry(first)

    assert nodes(again) == ["n2"]
    row = scene.execution(again.id)
    linked = (row["retry_of"], row["trigger_type"], row["user_id"], row["state"])
    assert linked == (first, "retry", scene.user_id, "queued")
    counters = (
        row["total_steps"],
        row["steps_resolved"],
        row["steps_reused"],
        row["steps_executed"],
        row["open_steps"],
    )
    assert counters == (4, 2, 2, 0, 1)
    assert scene.states(again.id) == {"n0": "success", "n1": "success", "n2": "ready"}
    assert scene.reused(again.id) == {"n0": first, "n1": first}
    copied = scene.step(StepRef(again.id, "n1", "", "default"))
    assert [copied[name] for name in ("ready_at", "started_at", "completed_at", "due_at", "worker")] == [None] * 5
    assert (copied["attempt"], copied["ai_tokens"], copied["api_calls"]) == (0, 0, 0)
    assert scene.outputs(again.id) == {"n0": "n0", "n1": "n1"}

    claimed = scene.claim(again.ready[0])
    assert claimed.values["n1"].output == '"n1"'
    scene.run(Started(again.id, list(scene.complete(claimed, output="1").ready)))
    row = scene.execution(again.id)
    assert (row["state"], row["steps_executed"], row["steps_resolved"]) == ("success", 2, 4)


def test_copies_are_in_no_statistics(scene: RetryScene) -> None:
    scene.use(chain(3))
    first = scene.run(scene.start(), n0={"ai_tokens": 7, "api_calls": 1}, n2=FAILS)
    again = scene.run(scene.retry(first), n2={"ai_tokens": 5})
    row = scene.execution(again)
    assert (row["steps_executed"], row["ai_tokens"], row["api_calls"]) == (1, 5, 0)
    delta = scene.one("SELECT steps, ai_tokens, api_calls FROM stats_delta WHERE trigger_type = 'retry'")
    assert delta == {"steps": 1, "ai_tokens": 5, "api_calls": 0}
    assert counted(scene.connection) == recount(scene.connection)


def test_a_retry_of_a_retry_names_where_a_step_really_ran(scene: RetryScene) -> None:
    scene.use(chain(3))
    first = scene.run(scene.start(), n1=FAILS)
    second = scene.run(scene.retry(first), n2=FAILS)
    third = scene.retry(second)
    assert nodes(third) == ["n2"]
    assert scene.reused(third.id) == {"n0": first, "n1": second}
    assert scene.outputs(third.id) == {"n0": "n0", "n1": "n1"}
    links = scene.connection.execute("SELECT retry_of, id FROM execution_retries ORDER BY id").fetchall()
    assert links == [(first, second), (second, third.id)]


def test_a_join_waits_for_what_runs_anew(scene: RetryScene) -> None:
    scene.use(diamond())
    first = scene.run(scene.start(), right=FAILS)
    again = scene.retry(first)
    assert nodes(again) == ["right"]
    assert scene.one("SELECT state, arrived, taken FROM steps WHERE execution_id = %s AND node = 'join'", again.id) == {
        "state": "pending",
        "arrived": 1,
        "taken": 1,
    }
    scene.run(again)
    assert scene.execution(again.id)["state"] == "success"
    assert set(scene.states(again.id).values()) == {"success"}


def test_a_way_that_was_not_taken_is_skipped_again(scene: RetryScene) -> None:
    scene.use(branch_join())
    first = scene.run(scene.start(), check={"port": "true"}, last=FAILS)
    again = scene.retry(first)
    assert nodes(again) == ["last"]
    expected = {"check": "success", "yes": "success", "no": "skipped", "after_no": "skipped", "join": "success"}
    assert scene.states(again.id) == expected | {"last": "ready"}
    assert scene.execution(again.id)["steps_resolved"] == 5
    assert scene.one("SELECT port FROM steps WHERE execution_id = %s AND node = 'check'", again.id) == {"port": "true"}


def test_from_the_start_and_from_a_step(scene: RetryScene) -> None:
    scene.use(chain(4))
    first = scene.run(scene.start())
    assert nodes(scene.retry(first, "start")) == ["n0"]
    assert nodes(scene.retry(first, "n2")) == nodes(scene.retry(first, "step-n2")) == ["n2"]
    for wrong in ("nope", "step-n2:1"):
        with pytest.raises(InvalidValue, match=r"\(at from\)"):
            scene.retry(first, wrong)


def test_a_node_called_start_is_reached_by_its_step_id(scene: RetryScene) -> None:
    scene.use(definition(node("a"), node("start"), node("b")))
    first = scene.run(scene.start())
    assert nodes(scene.retry(first, "start")) == ["a"]
    assert nodes(scene.retry(first, "step-start")) == ["start"]


def test_a_canceled_run_goes_on_where_it_was_stopped(scene: RetryScene) -> None:
    scene.use(chain(3))
    started = scene.start()
    scene.complete(scene.claim(started.ready[0]), output="0")
    cancel_execution(scene.connection, started.id)
    assert nodes(scene.retry(started.id)) == ["n1"]


def test_what_cannot_be_retried_says_why(scene: RetryScene) -> None:
    started = scene.start()
    with pytest.raises(Conflict, match="Cancel it first"):
        scene.retry(started.id)
    done = scene.run(started)
    with pytest.raises(Conflict, match='"from": "start"'):
        scene.retry(done)
    with pytest.raises(NotFound):
        scene.retry(scene.workflow_id)
    scene.use(branch_join())
    first = scene.run(scene.start(), check={"port": "true"})
    with pytest.raises(Conflict, match="Nothing is left to run"):
        scene.retry(first, "no")
    assert scene.one("SELECT count(*) AS n FROM executions WHERE trigger_type = 'retry'") == {"n": 0}


def test_another_version_copies_what_is_unchanged(scene: RetryScene) -> None:
    scene.use(definition(node("a"), node("b", "fail", {"code": "X", "message": "x"}), node("c")))
    first = scene.run(scene.start(), b=FAILS)
    scene.use(definition(node("a"), node("b"), node("c"), node("d")))
    again = scene.retry(first)
    assert nodes(again) == ["b"]
    row = scene.execution(again.id)
    assert (row["version_id"], row["total_steps"], row["steps_reused"]) == (scene.version_id, 4, 1)
    scene.use(definition(node("a", params={"output": "changed"}), node("b")))
    assert nodes(scene.retry(first)) == ["a"]


def test_another_input(scene: RetryScene) -> None:
    scene.use(definition(node("a"), node("b", params={"output": "{{ input.n }}"}), node("c")))
    first = scene.run(scene.start(), c=FAILS)
    kept, same, edited = scene.retry(first), scene.retry(first, input="{}"), scene.retry(first, input='{"n":2}')
    assert [nodes(each) for each in (kept, same, edited)] == [["c"], ["c"], ["b"]]
    find = "SELECT input FROM execution_data WHERE execution_id = %s AND node = ''"
    assert [scene.one(find, each.id)["input"] for each in (kept, same, edited)] == [{}, {}, {"n": 2}]
    assert scene.outputs(edited.id) == {"a": "a"}


def test_a_retry_has_a_deadline_and_a_failure_workflow_of_its_own(scene: RetryScene) -> None:
    rescue, version = scene.add_workflow([node("tell")])
    scene.connection.execute("UPDATE workflow_versions SET number = 1 WHERE id = %s", (version,))
    scene.connection.execute("UPDATE workflows SET published_version = 1 WHERE id = %s", (rescue,))
    settings = {"onFailure": ids.encode(ids.WORKFLOW, rescue), "timeoutMs": 60_000}
    scene.use(chain(2) | {"settings": settings})
    first = scene.run(scene.start(), n1=FAILS)
    assert follow_up(scene.connection) is not None
    again = scene.run(scene.retry(first), n1=FAILS)
    assert scene.execution(again)["deadline_at"] is not None
    done = follow_up(scene.connection)
    assert done is not None
    assert done.failed == again


def test_two_retries_at_once_are_two_runs(scene: RetryScene, other: Any) -> None:
    """The second waits for the first, and changes nothing of what it left; the dead letter names the first."""
    scene.use(chain(2))
    first = scene.run(scene.start(), n1=FAILS)
    bury(scene.connection)
    before = scene.execution(first)
    one: psycopg.Connection[Any] = other()
    with one.transaction():
        held = retry_execution(one, first, scene.version_id, user_id=scene.user_id)
        racer = Racer(lambda: scene.retry(first).id)
        await_waiter(other())
    assert held.id != racer.join()
    assert scene.execution(first) == before
    assert scene.one("SELECT count(*) AS n FROM execution_retries WHERE retry_of = %s", first) == {"n": 2}
    row = scene.one("SELECT state, redriven_as FROM dead_letters WHERE execution_id = %s", first)
    assert row == {"state": "redriven", "redriven_as": held.id}


def test_a_loop_runs_again_as_a_whole_and_what_is_before_it_is_copied(scene: RetryScene) -> None:
    scene.use(
        {
            "schema": 1,
            "containers": [
                {"id": "main", "nodes": [node("a")]},
                {"id": "each", "forEach": [1, 2], "nodes": [node("b")]},
                {"id": "rest", "nodes": [node("c")]},
            ],
        }
    )

    def through(started: Started, **ends: dict[str, Any]) -> UUID:
        """Run it; the loop opens when it is claimed, and closes when it is claimed again."""
        todo = list(started.ready)
        while todo:
            claimed = scene.claim(todo.pop(0))
            opens = claimed.node.id == "each" and not claimed.resumed
            end: dict[str, Any] = {"kind": Kind.OPEN, "items": ("1", "2")} if opens else {"output": "1"}
            todo += scene.complete(claimed, **{**end, **ends.get(claimed.node.id, {})}).ready
        return started.id

    first = through(scene.start(), c=FAILS)
    assert scene.execution(first)["state"] == "failed"
    for from_where in ("failed", "each", "b"):
        again = scene.retry(first, from_where)
        assert nodes(again) == ["each"], from_where
        assert scene.states(again.id) == {"a": "success", "each": "ready"}
        through(again)
        row, whole = scene.execution(again.id), scene.execution(first)
        assert (row["state"], row["total_steps"], row["steps_resolved"]) == (
            "success",
            whole["total_steps"],
            whole["total_steps"],
        )
        assert row["steps_executed"] == row["total_steps"] - 1
    with pytest.raises(InvalidValue, match="name the container"):
        scene.retry(first, "step-b:1")


def test_a_race_is_not_run_again(scene: RetryScene) -> None:
    join = node("join") | {"join": "first"}
    ways = [edge("a", "join"), edge("b", "join"), edge("join", "last")]
    scene.use(definition(node("b"), node("a"), join, node("last"), edges=ways))
    started = scene.start()
    (following,) = scene.complete(scene.claim_node(started.id, "a"), output='"a"').ready
    first = scene.run(Started(started.id, [following]), last=FAILS)
    again = scene.retry(first)
    assert scene.states(again.id) == {"a": "success", "b": "canceled", "join": "success", "last": "ready"}
    lost = scene.step(StepRef(again.id, "b", "", "default"))
    assert lost["completed_at"] is not None
    scene.run(again)
    row = scene.execution(again.id)
    assert (row["state"], row["steps_resolved"], row["steps_executed"]) == ("success", 4, 1)


def test_a_retry_waits_for_its_turn_like_any_start(scene: RetryScene) -> None:
    scene.use(diamond() | {"settings": {"maxConcurrent": 1}})

    def turn() -> list[StepRef]:
        admission.release(scene.connection)
        return admission.admit(scene.connection, scene.workflow_id)

    started = scene.start()
    first = scene.run(Started(started.id, turn()), right=FAILS)
    scene.connection.execute("UPDATE executions SET priority = 2 WHERE id = %s", (first,))
    holder = scene.start()
    assert turn() != []
    again, other = scene.retry(first), scene.retry(first)
    assert (again.ready, turn()) == ([], [])
    waiting = scene.execution(again.id)
    assert (waiting["state"], waiting["open_steps"], waiting["steps_resolved"]) == ("queued", 1, 2)
    assert waiting["queued_reason"] == again.queued_reason == "It waits for its turn: at most 1 at a time."
    assert scene.states(again.id) == {"start": "success", "left": "success", "right": "ready", "join": "pending"}
    assert cancel_execution(scene.connection, other.id) is CancelResult.CANCELED

    cancel_execution(scene.connection, holder.id)
    ready = turn()
    assert [(ref.execution_id, ref.node, ref.priority) for ref in ready] == [(again.id, "right", 2)]
    assert scene.execution(again.id)["open_steps"] == 1
    scene.run(Started(again.id, ready))
    row = scene.execution(again.id)
    assert (row["state"], row["steps_executed"], row["steps_resolved"]) == ("success", 2, 4)
    assert turn() == []


def test_a_retry_that_is_rolled_back_leaves_nothing(scene: RetryScene, other: Any) -> None:
    scene.use(chain(2))
    first = scene.run(scene.start(), n1=FAILS)
    connection: psycopg.Connection[Any] = other()
    with connection.transaction(force_rollback=True):
        retry_execution(connection, first, scene.version_id, user_id=scene.user_id)
    assert scene.one("SELECT count(*) AS n FROM executions") == {"n": 1}
    assert scene.one("SELECT count(*) AS n FROM execution_retries") == {"n": 0}
