"""Definitions name credentials: only those that whoever adds them may see, that fit, and that the workflow's owner may use."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared import ids
from shared.nodes.catalogue import node_types
from tests.integration.api.caller import Answer, Caller, definition, node
from tests.integration.worker.vault import Blab, stored

Person = Callable[..., Caller]
PATH = "containers[0].nodes[0].params.credential"


@pytest.fixture(autouse=True)
def blab(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' node type among the others."""
    types = {**node_types(), "blab": Blab()}
    for module in ("shared.web.validation", "shared.web.named_credentials", "shared.engine.plans"):
        monkeypatch.setattr(f"{module}.node_types", lambda: types)


def uses(*credentials: str) -> dict[str, Any]:
    return definition(*(node(f"n{place}", "blab", credential=id) for place, id in enumerate(credentials)))


def saved(caller: Caller, workflow: str, *credentials: str, draft: bool = False) -> Answer:
    body = {"definition": uses(*credentials), "draft": draft}
    return caller("PUT", f"/workflows/{workflow}", body, If_Match="*")


def problems(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.json
    return [(each["path"], each["message"]) for each in answer.json["errors"]]


@pytest.fixture
def owner(person: Person) -> Caller:
    return person("olga")


@pytest.fixture
def guest(person: Person) -> Caller:
    return person("gus")


Connection = psycopg.Connection[Any]


def test_ones_own_and_shared_ones_may_be_named(owner: Caller, guest: Caller, connection: Connection) -> None:
    own, shared = stored(connection, owner.user_id), stored(connection, guest.user_id, shared=True)
    id = owner.workflow(definition=uses(own, shared))
    assert owner("GET", f"/workflows/{id}").json["publishedVersion"] == 1
    assert owner("POST", "/workflows/validate", uses(own)).json["valid"] is True


def test_those_of_others_are_as_if_they_were_not_there(owner: Caller, guest: Caller, connection: Connection) -> None:
    hidden, nowhere = stored(connection, guest.user_id), ids.encode(ids.CREDENTIAL, UUID(int=7))
    for id in (hidden, nowhere):
        answer = owner("POST", "/workflows", {"name": "n", "definition": uses(id)})
        assert problems(answer) == [(PATH, "there is no credential with this id that you may use: choose another")]
        assert '"draft": true' in answer.json["detail"]
        assert problems(owner("POST", "/workflows/validate", uses(id)))[0][0] == PATH


def test_a_draft_with_a_strangers_credential_is_saved_but_never_runs(
    owner: Caller, guest: Caller, connection: Connection
) -> None:
    secret = stored(connection, owner.user_id)
    workflow = owner.workflow(shared=True)
    for _ in range(2):
        answer = saved(guest, workflow, secret, draft=True)
        assert answer.status_code == 200
        assert [it["path"] for it in answer.json["problems"]] == [PATH]
        assert problems(guest("POST", f"/workflows/{workflow}/publish"))[0][0] == PATH
        assert problems(guest.start(workflow, {"version": "draft"}))[0][0] == PATH
    assert problems(saved(guest, workflow, secret))[0][0] == PATH
    assert owner("POST", f"/workflows/{workflow}/publish").status_code == 201


def test_what_its_owner_put_there_stays_when_others_save(owner: Caller, guest: Caller, connection: Connection) -> None:
    first, second = stored(connection, owner.user_id), stored(connection, owner.user_id)
    workflow = owner.workflow(shared=True, definition=uses(first), publish=False)
    assert saved(guest, workflow, first, first).status_code == 200
    body = {"definition": uses(first), "workflowId": workflow}
    assert guest("POST", "/workflows/validate", body).status_code == 200
    assert guest("POST", f"/workflows/{workflow}/publish").status_code == 201
    assert len(problems(saved(guest, workflow, first, second))) == 1
    # Once taken out it is as strange as any other.
    assert saved(guest, workflow).status_code == 200
    assert len(problems(saved(guest, workflow, first))) == 1


def test_a_strangers_save_changes_nothing_that_a_credential_is_used_for(
    owner: Caller, guest: Caller, admin: Caller, connection: Connection
) -> None:
    secret = stored(connection, owner.user_id)

    def draft(**params: Any) -> dict[str, Any]:
        return definition(node("other"), node("n0", "blab", credential=secret, **params))

    def save(caller: Caller, **params: Any) -> Answer:
        return caller("PUT", f"/workflows/{workflow}", {"definition": draft(**params), "draft": True}, If_Match="*")

    workflow = owner.workflow(shared=True, definition=draft(given="https://partner.test"), publish=False)
    for _ in range(2):
        ((path, message),) = [
            (it["path"], it["message"]) for it in save(guest, given="https://guest.test").json["problems"]
        ]
        assert path == "containers[0].nodes[1].params.credential"
        assert "only its owner can change what it is used for" in message
        for refused in (
            guest("POST", f"/workflows/{workflow}/publish"),
            guest.start(workflow, {"version": "draft"}),
            guest("POST", "/workflows/validate", {"definition": draft(), "workflowId": workflow}),
        ):
            assert problems(refused) == [(path, message)]
    assert save(guest, given="https://partner.test").json["problems"] == []
    assert guest.start(workflow, {"version": "draft"}).status_code == 202
    # Whoever may see it vets the draft by saving it; what was vetted before then is not any more.
    assert save(admin, given="https://new.test").json["problems"] == []
    assert save(guest, given="https://partner.test").json["problems"] != []
    assert save(guest, given="https://new.test").json["problems"] == []
    assert guest("POST", f"/workflows/{workflow}/publish").status_code == 201
    # A copy is a workflow of its own, and as strange as any other.
    assert len(problems(guest("POST", "/workflows", {"name": "n", "definition": draft(given="https://new.test")}))) == 1


def test_a_node_may_be_moved_and_renamed_but_not_be_made_another(
    owner: Caller, guest: Caller, connection: Connection
) -> None:
    secret = stored(connection, owner.user_id)
    workflow = owner.workflow(shared=True, definition=uses(secret), publish=False)
    moved = definition(node("first"), node("renamed", "blab", credential=secret))
    hashed = definition(node("n0", "hash", text="x", action="hmac", credential=secret))
    for built, expected in ((moved, []), (hashed, [PATH])):
        answer = guest("PUT", f"/workflows/{workflow}", {"definition": built, "draft": True}, If_Match="*")
        assert [it["path"] for it in answer.json["problems"]] == expected


def test_what_a_webhook_is_guarded_by_stays_as_it_is(owner: Caller, guest: Caller, connection: Connection) -> None:
    secret = stored(connection, owner.user_id)

    def hook(type: str, **more: Any) -> dict[str, Any]:
        trigger = {"id": "in", "type": "webhook", "authentication": {"type": type, "credential": secret}, **more}
        return definition() | {"triggers": [trigger]}

    workflow = owner.workflow(shared=True, definition=hook("hmac"), publish=False)
    for built, expected in (
        (hook("hmac", name="Orders"), []),
        (hook("secret"), ["triggers[0].authentication.credential"]),
    ):
        answer = guest("PUT", f"/workflows/{workflow}", {"definition": built, "draft": True}, If_Match="*")
        assert [it["path"] for it in answer.json["problems"]] == expected


def test_an_admin_sees_all_but_the_owner_must_be_able_to_use_it(
    admin: Caller, owner: Caller, guest: Caller, connection: Connection
) -> None:
    theirs = stored(connection, guest.user_id)
    workflow = owner.workflow(publish=False)
    ((path, message),) = problems(saved(admin, workflow, theirs))
    assert path == PATH
    assert message.startswith("the owner of this workflow may not use this credential")


def test_a_deleted_one_keeps_its_draft_from_being_published(owner: Caller, connection: Connection) -> None:
    workflow = owner.workflow(definition=uses(stored(connection, owner.user_id)))
    connection.execute("DELETE FROM credentials")
    assert problems(owner("POST", f"/workflows/{workflow}/publish"))[0][0] == PATH
    assert owner("PUT", f"/workflows/{workflow}", {"name": "kept"}, If_Match="*").status_code == 200


def test_one_of_another_type_does_not_fit(owner: Caller, connection: Connection) -> None:
    id = stored(connection, owner.user_id)
    connection.execute("UPDATE credentials SET type = 'smtp'")
    ((_, message),) = problems(owner("POST", "/workflows", {"name": "n", "definition": uses(id)}))
    assert message == "this is a credential of the type smtp, but hmac is needed here: choose another"


@pytest.mark.parametrize(
    "odd",
    [
        {"containers": 5},
        {"containers": [5, {"nodes": [None, {"type": []}, {"type": "blab"}, {"type": "blab", "params": []}]}]},
        {"containers": [{"nodes": [{"type": "blab", "params": {"credential": 5}}]}]},
    ],
)
def test_drafts_of_any_shape_are_looked_at(owner: Caller, odd: dict[str, Any]) -> None:
    assert owner("POST", "/workflows", {"name": "n", "definition": odd, "draft": True}).status_code == 201


def test_the_workflow_to_validate_for_must_be_visible(owner: Caller, guest: Caller) -> None:
    workflow = owner.workflow()
    for id, status in ((workflow, 404), ("nonsense", 422)):
        body = {"definition": definition(), "workflowId": id}
        assert guest("POST", "/workflows/validate", body).status_code == status
