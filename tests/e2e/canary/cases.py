"""The ways in which steps use secrets: a credential of every type, and a node that uses it, mostly against a server that tells
what it was sent.

In a case's texts `{url}` is the server that echoes, `{tls}` the same over TLS with the certificate `{ca}`; `{smtp}`, `{postgres}` and
`{mysql}` are ports where logins are refused, `{certificate}` and `{key}` those of a client, and `{credential}` the credential's id.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.e2e.canary.planted import ASCII_PASSWORD, PASSPHRASE, PASSWORD, SIGNING_KEY, TOKEN, Blab


@dataclass(frozen=True)
class Case:
    """A credential and a node that uses it; `state` is how its run ends."""

    name: str
    type: str
    params: dict[str, Any]
    state: str = "success"
    credential_type: str = "planted"
    fields: dict[str, Any] = field(
        default_factory=lambda: {"url": "{url}", "password": PASSWORD, "token": TOKEN, "user": "bob"}
    )


def _blab(how: str, state: str = "success") -> Case:
    return Case(how, Blab.type, {"credential": "{credential}", "url": "{url}", "how": how}, state)


def _http(label: str, path: str, type: str, state: str = "success", **fields: str) -> Case:
    params = {"credential": "{credential}", "method": "POST", "url": "{url}" + path, "body": {"a": 1}}
    return Case(f"http-{label}", "http.request", params, state, type, fields)


def _other(node: str, type: str, state: str, fields: dict[str, Any], **params: Any) -> Case:
    return Case(f"{node}-{type}", node, {"credential": "{credential}"} | params, state, type, fields)


def _model(type: str, *, stream: bool) -> Case:
    fields = {"apiKey": TOKEN, "baseUrl": "{url}/ai"}
    return _other("ai.chat", type, "success", fields, model="m", prompt="Say it.", stream=stream)


def _database(type: str) -> Case:
    server = {"host": "127.0.0.1", "port": "{" + type + "}", "database": "d", "tls": "disable"}
    return _other(
        "db.query", type, "failed", server | {"username": "bob", "password": ASCII_PASSWORD}, query="SELECT 1"
    )


MAIL = {"host": "127.0.0.1", "port": "{smtp}", "security": "none", "username": "bob", "password": ASCII_PASSWORD}
LETTER = {"sender": "a@example.com", "to": "b@example.com", "subject": "s", "text": "t"}
CLIENT = {"certificate": "{certificate}", "key": "{key}", "passphrase": PASSPHRASE}
CASES = (
    _blab("output"),
    _blab("redirect"),
    _blab("encoded"),
    _blab("large"),
    _blab("refused", "failed"),
    _blab("bug", "failed"),
    _http("basic", "/echo", "http.basic", username="bob", password=PASSWORD),
    _http("bearer", "/refused", "http.bearer", "failed", token=TOKEN),
    _http("header", "/redirect", "http.header", name="X-Token", value=TOKEN),
    _http("query", "/echo", "http.query", name="token", value=TOKEN),
    _http(
        "oauth", "/echo", "oauth2.client", tokenUrl="{url}/token?x=1", clientId="bob", clientSecret=PASSWORD, scope="a"
    ),
    Case(
        "http-tls",
        "http.request",
        {"clientCertificate": "{credential}", "caCertificate": "{ca}", "url": "{tls}/echo"},
        credential_type="tls.client",
        fields=CLIENT,
    ),
    _other("webhook.call", "hmac", "success", {"secret": SIGNING_KEY}, url="{url}/echo", body={"a": 1}),
    _other("hash", "hmac", "success", {"secret": SIGNING_KEY}, text="x", action="hmac"),
    _other("notify", "slack.webhook", "failed", {"url": "{url}/refused/" + TOKEN}, text="hi"),
    _other("email.send", "smtp", "failed", MAIL, **LETTER),
    _database("postgres"),
    _database("mysql"),
    _model("ai.openai", stream=True),
    _model("ai.anthropic", stream=False),
)


def filled(value: Any, **places: str) -> Any:
    """The value with `{url}`, `{credential}` and the like replaced."""
    if isinstance(value, dict):
        return {name: filled(part, **places) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(part, **places) for part in value]
    for name, text in places.items():
        value = value.replace("{" + name + "}", text) if isinstance(value, str) else value
    return value
