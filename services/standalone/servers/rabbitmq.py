"""A private RabbitMQ node, where RabbitMQ is installed. The system's own broker is never touched.

The node has its own name service (epmd), cookie, node name, ports and folder. The packages' wrapper scripts change to
the account `rabbitmq`, so the node is started by the scripts beneath them.
"""

import secrets
import shutil
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from services.standalone import identity
from services.standalone.child import Child, wait_until
from services.standalone.ports import LOOPBACK, is_free, remembered_port
from services.standalone.servers.base import ServerError, environment, kept_password, write_file
from services.standalone.servers.process import ServerProcess
from services.standalone.servers.rabbitmq_config import advanced, configuration, node_environment

USER = "flowversal"
SCRIPT_FOLDERS = ("/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/rabbitmq/sbin")
NAME_SERVICE_S = 5.0
CONNECT_TIMEOUT_S = 1.0
HANDSHAKE = b"AMQP\x00\x00\x09\x01"


def find_programs() -> tuple[Path, Path] | None:
    """The node's start script and Erlang's name service, or None where RabbitMQ is not installed."""
    scripts = [Path(folder, "rabbitmq-server") for folder in SCRIPT_FOLDERS]
    found = shutil.which("rabbitmq-server")
    scripts += [Path(found).resolve()] if found else []
    script = next((path for path in scripts if path.exists()), None)
    name_service = shutil.which("epmd") or next(iter(Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), None)
    if script is None or name_service is None or shutil.which("erl") is None:
        return None
    return script.resolve(), Path(name_service)


def can_use(folder: Path) -> bool:
    """Whether RabbitMQ is installed and can work in `folder`; its disk monitor hangs on quotes in a path."""
    return find_programs() is not None and not set("'\"\\") & set(str(folder))


class RabbitMQ(ServerProcess):
    """One node in `folder`; its queues are kept over a stop. It takes about six seconds until it is ready."""

    name = "RabbitMQ"

    def __init__(self, folder: Path, log: Path, user: identity.Identity, *, management: bool = False) -> None:
        """With `management` the node also serves its HTTP API, which tests use to make virtual hosts."""
        super().__init__(folder, log, user)
        self.management = management
        self._names: Child | None = None
        self._ports: dict[str, int] = {}

    @property
    def url(self) -> str:
        """The virtual host `/`."""
        return self.url_of("/")

    def url_of(self, virtual_host: str) -> str:
        """The URL of one virtual host."""
        return f"amqp://{USER}:{self.password}@{LOOPBACK}:{self.port('amqp')}/{quote(virtual_host, safe='')}"

    @property
    def management_url(self) -> str:
        """The base of the HTTP API; without the password."""
        return f"http://{LOOPBACK}:{self.port('management')}/api"

    @property
    def password(self) -> str:
        """Of the one user, an administrator."""
        return kept_password(self.folder / "password")

    def port(self, purpose: str) -> int:
        """The port for `amqp`, `names`, `nodes` or `management`, kept from start to start while it is free."""
        if purpose not in self._ports:
            self._ports[purpose] = remembered_port(self.folder / f"port-{purpose}")
        return self._ports[purpose]

    def is_ready(self) -> bool:
        """Whether it answers the first bytes of an AMQP connection, and the HTTP API is there if it is wanted."""
        try:
            with socket.create_connection((LOOPBACK, self.port("amqp")), CONNECT_TIMEOUT_S) as connection:
                connection.sendall(HANDSHAKE)
                answered = connection.recv(1) == b"\x01"
        except OSError:
            return False
        return answered and (not self.management or not is_free(self.port("management")))

    def stop(self) -> None:
        """End the node, then its name service."""
        super().stop()
        self._end_names()

    def kill(self) -> None:
        """SIGKILL to the node and its name service."""
        super().kill()
        self._end_names()

    def _spawn(self) -> Child:
        programs = find_programs()
        if programs is None:
            message = "rabbitmq-server is not installed"
            raise ServerError(message)
        script, name_service = programs
        node = self._prepare()
        self._start_names(name_service, node)
        return Child(
            [str(script)],
            log=self.log,
            env=environment(**node_environment(self.folder, node, self.port("names"), self.port("nodes"))),
            cwd=node,
            user=self.user,
            death_signal=signal.SIGTERM,
        )

    def _prepare(self) -> Path:
        node = self.folder / "node"
        node.mkdir(mode=0o700, exist_ok=True)
        identity.give(node, self.user)
        settings = self.folder / "settings"
        shutil.rmtree(settings, ignore_errors=True)
        settings.mkdir(mode=0o700)
        management = self.port("management") if self.management else None
        text = configuration(self.port("amqp"), USER, self.password, management)
        write_file(settings / "rabbitmq.conf", text, 0o600)
        write_file(settings / "advanced.config", advanced(), 0o600)
        write_file(settings / "enabled_plugins", "[rabbitmq_management].\n" if self.management else "[].\n", 0o600)
        write_file(settings / "empty", "", 0o600)
        write_file(settings / ".erlang.cookie", secrets.token_hex(20), 0o400)
        identity.give(settings, self.user)
        return node

    def _start_names(self, program: Path, node: Path) -> None:
        self._end_names()
        port = self.port("names")
        env = environment(ERL_EPMD_ADDRESS=LOOPBACK)
        argv = [str(program), "-port", str(port), "-address", LOOPBACK]
        self._names = Child(argv, log=self.log, env=env, cwd=node, user=self.user)
        if not wait_until(lambda: not is_free(port), NAME_SERVICE_S):
            message = f"Erlang's name service does not listen; its log is {self.log}"
            raise ServerError(message)

    def _end_names(self) -> None:
        if self._names is not None:
            self._names.kill_group()
            self._names = None
