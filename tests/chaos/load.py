"""Starts executions over the API while faults happen, cancels some, and remembers what it was promised."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from shared import ids
from tests.chaos import acts
from tests.chaos.client import Client, NoAnswer
from tests.chaos.kinds import Kind, retried
from tests.chaos.records import Accepted

SUBMITTERS = 24
TWICE = 0.1
_NO_ID = UUID(int=0)


class _Request(NamedTuple):
    """What starts an execution."""

    path: str
    body: dict[str, Any]
    key: str


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
        request = _Request(
            f"/workflows/{self.workflows[kind.name]}/executions",
            {"input": {"n": number}},
            f"chaos-{self.seed}-{number}",
        )
        return self._accept(request, Accepted(_NO_ID, kind, number, user, round), twice=twice)

    def retry(self, first: Accepted) -> Accepted | None:
        """Retry one that has failed, from what failed; two requests race with the same key."""
        path = f"/executions/{ids.encode(ids.EXECUTION, first.id)}/retry"
        request = _Request(path, {"from": "failed"}, f"retry-{self.seed}-{first.number}")
        return self._accept(request, Accepted(_NO_ID, retried(), first.number, first.user, first.round), twice=True)

    def _accept(self, request: _Request, accepted: Accepted, *, twice: bool) -> Accepted | None:
        kind, number = accepted.kind, accepted.number
        found: list[str] = []
        twin = threading.Thread(target=self._ask_and_hang_up, args=(request, accepted, found))
        if twice:
            twin.start()
        self._ask(request, accepted, found)
        if twice:
            twin.join()
        if len(set(found)) > 1:
            self.doubled.append(f"{kind.name} {number}: {sorted(set(found))}")
        if not found:
            return None
        id = ids.decode(ids.EXECUTION, found[0])
        assert id is not None
        accepted.id = id
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

    def _ask(self, request: _Request, accepted: Accepted, found: list[str]) -> None:
        try:
            answer = self.clients[accepted.user].call("POST", request.path, request.body, key=request.key)
        except NoAnswer as error:
            self.refused.append(str(error))
            return
        if answer.status == 202:
            found.append(answer.body["id"])
        else:
            self.refused.append(f"{accepted.kind.name}: {answer.status} {answer.body}")

    def _ask_and_hang_up(self, request: _Request, accepted: Accepted, found: list[str]) -> None:
        self._ask(request, accepted, found)
        self.clients[accepted.user].hang_up()

    def _job(self, round: int, number: int) -> None:
        random = Random(f"{self.seed}:{number}")
        kind = self._kind(number, random)
        user = random.randrange(len(self.clients))
        accepted = self.start(kind, number, round, user, twice=random.random() < TWICE)
        if accepted is not None and kind.act:
            try:
                self._act(accepted, random)
            except NoAnswer as error:
                self.refused.append(str(error))

    def _act(self, accepted: Accepted, random: Random) -> None:
        """What the client does to it after its start, at a random moment."""
        wait_s, client = random.random() ** 2 * 2.5, self.clients[accepted.user]
        match accepted.kind.act:
            case "cancel":
                time.sleep(wait_s)
                acts.cancel(client, accepted)
            case "decide":
                acts.decide(self.clients, accepted, wait_s)
            case "call":
                acts.call_back(client, accepted, wait_s)
            case "retry" if acts.await_end(client, accepted) == "failed":
                self.retry(accepted)

    def _kind(self, number: int, random: Random) -> Kind:
        """Every other one is a random graph, all of them in turn."""
        graphs = [kind for kind in self.kinds if kind.share == 0]
        others = [kind for kind in self.kinds if kind.share > 0]
        if number % 2 == 0:
            return graphs[number // 2 % len(graphs)]
        return random.choices(others, [kind.share for kind in others])[0]
