"""Whatever happens to a run, in any order: messages doubled, held back and reordered, outcomes grouped and handed in twice,
workers lost and come back, a cancel. On a real Postgres, with the nodes really run (I1 to I5, I9 of the design)."""

import secrets
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.worker.attempt import Runner
from services.worker.context import StepContext
from services.worker.payloads import Limits, Payloads
from services.worker.running import Registry, Running
from services.worker.step_ai import StepAi
from shared.blob_files import FileStore
from shared.broker import StepRef
from shared.domain.outcome import Outcome
from shared.domain.states import OPEN_STEP, TERMINAL_EXECUTION, TERMINAL_STEP
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.cancel import cancel_execution
from shared.engine.requests import Claim, Claimed
from shared.engine.sweep import QueueState, sweep
from shared.nodes.catalogue import node_types
from shared.queries import executions
from shared.queries.shapes import Viewer
from tests.factories import Definition, random_scopes
from tests.integration.clockwork.scene import Scene
from tests.interpreter import Interpreter

ROWS = "SELECT node, item, state, fence, attempt FROM steps WHERE execution_id = %s ORDER BY node, item"
CHOICE = st.integers(0, 1_000)


def with_retries(source: Definition, random: Random) -> Definition:
    """Some of the nodes that fail try again first."""
    for container in source["containers"]:
        for node in container["nodes"]:
            if node["type"] == "fail" and random.random() < 0.5:
                node["retry"] = {"maxAttempts": 2, "only": ["BOOM"], "initialMs": 0}
    return source


