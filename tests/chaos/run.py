"""One run: rounds of executions, a fault in the middle of each, and the reckoning at the end."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.auth.secrets import fingerprint, hint
from shared.db import tokens, users
from tests.chaos import logs, questions, stops
from tests.chaos.books import LOST, OTHER, TWICE, Finding, audit, by_round
from tests.chaos.client import Client
from tests.chaos.effects import Effects
from tests.chaos.faults.base import Fault
from tests.chaos.kinds import all_kinds, others, probe
from tests.chaos.load import Load
from tests.chaos.records import Accepted
from tests.chaos.watcher import Watcher
from tests.chaos.world import World, running_world

PEOPLE = ("ada", "ben")
LIVE = """
SELECT count(*) FROM executions
WHERE completed_at IS NULL OR awaited OR (state = 'failed' AND on_failure IS NOT NULL)
"""
LIVE_OF = "SELECT count(*) FROM executions WHERE id = ANY(%s) AND completed_at IS NULL"
STUCK = "SELECT id FROM executions WHERE id = ANY(%s) AND completed_at IS NULL"
UNFOLDED = "SELECT count(*) FROM stats_delta"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. `executions` are spread evenly over the rounds; `minutes` ends the run early, after a whole round."""

    seed: int
    executions: int
    faults: Sequence[type[Fault]]
    graphs: int
    hurried: bool
    broker: str
    minutes: float
    folder: Path
    per_s: float = 10.0
    drain_s: float = 180.0
    calm: bool = True
    """Whether everything must be over before the next fault; else only a new execution must have come through."""


@dataclass(slots=True)
class Round:
    """One injection: how long until a new execution came through, and until all those before it were over (s)."""

    fault: str
    accepted: int = 0
    probe_s: float | None = None
    drain_s: float | None = None
    disturbed: stops.Span = (0.0, 0.0)
    """From the injection until all was well again; seconds since the epoch."""


