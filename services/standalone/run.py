"""One start of the one-machine mode, from the empty folder to the last process that ends."""

import re
import time
from dataclasses import dataclass
from socket import socket
from typing import TYPE_CHECKING

from services.standalone.child import wait_until
from services.standalone.console import Banner, say
from services.standalone.folder import DataFolder
from services.standalone.kept import KeptProgram, KeptServer
from services.standalone.ports import listen_near
from services.standalone.probe import Probe
from services.standalone.programs import SLOW_WORKER, programs
from services.standalone.roll import Roll
from services.standalone.servers.chosen import Servers, choose
from services.standalone.supervisor import StopAsked, Supervisor
from shared.settings import Settings

if TYPE_CHECKING:
    from services.standalone.prepare import Prepared

UNSEEN = "first-password"
# What the others say while RabbitMQ is still starting.
BROKER_IS_STARTING = re.compile(r"broker|AMQPConn")
DATABASE_READY_S = 300.0
ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 (compared with, not bound)


class Stopped(Exception):
    """Somebody asked to stop while it was starting."""


@dataclass(frozen=True)
class Start:
    """What stays the same during one start; `began` is a time of the monotonic clock."""

    settings: Settings
    folder: DataFolder
    stop: StopAsked
    began: float

    def run(self) -> None:
        """Start everything and stay until a signal. Raises Stopped, ServerError, IdentityError, OSError, ValueError."""
        roll = Roll(self.folder.path / "processes.json")
        roll.end_leftovers()
        with listen_near(self.settings.host, self.settings.port) as listening:
            url = url_of(listening)
            self.folder.announce(url)
            servers = choose(self.settings, self.folder)
            kept = [KeptServer(server, roll) for server in servers.embedded()]
            supervisor = Supervisor(self.stop)
            try:
                self._run(supervisor, servers, kept, roll, listening)
            finally:
                supervisor.stop_all()

    def _run(
        self, supervisor: Supervisor, servers: Servers, kept: list[KeptServer], roll: Roll, listening: socket
    ) -> None:
        url = url_of(listening)
        supervisor.start_servers([server for server in kept if server.server is not servers.rabbitmq])
        self._wait_for_database(servers)
        web, *others = (
            KeptProgram(program, roll) for program in programs(self.settings, self.folder, servers, listening)
        )
        # The slow ones first: they come up while the schema is looked after. /readyz knows when it is current.
        supervisor.start_programs([web])
        if servers.rabbitmq is not None:
            supervisor.muted = BROKER_IS_STARTING
            supervisor.start_servers([server for server in kept if server.server is servers.rabbitmq])
        prepared = self._prepare(supervisor, servers, url, roll)
        supervisor.start_programs([kept for kept in others if kept.name != SLOW_WORKER])
        probe = Probe(f"{url}/readyz")
        while not probe.succeeded():
            self._check_stop()
            supervisor.tick()
        # Nobody waits for it: what it runs takes its time anyway.
        supervisor.start_programs([kept for kept in others if kept.name == SLOW_WORKER])
        self._show_banner(servers, prepared, url)
        self._stay(supervisor, servers)

    def _wait_for_database(self, servers: Servers) -> None:
        if servers.postgres is None:
            return
        postgres = servers.postgres
        wait_until(
            lambda: bool(self.stop.count) or postgres.exit_code() is not None or postgres.is_ready(), DATABASE_READY_S
        )
        self._check_stop()
        postgres.wait_ready(0.0)
        postgres.ensure_database()

    def _prepare(self, supervisor: Supervisor, servers: Servers, url: str, roll: Roll) -> "Prepared":
        # Imported here, because that alone takes a second in which the web server is already starting.
        from services.standalone.lost import LostWorkers  # noqa: PLC0415
        from services.standalone.prepare import prepare  # noqa: PLC0415

        prepared = prepare(self.settings, servers.database_url, url, self.folder.path / UNSEEN)
        self._check_stop()
        supervisor.take_care_of(LostWorkers(servers.database_url, servers.broker_url, roll))
        return prepared

    def _stay(self, supervisor: Supervisor, servers: Servers) -> None:
        starting = servers.rabbitmq
        while not self.stop.count:
            supervisor.tick()
            if starting is not None and starting.is_ready():
                say(f"RabbitMQ is ready after {time.monotonic() - self.began:.1f} s.")
                starting = supervisor.muted = None
        say("Stopping …")

    def _show_banner(self, servers: Servers, prepared: "Prepared", url: str) -> None:
        wanted = self.settings.port
        banner = Banner(
            url=url,
            email=prepared.email,
            password=prepared.password,
            token_is_preset=prepared.token_is_preset,
            broker=servers.broker_name(),
            folder=self.folder.path,
            seconds=time.monotonic() - self.began,
            notes=() if url.endswith(f":{wanted}") else (f"port {wanted} was taken by another program",),
        )
        say(banner.text())
        (self.folder.path / UNSEEN).unlink(missing_ok=True)

    def _check_stop(self) -> None:
        if self.stop.count:
            raise Stopped


def url_of(listening: socket) -> str:
    """Where a browser on this machine reaches a listening socket."""
    host, port = listening.getsockname()[:2]
    if host in ANY_ADDRESS:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
