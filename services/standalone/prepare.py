"""Before the first request: schema, first admin, example workflows."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from services.standalone.servers.base import write_file
from shared.bootstrap import ensure_examples, ensure_first_admin
from shared.db import users
from shared.db.migrate import upgrade
from shared.settings import Settings


@dataclass(frozen=True)
class Prepared:
    """Who can sign in; `password` only while nobody has seen it yet."""

    email: str
    password: str | None
    token_is_preset: bool


def prepare(settings: Settings, database_url: str, base_url: str, unseen: Path) -> Prepared:
    """Bring the database to the newest schema with an admin and examples in it; safe at every start.

    A made-up password waits in the file `unseen` until somebody has seen it, so that a crash in between does not lose it.
    """
    upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        if _needs_password(connection, settings) and not unseen.exists():
            write_file(unseen, secrets.token_urlsafe(12), 0o600)
        password = unseen.read_text() if unseen.exists() else None
        wanted = _without_empty(settings)
        if password is not None:
            wanted = wanted.model_copy(update={"admin_password": SecretStr(password)})
        connection.commit()
        admin = ensure_first_admin(connection, wanted)
        connection.commit()
        ensure_examples(connection, admin.user_id, base_url)
    return Prepared(admin.email, password, admin.token is not None)


def _needs_password(connection: psycopg.Connection[Any], settings: Settings) -> bool:
    preset = settings.admin_password is not None and bool(settings.admin_password.get_secret_value())
    return not preset and users.first_admin(connection) is None


def _without_empty(settings: Settings) -> Settings:
    """An empty variable, as an .env file passes it on, counts as not set."""
    # A SecretStr has the length of what it hides.
    empty = [name for name in ("admin_email", "admin_password", "admin_token") if not getattr(settings, name)]
    return settings.model_copy(update=dict.fromkeys(empty))
