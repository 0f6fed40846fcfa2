"""Everything of one run: durable servers on private ports, proxies before them, our processes, a database of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from services.standalone import identity
from services.standalone.ports import LOOPBACK
from services.standalone.servers.base import Server
from services.standalone.servers.postgres import APPLICATION, Postgres
from services.standalone.servers.rabbitmq import RabbitMQ
from services.standalone.servers.valkey import Valkey
from shared.db.migrate import upgrade
from tests.chaos import witness
from tests.chaos.processes import Processes
from tests.chaos.proxy import Proxy
from tests.servers.postgres import programs

READY_S = 90.0
BASE = {
    "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    "FLOWVERSAL_LOG_LEVEL": "WARNING",
    "FLOWVERSAL_LOG_FORMAT": "json",
    "WEB_CONCURRENCY": "2",
}
HURRIED = {
    "FLOWVERSAL_WORKER_THREADS": "8",
    "FLOWVERSAL_LEASE_S": "2",
    "FLOWVERSAL_HEARTBEAT_S": "0.5",
    "FLOWVERSAL_REPUBLISH_AFTER_S": "1",
    "FLOWVERSAL_SWEEP_S": "0.2",
}
"""Leases and sweeps of a short run; a full run has the product's own defaults."""


@dataclass
class World:
    """What faults and checks can reach. The processes reach Postgres and the broker only through the proxies."""

    postgres: Postgres
    valkey: Valkey
    rabbitmq: RabbitMQ | None
    postgres_proxy: Proxy
    broker_proxy: Proxy
    processes: Processes
    lease_s: float
    hurried: bool

    @property
    def broker_url(self) -> str:
        """The broker itself, without the proxy."""
        return self.valkey.url if self.rabbitmq is None else self.rabbitmq.url

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return f"http://{LOOPBACK}:{self.processes.api_port}"

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection to the database itself, without the proxy."""
        return psycopg.connect(self.postgres.url_of(APPLICATION, tcp=True), autocommit=True, **options)


def through(url: str, proxy: Proxy) -> str:
    """The same URL by way of the proxy."""
    parts = urlsplit(url)
    who = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{who}@{LOOPBACK}:{proxy.port}"))


@contextmanager
def running_world(*, broker: str, seed: int, hurried: bool, logs: Path) -> Iterator[World]:
    """Start it all; end it at the end. `broker`: `rabbitmq` or `redis`. The processes log into the folder `logs`."""
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        postgres, valkey, rabbitmq = _servers(stack, broker, logs)
        to_postgres = _proxy(stack, postgres.port, seed)
        to_broker = _proxy(stack, valkey.port if rabbitmq is None else rabbitmq.port("amqp"), seed)
        settings = BASE | (HURRIED if hurried else {})
        urls = {
            "DATABASE_URL": through(postgres.url_of(APPLICATION, tcp=True), to_postgres),
            "BROKER_URL": through(valkey.url if rabbitmq is None else rabbitmq.url, to_broker),
            "REDIS_URL": valkey.url,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWVERSAL_")}
        processes = Processes(kept | urls | settings, logs)
        stack.callback(processes.close)
        lease_s = float(settings.get("FLOWVERSAL_LEASE_S", "15"))
        yield World(postgres, valkey, rabbitmq, to_postgres, to_broker, processes, lease_s, hurried)


def _servers(stack: ExitStack, broker: str, logs: Path) -> tuple[Postgres, Valkey, RabbitMQ | None]:
    """Running servers in a folder that goes with the stack, and a database with a witness."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fv-chaos-")))
    folder.chmod(0o711)
    user = identity.own(folder, [programs()])
    for name in ("postgres", "rabbitmq", "valkey"):
        (folder / name).mkdir(mode=0o711)
    postgres = Postgres(folder / "postgres", logs / "postgres.log", user, programs=programs())
    valkey = Valkey(folder / "valkey", logs / "valkey.log", user, persistent=True)
    rabbitmq = None
    if broker == "rabbitmq":
        rabbitmq = RabbitMQ(folder / "rabbitmq", logs / "rabbitmq.log", user, management=True)
    postgres.create()
    started: list[Server] = [postgres, valkey, *([] if rabbitmq is None else [rabbitmq])]
    for server in started:
        server.start()
        stack.callback(server.kill)
    for server in started:
        server.wait_ready(READY_S)
    postgres.ensure_database()
    upgrade(postgres.url)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        witness.install(connection)
    return postgres, valkey, rabbitmq


def _proxy(stack: ExitStack, port: int, seed: int) -> Proxy:
    made = Proxy((LOOPBACK, port), seed)
    stack.callback(made.close)
    return made
