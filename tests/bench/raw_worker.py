"""The baseline: plain Dramatiq, default settings, no database. A chain passes itself on until its count is zero."""

import os
import signal
import sys
import threading

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.worker import Worker

QUEUE = "raw"


def make_actor(broker: dramatiq.Broker) -> dramatiq.Actor:
    """An actor that sends its own next step, and prints a line at the end of a chain."""

    def step(chain: int, left: int) -> None:
        if left > 1:
            actor.send(chain, left - 1)
        else:
            sys.stdout.write("done\n")
            sys.stdout.flush()

    actor = dramatiq.actor(step, actor_name="step", queue_name=QUEUE, broker=broker)
    return actor


def main() -> None:
    broker = RabbitmqBroker(url=os.environ["BROKER_URL"])
    make_actor(broker)
    worker = Worker(broker, worker_threads=8)
    worker.start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    worker.stop(timeout=2_000)
    os._exit(0)


if __name__ == "__main__":
    main()
