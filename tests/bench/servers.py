"""The servers of a benchmark: Postgres with every guarantee on, RabbitMQ, Valkey; in a folder that is thrown away."""

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from services.standalone import identity
from services.standalone.servers.base import Server
from services.standalone.servers.postgres import Postgres
from services.standalone.servers.rabbitmq import RabbitMQ
from services.standalone.servers.valkey import Valkey
from shared.broker import queue_names
from shared.db.migrate import upgrade
from shared.pools import POOLS
from shared.rabbitmq import rabbitmq_channel

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the servers listen."""

    database: str
    broker: str
    redis: str

    def environment(self) -> dict[str, str]:
        """The settings of a worker process."""
        return {"DATABASE_URL": self.database, "BROKER_URL": self.broker, "REDIS_URL": self.redis}


@contextmanager
def fresh(urls: Urls) -> Iterator[Urls]:
    """A copy of the database, which nobody may be connected to, and empty queues; both are thrown away at the end."""
    parts = urlsplit(urls.database)
    name, template = f"bench_{next(_numbers)}", parts.path.removeprefix("/")
    with psycopg.connect(urls.database, dbname="postgres", autocommit=True) as connection:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        connection.execute(made)
        try:
            yield replace(urls, database=parts._replace(path=f"/{name}").geturl())
        finally:
            # Not by force, which our role may not use against autovacuum; a load that failed is still connected.
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
            with rabbitmq_channel(urls.broker) as channel:
                for queue in (queue for pool in POOLS for queue in queue_names(pool)):
                    channel.queue_delete(queue)


@contextmanager
def servers() -> Iterator[Urls]:
    """Start all three, migrate, and stop them at the end."""
    with tempfile.TemporaryDirectory(prefix="flowversal-bench-") as text:
        folder = Path(text)
        folder.chmod(0o755)
        user = identity.own(folder, [])
        postgres = Postgres(folder / "postgres", folder / "postgres.log", user)
        rabbitmq = RabbitMQ(folder / "rabbitmq", folder / "rabbitmq.log", user)
        valkey = Valkey(folder / "valkey", folder / "valkey.log", user)
        for name in ("postgres", "rabbitmq", "valkey"):
            (folder / name).mkdir()
        started: list[Server] = []
        try:
            postgres.create()
            for server in (rabbitmq, postgres, valkey):
                server.start()
                started.append(server)
            for server in started:
                server.wait_ready(60)
            postgres.ensure_database()
            upgrade(postgres.url)
            yield Urls(postgres.url, rabbitmq.url, valkey.url)
        finally:
            for server in reversed(started):
                server.stop()
