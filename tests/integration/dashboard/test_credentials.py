"""The pages of credentials: who sees which, what they say, and that nothing secret is in them."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.dashboard import vaulted
from services.dashboard.app import create_app
from shared import ids
from shared.credentials.signing_key import SigningKeyFields
from shared.db import credentials, users, workflows
from shared.settings import Settings
from shared.vault.keyring import Keyring
from shared.vault.opening import sealed_fields
from shared.web.database import engine_of
from tests.factories import chain
from tests.integration.dashboard.conftest import PASSWORD

Person = Callable[[str], FlaskClient]
SECRET = "a-secret-that-nobody-reads-again"
KEYRING = Keyring([b"k" * 32])


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def stored(connection: psycopg.Connection, owner: str, name: str, **more: Any) -> str:
    """A signing key of this person; its id."""
    user = users.by_email(connection, f"{owner}@example.com")
    assert user is not None
    id = credentials.new_id(connection)
    fields = SigningKeyFields.model_validate({"secret": SECRET})
    sealed = sealed_fields(KEYRING, id, "hmac", fields)
    given = {"name": name, "type": "hmac", "shared": False, "hosts": []} | more
    credentials.insert(connection, id, user.id, sealed=sealed, **given)
    return ids.encode(ids.CREDENTIAL, id)


def names(page: str) -> list[str]:
    return re.findall(r'class="row-link"[^>]*>([^<]*)<', page)


def test_everybody_sees_their_own_and_the_shared_ones_and_admins_all(
    person: Person, connection: psycopg.Connection
) -> None:
    admin, editor, viewer = person("admin"), person("editor"), person("viewer")
    private = stored(connection, "admin", "Ada's")
    shared = stored(connection, "admin", "For all", shared=True, hosts=["a.example.com", "*.b.example.com"])
    own = stored(connection, "editor", "Mine")
    assert names(editor.get("/credentials").text) == ["Mine", "For all"]
    page = admin.get("/credentials").text
    assert names(page) == ["Mine", "For all", "Ada&#39;s"]
    assert ("Owner" in page, "a.example.com" in page, "and 1 more" in page) == (True, True, True)
    assert f'data-copy="{own}"' in page
    assert '<th class="hide-s">Owner' not in editor.get("/credentials").text
    assert editor.get(f"/credentials/{private}").status_code == 404
    assert (viewer.get("/credentials").status_code, viewer.get(f"/credentials/{shared}").status_code) == (403, 403)
    assert (viewer.get("/credentials/new").status_code, 'href="/credentials"' in viewer.get("/workflows").text) == (
        403,
        False,
    )
    assert 'href="/credentials"' in editor.get("/workflows").text


def test_searching_and_going_on(
    person: Person, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vaulted, "PAGE_SIZE", 2)
    editor = person("editor")
    assert "No credentials yet" in editor.get("/credentials").text
    for number in range(3):
        stored(connection, "editor", f"Key {number}")
    page = editor.get("/credentials?type=hmac").text
    assert names(page) == ["Key 2", "Key 1"]
    older = re.search(r'href="(\?type=hmac&amp;before=[^"]+)"', page)
    assert older is not None
    page = editor.get(f"/credentials{older[1].replace('&amp;', '&')}").text
    assert (names(page), "Newest" in page, "Older" in page) == (["Key 0"], True, False)
    assert names(editor.get("/credentials?q=KEY 1").text) == ["Key 1"]
    assert "No credential matches" in editor.get("/credentials?q=nothing").text
    assert len(names(editor.get("/credentials?type=nope&before=x&q=%00").text)) == 2


def test_a_form_is_made_of_the_schema_of_its_type(person: Person) -> None:
    editor = person("editor")
    unknown = editor.get("/credentials/new?type=nope").text
    assert "There is no credential type <code>nope</code>" in unknown
    assert 'href="/credentials/new?type=hmac"' in unknown
    page = editor.get("/credentials/new?type=hmac").text
    assert 'data-type="hmac"' in page
    assert re.search(r'<input class="input" type="password"[^>]*id="field-secret"[^>]* required', page)
    assert "At least 16 characters" in page
    assert "data-try" not in page, "a signing key cannot be tried"
    told = "send it to each of the hosts above: name them first"
    assert (told in page, told in editor.get("/credentials/new?type=http.bearer").text) == (False, True)


def test_one_says_who_uses_it_and_never_what_is_secret(person: Person, connection: psycopg.Connection) -> None:
    admin, editor = person("admin"), person("editor")
    shared = stored(connection, "admin", "For all", shared=True)
    definition = chain(1)
    definition["containers"][0]["nodes"][0]["description"] = shared
    for owner, name in (("admin", "Private flow"), ("editor", "My flow")):
        user = users.by_email(connection, f"{owner}@example.com")
        assert user is not None
        workflows.insert(connection, user.id, name=name, description="", definition=json.dumps(definition))
    page = admin.get(f"/credentials/{shared}").text
    assert ("Private flow" in page, "My flow" in page, "2 workflows" in page) == (True, True, True)
    assert ('id="delete-credential"' in page, "data-own" in page) == (True, True)
    assert SECRET not in page
    page = editor.get(f"/credentials/{shared}").text
    assert ("Private flow" in page, "1 workflow that you may not see" in page) == (False, True)
    assert ("It belongs to Admin" in page, 'id="delete-credential"' in page) == (True, False)
    assert re.search(r'id="credential-name"[^>]* disabled', page)
    assert all(
        admin.get(f"/credentials/{id}").status_code == 404
        for id in ("nope", "%00", ids.encode(ids.CREDENTIAL, user.id))
    )


def test_one_of_a_type_that_is_gone_can_still_be_deleted(person: Person, connection: psycopg.Connection) -> None:
    editor = person("editor")
    old = stored(connection, "editor", "Old", type="gone")
    assert "Old" in editor.get("/credentials").text
    page = editor.get(f"/credentials/{old}").text
    assert ("No credential type gone" in page, 'id="delete-credential"' in page) == (True, True)
    assert 'type="submit">Save' not in page


def test_the_editor_offers_ids_to_insert(person: Person, connection: psycopg.Connection) -> None:
    editor = person("editor")
    assert "None yet" in editor.get("/workflows/new").text
    own = stored(connection, "editor", "Mine")
    person("admin")
    private = stored(connection, "admin", "Ada's")
    page = editor.get("/workflows/new").text
    assert (f'data-insert="{own}"' in page, private in page) == (True, False)
    assert "Signing key · hmac" in page


@pytest.mark.parametrize(("key", "locked"), [("", True), ("k" * 43, False)])
def test_without_a_key_the_pages_say_what_to_set(database_url: str, person: Person, key: str, locked: bool) -> None:
    person("editor")
    settings = {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0"}
    app: Flask = create_app(Settings.model_validate(settings | ({"FLOWVERSAL_VAULT_KEY": key} if key else {})))
    client = app.test_client()
    client.post("/login", data={"email": "editor@example.com", "password": PASSWORD})
    for path in ("/credentials", "/credentials/new?type=hmac"):
        assert ("set FLOWVERSAL_VAULT_KEY" in client.get(path).text) is locked
    engine_of(app).dispose()
