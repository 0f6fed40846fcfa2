"""Which statements a step may send. What else they do, the database itself allows or refuses. Pure."""

from difflib import get_close_matches

from shared.databases.statement import Dialect, Statement

_READS = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC"})
# They would change the connection, end our transaction, or reach files and programs of the database's machine.
_NEVER = frozenset(
    {
        "ABORT", "ATTACH", "BEGIN", "CHANGE", "COMMIT", "COPY", "DEALLOCATE", "DETACH", "DISCARD", "END", "EXECUTE", "HANDLER",
        "LISTEN", "LOAD", "LOCK", "NOTIFY", "PRAGMA", "PREPARE", "RELEASE", "RESET", "ROLLBACK", "SAVEPOINT", "SET", "SOURCE",
        "START", "UNLISTEN", "UNLOCK", "USE", "VACUUM", "XA",
    }
)  # fmt: skip
_FILES = frozenset({"OUTFILE", "DUMPFILE"})


def refusal(statement: Statement, dialect: Dialect, *, write: bool) -> str | None:
    """Why a statement is not sent; None if it is."""
    first = statement.words[0]
    if first in _NEVER:
        return f"{first} is not possible here: each call is one statement in a transaction of its own"
    if not write and first not in _READS:
        return f"{first[:40]} is not a statement that reads: {_advice(first)}"
    if dialect == "mysql" and not _FILES.isdisjoint(statement.words):
        return "INTO OUTFILE and INTO DUMPFILE would write files on the database's machine: they are not possible"
    return None


def _advice(first: str) -> str:
    """A word that was mistyped is no reason to allow changes."""
    meant = get_close_matches(first[:40], _READS, n=1, cutoff=0.75)
    return f"write {meant[0]}" if meant else 'set `mode` to "write" to change something'
