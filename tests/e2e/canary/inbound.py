"""Secrets that callers of webhooks prove themselves with: right ones, and right ones in the wrong place."""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.canary.field import Field, until
from tests.e2e.canary.planted import PASSWORD, SIGNING_KEY, TOKEN

_BODY = b'{"n": 1}'


def _basic(password: str) -> str:
    return f"Basic {base64.b64encode(f'shop:{password}'.encode()).decode()}"


_SIGNATURE = f"sha256={hmac.digest(SIGNING_KEY.encode(), _BODY, hashlib.sha256).hex()}"
_HOOKS: dict[str, tuple[str, dict[str, str], dict[str, str], dict[str, str]]] = {
    "hmac": ("hmac", {"secret": SIGNING_KEY}, {"preset": "github"}, {"X-Hub-Signature-256": _SIGNATURE}),
    "secret": ("http.header", {"name": "X-Shop-Key", "value": TOKEN}, {}, {"X-Shop-Key": TOKEN}),
    "basic": ("http.basic", {"username": "shop", "password": PASSWORD}, {}, {"Authorization": _basic(PASSWORD)}),
}
"""For each way to prove who calls: the type of its credential, its fields, what else is said, the right headers."""
_WRONG = {"X-Hub-Signature-256": SIGNING_KEY, "X-Shop-Key": f"{TOKEN}x", "Authorization": _basic(f"{PASSWORD}x")}


def call_webhooks(field: Field) -> list[str]:
    """The ids of the runs that were started; every call and every delivery was read."""
    triggers = []
    for kind, (type, fields, more, _) in _HOOKS.items():
        credential = field("POST", "/credentials", {"name": f"in {kind}", "type": type, "fields": fields})["id"]
        proof: dict[str, Any] = {"type": kind, "credential": credential} | more
        triggers.append({"id": kind, "type": "webhook", "authentication": proof})
    nodes = [
        {"id": "blab", "type": "transform", "params": {"output": "{{ input }}"}},
        {"id": "pass", "type": "transform", "params": {"output": "{{ steps.blab }}"}},
    ]
    definition = {"schema": 1, "triggers": triggers, "containers": [{"id": "c", "name": "C", "nodes": nodes}]}
    workflow = field.workflow("Hooks", definition)
    return [_call(field, f"/workflows/{workflow}/triggers/{kind}", right) for kind, (*_, right) in _HOOKS.items()]


def _call(field: Field, trigger: str, right: dict[str, str]) -> str:
    url = urlsplit(field("GET", trigger)["url"]).path
    found = []
    # The right headers of others are what somebody sends who has mixed them up.
    for headers, status in ((_WRONG | right, 202), (_WRONG, 401)):
        answer = field.http.post(url, content=_BODY, headers={"Content-Type": "application/json"} | headers)
        field.answers.append(f"{answer.headers} {answer.text}")
        assert answer.status_code == status, answer.text
        found.append(answer.json())
    run = str(found[0]["executionId"])
    until(lambda: field("GET", f"/executions/{run}")["status"] == "success")
    deliveries = field("GET", f"{trigger}/deliveries")["items"]
    assert len(deliveries) == 2
    for each in deliveries:
        field("GET", f"{trigger}/deliveries/{each['id']}")
    return run
