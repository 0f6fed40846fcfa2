"""Connections to Postgres for the parts that are not web applications: each loop or thread keeps its own."""

from enum import StrEnum
from typing import Any

import psycopg
from psycopg.rows import TupleRow

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 3_000
CONNECT_TIMEOUT_S = 3
IDLE_IN_TRANSACTION_S = 5
"""A process that is paused in the middle of a transaction loses it after so long, and its locks with it."""

WATCHED: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A peer that vanished without a word is noticed after about 10 s, also by who only waits for its answer."""

SERVER_ERRORS = (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout)
"""What a server that is away, unwilling, or has ended the session raises; `server_is_away` tells which."""


class Plans(StrEnum):
    """How Postgres plans the statements of a connection."""

    EACH = "-c plan_cache_mode=force_custom_plan"
    """Anew for the values of each call: what prunes partitions by the ids at hand."""

    KEPT = (
        "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
        f" -c enable_material=off -c jit=off -c lock_timeout={LOCK_TIMEOUT_MS}"
    )
    """Once, when it is prepared (`shared.db.wire` does it, psycopg does not). For statements that look rows up by their key, whatever the statistics of a young
    partition say: only nested loops over indexes are left to choose from. A lock is waited for 3 s at most."""


def server_is_away(error: psycopg.Error) -> bool:
    """Whether a server is down, restarting or unreachable, or has ended the session because this process was paused;
    rather than unwilling (a time limit, a full disk). The transaction is rolled back; another connection may work.
    """
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P", "25P03"))


def connect(
    database_url: str, *, application_name: str, autocommit: bool = False, plans: Plans = Plans.EACH
) -> psycopg.Connection[TupleRow]:
    """A new connection; raises psycopg.OperationalError when the server does not answer within 3 s.

    A statement may take 30 s; between two statements of a transaction at most 5 s may pass. A peer that vanished without a word is noticed after about 10 s (TCP keep-alive).
    `application_name` is what `pg_stat_activity` shows.
    """
    connection = psycopg.connect(
        database_url,
        autocommit=autocommit,
        application_name=application_name,
        connect_timeout=CONNECT_TIMEOUT_S,
        options=f"{plans.value} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
        f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_S * 1_000}",
        **WATCHED,
    )
    if plans is Plans.KEPT:
        connection.prepare_threshold = None
    return connection
