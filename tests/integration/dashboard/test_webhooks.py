"""Webhooks on the page of their workflow: the address, who may call it, the last calls."""

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.dashboard.starting import CALLS, callers
from shared import ids
from shared.db import deliveries
from shared.db.deliveries import Noted
from shared.db.triggers import Trigger
from shared.db.wire import wire_of
from tests.integration.clockwork.triggering import TriggerScene

Person = Callable[[str], FlaskClient]
CREDENTIAL = f"cred-{'0' * 26}"


@pytest.fixture
def scene(database_url: str) -> Iterator[TriggerScene]:
    made = TriggerScene(database_url)
    made.connection.execute("UPDATE workflows SET shared = true")
    yield made
    made.connection.close()


def hook(scene: TriggerScene, **config: Any) -> Trigger:
    return scene.register({"id": "h", "type": "webhook", "name": "Order paid <b>", **config})[0]


def called(scene: TriggerScene, trigger: Trigger, status: int | None, **more: Any) -> None:
    with scene.connection.transaction():
        deliveries.note(scene.connection, Noted(trigger.id, "POST", "192.0.2.7", status, **more))
        wire_of(scene.connection).round_trip()


def page_of(client: FlaskClient, scene: TriggerScene) -> str:
    text: str = client.get(f"/workflows/{ids.encode(ids.WORKFLOW, scene.workflow_id)}").text
    return text


def again(page: str) -> list[str]:
    """The buttons "Run again" of the calls: why each cannot be used, empty if it can."""
    buttons = re.findall(
        r'<button[^>]*data-trigger="/workflows/wf-\w+/triggers/h/deliveries/[\w-]+/replay"[^>]*>', page
    )
    whys = [re.search(r'aria-disabled="true" title="([^"]+)"', each) for each in buttons]
    return [html.unescape(each[1]) if each else "" for each in whys]


def test_the_address_is_for_who_may_start_runs(person: Person, scene: TriggerScene) -> None:
    hook(scene, path="orders/paid", methods=["PUT", "POST"])
    page = page_of(person("editor"), scene)
    assert re.search(r'data-copy="http://[^"]+/hooks/orders/paid"', page)
    assert ("Order paid &lt;b&gt;" in page, "POST, PUT to its address" in page) == (True, True)
    assert "Whoever knows the address may call it" in page
    assert "Not called in the last 7 days" in page
    shown = page_of(person("viewer"), scene)
    assert ("/hooks/" in shown, "Its address is shown to who may start runs" in shown) == (False, True)


def test_the_last_calls_and_what_became_of_them(person: Person, scene: TriggerScene) -> None:
    trigger = hook(scene, authentication={"type": "basic", "credential": CREDENTIAL})
    run = scene.start().id
    request = {"path": "", "query": {}, "headers": {}, "contentType": "application/json"}
    called(scene, trigger, 401, reason="unauthorized")
    called(scene, trigger, 202, execution_id=run, request=request, body=b"{}", size=2, duration_ms=12)
    called(scene, trigger, None, execution_id=run, request=request, body=b"x" * 64_001, size=64_001)
    page = page_of(person("editor"), scene)
    assert f'href="/executions/{ids.encode(ids.EXECUTION, run)}"' in page
    assert ("not authenticated" in page, "Not answered yet" in page, "192.0.2.7" in page) == (True, True, True)
    assert again(page) == ["Its body is longer than 64 kB: not all of it was kept", ""]
    assert f'href="/credentials/{CREDENTIAL}"' in page
    shown = page_of(person("viewer"), scene)
    assert ("replay" in shown, CREDENTIAL in shown.partition('id="definition"')[0]) == (False, False)
    for _ in range(CALLS):
        called(scene, trigger, 429, reason="rate")
    assert page_of(person("admin"), scene).count("429</span>") == CALLS


def test_a_call_that_cannot_run_again_says_why(person: Person, scene: TriggerScene) -> None:
    trigger, run = hook(scene), scene.start().id
    request = {"path": "", "query": {}, "headers": {}, "contentType": "application/json"}
    called(scene, trigger, 429, reason="rate", request=request, body=b"{}", size=2)
    called(scene, trigger, 202, reason="duplicate", execution_id=run)
    called(scene, trigger, 401, reason="unauthorized")
    admin = person("admin")
    repeats = "It repeats a call: run that one again"
    assert again(page_of(admin, scene)) == [repeats, ""]
    scene.connection.execute("UPDATE users SET role = 'viewer' WHERE id = %s", (scene.user_id,))
    assert again(page_of(admin, scene)) == [repeats, "The workflow's owner may start nothing any more"]
    scene.connection.execute("UPDATE workflows SET enabled = false")
    assert again(page_of(admin, scene)) == [repeats, "The workflow is paused: enable it first"]
    assert again(page_of(person("viewer"), scene)) == []


def test_a_call_whose_body_cannot_be_used_is_not_offered_again(person: Person, scene: TriggerScene) -> None:
    trigger = hook(scene)
    request = {"path": "", "query": {}, "headers": {}, "contentType": "application/json"}
    called(scene, trigger, 400, reason="malformed-json", request=request, body=b"{", size=1)
    assert again(page_of(person("admin"), scene)) == ["Its body cannot be used: it has to be sent anew, corrected"]


@pytest.mark.parametrize(
    ("authentication", "words"),
    [
        ({"type": "none"}, "Whoever knows the address may call it"),
        ({"type": "secret", "header": "X-Key"}, "Callers send a secret in X-Key"),
        ({"type": "secret", "header": None}, "Callers send a secret in a header"),
        ({"type": "hmac", "preset": "stripe"}, "Calls are signed as Stripe does"),
        ({"type": "hmac", "preset": None, "header": "X-Sign"}, "Calls are signed in X-Sign"),
        ({"type": "basic"}, "Callers send user name and password"),
    ],
)
def test_who_may_call_in_words(authentication: dict[str, Any], words: str) -> None:
    assert callers(authentication) == words


def test_a_followed_workflow_has_its_name_where_it_may_be_seen(person: Person, scene: TriggerScene) -> None:
    followed = scene.more()
    scene.connection.execute("UPDATE workflows SET name = 'Orders & more', shared = false WHERE id = %s", (followed,))
    scene.follow(followed, by=scene.workflow_id)
    assert "Orders &amp; more</a> ends" in page_of(person("admin"), scene)
    shown = page_of(person("viewer"), scene)
    assert ("Orders &amp; more" in shown, "a workflow that you may not see ends" in shown) == (False, True)


def test_both_lists_show_what_starts_a_workflow(person: Person, scene: TriggerScene) -> None:
    draft = 'UPDATE workflows SET definition = jsonb_set(definition::jsonb, \'{triggers}\', \'[{"id": "h", "type": "webhook"}]\')::json'
    scene.connection.execute(draft.encode())
    admin = person("admin")
    assert all("Trigger: webhook" in admin.get(path).text for path in ("/workflows", "/admin/workflows"))
