"""The log of calls: what is in it, who sees it, how it ends; and calls that are sent again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from flask import Flask

from shared import ids
from shared.db import deliveries
from tests.integration.api.caller import Caller
from tests.integration.api.hooking import Hook

Connection = psycopg.Connection[Any]
Make = Callable[..., Hook]


@pytest.fixture
def hook(app: Flask, admin: Caller, connection: Connection) -> Make:
    return lambda owner=admin, **config: Hook(app, owner, connection, **config)


def test_a_call_is_in_the_log_with_what_it_brought(hook: Make) -> None:
    made = hook()
    answer = made("POST", "?a=1", data=b'{"n": 1}', content_type="application/json", headers={"X-Event": "paid"})
    (listed,) = made.deliveries()
    assert listed["executionId"] == answer.get_json()["executionId"]
    assert listed.pop("at") > 0
    assert listed.pop("durationMs") >= 0
    assert {name: listed[name] for name in ("method", "status", "reason", "bytes", "address", "replayOf", "replayable")} == {
        "method": "POST", "status": 202, "reason": None, "bytes": 8, "address": "127.0.0.1", "replayOf": None,
        "replayable": True,
    }  # fmt: skip
    request = made.delivery(listed["id"]).json["request"]
    assert request.pop("headers")["x-event"] == "paid"
    assert request == {
        "path": "hook", "query": {"a": "1"}, "contentType": "application/json",
        "body": '{"n": 1}', "truncated": False,
    }  # fmt: skip


def test_a_replay_is_a_run_with_the_same_input(hook: Make, connection: Connection) -> None:
    made = hook()
    first = made.input(made(data=b"\xff\x00", content_type="image/png", headers={"X-Event": "paid"}))
    (listed,) = made.deliveries()
    assert made.delivery(listed["id"]).json["request"]["body"]["contentType"] == "image/png"
    path = f"/workflows/{made.workflow}/triggers/hook/deliveries/{listed['id']}/replay"
    answer = made.owner("POST", path, Idempotency_Key="k")
    assert (answer.status_code, answer.json["triggerType"]) == (202, "webhook")
    assert made.owner("POST", path, Idempotency_Key="k").json == answer.json
    assert made.owner("GET", f"/executions/{answer.json['id']}/input").json == first
    newest = made.deliveries()[0]
    assert (newest["replayOf"], newest["executionId"]) == (listed["id"], answer.json["id"])
    row = connection.execute("SELECT target, detail FROM audit_log WHERE action = 'webhook.replay'").fetchall()
    assert row == [(answer.json["id"], {"trigger": "hook", "delivery": listed["id"]})]
    assert made.runs() == 2


def test_a_replay_is_the_owners_run_whoever_asks(
    hook: Make, person: Callable[..., Caller], admin: Caller, connection: Connection
) -> None:
    made = hook(person("olga"))
    made()
    (listed,) = made.deliveries()
    trigger = ids.encode(ids.TRIGGER, made.trigger.id)
    for name in ("hook", trigger):
        answer = admin("POST", f"/workflows/{made.workflow}/triggers/{name}/deliveries/{listed['id']}/replay")
        assert (answer.status_code, answer.json["userId"], answer.json["userName"]) == (
            202,
            made.owner.public_id,
            "Olga",
        )
        found = made.owner("GET", f"/executions/{answer.json['id']}").json
        assert [found[name] for name in ("userId", "userName", "triggerId")] == [made.owner.public_id, "Olga", trigger]
    asked = connection.execute("SELECT user_id FROM audit_log WHERE action = 'webhook.replay'").fetchall()
    assert asked == [(admin.user_id,)] * 2
    listing = admin("GET", f"/workflows/{made.workflow}/triggers/{trigger}/deliveries")
    assert listing.json["items"] == made.deliveries()
    assert admin("GET", f"/workflows/{made.workflow}/triggers/{trigger}/deliveries/{listed['id']}").status_code == 200


@pytest.mark.parametrize("change", ["disabled_at = now()", "role = 'viewer'"])
def test_for_an_owner_who_may_start_nothing_nothing_starts(
    hook: Make, person: Callable[..., Caller], admin: Caller, connection: Connection, change: str
) -> None:
    made = hook(person("olga"))
    assert made().status_code == 202
    connection.execute(f"UPDATE users SET {change} WHERE id = %s", (made.owner.user_id,))
    answer = made()
    assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems/disabled")
    base = f"/workflows/{made.workflow}/triggers/hook/deliveries"
    refused, taken = admin("GET", base).json["items"]
    assert (refused["status"], refused["reason"]) == (404, "owner")
    answer = admin("POST", f"{base}/{taken['id']}/replay")
    assert (answer.status_code, made.runs()) == (403, 1)
    assert answer.json["detail"].startswith("The owner of this workflow ")


def test_of_a_long_body_the_beginning_is_kept_and_it_is_not_sent_again(hook: Make) -> None:
    made = hook()
    assert made(data=b"x" * (deliveries.KEPT_BYTES + 1), content_type="text/plain").status_code == 202
    (listed,) = made.deliveries()
    assert (listed["bytes"], listed["replayable"]) == (deliveries.KEPT_BYTES + 1, False)
    request = made.delivery(listed["id"]).json["request"]
    assert (len(request["body"]), request["truncated"]) == (deliveries.KEPT_BYTES, True)
    path = f"/workflows/{made.workflow}/triggers/hook/deliveries/{listed['id']}/replay"
    assert made.owner("POST", path).status_code == 409
    assert made.runs() == 1


def test_a_body_that_was_refused_is_refused_again(hook: Make) -> None:
    made = hook()
    for body in (b"{", b'"\\u0000"'):
        made(data=body, content_type="application/json")
    listed = made.deliveries()
    assert [(each["reason"], each["replayable"]) for each in listed] == [
        ("invalid-value", False),
        ("malformed-json", False),
    ]
    for each in listed:
        path = f"/workflows/{made.workflow}/triggers/hook/deliveries/{each['id']}/replay"
        assert made.owner("POST", path).status_code == each["status"]
    assert made.runs() == 0


def test_a_call_that_was_refused_for_its_rate_can_be_sent_again(hook: Make) -> None:
    made = hook(rate={"max": 2, "perMs": 3_600_000})
    answers = [made(json=number) for number in range(4)]
    assert [each.status_code for each in answers] == [202, 202, 429, 429]
    assert 3_500 < int(answers[2].headers["Retry-After"]) <= 3_600
    assert answers[2].get_json()["type"] == "/problems/rate"
    listed = made.deliveries()
    assert [each["status"] for each in listed] == [429, 429, 202, 202]
    path = f"/workflows/{made.workflow}/triggers/hook/deliveries/{listed[1]['id']}/replay"
    started = made.owner("POST", path).json["id"]
    assert made.owner("GET", f"/executions/{started}/input").json["body"] == 2


def test_refused_calls_cannot_fill_the_log(hook: Make) -> None:
    made = hook()
    assert [made("GET").status_code for _ in range(40)] == [405] * 40
    assert len(made.deliveries()) == 20
    assert made().status_code == 202
    assert len(made.deliveries()) == 21


def test_pages(hook: Make) -> None:
    made = hook()
    for number in range(5):
        made(json=number)
    base = f"/workflows/{made.workflow}/triggers/hook/deliveries"
    everything = [each["id"] for each in made.deliveries()]
    first = made.owner("GET", f"{base}?limit=2").json
    second = made.owner("GET", f"{base}?limit=2&cursor={first['nextCursor']}").json
    last = made.owner("GET", f"{base}?limit=2&cursor={second['nextCursor']}").json
    assert [each["id"] for page in (first, second, last) for each in page["items"]] == everything
    assert (len(everything), last["nextCursor"]) == (5, None)


def test_who_sees_the_log_and_who_may_send_again(hook: Make, person: Callable[..., Caller]) -> None:
    owner, other, viewer = person("owner"), person("other"), person("viewer", "viewer")
    made = hook(owner)
    made()
    (listed,) = made.deliveries()
    base = f"/workflows/{made.workflow}/triggers/hook/deliveries"
    assert [other(*call).status_code for call in _calls(base, listed["id"])] == [404, 404, 404]
    etag = owner("GET", f"/workflows/{made.workflow}").headers["ETag"]
    owner("PUT", f"/workflows/{made.workflow}", {"shared": True}, If_Match=etag)
    assert [viewer(*call).status_code for call in _calls(base, listed["id"])] == [200, 200, 403]
    assert [other(*call).status_code for call in _calls(base, listed["id"])] == [200, 200, 202]
    assert owner("GET", base.replace("hook/", "nothing/")).status_code == 404
    assert owner("GET", f"{base}/{listed['id'][:-1]}z").status_code == 404


def _calls(base: str, id: str) -> list[tuple[str, str]]:
    return [("GET", base), ("GET", f"{base}/{id}"), ("POST", f"{base}/{id}/replay")]


def test_a_disabled_workflow_is_not_started_again(hook: Make, admin: Caller) -> None:
    made = hook()
    made()
    (listed,) = made.deliveries()
    etag = admin("GET", f"/workflows/{made.workflow}").headers["ETag"]
    admin("PUT", f"/workflows/{made.workflow}", {"enabled": False}, If_Match=etag)
    assert (
        admin("POST", f"/workflows/{made.workflow}/triggers/hook/deliveries/{listed['id']}/replay").status_code == 409
    )


def test_old_calls_are_forgotten_in_batches(hook: Make, connection: Connection) -> None:
    made = hook()
    for number in range(3):
        made(json=number)
    connection.execute(
        "UPDATE webhook_deliveries SET id = overlay(uuid7_floor(now() - interval '8 days')::text PLACING right(id::text, 12)"
        " FROM 25)::uuid WHERE id <> (SELECT id FROM webhook_deliveries ORDER BY id DESC LIMIT 1)"
    )
    assert [deliveries.prune(connection, limit=1) for _ in range(3)] == [1, 1, 0]
    assert len(made.deliveries()) == 1


@pytest.mark.parametrize(
    ("config", "header"),
    [({}, "Idempotency-Key"), ({}, "webhook-id"), ({"deliveryHeader": "X-Shopify-Event-Id"}, "x-shopify-event-id")],
)
def test_a_call_that_is_sent_twice_counts_once(hook: Make, config: dict[str, Any], header: str) -> None:
    made = hook(**config, response={"status": 200, "body": {"ok": True}})
    first, again, other = (made(json=1, headers={header: key}) for key in ("ü 1", "ü 1", "ü 2"))
    assert [each.get_json() for each in (first, again, other)] == [{"ok": True}] * 3
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    newest, middle, oldest = made.deliveries()
    assert (middle["reason"], middle["executionId"], newest["reason"]) == ("duplicate", oldest["executionId"], None)
    assert made.runs() == 2


def test_of_many_at_once_with_one_key_one_counts(hook: Make, app: Flask) -> None:
    made = hook()

    def post(_: int) -> Any:
        return app.test_client(use_cookies=False).post(made.path, json=1, headers={"Idempotency-Key": "k"}).get_json()

    with ThreadPoolExecutor(6) as threads:
        assert len({each["executionId"] for each in threads.map(post, range(6))}) == 1
    assert made.runs() == 1
