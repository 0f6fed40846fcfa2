"""Who may call a webhook: each way right, wrong and missing; what was proven is seen by nobody."""

import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask
from pydantic import SecretStr

from services.api.hooks.limits import MOST_WAITING, webhook_limits
from shared import ids
from shared.credentials.catalogue import credential_types
from shared.db import credentials
from shared.metrics import WEBHOOK_CALLS
from shared.settings import Settings
from shared.vault.keyring import keyring_of
from shared.vault.opening import sealed_fields
from tests.integration.api.caller import Caller
from tests.integration.api.conftest import application
from tests.integration.api.hooking import Hook, hooked

Connection = psycopg.Connection[Any]
SECRET = "canary-1f0e" * 3
WORD = "canary-77aa:ü"
BODY = b'{"n": 1}'


GIVEN = {
    "hmac": {"secret": SECRET},
    "http.header": {"name": "X-Shop-Key", "value": SECRET},
    "http.basic": {"username": "shop", "password": WORD},
}
KEY, HEADER, BASIC = "hmac", "http.header", "http.basic"
Make = Callable[..., Hook]
Keep = Callable[..., str]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"vault_key": SecretStr("6b" * 32)})


@pytest.fixture
def keep(admin: Caller, connection: Connection, settings: Settings) -> Keep:
    """Puts a credential into the vault, under an id of its own or that of one that is gone; its id."""

    def insert(kind: str, name: str = "", /, **fields: str) -> str:
        id = ids.decode(ids.CREDENTIAL, name) or credentials.new_id(connection)
        given = credential_types()[kind].fields.model_validate(fields or GIVEN[kind])
        sealed = sealed_fields(keyring_of(settings), id, kind, given)
        credentials.insert(connection, id, admin.user_id, name=kind, type=kind, shared=False, hosts=[], sealed=sealed)
        return ids.encode(ids.CREDENTIAL, id)

    return insert


@pytest.fixture
def hook(app: Flask, admin: Caller, connection: Connection, keep: Keep) -> Make:
    """A webhook with this authentication; `credential` is a type, or an id."""

    def make(**authentication: Any) -> Hook:
        named = authentication["credential"]
        id = keep(named) if named in GIVEN else named
        more = {"deliveryHeader": "X-Delivery", "authentication": authentication | {"credential": id}}
        return Hook(app, admin, connection, **more)

    return make


def digest(body: bytes, algorithm: str = "sha256", key: str = SECRET) -> bytes:
    return hmac.digest(key.encode(), body, algorithm)


