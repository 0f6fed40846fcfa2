"""Credentials: create, list, read, update, delete. Their secrets go in and never come out."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import refuse_strangers, viewer, visible_credential
from services.api.credential_fields import checked_fields, known_type, merged_fields, visible_fields
from services.api.diversion import refuse_diversion
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.revisions import check_revision, etag
from services.api.schemas import credentials as schemas
from services.api.schemas.base import ProblemAnswer
from services.api.sharing import refuse_boundless
from services.api.vault import hash_key, keyring
from shared import ids
from shared.auth.access import Action
from shared.db import audit, credentials
from shared.db.credentials import StoredCredential
from shared.domain.errors import Problem
from shared.queries import credentials as queries
from shared.vault.envelope import Sealed
from shared.vault.opening import sealed_fields
from shared.web.answers import answer
from shared.web.database import commit, connection
from shared.web.guard import address, identity
from shared.web.problems import ProblemError

blueprint = Blueprint("credentials", __name__, url_prefix="/api/v1/credentials")


@blueprint.post("")
@operation(
    Action.CREDENTIAL_WRITE,
    {201: schemas.CredentialAnswer, 422: ProblemAnswer},
    body=schemas.CreateCredential,
    creates=True,
)
def create(body: schemas.CreateCredential) -> Response:
    """Create a credential.

    Its secret fields are encrypted and never answered.
    """
    fields = checked_fields(known_type(body.type), body.fields)
    refuse_boundless(body.type, body.hosts, shared=body.shared)

    def insert(connection: psycopg.Connection[Any]) -> Created:
        id = credentials.new_id(connection)
        row = credentials.insert(
            connection,
            id,
            identity().user_id,
            name=body.name,
            type=body.type,
            shared=body.shared,
            hosts=body.hosts,
            sealed=sealed_fields(keyring(), id, body.type, fields),
        )
        _audit("credential.create", id, name=body.name, type=body.type, shared=body.shared)
        shape = _shape(row)
        return Created(shape, f"/api/v1/credentials/{shape['id']}", headers={"ETag": etag(row.revision)})

    return create_once(insert, hash_key=hash_key())


@blueprint.get("")
@operation(Action.CREDENTIAL_READ, {200: schemas.CredentialPage}, query=schemas.ListCredentials)
def index(query: schemas.ListCredentials) -> Response:
    """List credentials, newest first."""
    items = queries.page(
        connection(), viewer(), search=query.search, types=query.type, before=query.cursor, limit=query.limit
    )
    return answer({"items": items, "nextCursor": items[-1]["id"] if len(items) == query.limit else None})


@blueprint.get("/<credential:credential_id>")
@operation(Action.CREDENTIAL_READ, {200: schemas.CredentialAnswer})
def read(credential_id: UUID) -> Response:
    """Read a credential.

    The answer's ETag is its revision; send it back as If-Match with an update.
    """
    row = visible_credential(credential_id)
    return answer(_shape(row), headers={"ETag": etag(row.revision)})


@blueprint.put("/<credential:credential_id>")
@operation(
    Action.CREDENTIAL_WRITE,
    {200: schemas.CredentialAnswer, 412: ProblemAnswer, 422: ProblemAnswer, 428: ProblemAnswer},
    body=schemas.UpdateCredential,
    headers={"If-Match": "The ETag of the copy that was changed; required."},
)
def update(credential_id: UUID, body: schemas.UpdateCredential) -> Response:
    """Update a credential.

    What is not sent stays, single fields too, so its owner need not send a secret again. An admin who changes other fields
    of somebody else's credential, or adds hosts, must. Steps see the change at once.
    """
    row = visible_credential(credential_id, lock=True)
    refuse_strangers(row.owner_id, "credential", "change it")
    check_revision("credential", row.revision)
    refuse_diversion(row, body.fields, body.hosts)
    shared = row.shared if body.shared is None else body.shared
    hosts = row.hosts if body.hosts is None else body.hosts
    refuse_boundless(row.type, hosts, shared=shared)
    changed = credentials.update(
        connection(),
        credential_id,
        name=row.name if body.name is None else body.name,
        shared=shared,
        hosts=hosts,
        sealed=row.envelope if body.fields is None else _sealed(row, body.fields),
    )
    _audit(
        "credential.update",
        credential_id,
        name=changed.name,
        revision=changed.revision,
        changed=sorted(body.model_fields_set - {"fields"} | {f"fields.{name}"[:100] for name in body.fields or ()}),
    )
    shape = _shape(changed)
    commit()
    return answer(shape, headers={"ETag": etag(changed.revision)})


@blueprint.delete("/<credential:credential_id>")
@operation(
    Action.CREDENTIAL_WRITE,
    {204: "Deleted for good.", 409: ProblemAnswer},
    query=schemas.DeleteCredential,
)
def delete(credential_id: UUID, query: schemas.DeleteCredential) -> Response:
    """Delete a credential.

    Refused while workflows name it in their draft or published version; `force=true` deletes it all the same.
    """
    row = visible_credential(credential_id, lock=True)
    refuse_strangers(row.owner_id, "credential", "delete it")
    found, hidden = queries.workflows_with(connection(), credential_id, viewer())
    if (found or hidden) and not query.force:
        raise _in_use(found, hidden)
    credentials.delete(connection(), credential_id)
    _audit("credential.delete", credential_id, name=row.name, type=row.type, workflows=len(found) + hidden)
    commit()
    return Response(status=204)


def _sealed(row: StoredCredential, sent: dict[str, Any]) -> Sealed:
    return sealed_fields(keyring(), row.id, row.type, merged_fields(row, sent))


def _in_use(found: list[tuple[str, str]], hidden: int) -> ProblemError:
    count = len(found) + hidden
    others = f" ({hidden} of them you may not see)" if hidden else ""
    text = (
        f"{count} workflow{'s use' if count != 1 else ' uses'} it{others}. Give them another credential first, or "
        "delete it all the same with ?force=true: their steps then fail with CREDENTIAL_NOT_FOUND."
    )
    problems = [Problem(id, name) for id, name in found]
    return ProblemError(409, "credential-in-use", "The credential is in use", text, problems)


def _shape(row: StoredCredential) -> dict[str, Any]:
    return queries.summary(connection(), row) | visible_fields(row)


def _audit(action: str, id: UUID, **detail: Any) -> None:
    target = ids.encode(ids.CREDENTIAL, id)
    audit.append(connection(), identity().user_id, action, target, detail=detail, address=address())
