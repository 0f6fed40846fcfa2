"""Credentials at the API: what goes in stays in, nobody's change gets lost, and who may do what."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared import ids
from shared.settings import Settings
from tests.integration.api.caller import Answer, Caller, definition, node
from tests.integration.api.conftest import NOWHERE

Person = Callable[..., Caller]
KEY = "6b" * 32
CANARY = "canary-0123456789-secret"
BODY = {"name": " Partner ", "type": "hmac", "fields": {"secret": CANARY}}


@pytest.fixture
def settings(database_url: str) -> Settings:
    given = {"DATABASE_URL": database_url, "FLOWVERSAL_MAX_REQUEST_BYTES": 100_000, "FLOWVERSAL_VAULT_KEY": KEY}
    return Settings.model_validate({**given, **NOWHERE})


def created(caller: Caller, **more: Any) -> str:
    answer = caller("POST", "/credentials", {**BODY, **more})
    assert answer.status_code == 201, answer.json
    id: str = answer.json["id"]
    return id


def replaced(caller: Caller, id: str, body: dict[str, Any], tag: str = "*") -> Answer:
    return caller("PUT", f"/credentials/{id}", body, If_Match=tag)


def paths(answer: Answer) -> dict[str, str]:
    assert answer.status_code == 422, answer.json
    return {each["path"]: each["message"] for each in answer.json["errors"]}


def test_a_secret_goes_in_and_never_comes_out(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    answer = admin("POST", "/credentials", {**BODY, "hosts": ["API.example.com", "*.corp.test"]}, Idempotency_Key="k")
    id = answer.json["id"]
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/credentials/{id}"
    assert answer.json["name"] == "Partner"
    assert answer.json["hosts"] == ["api.example.com", "*.corp.test"]
    assert answer.json["fields"] == {}
    assert answer.json["secrets"] == {"secret": True}
    read = admin("GET", f"/credentials/{id}")
    assert read.json == answer.json
    assert read.headers["ETag"] == answer.headers["ETag"] == '"1"'
    seen = answer.text + read.text + admin("GET", "/credentials").text
    row = connection.execute("SELECT c::text, a::text, i::text FROM credentials c, audit_log a, idempotency_keys i")
    assert CANARY not in seen + json.dumps(row.fetchall())


def test_the_same_key_creates_once_and_another_secret_is_another_request(admin: Caller) -> None:
    first = admin("POST", "/credentials", BODY, Idempotency_Key="k")
    again = admin("POST", "/credentials", BODY, Idempotency_Key="k")
    other = admin("POST", "/credentials", {**BODY, "fields": {"secret": CANARY + "x"}}, Idempotency_Key="k")
    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    assert other.status_code == 422


def test_what_is_wrong_is_told_by_its_path_and_not_repeated(admin: Caller) -> None:
    answer = admin("POST", "/credentials", {**BODY, "fields": {"secret": "tiny", "sercet": CANARY}})
    assert set(paths(answer)) == {"fields.secret", "fields.sercet"}
    assert "Did you mean secret?" in paths(answer)["fields.sercet"]
    assert "tiny" not in answer.text
    assert CANARY not in answer.text
    assert "required" in paths(admin("POST", "/credentials", {**BODY, "fields": {}}))["fields.secret"]
    assert "hmac" in paths(admin("POST", "/credentials", {**BODY, "type": "nonsense"}))["type"]
    odd = admin("POST", "/credentials", {**BODY, "hosts": ["https://example.com/"], "name": " "})
    assert set(paths(odd)) == {"hosts[0]", "name"}


def test_an_update_keeps_what_is_not_sent(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    id = created(admin)
    sealed = "SELECT sealed FROM credentials"
    before = connection.execute(sealed).fetchone()
    renamed = replaced(admin, id, {"name": "Other", "hosts": ["a.test"]}, '"1"')
    assert (renamed.status_code, renamed.json["revision"], renamed.json["name"]) == (200, 2, "Other")
    assert renamed.json["secrets"] == {"secret": True}
    assert connection.execute(sealed).fetchone() == before
    assert replaced(admin, id, {"name": "x"}, '"1"').status_code == 412
    assert admin("PUT", f"/credentials/{id}", {"name": "x"}).status_code == 428
    assert replaced(admin, id, {"fields": {}}).status_code == 200
    assert "required" in paths(replaced(admin, id, {"fields": {"secret": None}}))["fields.secret"]
    assert replaced(admin, id, {"fields": {"secret": CANARY * 2}}).json["hosts"] == ["a.test"]


def test_who_sees_and_who_changes(admin: Caller, person: Person) -> None:
    owner, other, viewer = person("olga"), person("otto"), person("vera", "viewer")
    own, shared = created(owner), created(owner, shared=True)
    for path in ("/credentials", f"/credentials/{shared}", "/credential-types"):
        assert viewer("GET", path).status_code == 403
    assert other("GET", f"/credentials/{own}").status_code == 404
    assert [it["id"] for it in other("GET", "/credentials").json["items"]] == [shared]
    assert other("GET", f"/credentials/{shared}").status_code == 200
    for refused in (
        replaced(other, shared, {"shared": False}),
        other("DELETE", f"/credentials/{shared}"),
        other("POST", f"/credentials/{shared}/test", {"fields": {"secret": CANARY}}),
    ):
        assert refused.status_code == 403
    assert other("DELETE", f"/credentials/{own}").status_code == 404
    assert replaced(admin, own, {"shared": True}).status_code == 200
    assert len(other("GET", "/credentials").json["items"]) == 2
    narrow = person("nina", scopes=("read",))
    assert narrow("POST", "/credentials", BODY).status_code == 403


def test_the_list_is_searched_and_paged(admin: Caller) -> None:
    made = [created(admin, name=name) for name in ("one", "two", "100%")][::-1]
    page = admin("GET", "/credentials?limit=2").json
    assert [it["id"] for it in page["items"]] == made[:2]
    rest = admin("GET", f"/credentials?limit=2&cursor={page['nextCursor']}").json
    assert ([it["id"] for it in rest["items"]], rest["nextCursor"]) == (made[2:], None)
    assert [it["name"] for it in admin("GET", "/credentials?search=0%25").json["items"]] == ["100%"]
    assert len(admin("GET", "/credentials?search=hma").json["items"]) == 3
    assert len(admin("GET", "/credentials?type=smtp,hmac").json["items"]) == 3
    assert admin("GET", "/credentials?type=smtp").json["items"] == []


def test_one_that_workflows_use_is_deleted_only_by_force(
    admin: Caller, person: Person, connection: psycopg.Connection[Any]
) -> None:
    owner = person("olga")
    id = created(owner, shared=True)
    using = node("first", "transform", output=id)
    mine = owner.workflow("Mine", definition=definition(using))
    assert owner("PUT", f"/workflows/{mine}", {"definition": definition()}, If_Match="*").status_code == 200
    admin.workflow("Hidden", publish=False, definition=definition(using))

    refused = owner("DELETE", f"/credentials/{id}")
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/credential-in-use")
    assert refused.json["errors"] == [{"path": mine, "message": "Mine"}]
    assert "2 workflows use it (1 of them you may not see)" in refused.json["detail"]

    assert owner("DELETE", f"/credentials/{id}?force=true").status_code == 204
    assert owner("GET", f"/credentials/{id}").status_code == 404
    assert connection.execute("SELECT count(*) FROM credentials").fetchone() == (0,)
    detail = connection.execute("SELECT detail FROM audit_log WHERE action = 'credential.delete'").fetchone()
    assert detail == ({"name": "Partner", "type": "hmac", "workflows": 2},)


def test_what_could_be_sent_anywhere_is_shared_only_with_its_hosts(admin: Caller) -> None:
    bearer = {"type": "http.bearer", "fields": {"token": CANARY}}
    assert (
        "A shared credential of this type needs the hosts"
        in paths(admin("POST", "/credentials", {**BODY, **bearer, "shared": True}))["hosts"]
    )
    id = created(admin, **bearer)
    assert set(paths(replaced(admin, id, {"shared": True}))) == {"hosts"}
    assert replaced(admin, id, {"shared": True, "hosts": ["api.example.com"]}).status_code == 200
    assert set(paths(replaced(admin, id, {"hosts": []}))) == {"hosts"}
    assert replaced(admin, id, {"shared": False, "hosts": []}).status_code == 200
    # A signing key never leaves.
    assert replaced(admin, created(admin), {"shared": True}).status_code == 200


def test_types_say_what_a_form_needs(admin: Caller) -> None:
    (hmac,) = [it for it in admin("GET", "/credential-types").json["items"] if it["type"] == "hmac"]
    assert hmac["label"] == "Signing key"
    assert (hmac["testable"], hmac["goesAnywhere"]) == (False, False)
    assert hmac["secrets"] == ["secret"]
    assert hmac["fields"]["properties"]["secret"]["format"] == "password"


def test_one_that_cannot_be_tried_says_so(admin: Caller) -> None:
    assert admin("POST", f"/credentials/{created(admin)}/test").status_code == 409
    assert admin("POST", "/credentials/test", {"type": "hmac", "fields": {"secret": CANARY}}).status_code == 409


def test_one_that_cannot_be_opened_can_be_entered_again(admin: Caller, connection: psycopg.Connection[Any]) -> None:
    id = created(admin)
    connection.execute("UPDATE credentials SET kek_id = 'gone'")
    read = admin("GET", f"/credentials/{id}").json
    assert "FLOWVERSAL_VAULT_KEY" in read["problem"]
    assert admin("POST", f"/credentials/{id}/test").status_code == 503
    assert "problem" not in replaced(admin, id, {"fields": {"secret": CANARY}}).json


class TestLocked:
    """Without a key."""

    @pytest.fixture
    def settings(self, database_url: str) -> Settings:
        return Settings.model_validate({"DATABASE_URL": database_url, **NOWHERE})

    def test_everything_says_which_setting_is_missing(self, admin: Caller) -> None:
        for key in ({}, {"Idempotency_Key": "k"}):
            answer = admin("POST", "/credentials", BODY, **key)
            assert (answer.status_code, answer.json["type"]) == (503, "/problems/vault-locked")
            assert "FLOWVERSAL_VAULT_KEY" in answer.json["detail"]

    def test_what_needs_no_key_works(self, admin: Caller) -> None:
        assert admin("GET", "/credentials").json["items"] == []
        assert admin("GET", "/credential-types").status_code == 200
        assert admin("GET", f"/credentials/{ids.encode(ids.CREDENTIAL, admin.user_id)}").status_code == 404
        admin.workflow()
