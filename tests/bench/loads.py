"""Chains of no-op steps on the two systems, each run a function that returns seconds."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dramatiq.brokers.rabbitmq import RabbitmqBroker

from shared.publisher import Publisher
from tests.bench.flows import Flow, Flows
from tests.bench.raw_worker import make_actor
from tests.bench.servers import Urls
from tests.factories import chain

PROCESSES = 2
LIMIT_S = 60


@contextmanager
def processes(module: str, urls: Urls, *, pipe: bool) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Worker processes of a module, ended at exit."""
    environment = {**os.environ, **urls.environment(), "FLOWVERSAL_LOG_LEVEL": "ERROR", "PYTHONPATH": os.getcwd()}
    started = [
        subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE if pipe else None)
        for _ in range(PROCESSES)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=20)
            if process.stdout:
                process.stdout.close()


class Raw:
    """Plain Dramatiq."""

    def __init__(self, urls: Urls, workers: list[subprocess.Popen[bytes]]) -> None:
        self._broker = RabbitmqBroker(url=urls.broker)
        self._actor = make_actor(self._broker)
        self._workers = workers

    def run(self, chains: int, steps: int) -> float:
        """Seconds from the first message to the end of the last chain."""
        started = time.perf_counter()
        for number in range(chains):
            self._actor.send(number, steps)
        self._await_lines(chains)
        return time.perf_counter() - started

    def _await_lines(self, wanted: int) -> None:
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(worker.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
            seen, until = 0, time.monotonic() + LIMIT_S
            while seen < wanted:
                for key, _ in selector.select(timeout=until - time.monotonic()):
                    seen += os.read(key.fd, 65536).count(b"\n")
                if time.monotonic() > until:
                    raise TimeoutError(f"{seen} of {wanted} chains ended in {LIMIT_S} s")

    def close(self) -> None:
        """Hang up."""
        self._broker.close()


class Ours:
    """Flowversal: the same chain as a workflow of no-op nodes, every guarantee on."""

    def __init__(self, urls: Urls, publisher: Publisher) -> None:
        self.flows = Flows(urls)
        self._publisher = publisher
        self._chains: dict[int, Flow] = {}

    def run(self, chains: int, steps: int) -> float:
        """Seconds from the first start (each its own transaction) to the last commit of an ended execution."""
        if steps not in self._chains:
            self._chains[steps] = self.flows.publish(f"Chain of {steps}", chain(steps))
        flow = self._chains[steps]
        before = self.flows.ended(flow)
        started = time.perf_counter()
        for _ in range(chains):
            self._publisher.publish(self.flows.start(flow).ready)
        self.flows.await_ends(flow, before + chains)
        return time.perf_counter() - started

    def close(self) -> None:
        """Hang up."""
        self.flows.close()