@dataclass
class Report:
    """What a run has found."""

    plan: Plan
    rounds: list[Round] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    by_round: dict[int | None, dict[str, int]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    took_s: float = 0.0


class Run:
    """The state of a run in a world."""

    def __init__(self, plan: Plan, world: World, effects: Effects, tell: Callable[[str], None]) -> None:
        self.plan, self.world, self.effects, self.tell = plan, world, effects, tell
        self._await_api()
        self.clients = [Client(world.api_url, token) for token in self._add_people()]
        self.kinds = all_kinds(plan.seed, plan.graphs, effects.url)
        self.probe = probe()
        workflows = self._add_workflows()
        self.workflows = {name: id for name, text in workflows.items() if (id := ids.decode(ids.WORKFLOW, text))}
        self.load = Load(self.clients, self.kinds, workflows, plan.seed)
        self.stuck: set[UUID] = set()
        self.report = Report(plan)

    def rounds(self) -> None:
        """All rounds, or as many as there is time for."""
        until = time.monotonic() + 60 * self.plan.minutes
        each = -(-self.plan.executions // len(self.plan.faults))
        for number, fault in enumerate(self.plan.faults):
            if time.monotonic() > until:
                self.tell("the time is over")
                break
            self._round(number, fault, each)
        self.load.close()
        self._drained(lambda connection: not _count(connection, LIVE), self.plan.drain_s)
        self._drained(lambda connection: not _count(connection, UNFOLDED), 60)

    def _round(self, number: int, fault: type[Fault], executions: int) -> None:
        random = Random(f"{self.plan.seed}:round:{number}")
        injection, found = fault(self.world, random), Round(fault.name)
        self.report.rounds.append(found)
        begun = self.load.begin(number, executions, self.plan.per_s)
        moment = random.uniform(0.1, 0.7) * executions / self.plan.per_s
        time.sleep(moment)
        injected_at = time.time()
        injection.inject()
        ended = time.monotonic()
        before = [each.id for each in self.load.accepted]
        started = self.load.start(self.probe, -1 - number, number)
        if started is not None and self._over([started.id]):
            found.probe_s = time.monotonic() - ended
        if self.plan.calm:
            if self._over(before):
                found.drain_s = time.monotonic() - ended
            found.disturbed = injected_at, time.time()
            begun.result()
            self._over([each.id for each in self.load.accepted])
        else:
            # Lost workers are noticed when their leases run out; the next fault comes before everything is over.
            found.disturbed = injected_at, time.time() + 2 * self.world.lease_s
        self.tell(f"{number + 1:3}/{len(self.plan.faults)}  {_line(found)}")

    def _over(self, execution_ids: list[UUID]) -> bool:
        """Wait for these; those that were waited for in vain once are not waited for again."""
        ids = [id for id in execution_ids if id not in self.stuck]
        over = self._drained(lambda connection: not _count(connection, LIVE_OF, ids), self.plan.drain_s)
        if not over:
            with self.world.connect() as connection:
                self.stuck |= {row[0] for row in connection.execute(STUCK, (ids,))}
        return over

    def _drained(self, condition: Callable[[psycopg.Connection[Any]], bool], timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            try:
                with self.world.connect(connect_timeout=2) as connection:
                    while time.monotonic() < until:
                        if condition(connection):
                            return True
                        time.sleep(0.03)
            except psycopg.OperationalError:
                time.sleep(0.05)
        return False

    # -- before the first round -----------------------------------------------------------------------------------

    def _await_api(self) -> None:
        client = Client(self.world.api_url, "")
        client.call("GET", "/openapi.json")
        client.close()

    def _add_people(self) -> list[str]:
        found = []
        with self.world.connect() as connection:
            for name in PEOPLE:
                token = f"fv_{name}" + "chaos" * 8
                user = users.insert(connection, f"{name}@example.com", name.title(), "admin", None)
                assert user is not None
                tokens.insert(
                    connection,
                    user.id,
                    "chaos",
                    hashed=fingerprint(token),
                    hint=hint(token),
                    scopes=["admin"],
                    expires_in_s=None,
                )
                found.append(token)
        return found

    def _add_workflows(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for kind in (*others(), self.probe, *self.kinds):
            source = json.dumps(kind.definition)
            for name, id in found.items():
                source = source.replace(f'"${name}"', f'"{id}"')
            found[kind.name] = self._publish(kind.name, json.loads(source))
        return found

    def _publish(self, name: str, source: dict[str, Any]) -> str:
        body = {"name": name, "definition": source, "shared": True}
        client = self.clients[0]
        workflow = client.must("POST", "/workflows", body, key=f"workflow-{name.replace(' ', '-')}")
        client.must("POST", f"/workflows/{workflow['id']}/publish", {})
        return str(workflow["id"])


def _count(connection: psycopg.Connection[Any], query: str, *values: Any) -> int:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


def _line(found: Round) -> str:
    times = [f"{value:5.1f} s" if value is not None else "      ?" for value in (found.probe_s, found.drain_s)]
    return f"{found.fault:36} works again after {times[0]}, all over after {times[1]}"


def run(plan: Plan, tell: Callable[[str], None]) -> Report:
    """Do it all; the processes' logs are in `plan.folder/logs`."""
    began, log_folder = time.monotonic(), plan.folder / "logs"
    effects = Effects()
    try:
        with running_world(broker=plan.broker, seed=plan.seed, hurried=plan.hurried, logs=log_folder) as world:
            chaos = Run(plan, world, effects, tell)
            watcher = Watcher(world)
            chaos.rounds()
            watcher.close()
            report = chaos.report
            report.findings = [*_reckoning(chaos, watcher), *_complaints(chaos)]
    finally:
        effects.close()
    report.findings += logs.findings(log_folder)
    _count_by_round(report, chaos.load.accepted)
    answers = sum((client.answers for client in chaos.clients), Counter[str]())
    report.notes |= {"answers": dict(answers), "looks": watcher.looks, "logged": logs.summary(log_folder)}
    report.took_s = time.monotonic() - began
    return report


def _reckoning(chaos: Run, watcher: Watcher) -> list[Finding]:
    """What the database, the witness, the watcher and the outside world say."""
    with chaos.world.connect() as connection:
        chaos.report.notes["longest waits"] = [row[0] for row in connection.execute(questions.LONGEST_WAITS)]
        stopped = stops.stops(connection, [each.disturbed for each in chaos.report.rounds])
        chaos.report.notes["stops"] = stops.summary(stopped)
        found = audit(connection, chaos.load.accepted, chaos.effects, chaos.workflows)
        return [*found, *stops.too_slow(stopped), *watcher.compare(connection), *watcher.findings]


def _complaints(chaos: Run) -> list[Finding]:
    """What the clients complain of, and processes that nobody has killed."""
    found = [Finding(OTHER, None, text) for client in chaos.clients for text in client.wrong]
    found += [Finding(TWICE, None, f"two executions for one key: {text}") for text in chaos.load.doubled]
    found += [Finding(LOST, None, f"not accepted: {text}") for text in chaos.load.refused]
    ended = [process.name for process in chaos.world.processes.all if not process.runs()]
    return found + [Finding(OTHER, None, f"{name} ended by itself") for name in ended]


def _count_by_round(report: Report, accepted: Sequence[Accepted]) -> None:
    for place, each in enumerate(report.rounds):
        each.accepted = sum(one.round == place for one in accepted)
    report.by_round = {place: dict(found) for place, found in by_round(report.findings, accepted).items()}
