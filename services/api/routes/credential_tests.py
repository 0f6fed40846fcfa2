"""Try credentials: those that are stored, and fields before they are."""

from typing import Any
from uuid import UUID

from flask import Blueprint
from pydantic import BaseModel
from werkzeug.wrappers import Response

from services.api.access import refuse_strangers, visible_credential
from services.api.credential_fields import checked_fields, known_type, merged_fields
from services.api.diversion import refuse_diversion
from services.api.operation import operation
from services.api.schemas import credentials as schemas
from services.api.schemas.base import ProblemAnswer
from services.api.trying import try_credential
from services.api.vault import keyring
from shared import ids
from shared.auth.access import Action
from shared.credentials.base import CredentialType
from shared.db import audit
from shared.db.credentials import StoredCredential
from shared.vault.opening import opened
from shared.web.answers import answer
from shared.web.database import commit, connection, release
from shared.web.guard import address, identity

blueprint = Blueprint("credential_tests", __name__, url_prefix="/api/v1/credentials")

_ANSWERS: dict[int, Any] = {
    200: schemas.Tried,
    409: ProblemAnswer,
    422: ProblemAnswer,
    429: ProblemAnswer,
    503: ProblemAnswer,
}


@blueprint.post("/test")
@operation(Action.CREDENTIAL_WRITE, _ANSWERS, body=schemas.TryCredential)
def fields(body: schemas.TryCredential) -> Response:
    """Try fields before they are stored.

    Takes at most 10 s. What did not work is said in words; the status is 200 all the same.
    """
    kind = known_type(body.type)
    return _tried(kind, checked_fields(kind, body.fields), body.hosts, body.type)


@blueprint.post("/<credential:credential_id>/test")
@operation(Action.CREDENTIAL_WRITE, _ANSWERS, body=schemas.TryStored)
def stored(credential_id: UUID, body: schemas.TryStored) -> Response:
    """Try a credential.

    Its owner may send some of its fields, or other hosts, which are tried in place of the stored ones. Takes at most 10 s.
    """
    row = visible_credential(credential_id)
    if body.fields or body.hosts is not None:
        refuse_strangers(row.owner_id, "credential", "try it with other fields")
        refuse_diversion(row, body.fields or None, body.hosts)
    hosts = row.hosts if body.hosts is None else body.hosts
    target = ids.encode(ids.CREDENTIAL, credential_id)
    return _tried(known_type(row.type), _fields(row, body.fields), hosts, target)


def _fields(row: StoredCredential, sent: dict[str, Any]) -> BaseModel:
    if sent:
        return merged_fields(row, sent)
    found = opened(keyring(), row).fields
    assert isinstance(found, BaseModel)  # noqa: S101 - a type's fields are a model
    return found


def _tried(kind: CredentialType, fields: BaseModel, hosts: list[str], target: str) -> Response:
    # No connection is held while the other side takes its time.
    release()
    tried = try_credential(kind, fields, hosts, identity().user_id)
    detail = {"type": kind.type, "ok": tried["ok"]}
    audit.append(connection(), identity().user_id, "credential.test", target, detail=detail, address=address())
    commit()
    return answer(tried)