def machine_on(scene: Scene) -> Callable[[], RuleBasedStateMachine]:  # noqa: C901 - a class in a function
    """A run in a database, and everything that can happen to it."""

    class Machine(RuleBasedStateMachine):
        @initialize(seed=st.integers(0, 100_000))
        def start(self, seed: int) -> None:
            self.source = with_retries(random_scopes(seed), Random(seed))
            scene.use(self.source)
            started = scene.start()
            self.id, self.messages = started.id, list(started.ready)
            self.running: list[Claimed] = []
            self.handed_in: list[Outcome] = []
            self.lost: Counter[tuple[str, str]] = Counter()
            self.canceled = False
            self.over: dict[tuple[str, str], str] = {}
            self.ended: str | None = None
            nothing: Any = None
            self.contexts = lambda claimed: StepContext(
                claimed, nothing, nothing, nothing, ai=StepAi(claimed, nothing, nothing)
            )
            self.runner = Runner(
                nothing, Registry(), node_types(), Payloads(FileStore(Path("/nowhere")), nothing, Limits()), nothing
            )

        # -- what can happen ----------------------------------------------------------------------------------

        @rule(choice=CHOICE)
        def a_message_arrives(self, choice: int) -> None:
            """Any message that was ever sent: late, early, again."""
            ref = self.messages[choice % len(self.messages)]
            claim = Claim((ref.execution_id, ref.node, ref.item), secrets.randbits(62))
            (claimed,) = run_batch(scene.connection, Batch([claim], [], Options(worker="w"))).claimed
            if isinstance(claimed, Claimed):
                assert self.ended is None, "nothing begins once a run is over"
                self.running.append(claimed)

        @precondition(lambda self: self.running)
        @rule(choice=CHOICE, count=st.integers(1, 5))
        def steps_end(self, choice: int, count: int) -> None:
            """Several outcomes in one batch."""
            Random(choice).shuffle(self.running)
            ending, self.running = self.running[:count], self.running[count:]
            self.hand_in([self.outcome(claimed) for claimed in ending])

        @precondition(lambda self: self.handed_in)
        @rule(choice=CHOICE)
        def an_outcome_comes_twice(self, choice: int) -> None:
            """The commit had gone through, but its answer was lost."""
            before = scene.connection.execute(ROWS, (self.id,)).fetchall()
            self.hand_in([self.handed_in[choice % len(self.handed_in)]])
            assert scene.connection.execute(ROWS, (self.id,)).fetchall() == before

        @precondition(lambda self: self.running)
        @rule(choice=CHOICE)
        def a_worker_is_lost(self, choice: int) -> None:
            """Its step is taken back; what it hands in when it comes back is nobody's business."""
            claimed = self.running[choice % len(self.running)]
            key = claimed.key[1:]
            if self.lost[key] == 2:
                return
            self.lost[key] += 1
            scene.pass_time(60, StepRef(*claimed.key, "default"))
            self.messages += scene.expire()

        @rule()
        def clockwork_looks(self) -> None:
            """Timers, and messages that were lost."""
            self.messages += scene.wake()
            after = "UPDATE steps SET due_at = now(), ready_at = ready_at - interval '1 hour' WHERE execution_id = %s AND state = 'ready'"
            scene.connection.execute(after, (self.id,))
            self.messages += sweep(scene.connection, [QueueState("default", 1, empty=True)])

        @precondition(lambda self: not self.canceled)
        @rule(choice=st.integers(0, 9))
        def somebody_cancels(self, choice: int) -> None:
            if choice == 0:
                cancel_execution(scene.connection, self.id)
                self.canceled = True

        # -- what always holds --------------------------------------------------------------------------------

        @invariant()
        def what_is_over_stays_as_it_is(self) -> None:
            rows = scene.connection.execute(ROWS, (self.id,)).fetchall()
            now = {(row[0], row[1]): row[2] for row in rows if row[2] in TERMINAL_STEP}
            assert self.over.items() <= now.items()
            self.over = now
            state = scene.execution(self.id)["state"]
            assert self.ended in (None, state)
            self.ended = state if state in TERMINAL_EXECUTION else None

        @invariant()
        def the_counters_are_right(self) -> None:
            row = scene.execution(self.id)
            states = [found[2] for found in scene.connection.execute(ROWS, (self.id,))]
            assert row["open_steps"] == sum(state in OPEN_STEP for state in states)
            assert row["waiting_steps"] == states.count("waiting")
            ended = scene.one("SELECT count(*) FROM stats_delta WHERE workflow_id = %s", scene.workflow_id)["count"]
            over = "SELECT count(*) FROM executions WHERE workflow_id = %s AND completed_at IS NOT NULL"
            assert ended == scene.one(over, scene.workflow_id)["count"], (
                "one row of statistics for each run that is over"
            )

        def teardown(self) -> None:
            """Left alone, the run comes to its end, and to the one that it was meant to have."""
            for _ in range(2_000):
                if self.ended is not None:
                    break
                self.clockwork_looks()
                for _ in range(len(self.messages)):
                    self.a_message_arrives(0)
                    self.messages.append(self.messages.pop(0))
                self.hand_in([self.outcome(claimed) for claimed in self.running])
                self.running = []
                self.messages = self.messages[-50:]
                self.what_is_over_stays_as_it_is()
                self.the_counters_are_right()
            assert self.ended is not None, "a run that nothing ends"
            if not self.canceled:
                expected = Interpreter(self.source, {}).run()
                found = record(scene, self.id)
                assert (found["status"], found.get("output")) == (expected.status, expected.output)

        # -- moves --------------------------------------------------------------------------------------------

        def outcome(self, claimed: Claimed) -> Outcome:
            return self.runner.run(claimed, Running(claimed.key, claimed.fence), self.contexts(claimed))

        def hand_in(self, outcomes: list[Outcome]) -> None:
            if outcomes:
                done = run_batch(scene.connection, Batch([], outcomes, Options()))
                self.messages += [ref for each in done.completed for ref in each.ready]
                self.handed_in += outcomes

    return Machine


def record(scene: Scene, id: UUID) -> dict[str, Any]:
    row = executions.row(scene.connection, id, Viewer(scene.user_id, everything=True))
    assert row is not None
    return executions.detail(scene.connection, row)


@pytest.mark.parametrize("part", range(4))
def test_a_run_survives_whatever_happens_to_it(scene: Scene, part: int) -> None:
    run_state_machine_as_test(
        machine_on(scene),
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
