"""From a bearer token or a session key to an `Identity`: one query each."""

from hmac import compare_digest
from typing import Any

import psycopg

from shared.auth.access import Identity, Role, Scope, reach
from shared.auth.secrets import fingerprint, is_token
from shared.db import sessions, tokens


def by_token(connection: psycopg.Connection[Any], token: str) -> Identity | None:
    """Who holds this token; None if it is unknown, expired, revoked or its owner disabled.

    Notes the use at most once a minute, and then commits the caller's (still empty) transaction.
    """
    if not is_token(token):
        return None
    hashed = fingerprint(token)
    row = tokens.find(connection, hashed)
    if row is None or not compare_digest(row.hash, hashed):
        return None
    scope = reach(row.scopes)
    if scope is None:
        return None
    if row.use_is_old:
        tokens.touch(connection, row.token_id)
        connection.commit()
    return Identity(row.user_id, row.email, row.name, Role(row.role), scope)


def by_session(connection: psycopg.Connection[Any], key: str) -> Identity | None:
    """Whose session this is; None if it is unknown, over or its owner disabled. Notes the use like `by_token`."""
    if not 20 <= len(key) <= 200:
        return None
    hashed = fingerprint(key)
    row = sessions.find(connection, hashed)
    if row is None or not compare_digest(row.hash, hashed):
        return None
    if row.seen_is_old:
        sessions.touch_user(connection, row.user_id)
        connection.commit()
    return Identity(row.user_id, row.email, row.name, Role(row.role), Scope.ADMIN, csrf=row.csrf)
