"""One message through the pipeline of a worker, with a real Postgres; what it publishes is recorded."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from services.worker.attempt import Runner
from services.worker.logs import LogWriter
from services.worker.run_step import StepRunner
from services.worker.running import Registry
from shared.broker import StepRef
from shared.engine.batch import Options
from shared.engine.committer import Committer
from shared.nodes.catalogue import node_types
from tests.integration.clockwork.scene import Scene


@dataclass
class Recorder:
    """A publisher whose broker takes everything."""

    connected: bool = True
    outages: int = 0
    published: list[str] = field(default_factory=list)

    def publish(self, refs: Sequence[StepRef]) -> "Future[bool]":
        self.published += [ref.node for ref in refs]
        done: Future[bool] = Future()
        done.set_result(True)
        return done

    def close(self) -> None: ...


@dataclass
class Message:
    """What Dramatiq hands over of a message from Redis; `redelivered` is RabbitMQ's."""

    redelivered: bool = False


@dataclass
class Pipeline:
    """A worker of one thread: the test's."""

    runner: StepRunner
    publisher: Recorder

    def process(self, ref: StepRef, *, redelivered: bool = False) -> list[str]:
        """Process the message of a step; the steps that it published."""
        self.publisher.published.clear()
        self.runner.received(Message(redelivered))
        self.runner(ref.execution_id.hex, ref.node, ref.item)
        return list(self.publisher.published)


@pytest.fixture
def pipeline(scene: Scene) -> Iterator[Pipeline]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    registry, publisher, threads = Registry(), Recorder(), ThreadPoolExecutor(1)
    committer = Committer(scene.database_url, Options(worker="w"), lambda _: None)
    logs = LogWriter(scene.database_url, lambda _: None)
    http: Any = httpx2.AsyncClient()
    runner = StepRunner(
        database_url=scene.database_url,
        committer=committer,
        runner=Runner(loop, registry, node_types(), 1_000_000),
        publisher=publisher,
        registry=registry,
        logs=logs,
        http=http,
        threads=threads,
    )
    yield Pipeline(runner, publisher)
    committer.close()
    logs.close()
    threads.shutdown()
    asyncio.run_coroutine_threadsafe(http.aclose(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_message_runs_its_step_and_publishes_the_next(scene: Scene, pipeline: Pipeline) -> None:
    started = scene.start()
    assert pipeline.process(started.ready[0]) == ["b"]
    assert pipeline.process(StepRef(started.id, "b", "", "default")) == []
    assert scene.execution(started.id)["state"] == "success"


def test_a_message_that_came_twice_does_nothing(scene: Scene, pipeline: Pipeline) -> None:
    first = scene.start().ready[0]
    pipeline.process(first)
    assert pipeline.process(first) == []
    assert scene.step(first)["attempt"] == 1


def test_a_redelivered_message_publishes_what_a_crash_may_have_lost(scene: Scene, pipeline: Pipeline) -> None:
    """The worker died between the commit and the publish: the broker gives the message to another one."""
    first = scene.start().ready[0]
    scene.complete(scene.claim(first))
    assert pipeline.process(first, redelivered=True) == ["b"]
    assert pipeline.process(StepRef(first.execution_id, "b", "", "default")) == []
    assert pipeline.process(first, redelivered=True) == [], "b has run: nothing is missing"
