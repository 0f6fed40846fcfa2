"""What a step asks of a database, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.databases.rules import refusal
from shared.databases.statement import Dialect, Statement, read_statement
from shared.domain.errors import NodeError
from shared.domain.masking import without

CODES = {
    "DB_CONNECT": "No connection to the database; it may be retried.",
    "DB_TLS": "The secure connection failed, or the database does not offer it.",
    "DB_LOGIN": "The database refused the login, or has no such database.",
    "DB_SYNTAX": "The database does not understand the query, or a table or column is missing.",
    "DB_ERROR": "The database refused the query; SQLSTATE or the database's own number is in the message.",
    "DB_READ_ONLY": "The query would change something, and `mode` is `read` or the database takes no changes.",
    "DB_TIMEOUT": "The query took longer than `timeoutMs` and was stopped; a reading one may be retried.",
    "DB_LOST": "The connection broke; a reading query may be retried, of a writing one nobody knows whether it was committed.",
    "ROW_TOO_LARGE": "A single row is larger than `maxBytes`.",
    "DB_NOT_ALLOWED": "The operator has not allowed SQLite files, or not this one.",
}
"""The codes that this package raises."""

INVALID_PARAMS = "INVALID_PARAMS"
_EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Request:
    """One statement with its values and limits."""

    sql: str
    params: Mapping[str, Any] | Sequence[Any]
    write: bool = False
    max_rows: int = 1_000
    max_bytes: int = 4_000_000
    timeout_s: float = 30.0

    def statement(self, dialect: Dialect) -> tuple[Statement, list[Any]]:
        """The statement and a value for each of its gaps. Raises NodeError INVALID_PARAMS, DB_READ_ONLY."""
        try:
            statement = read_statement(self.sql, dialect)
            refused = refusal(statement, dialect, write=self.write)
            values = statement.values(self.params)
        except ValueError as error:
            raise NodeError(INVALID_PARAMS, f"query: {error}") from None
        if refused:
            raise NodeError(INVALID_PARAMS if self.write else "DB_READ_ONLY", f"query: {refused}.")
        return statement, values


@dataclass(frozen=True, slots=True)
class Answer:
    """`rows` are objects of JSON values, `columns` have name and type, `row_count` is what was read, or changed."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    row_count: int = 0
    truncated: bool = False

    def output(self) -> dict[str, Any]:
        """As the node gives it out."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "rowCount": self.row_count,
            "truncated": self.truncated,
        }


def excerpt(text: str, secret: str | None) -> str:
    """A database's own words on one line, without the password should it be among them."""
    clean = without(text, secret or "")
    line = " ".join("".join(c if c.isprintable() else " " for c in clean).split())
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}…"


def lost(host: str, request: Request) -> NodeError:
    """The error for a connection that broke."""
    unknown = " It is not known whether the change was made: look before you repeat it." if request.write else ""
    return NodeError(
        "DB_LOST",
        f"The connection to {host} broke before the answer was complete.{unknown}",
        retryable=not request.write,
    )


def read_only(said: str, request: Request) -> NodeError:
    """The error for a change that the database does not make."""
    why = "the database itself takes no changes" if request.write else 'set `mode` to "write" to change something'
    return NodeError("DB_READ_ONLY", f"{said}: {why}.")


def timed_out(request: Request) -> NodeError:
    """The error for a query that took too long."""
    text = f"The query did not finish within {request.timeout_s:g} s and was stopped: ask for less, add an index, or raise `timeoutMs`."
    return NodeError("DB_TIMEOUT", text, retryable=not request.write)
