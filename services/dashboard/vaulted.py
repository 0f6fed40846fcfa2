"""What the pages of credentials show: everything but their fields, which only the API opens."""

from typing import Any
from urllib.parse import urlencode

from flask import current_app
from werkzeug.datastructures import MultiDict

from services.dashboard.context import viewer
from services.dashboard.frames import Context, search_of
from services.dashboard.inputs import inputs_of
from shared import ids
from shared.credentials.base import CredentialType
from shared.credentials.catalogue import credential_types
from shared.credentials.secret_fields import secret_names
from shared.db import credentials as stored
from shared.domain.errors import NotFound
from shared.queries import credentials
from shared.vault.keyring import NO_KEY
from shared.web.database import connection
from shared.web.guard import identity

PAGE_SIZE = 50
CHOICES = 200
"""How many the editor offers."""
NO_CREDENTIAL = "There is no such credential, or none that you may see."


def list_context(args: MultiDict[str, str]) -> Context:
    """A page of credentials, newest first; `?before=` goes on."""
    search, type = search_of(args), args.get("type", "")
    type = type if type in credential_types() else ""
    before = ids.decode(ids.CREDENTIAL, args.get("before", ""))
    found = credentials.page(
        connection(), viewer(), search=search or None, types=[type] if type else [], before=before, limit=PAGE_SIZE + 1
    )
    narrowed = {name: value for name, value in (("q", search), ("type", type)) if value}
    older = found[PAGE_SIZE - 1]["id"] if len(found) > PAGE_SIZE else None
    return {
        "credentials": [_with_kind(each) for each in found[:PAGE_SIZE]],
        "types": credential_types(),
        "search": search,
        "type": type,
        "newest": f"?{urlencode(narrowed)}" if before is not None else None,
        "older": f"?{urlencode(narrowed | {'before': older})}" if older else None,
        "locked": locked(),
    }


def choice_context() -> Context:
    """The credentials that the editor offers, by name."""
    found = credentials.page(connection(), viewer(), search=None, types=[], before=None, limit=CHOICES)
    return {"credentials": sorted(map(_with_kind, found), key=lambda each: each["name"].lower())}


def form_context(kind: CredentialType) -> Context:
    """An empty form of a type."""
    schema = kind.fields.model_json_schema()
    return {"kind": kind, "inputs": inputs_of(schema, secret_names(kind.fields)), "locked": locked()}


def one_context(credential_id: str) -> Context:
    """One credential with the workflows that name it. Raises NotFound."""
    key, eyes = ids.decode(ids.CREDENTIAL, credential_id), viewer()
    row = None if key is None else stored.get(connection(), key, viewer=eyes.user_id, everything=eyes.everything)
    if row is None:
        raise NotFound(NO_CREDENTIAL)
    used_by, hidden = credentials.workflows_with(connection(), row.id, eyes)
    kind = credential_types().get(row.type)
    return (form_context(kind) if kind is not None else {"kind": None, "inputs": [], "locked": locked()}) | {
        "credential": credentials.summary(connection(), row),
        "used_by": used_by,
        "hidden": hidden,
        "own": row.owner_id == identity().user_id or identity().sees_all,
    }


def locked() -> str | None:
    """What to do where there is no key at all: every process gets the same settings."""
    return None if current_app.config["VAULT_HAS_KEY"] else NO_KEY


def _with_kind(shape: dict[str, Any]) -> dict[str, Any]:
    kind = credential_types().get(shape["type"])
    return shape | {"label": kind.label if kind else shape["type"], "icon": kind.icon if kind else "key"}
