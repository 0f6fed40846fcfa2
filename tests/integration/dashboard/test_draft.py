"""A workflow's page says whether its draft could run, and what stands in the way."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient

from services.dashboard.filters import ticks
from shared import ids
from shared.db import users, workflows
from shared.templates.catalogue import templates
from tests.factories import chain
from tests.integration.worker.vault import stored

Person = Callable[[str], FlaskClient]


def page_of(client: FlaskClient, database_url: str, definition: dict[str, Any]) -> str:
    return client.get(f"/workflows/{draft(database_url, definition)}").text


def draft(database_url: str, definition: dict[str, Any]) -> str:
    """A workflow of the editor; its id."""
    with psycopg.connect(database_url) as connection:
        owner = users.by_email(connection, "editor@example.com")
        assert owner is not None
        made = workflows.insert(connection, owner.id, name="Orders", description="", definition=json.dumps(definition))
    return ids.encode(ids.WORKFLOW, made.id)


def test_a_draft_that_can_run_has_no_list_of_problems(person: Person, database_url: str) -> None:
    assert "cannot run yet" not in page_of(person("editor"), database_url, chain(2))


@pytest.mark.parametrize(("count", "badge", "more"), [(1, "1 problem<", None), (11, "11 problems<", "and 3 more")])
def test_one_with_problems_lists_the_first_of_them(
    person: Person, database_url: str, count: int, badge: str, more: str | None
) -> None:
    source = chain(count)
    for node in source["containers"][0]["nodes"]:
        node["type"] = "teleport"
    text = page_of(person("editor"), database_url, source)
    assert "The draft cannot run yet" in text
    assert badge in text
    assert "containers[0].nodes[0].type" in text
    assert text.count("there is no node type") == min(count, 8)
    assert (more in text) if more else ("more</p>" not in text)


def test_what_is_wrong_with_its_credentials_is_listed_too(person: Person, database_url: str) -> None:
    editor = person("editor")
    person("admin")
    with psycopg.connect(database_url) as connection:
        own, other = (users.by_email(connection, f"{name}@example.com") for name in ("editor", "admin"))
        assert own is not None
        assert other is not None
        fits, strange = stored(connection, own.id), stored(connection, other.id)
        wrong = stored(connection, own.id, {"username": "ada", "password": "x"}, type="http.basic")
    gone = ids.encode(ids.CREDENTIAL, UUID(int=7))

    def listed(*credentials: str) -> list[tuple[str, str]]:
        hooks = [
            {"id": f"h{at}", "type": "webhook", "authentication": {"type": "hmac", "credential": each}}
            for at, each in enumerate(credentials)
        ]
        text = page_of(editor, database_url, chain(1) | {"triggers": hooks})
        return re.findall(r'<li class="problem"><code>([^<]*)</code><span>([^<]*)', text)

    assert listed(fits) == []
    found = listed(fits, strange, gone, wrong)
    assert [path for path, _ in found] == [f"triggers[{at}].authentication.credential" for at in (1, 2, 3)]
    assert [text.partition(":")[0] for _, text in found] == [
        "there is no credential with this id that you may use",
        "there is no credential with this id that you may use",
        "this is a credential of the type http.basic, but hmac is needed here",
    ]


def test_what_a_template_needs_is_said_until_it_is_published(person: Person, database_url: str) -> None:
    editor, template = person("editor"), templates()["ticket-triage"]
    workflow = draft(database_url, template.definition)
    pages = [f"/workflows/{workflow}", f"/workflows/{workflow}/edit"]
    for page in pages:
        text = editor.get(page).text
        assert "Before it runs" in text
        assert all(str(ticks(need)) in text for need in template.needs)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE workflows SET published_version = 1")
    assert all("Before it runs" not in editor.get(page).text for page in pages)
    assert "Before it runs" not in page_of(editor, database_url, chain(1))
