"""What connections to every database server have in common: whom they go to, and how much of an answer they take."""

from dataclasses import dataclass, field
from typing import Literal

SLACK_BYTES = 1_000_000
USUAL_BYTES = 1_000_000
"""The most of an answer that has no rows: of a login, or of the end of a transaction."""


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A database, and as whom to use it. Its class says what is spoken there."""

    host: str
    port: int
    database: str
    username: str
    password: str = field(repr=False)
    tls: Literal["disable", "require", "verify-full"] = "verify-full"
    ca_certificate: str | None = None


class MySQLServer(DatabaseServer):
    """MySQL or MariaDB."""

    __slots__ = ()


class PostgresServer(DatabaseServer):
    """PostgreSQL."""

    __slots__ = ()


class RowTooLong(Exception):
    """More of one row has arrived than is wanted."""
