"""The API over a fresh database. Broker and Redis are down unless a test says otherwise: the API must not mind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from flask import Flask

from services.api.app import create_app
from services.api.publishing import outbox_of
from shared import ids
from shared.auth.passwords import hash_password
from shared.auth.secrets import fingerprint, hint, new_token
from shared.db import tokens, users
from shared.settings import Settings
from shared.web.database import engine_of
from shared.web.live import hub_of
from tests.integration.api.caller import Caller

PASSWORD = "correct horse battery"
NOWHERE = {"BROKER_URL": "redis://127.0.0.1:1/0", "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings.model_validate({"DATABASE_URL": database_url, "FLOWVERSAL_MAX_REQUEST_BYTES": 100_000, **NOWHERE})


@contextmanager
def application(settings: Settings) -> Iterator[Flask]:
    """The API; afterwards nothing of it runs on, and looks for a broker or uses `random` while other tests count on it."""
    app = create_app(settings)
    yield app
    hub_of(app).close()
    outbox_of(app).close()
    engine_of(app).dispose()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    with application(settings) as made:
        yield made


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def person(app: Flask, connection: psycopg.Connection[Any]) -> Callable[..., Caller]:
    """Makes a user with a token; `password=True` gives them one."""

    def make(
        name: str, role: str = "editor", *, scopes: tuple[str, ...] = ("admin",), password: bool = False
    ) -> Caller:
        stored = hash_password(PASSWORD) if password else None
        user = users.insert(connection, f"{name}@example.com", name.title(), role, stored)
        assert user is not None
        token = new_token()
        tokens.insert(
            connection,
            user.id,
            "t",
            hashed=fingerprint(token),
            hint=hint(token),
            scopes=list(scopes),
            expires_in_s=None,
        )
        return Caller(app, token, user.id, ids.encode(ids.USER, user.id))

    return make


@pytest.fixture
def admin(person: Callable[..., Caller]) -> Caller:
    return person("ada", "admin")