def basic(pair: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def github(body: bytes, key: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={digest(body, key=key).hex()}"}


def stripe(body: bytes, key: str = SECRET, age_s: float = 0) -> dict[str, str]:
    at = int(time.time() - age_s)
    right = digest(f"{at}.".encode() + body, key=key).hex()
    return {"Stripe-Signature": f"t={at},v1={'0' * 64},v1={right},v0=zz"}


def slack(body: bytes, key: str = SECRET, age_s: float = 0) -> dict[str, str]:
    at = int(time.time() - age_s)
    signature = digest(f"v0:{at}:".encode() + body, key=key).hex()
    return {"X-Slack-Signature": f"v0={signature}", "X-Slack-Request-Timestamp": str(at)}


def standard(body: bytes, key: str = SECRET, age_s: float = 0, name: str = "msg_1") -> dict[str, str]:
    at = int(time.time() - age_s)
    signature = b64encode(digest(f"{name}.{at}.".encode() + body, key=key)).decode()
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": f"v1,AAAA v1a,x v1,{signature}"}


def own(body: bytes, key: str = SECRET) -> dict[str, str]:
    return {"X-Sign": "v=" + b64encode(digest(body, "sha512", key)).decode()}


def dated(body: bytes, key: str = SECRET, age_s: float = 0) -> dict[str, str]:
    at = str(int((time.time() - age_s) * 1000))
    return {"X-Webhook-Signature": digest(f"{at}.".encode() + body, key=key).hex(), "X-At": at}


Sign = Callable[..., dict[str, str]]
PRESETS: dict[str, tuple[dict[str, Any], Sign]] = {
    "github": ({"preset": "github"}, github),
    "stripe": ({"preset": "stripe"}, stripe),
    "slack": ({"preset": "slack"}, slack),
    "standard": ({"preset": "standard-webhooks"}, standard),
    "own": ({"header": "X-Sign", "algorithm": "sha512", "encoding": "base64", "prefix": "v="}, own),
    "dated": ({"timestampHeader": "X-At"}, dated),
}


# The same signatures, written otherwise.
OTHERWISE: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "stripe": lambda sent: {"Stripe-Signature": sent["Stripe-Signature"] + ",v0=z2"},
    "slack": lambda sent: {"X-Slack-Signature": "v0=" + sent["X-Slack-Signature"].removeprefix("v0=").upper()},
    "standard": lambda sent: {"webhook-signature": sent["webhook-signature"] + " v1a,y"},
    "dated": lambda sent: {"X-Webhook-Signature": sent["X-Webhook-Signature"].upper()},
}


@pytest.mark.parametrize("name", PRESETS)
def test_signatures(hook: Make, name: str) -> None:
    config, sign = PRESETS[name]
    made = hook(type="hmac", credential=KEY, **config)
    assert made(data=BODY, content_type="application/json", headers=sign(BODY)).status_code == 202
    for headers in ({}, sign(BODY + b" "), sign(BODY, key="guess"), dict.fromkeys(sign(BODY), "v1=,sha256=ü")):
        answer = made(data=BODY, content_type="application/json", headers=headers)
        assert answer.status_code == 401, headers
        assert answer.get_json()["detail"] == "The credentials of this call are missing or wrong."
        assert "WWW-Authenticate" not in answer.headers
    assert made.runs() == 1


@pytest.mark.parametrize("name", ["stripe", "slack", "standard", "dated"])
def test_an_old_signature_is_worth_nothing_and_a_fresh_one_counts_once(hook: Make, name: str) -> None:
    config, sign = PRESETS[name]
    made = hook(type="hmac", credential=KEY, toleranceMs=60_000, **config)
    for age_s in (70, -70):
        assert made(data=BODY, headers=sign(BODY, age_s=age_s)).status_code == 401
    headers = sign(BODY, age_s=50)
    first, again = (made(data=BODY, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert made.runs() == 1


@pytest.mark.parametrize("name", ["stripe", "slack", "standard", "dated"])
def test_a_recorded_call_is_worth_nothing_in_whatever_dress(hook: Make, name: str) -> None:
    config, sign = PRESETS[name]
    made = hook(type="hmac", credential=KEY, **config)
    headers = sign(BODY)
    first = made(data=BODY, headers=headers)
    dresses: list[dict[str, str]] = [
        {"Idempotency-Key": "another"},
        {"X-Delivery": "another"},
        OTHERWISE[name](headers),
    ]
    for dress in dresses:
        again = made(data=BODY, headers=headers | dress)
        assert (again.status_code, again.get_json()) == (202, first.get_json()), dress
    assert made.runs() == 1
    # What somebody invented for a repeated call is not taken from one that comes later.
    later = made(data=b"2", headers=sign(b"2") | {"X-Delivery": "another"})
    assert (later.status_code, made.runs()) == (202, 2)
    # And one that its sender signs anew is not new, nor is its signature good for a third time.
    anew = sign(b"2", age_s=20) | {"X-Delivery": "another"}
    for headers in (anew, anew | {"X-Delivery": "a third"}):
        assert made(data=b"2", headers=headers).get_json() == later.get_json()
    assert made.runs() == 2


def test_who_is_not_proven_takes_nobodys_place(hook: Make, app: Flask) -> None:
    made = hook(type="hmac", credential=KEY, preset="github")
    made.change(respond="workflow", authentication=made.trigger.config["authentication"])
    with app.app_context(), webhook_limits().waiting.share(made.trigger.id) as taken:
        taken.grow(MOST_WAITING // 4)
        assert made(data=BODY, headers=github(b"other")).status_code == 401
        answer = made(data=BODY, headers=github(BODY))
    assert (answer.status_code, answer.get_json()["type"], made.runs()) == (429, "/problems/busy", 0)


def test_the_key_of_standard_webhooks_is_base64(hook: Make, keep: Keep) -> None:
    packed = b64encode(b"\x00\xff" * 12).decode()
    credential = keep("hmac", secret=f"whsec_{packed}")
    made, at = hook(type="hmac", credential=credential, preset="standard-webhooks"), int(time.time())
    signature = b64encode(hmac.digest(b64decode(packed), f"m.{at}.".encode() + BODY, hashlib.sha256)).decode()
    headers = {"webhook-id": "m", "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}
    assert made(data=BODY, headers=headers).status_code == 202


def test_a_key_that_is_not_base64_is_not_saved_and_lets_nobody_in(
    hook: Make, keep: Keep, admin: Caller, connection: Connection
) -> None:
    broken = "whsec_c4n4ry!canary"
    answer = admin("POST", "/credentials", {"name": "K", "type": "hmac", "fields": {"secret": broken}})
    assert (answer.status_code, answer.json["errors"][0]["path"]) == (422, "fields.secret")
    assert "not base64" in answer.json["errors"][0]["message"]
    assert broken not in str(answer.json)
    id = keep(KEY)
    made = hook(type="hmac", credential=id, preset="standard-webhooks")
    connection.execute("DELETE FROM credentials")
    keep(HEADER, id, name="X", value=broken)
    assert made(data=BODY, headers=standard(BODY, key=broken)).status_code == 401
    assert [each["reason"] for each in made.deliveries()] == ["credential-unfit"]


@pytest.mark.parametrize(
    ("config", "right", "wrong"),
    [
        ({"type": "secret", "credential": KEY}, {"X-Webhook-Secret": SECRET}, {"X-Webhook-Secret": SECRET[:-1]}),
        ({"type": "secret", "credential": HEADER}, {"X-Shop-Key": SECRET}, {"X-Webhook-Secret": SECRET}),
        ({"type": "secret", "credential": HEADER, "header": "Key"}, {"key": SECRET}, {"X-Shop-Key": SECRET}),
        ({"type": "basic", "credential": BASIC}, basic(f"shop:{WORD}"), basic("shop:canary")),
        ({"type": "basic", "credential": BASIC}, basic(f"shop:{WORD}"), {"Authorization": "Basic ???"}),
        ({"type": "basic", "credential": BASIC}, basic(f"shop:{WORD}"), {"Authorization": f"Bearer {SECRET}"}),
    ],
)
def test_secrets_and_passwords(
    hook: Make, config: dict[str, Any], right: dict[str, str], wrong: dict[str, str]
) -> None:
    made = hook(**config)
    assert made(headers=right).status_code == 202
    for headers in ({}, wrong):
        answer = made(headers=headers, data=b"never read")
        assert answer.status_code == 401
        assert answer.headers.get("WWW-Authenticate") == (
            'Basic realm="webhook"' if config["type"] == "basic" else None
        )
    assert made.runs() == 1


@pytest.mark.parametrize(
    ("kind", "other", "reason"),
    [
        ("secret", "", "credential-missing"),
        ("hmac", "", "credential-missing"),
        ("hmac", BASIC, "credential-unfit"),
        ("secret", BASIC, "credential-unfit"),
    ],
)
def test_without_a_fitting_credential_nobody_gets_in(
    hook: Make, keep: Keep, connection: Connection, kind: str, *, other: str, reason: str
) -> None:
    id = keep(KEY)
    made = hook(type=kind, credential=id)
    connection.execute("DELETE FROM credentials")
    if other:
        keep(other, id)
    answer = made(headers=basic(f"shop:{WORD}") | {"X-Webhook-Secret": SECRET, "X-Webhook-Signature": "00"})
    assert (answer.status_code, answer.get_json()["type"]) == (401, "/problems/unauthorized")
    assert [each["reason"] for each in made.deliveries()] == [reason]


def test_a_name_without_a_password_lets_nobody_in(hook: Make, keep: Keep) -> None:
    made = hook(type="basic", credential=keep(BASIC, username="shop"))
    assert made(headers=basic("shop:")).status_code == 401
    assert [each["reason"] for each in made.deliveries()] == ["credential-unfit"]


def test_a_definition_names_a_credential_that_fits_and_that_its_author_may_use(
    keep: Keep, admin: Caller, person: Callable[..., Caller]
) -> None:
    key, pair = keep(KEY), keep(BASIC)

    def problems(caller: Caller, kind: str, credential: str) -> list[str]:
        body = {"name": "W", "definition": hooked(authentication={"type": kind, "credential": credential})}
        return [each["path"] for each in caller("POST", "/workflows", body).json.get("errors", [])]

    place = ["triggers[0].authentication.credential"]
    assert (problems(admin, "hmac", key), problems(admin, "basic", pair), problems(admin, "secret", key)) == (
        [],
        [],
        [],
    )
    assert (
        problems(admin, "hmac", pair)
        == problems(admin, "basic", key)
        == problems(person("other"), "hmac", key)
        == place
    )


@pytest.mark.parametrize("name", [*PRESETS, "secret", "basic"])
def test_what_proves_a_caller_is_kept_nowhere(hook: Make, connection: Connection, name: str) -> None:
    if name in PRESETS:
        config, sign = PRESETS[name]
        made, headers = hook(type="hmac", credential=KEY, **config), sign(BODY)
    else:
        made = hook(type=name, credential=HEADER if name == "secret" else BASIC)
        headers = {"X-Shop-Key": SECRET} if name == "secret" else basic(f"shop:{WORD}")
    assert made(data=BODY, headers=headers).status_code == 202
    assert made(data=b"refused", headers=dict.fromkeys(headers, f"{SECRET}x")).status_code == 401
    kept = "".join(
        str(connection.execute(f"SELECT json_agg(t)::text FROM {table} t").fetchone())
        for table in ("webhook_deliveries", "execution_data", "audit_log", "idempotency_keys", "webhook_answers")
    )
    secrets = [value for header, value in headers.items() if header not in ("webhook-id", "webhook-timestamp")]
    secrets = [value for value in secrets if len(value) > 20] + [SECRET, WORD]
    assert [value for value in secrets if value in kept] == []
    refused = made.deliveries()[0]
    assert (refused["reason"], refused["bytes"], made.delivery(refused["id"]).json["request"]) == (
        "unauthorized",
        0,
        None,
    )


def test_somebody_elses_credential_lets_nobody_in(
    hook: Make, connection: Connection, person: Callable[..., Caller]
) -> None:
    made, headers = hook(type="secret", credential=KEY), {"X-Webhook-Secret": SECRET}
    connection.execute("UPDATE credentials SET owner_id = %s", (person("other").user_id,))
    assert made(headers=headers).status_code == 401
    connection.execute("UPDATE credentials SET shared = true")
    assert made(headers=headers).status_code == 202
    used = connection.execute("SELECT last_used_at IS NOT NULL FROM credentials").fetchone()
    assert used == (True,)


def test_without_the_vaults_key_nobody_is_told_that_they_are_wrong(
    hook: Make, admin: Caller, connection: Connection, settings: Settings
) -> None:
    made, counted = hook(type="secret", credential="hmac"), WEBHOOK_CALLS.labels("vault-locked")
    before = counted._value.get()
    with application(settings.model_copy(update={"vault_key": None})) as locked:
        answer = locked.test_client().post(made.path, headers={"X-Webhook-Secret": SECRET}, data=BODY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert answer.get_json()["type"] == "/problems/vault-locked"
    assert counted._value.get() == before + 1
    (listed,) = made.deliveries()
    assert (listed["status"], listed["reason"], made.delivery(listed["id"]).json["request"]) == (
        503,
        "vault-locked",
        None,
    )
    assert SECRET not in str(connection.execute("SELECT json_agg(d)::text FROM webhook_deliveries d").fetchone())
