"""The dashboard over a fresh database, with Redis down: pages must not mind."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.dashboard.app import create_app
from shared.auth.passwords import hash_password
from shared.db import users
from shared.settings import Settings
from shared.web.database import engine_of

PASSWORD = "correct horse battery"


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    app = create_app(Settings.model_validate({"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0"}))
    yield app
    engine_of(app).dispose()


@pytest.fixture
def person(app: Flask, database_url: str) -> Callable[[str], FlaskClient]:
    """A new user of a role, signed in."""

    def make(role: str) -> FlaskClient:
        with psycopg.connect(database_url) as connection:
            users.insert(connection, f"{role}@example.com", role.title(), role, hash_password(PASSWORD))
        client = app.test_client()
        answer = client.post("/login", data={"email": f"{role}@example.com", "password": PASSWORD})
        assert answer.status_code == 303
        return client

    return make
