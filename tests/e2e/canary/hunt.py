"""Looks for the canary, in the forms it can take, in every table, and in any text."""

import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import redis
from psycopg import sql
from redis.exceptions import RedisError

from tests.e2e.canary.planted import CORE

TABLES = """
SELECT n.nspname, c.relname, coalesce(array_agg(a.attname) FILTER (WHERE a.atttypid = 'bytea'::regtype), '{}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_%'
GROUP BY 1, 2 ORDER BY 1, 2
"""
"""Every table, partitions too, with its columns of bytes."""


def _forms() -> frozenset[str]:
    raw = CORE.encode()
    encoded = {
        b64encode(b"\0" * shift + raw).decode()[skip : (shift + len(raw)) * 8 // 6]
        for shift, skip in ((0, 0), (1, 2), (2, 3))
    }
    return frozenset({CORE, raw.hex(), CORE[::-1]} | encoded)


FORMS = _forms()


def found_in(text: str) -> list[str]:
    """Where the canary is in a text, with a little of what is around it; in either case of letters for hex."""
    places = [(text.find(form), form) for form in FORMS] + [(text.lower().find(CORE.encode().hex()), "hex")]
    return [text[max(0, at - 60) : at + 60] for at, _ in places if at >= 0]


def found_in_bytes(raw: bytes) -> list[str]:
    """The same for bytes, packed ones too."""
    found = found_in(raw.decode("latin-1"))
    with suppress(zlib.error):
        found += found_in(zlib.decompress(raw).decode("latin-1"))
    return found


def found_in_tables(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """`table: …` for each row that has it; how many rows there were is counted by `rows_of`."""
    for schema, table, columns in connection.execute(TABLES).fetchall():
        name = sql.Identifier(schema, table)
        for (text,) in connection.execute(sql.SQL("SELECT (whole_row.*)::text FROM {} whole_row").format(name)):
            yield from (f"{table}: {place}" for place in found_in(text))
        for column in columns:
            picked = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), name)
            for (raw,) in connection.execute(picked):
                yield from (f"{table}.{column}: {place}" for place in found_in_bytes(bytes(raw or b"")))


class Monitor:
    """Every command that a Redis gets, from now until `text` is asked for: the messages of the broker, and the hints."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=2)
        self._connection = self._client.connection_pool.get_connection()
        self._connection.send_command("MONITOR")
        self._connection.read_response()

    def text(self) -> str:
        """All of it; the last command is one of ours."""
        self._client.ping()
        lines: list[str] = []
        with suppress(RedisError):
            while not lines or '"PING"' not in lines[-1]:
                lines.append(str(self._connection.read_response()))
        self._connection.disconnect()
        self._client.close()
        return "\n".join(lines)
