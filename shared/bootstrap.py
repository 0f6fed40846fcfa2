"""The first start: an admin who can sign in, a token where one is preset, and three workflows to try."""

from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.auth.passwords import hash_password
from shared.auth.secrets import fingerprint, hint, is_token
from shared.db import audit, tokens, users, workflows
from shared.domain.compiler import compile_definition
from shared.domain.values import to_json
from shared.engine.publish import publish
from shared.examples import examples
from shared.nodes.catalogue import node_types
from shared.settings import Settings

DEFAULT_EMAIL = "admin@flowversal.local"
_LOCK = 0x626F6F74
_DEFINITION_BYTES = 1_000_000

LOCK = "SELECT pg_advisory_xact_lock(%s)"
SEEDED = "SELECT EXISTS (SELECT FROM audit_log WHERE action = 'examples.create')"


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """The first admin. `password` is set only when it was made up just now: show it once.

    `token` is the preset one (None when there is none); `user_id` owns the examples.
    """

    user_id: UUID
    email: str
    password: str | None
    created: bool
    token: str | None


def ensure_first_admin(connection: psycopg.Connection[Any], settings: Settings) -> FirstAdmin:
    """Make sure that there is an admin, and that a preset token works. Commits; safe to run twice and at the same time.

    A preset password counts for a new admin only: it never overwrites one that somebody has changed.
    Raises ValueError for a preset token or e-mail that cannot be used.
    """
    token = _preset_token(settings)
    with connection.transaction():
        connection.execute(LOCK, (_LOCK,))
        admin = users.first_admin(connection)
        password = None
        created = admin is None
        if admin is None:
            preset = settings.admin_password.get_secret_value() if settings.admin_password else None
            password = token_urlsafe(12) if preset is None else None
            admin = _create(connection, _preset_email(settings), preset or password or "")
        if token is not None:
            _ensure_token(connection, admin, token)
    return FirstAdmin(admin.id, admin.email, password, created, token)


def ensure_examples(connection: psycopg.Connection[Any], owner_id: UUID, base_url: str) -> list[UUID]:
    """Create and publish the example workflows, once in the life of a database; returns the new ids. Commits.

    What somebody archived does not come back. `base_url` is where this server answers, `http://127.0.0.1:8000`.
    """
    created = []
    with connection.transaction():
        connection.execute(LOCK, (_LOCK,))
        row = connection.execute(SEEDED).fetchone()
        if row is not None and row[0]:
            return []
        for example in examples(base_url):
            plan = compile_definition(example.definition, node_types())
            text = to_json(example.definition, max_bytes=_DEFINITION_BYTES).decode()
            workflow = workflows.insert(
                connection, owner_id, name=example.name, description=example.description, definition=text, shared=True
            )
            publish(connection, workflow.id, text, plan, owner_id)
            created.append(workflow.id)
        detail = {"workflows": [ids.encode(ids.WORKFLOW, workflow_id) for workflow_id in created]}
        audit.append(connection, owner_id, "examples.create", ids.encode(ids.USER, owner_id), detail=detail)
    return created


def _preset_token(settings: Settings) -> str | None:
    if settings.admin_token is None:
        return None
    token = settings.admin_token.get_secret_value()
    if not is_token(token):
        raise ValueError("FLOWVERSAL_ADMIN_TOKEN must be fv_ and 32 to 200 letters, digits, '-' or '_'.")
    return token


def _preset_email(settings: Settings) -> str:
    email = (settings.admin_email or DEFAULT_EMAIL).strip()
    name, at, host = email.partition("@")
    if not name or not at or not host or any(character.isspace() for character in email) or len(email) > 320:
        raise ValueError("FLOWVERSAL_ADMIN_EMAIL must be an e-mail address like admin@example.com.")
    return email


def _create(connection: psycopg.Connection[Any], email: str, password: str) -> users.User:
    admin = users.insert(connection, email, "Admin", "admin", hash_password(password))
    if admin is None:
        raise ValueError("FLOWVERSAL_ADMIN_EMAIL belongs to a user who is not an enabled admin.")
    audit.append(connection, admin.id, "user.create", ids.encode(ids.USER, admin.id), detail={"role": "admin"})
    return admin


def _ensure_token(connection: psycopg.Connection[Any], admin: users.User, token: str) -> None:
    if tokens.owner_of(connection, fingerprint(token)) is not None:
        return
    stored = tokens.insert(
        connection,
        admin.id,
        "Preset by FLOWVERSAL_ADMIN_TOKEN",
        hashed=fingerprint(token),
        hint=hint(token),
        scopes=["admin"],
        expires_in_s=None,
    )
    audit.append(connection, admin.id, "token.create", ids.encode(ids.TOKEN, stored.id), detail={"scopes": ["admin"]})
