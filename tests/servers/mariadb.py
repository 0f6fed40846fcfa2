"""MariaDB: one private server a session, an empty database for every test."""

import itertools
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from services.standalone import identity
from services.standalone.child import Child
from services.standalone.ports import LOOPBACK, remembered_port
from services.standalone.servers.base import environment, log_tail
from services.standalone.servers.process import ServerProcess
from tests.servers.folder import ServerFolder

READY_S = 90.0
USER = "flow"
_FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/local/bin")
_numbers = itertools.count(1)


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS]))


class MariaDB(ServerProcess):
    """One server in `folder`, with the user `flow` who owns every database, and may read files as an attacker would like."""

    name = "MariaDB"

    def __init__(self, folder: Path, log: Path, user: identity.Identity) -> None:
        super().__init__(folder, log, user)
        self.password = secrets.token_urlsafe(16)
        self.port = remembered_port(folder / "port")
        self.content = folder / "content"
        self._socket = folder / "content" / "s"

    @property
    def url(self) -> str:
        """Without a database."""
        return f"mysql://{USER}:{self.password}@{LOOPBACK}:{self.port}/"

    def create(self) -> None:
        """Make its files, and the user at the first start."""
        program = _program("mariadb-install-db")
        assert program is not None
        argv = [program, "--no-defaults", f"--datadir={self.content}", "--auth-root-authentication-method=normal"]
        argv += ["--skip-test-db", *(["--user=root"] if os.geteuid() == 0 else [])]
        done = subprocess.run(argv, capture_output=True, text=True, env=environment(), check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        given = self.folder / "given.sql"
        given.write_text(
            f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
        )
        identity.give(given, self.user)
        identity.give(self.content, self.user)

    def connect(self) -> pymysql.Connection:
        """A connection of the tests' own."""
        return pymysql.connect(
            host=LOOPBACK, port=self.port, user=USER, password=self.password, autocommit=True, ssl_disabled=True
        )

    def is_ready(self) -> bool:
        """Whether it lets its user in."""
        try:
            self.connect().close()
        except pymysql.MySQLError:
            return False
        return True

    def use_tls(self, certificate: Path) -> None:
        """Offer TLS with a key and a certificate in one file."""
        own = self.content / "server.pem"
        own.write_bytes(certificate.read_bytes())
        own.chmod(0o600)
        identity.give(own, self.user)
        self.stop()
        self.tls = own
        self.start()
        self.wait_ready(READY_S)

    tls: Path | None = None

    def _spawn(self) -> Child:
        program = _program("mariadbd")
        assert program is not None
        given = self.folder / "given.sql"
        argv = [program, "--no-defaults", f"--datadir={self.content}", f"--socket={self._socket}"]
        argv += [f"--port={self.port}", f"--bind-address={LOOPBACK}", "--skip-name-resolve", "--pid-file=pid"]
        argv += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--local-infile=1"]
        argv += [
            "--secure-file-priv=",
            "--max-allowed-packet=64M",
            *([f"--init-file={given}"] if given.exists() else []),
        ]
        if self.tls is not None:
            argv += [f"--ssl-cert={self.tls}", f"--ssl-key={self.tls}"]
        return Child(argv, log=self.log, env=environment(), cwd=self.content, user=self.user)

    def created(self) -> None:
        """The user is there: the next start must not make it again."""
        (self.folder / "given.sql").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def session_mariadb(server_folder: ServerFolder) -> Iterator[MariaDB]:
    """The session's server. Without MariaDB the test is skipped here and fails where CI is set."""
    if _program("mariadbd") is None or _program("mariadb-install-db") is None:
        message = "mariadb-server is not installed: every test over MySQL is missing (apt-get install mariadb-server)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder, log = server_folder.make("mariadb"), server_folder.log("mariadb")
    server = MariaDB(folder, log, identity.own(server_folder.path, []))
    server.create()
    server.start()
    try:
        server.wait_ready(READY_S)
    except Exception as error:
        raise AssertionError(log_tail(log, 30)) from error
    server.created()
    yield server
    server.stop()


@pytest.fixture
def mariadb_database(session_mariadb: MariaDB) -> Iterator[str]:
    """The name of an empty database, for this test alone."""
    name = f"test_{next(_numbers)}"
    with session_mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield name
    with session_mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")
