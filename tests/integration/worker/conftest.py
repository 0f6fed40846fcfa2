"""A database with a workflow of two simulated steps, and a worker's pipeline on it, whose messages are recorded."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from services.worker.attempt import Runner
from services.worker.logs import LogWriter
from services.worker.outside import Outside
from services.worker.payloads import Limits, Payloads
from services.worker.run_step import StepRunner
from services.worker.running import Registry
from shared.blob_files import FileStore
from shared.blobs import Store
from shared.broker import StepRef
from shared.db.blobs import PostgresStore
from shared.db.few import FewConnections
from shared.engine.batch import Options
from shared.engine.committer import Committer
from shared.engine.start import Started
from shared.live import HintWriter
from shared.net.client import make_network
from shared.net.network import Network
from shared.nodes.catalogue import node_types
from shared.settings import Settings
from tests.integration.clockwork.conftest import scene
from tests.integration.clockwork.scene import Scene
from tests.integration.engine.conftest import other
from tests.integration.worker.calling import Calling

__all__ = ["other", "scene"]


@pytest.fixture
def settings(database_url: str) -> Settings:
    """A heartbeat ten times a second."""
    return Settings().model_copy(update={"database_url": database_url, "heartbeat_s": 0.1, "lease_s": 20.0})


@dataclass
class Recorder:
    """A publisher whose broker takes everything."""

    connected: bool = True
    outages: int = 0
    published: list[StepRef] = field(default_factory=list)

    def publish(self, refs: Sequence[StepRef]) -> "Future[bool]":
        self.published += refs
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
    store: Store
    payloads: Payloads
    loop: asyncio.AbstractEventLoop
    """Where its nodes run."""
    children: list[Started] = field(default_factory=list)
    """What its steps started."""

    def process(self, ref: StepRef, *, redelivered: bool = False) -> list[StepRef]:
        """Process the message of a step; the steps that it published."""
        self.publisher.published.clear()
        self.runner.received(Message(redelivered))
        self.runner(ref.execution_id.hex, ref.node, ref.item)
        return list(self.publisher.published)

    def follow(self, ref: StepRef) -> list[str]:
        """Process the message of a step; the nodes whose steps it published."""
        return [following.node for following in self.process(ref)]

    def drain(self, started: Started, order: Random | None = None) -> int:
        """Process messages until there is none left, in the order they came or in any order; how many there were."""
        waiting, count = deque(started.ready), 0
        while waiting:
            if order is not None:
                waiting.rotate(order.randrange(len(waiting)))
            waiting.extend(self.process(waiting.popleft()))
            count += 1
        return count


@pytest.fixture
def limits() -> Limits:
    """What is large; a module may say otherwise."""
    return Limits()


@pytest.fixture
def blob_folder() -> Path | None:
    """Where large values become files; a module may name one."""
    return None


async def _network(settings: Settings) -> Network:
    return make_network(settings)


@pytest.fixture
def pipeline(scene: Scene, limits: Limits, blob_folder: Path | None) -> Iterator[Pipeline]:
    """Everything of a worker but its broker."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    registry, publisher, threads = Registry(), Recorder(), ThreadPoolExecutor(1)
    # Nobody watches, and nobody listens there.
    hints = HintWriter("redis://127.0.0.1:1")
    committer = Committer(scene.database_url, Options(worker="w"), lambda _: None)
    logs = LogWriter(scene.database_url, lambda _: None)
    children: list[Started] = []
    folder = {"FLOWVERSAL_BLOB_DIR": str(blob_folder)} if blob_folder else {}
    local = {"FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.1/32"}
    settings = Settings.model_validate({"DATABASE_URL": scene.database_url, **local, **folder})
    outside = Outside(settings, node_types(), lambda started, _: children.append(started))
    network = asyncio.run_coroutine_threadsafe(_network(settings), loop).result()
    few = FewConnections(scene.database_url, application_name="payloads")
    store: Store = FileStore(blob_folder) if blob_folder else PostgresStore(few.borrow)
    payloads = Payloads(store, few.borrow, limits)
    runner = StepRunner(
        database_url=scene.database_url,
        committer=committer,
        runner=Runner(loop, registry, node_types(), payloads, outside.start_child, respond=outside.respond),
        publisher=publisher,
        registry=registry,
        logs=logs,
        outside=outside,
        network=network,
        threads=threads,
        hints=hints,
    )
    yield Pipeline(runner, publisher, store, payloads, loop, children)
    committer.close()
    few.close()
    logs.close()
    outside.close()
    threads.shutdown()
    hints.close()
    asyncio.run_coroutine_threadsafe(network.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def calling(scene: Scene, pipeline: Pipeline) -> Calling:
    """A workflow that runs another one."""
    return Calling(scene, pipeline)
