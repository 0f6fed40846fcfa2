"""The keys that this installation signs with: made by the database with its schema, the same for every process."""

from typing import Any

import psycopg

OF_PURPOSE = "SELECT key FROM signing_keys WHERE purpose = %s"


def callback_key(connection: psycopg.Connection[Any]) -> bytes:
    """What the addresses of callbacks are signed with. Replacing it makes those that are out worthless."""
    row = connection.execute(OF_PURPOSE, ("callback",)).fetchone()
    assert row is not None  # noqa: S101 - the schema has it
    return bytes(row[0])
