"""The first start: one admin, one token, three examples, however often it happens."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from flask import Flask

from shared import ids
from shared.bootstrap import FirstAdmin, ensure_examples, ensure_first_admin
from shared.settings import Settings
from tests.integration.api.caller import Caller

TOKEN = "fv_" + "Ab1-" * 10
BASE = "http://127.0.0.1:8000"


def _first_admin(database_url: str, **preset: str) -> FirstAdmin:
    settings = Settings.model_validate({f"FLOWVERSAL_ADMIN_{name.upper()}": value for name, value in preset.items()})
    with psycopg.connect(database_url) as connection:
        return ensure_first_admin(connection, settings)


def _rows(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def test_without_presets_a_password_is_made_up_once(app: Flask, database_url: str) -> None:
    first, second = _first_admin(database_url), _first_admin(database_url)

    assert first.created
    assert first.password is not None
    assert (second.created, second.password, second.user_id) == (False, None, first.user_id)
    body = {"email": first.email, "password": first.password}
    assert app.test_client().post("/api/v1/session", json=body).status_code == 201


def test_presets_are_used(app: Flask, database_url: str) -> None:
    made = _first_admin(database_url, email="root@example.com", password="preset-password", token=TOKEN)
    again = _first_admin(database_url, email="root@example.com", password="another", token=TOKEN)

    assert (made.email, made.password, made.token) == ("root@example.com", None, TOKEN)
    assert not again.created
    client = app.test_client()
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    body = {"email": "root@example.com", "password": "preset-password"}
    assert client.post("/api/v1/session", json=body).status_code == 201


def test_processes_that_start_together_make_one_admin(database_url: str, connection: psycopg.Connection[Any]) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: _first_admin(database_url, token=TOKEN), range(4)))

    assert sum(admin.created for admin in made) == 1
    assert (_rows(connection, "users"), _rows(connection, "api_tokens")) == (1, 1)


@pytest.mark.parametrize("token", ["short", "fv_short", "xx_" + "a" * 40, "fv_" + "a" * 31, "fv_" + "ä" * 40])
def test_a_preset_token_that_is_none_is_a_clear_error(database_url: str, token: str) -> None:
    with pytest.raises(ValueError, match="FLOWVERSAL_ADMIN_TOKEN"):
        _first_admin(database_url, token=token)


def test_an_email_that_is_none_is_a_clear_error(database_url: str) -> None:
    with pytest.raises(ValueError, match="FLOWVERSAL_ADMIN_EMAIL"):
        _first_admin(database_url, email="root")


def test_the_examples_run_and_do_not_come_back(
    admin: Caller, database_url: str, connection: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(database_url) as own:
        created = ensure_examples(own, admin.user_id, BASE)
    assert len(created) == 3
    for id in created:
        assert admin.start(ids.encode(ids.WORKFLOW, id)).status_code == 202
    admin("DELETE", f"/workflows/{ids.encode(ids.WORKFLOW, created[0])}")

    with psycopg.connect(database_url) as own:
        assert ensure_examples(own, admin.user_id, BASE) == []

    assert len(admin("GET", "/workflows").json["items"]) == 2
    assert _rows(connection, "workflows") == 3
