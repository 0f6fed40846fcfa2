"""Connections to Postgres for the parts that are not web applications: each loop or thread keeps its own."""

import psycopg
from psycopg.rows import TupleRow

STATEMENT_TIMEOUT_MS = 30_000
CONNECT_TIMEOUT_S = 3

# Without a custom plan for each call, a prepared statement stops pruning partitions by the ids it is given.
_OPTIONS = f"-c plan_cache_mode=force_custom_plan -c statement_timeout={STATEMENT_TIMEOUT_MS}"


def connect(database_url: str, *, application_name: str, autocommit: bool = False) -> psycopg.Connection[TupleRow]:
    """A new connection; raises psycopg.OperationalError when the server does not answer within 3 s.

    A statement may take 30 s. A peer that vanished without a word is noticed after about 10 s (TCP keep-alive).
    `application_name` is what `pg_stat_activity` shows.
    """
    return psycopg.connect(
        database_url,
        autocommit=autocommit,
        application_name=application_name,
        connect_timeout=CONNECT_TIMEOUT_S,
        options=_OPTIONS,
        keepalives=1,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
    )
