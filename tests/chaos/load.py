"""Starts executions over the API while faults happen, cancels some, and remembers what it was promised."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from shared import ids
from tests.chaos.client import Client, NoAnswer
from tests.chaos.kinds import Kind

SUBMITTERS = 16
TWICE = 0.1


@dataclass(slots=True)
class Accepted:
    """An execution that the API has answered with 202. `cancel`: what a cancel was answered, if there was one."""

    id: UUID
    kind: Kind
    number: int
    user: int
    round: int
    cancel: int | None = None


@dataclass
class Load:
    """All executions of a run."""

    clients: list[Client]
    kinds: list[Kind]
    workflows: dict[str, str]
    """Ids at the API, by the names of kinds."""
    seed: int
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Starts that were not accepted although they should have been."""
    doubled: list[str] = field(default_factory=list)
    """Idempotency-Keys that were answered with two executions."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(SUBMITTERS, thread_name_prefix="client")
        self._next = 0
        self._begun: list[Future[None]] = []

    def begin(self, round: int, count: int, per_s: float) -> "Future[None]":
        """Start `count` executions, so many a second as far as the API takes them; done when all are accepted."""
        first, self._next = self._next, self._next + count
        begun = time.monotonic()
        done: Future[None] = Future()
        self._begun.append(done)

        def submit() -> None:
            asked = []
            for place in range(count):
                time.sleep(max(0.0, begun + place / per_s - time.monotonic()))
                asked.append(self._pool.submit(self._job, round, first + place))
            failures = [error for each in asked if (error := each.exception()) is not None]
            if failures:
                done.set_exception(failures[0])
            else:
                done.set_result(None)

        threading.Thread(target=submit, name="load", daemon=True).start()
        return done

    def start(self, kind: Kind, number: int, round: int, user: int = 0, *, twice: bool = False) -> Accepted | None:
        """Start one; with `twice` two requests race with the same key. None if the API would not."""
        found: list[str] = []
        twin = threading.Thread(target=self._ask_and_hang_up, args=(kind, number, user, found))
        if twice:
            twin.start()
        self._ask(kind, number, user, found)
        if twice:
            twin.join()
        if len(set(found)) > 1:
            self.doubled.append(f"{kind.name} {number}: {sorted(set(found))}")
        if not found:
            return None
        id = ids.decode(ids.EXECUTION, found[0])
        assert id is not None
        accepted = Accepted(id, kind, number, user, round)
        with self._lock:
            self.accepted.append(accepted)
        return accepted

    def close(self) -> None:
        """Wait until everything that was begun is accepted, and every cancel answered."""
        for begun in self._begun:
            begun.result()
        self._pool.shutdown()
        for client in self.clients:
            client.close()

    def _ask(self, kind: Kind, number: int, user: int, found: list[str]) -> None:
        path = f"/workflows/{self.workflows[kind.name]}/executions"
        try:
            answer = self.clients[user].call("POST", path, {"input": {"n": number}}, key=f"chaos-{self.seed}-{number}")
        except NoAnswer as error:
            self.refused.append(str(error))
            return
        if answer.status == 202:
            found.append(answer.body["id"])
        else:
            self.refused.append(f"{kind.name}: {answer.status} {answer.body}")

    def _ask_and_hang_up(self, kind: Kind, number: int, user: int, found: list[str]) -> None:
        self._ask(kind, number, user, found)
        self.clients[user].hang_up()

    def _job(self, round: int, number: int) -> None:
        random = Random(f"{self.seed}:{number}")
        kind = self._kind(number, random)
        user = random.randrange(len(self.clients))
        accepted = self.start(kind, number, round, user, twice=random.random() < TWICE)
        if accepted is not None and kind.canceled:
            time.sleep(random.random() ** 2 * 2.5)
            accepted.cancel = self._cancel(accepted)

    def _kind(self, number: int, random: Random) -> Kind:
        """Every other one is a random graph, all of them in turn."""
        graphs = [kind for kind in self.kinds if kind.share == 0]
        others = [kind for kind in self.kinds if kind.share > 0]
        if number % 2 == 0:
            return graphs[number // 2 % len(graphs)]
        return random.choices(others, [kind.share for kind in others])[0]

    def _cancel(self, accepted: Accepted) -> int | None:
        path = f"/executions/{ids.encode(ids.EXECUTION, accepted.id)}/cancel"
        try:
            return self.clients[accepted.user].call("POST", path, {}).status
        except NoAnswer as error:
            self.refused.append(str(error))
            return None
