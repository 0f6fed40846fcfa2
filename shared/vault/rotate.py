"""`python -m shared.vault.rotate`: put every data key under the first key, while everything runs; safe to run twice.

The fields of the credentials are not touched. Exit code 0 when nothing needs an old key any more, 1 otherwise.
"""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from shared.db import credentials
from shared.db.pool import connect
from shared.settings import get_settings
from shared.vault.envelope import Damaged, rewrap
from shared.vault.keyring import Keyring, VaultLocked, keyring_of

BATCH = 100


def rotate(connection: psycopg.Connection[Any], keyring: Keyring, say: Callable[[str], None]) -> bool:
    """Whether every credential is under the first key now. Commits batch by batch. Raises VaultLocked without a key."""
    first, _ = keyring.first
    after, moved, failed = UUID(int=0), 0, Counter[str]()
    while batch := _batch(connection, keyring, first, after, failed):
        after, count = batch
        moved += count
    left = {id: count for id, count in credentials.count_by_key(connection).items() if id != first}
    say(f"{moved} credentials were put under the key {first}.")
    for reason, count in failed.items():
        say(f"{count} could not be: {reason}")
    for id, count in left.items():
        say(f"{count} still need the key {id}.")
    if not left:
        say("No credential needs another key: the old ones may be removed from every process.")
    return not left


def _batch(
    connection: psycopg.Connection[Any], keyring: Keyring, first: str, after: UUID, failed: Counter[str]
) -> tuple[UUID, int] | None:
    """Up to where it went and how many it moved; None when there was nothing left."""
    with connection.transaction():
        rows = credentials.with_old_keys(connection, first, after=after, limit=BATCH)
        moved = 0
        for id, wrapped_key, kek_id in rows:
            try:
                again = rewrap(keyring, id, wrapped_key, kek_id)
            except (VaultLocked, Damaged) as error:
                failed[str(error)] += 1
                continue
            credentials.rewrap(connection, id, *again)
            moved += 1
    return (rows[-1][0], moved) if rows else None


def main() -> int:
    """Entry of the command."""
    settings = get_settings()
    try:
        keyring = keyring_of(settings)
        with connect(settings.database_url, application_name="flowversal-rotate", autocommit=True) as connection:
            return 0 if rotate(connection, keyring, print) else 1
    except (ValueError, VaultLocked, psycopg.OperationalError) as error:
        sys.stderr.write(f"Nothing was done. {str(error).strip()}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
