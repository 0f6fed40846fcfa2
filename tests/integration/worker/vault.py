"""Credentials in a database, and a node type of the tests that gives away all it can of the one it uses."""

from base64 import b64encode
from typing import Annotated, Any
from uuid import UUID

import psycopg
from pydantic import BaseModel, Field

from shared import ids
from shared.credentials.catalogue import credential_types
from shared.db import credentials
from shared.nodes.base import Context, CredentialOf, Done, NodeError, NodeType, Params, Respond
from shared.vault.keyring import Keyring
from shared.vault.opening import sealed_fields

KEY = b"k" * 32
TOKEN = "canary-token-0123456789"
SECRET = 'canary "with quotes" 0123456789'


def stored(
    connection: psycopg.Connection[Any],
    owner_id: UUID,
    fields: dict[str, Any] | None = None,
    *,
    type: str = "hmac",
    key: bytes = KEY,
    id: UUID | None = None,
    **more: Any,
) -> str:
    """The id of a new credential."""
    model: BaseModel = credential_types()[type].fields.model_validate(fields or {"secret": SECRET})
    id = id or credentials.new_id(connection)
    sealed = sealed_fields(Keyring([key]), id, type, model)
    given = {"name": "n", "shared": False, "hosts": [], **more}
    credentials.insert(connection, id, owner_id, type=type, sealed=sealed, **given)
    return ids.encode(ids.CREDENTIAL, id)


class BlabParams(Params):
    credential: Annotated[str, CredentialOf("hmac")] = Field(description="Which one.")
    how: str = Field("output", description="Where it goes.")
    given: Any = Field(None, description="Anything.")


class Blab(NodeType):
    """Says the secret wherever a step can say something."""

    type = "blab"
    params = BlabParams

    async def run(self, ctx: Context, params: BlabParams) -> Done | Respond:
        """Output, log, error, a bug, and the answer of a webhook."""
        found = await ctx.credential(params.credential)
        secret = found.fields.secret.get_secret_value()
        ctx.log("info", f"it is {secret}", deep={"er": [secret]})
        if params.how == "token":
            ctx.mask(TOKEN)
            ctx.log("info", f"got {TOKEN}")
            return Done({"echo": f"Bearer {TOKEN}", TOKEN: 1})
        if params.how == "error":
            raise NodeError("TOLD", "x" * 3_995 + secret)
        if params.how == "bug":
            raise RuntimeError(secret)
        if params.how == "large":
            return Done({"found": [secret] * 20_000})
        if params.how == "answer":
            return Respond(
                200, {"X-Said": f"a {secret}"}, b"\xff" + secret.encode() + b"|" + b64encode(secret.encode())
            )
        return Done({"found": secret, secret: f"Basic {secret}", "type": found.type, "hosts": list(found.hosts)})
