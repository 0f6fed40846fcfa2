"""The caller, their session and their tokens."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint, current_app, request
from werkzeug.wrappers import Response

from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.schemas import people as schemas
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import Action, Identity, Scope, reach
from shared.auth.secrets import fingerprint, hint, new_token
from shared.auth.signin import SignIn, sign_out
from shared.db import audit, tokens
from shared.db.tokens import Token
from shared.domain.errors import Forbidden, NotFound
from shared.queries.shapes import ms
from shared.web.answers import answer
from shared.web.cookies import clear_session_cookie, session_key, set_session_cookie
from shared.web.database import commit, connection
from shared.web.guard import address, identity

blueprint = Blueprint("people", __name__, url_prefix="/api/v1")

_SECONDS_A_DAY = 86_400


@blueprint.get("/me")
@operation(Action.SELF_READ, {200: schemas.Me})
def me() -> Response:
    """Who is calling."""
    return answer(_me(identity()))


@blueprint.post("/session")
@operation(
    Action.PUBLIC,
    {201: schemas.Me, 401: ProblemAnswer, 429: ProblemAnswer},
    body=schemas.SignInBody,
)
def start_session(body: schemas.SignInBody) -> Response:
    """Sign in.

    Sets the session cookie. Send `csrfToken` as X-CSRF-Token with every write that uses the cookie.
    """
    signin = current_app.extensions["flowversal-signin"]
    assert isinstance(signin, SignIn)  # noqa: S101 - create_app put it there
    signed_in = signin.sign_in(connection(), body.email, body.password, address())
    response = answer(_me(signed_in.identity), 201)
    set_session_cookie(response, signed_in.key)
    return response


@blueprint.delete("/session")
@operation(Action.SESSION_END, {204: "Signed out."})
def end_session() -> Response:
    """Sign out."""
    key = session_key(request)
    if key is not None:
        sign_out(connection(), key, identity(), address())
    response = Response(status=204)
    clear_session_cookie(response)
    return response


@blueprint.post("/tokens")
@operation(
    Action.TOKEN_WRITE,
    {201: schemas.Token, 403: ProblemAnswer},
    body=schemas.CreateToken,
    creates=True,
)
def create_token(body: schemas.CreateToken) -> Response:
    """Create an API token.

    `token` is answered only this once; a repeated Idempotency-Key answers without it.
    """
    widest = reach(list(body.scopes)) or Scope.READ
    if widest > identity().scope:
        raise Forbidden("A token cannot create one that reaches further than itself.")

    def insert(connection: psycopg.Connection[Any]) -> Created:
        secret = new_token()
        token = tokens.insert(
            connection,
            identity().user_id,
            body.name,
            hashed=fingerprint(secret),
            hint=hint(secret),
            scopes=list(body.scopes),
            expires_in_s=None if body.expires_in_days is None else body.expires_in_days * _SECONDS_A_DAY,
        )
        shape = _token(token)
        _audit("token.create", token.id, {"name": body.name, "scopes": list(body.scopes)})
        return Created(shape, f"/api/v1/tokens/{shape['id']}", secret={"token": secret})

    return create_once(insert)


@blueprint.get("/tokens")
@operation(Action.TOKEN_READ, {200: schemas.TokenPage}, query=schemas.ListTokens)
def list_tokens(query: schemas.ListTokens) -> Response:
    """List your API tokens."""
    items = [_token(token) for token in tokens.page(connection(), identity().user_id, query.cursor, query.limit)]
    return answer({"items": items, "nextCursor": items[-1]["id"] if len(items) == query.limit else None})


@blueprint.delete("/tokens/<token:token_id>")
@operation(Action.TOKEN_WRITE, {204: "Revoked, from now on."})
def revoke_token(token_id: UUID) -> Response:
    """Revoke an API token."""
    if not tokens.revoke(connection(), token_id, identity().user_id):
        raise NotFound("You have no such token.")
    _audit("token.revoke", token_id, None)
    commit()
    return Response(status=204)


def _me(caller: Identity) -> dict[str, Any]:
    shape = {
        "id": ids.encode(ids.USER, caller.user_id),
        "email": caller.email,
        "name": caller.name,
        "role": caller.role.value,
        "scopes": [scope.name.lower() for scope in Scope if scope <= caller.scope],
    }
    return shape | ({"csrfToken": caller.csrf} if caller.csrf is not None else {})


def _token(token: Token) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.TOKEN, token.id),
        "name": token.name,
        "hint": token.hint,
        "scopes": token.scopes,
        "createdAt": ms(token.created_at),
        "expiresAt": ms(token.expires_at),
        "lastUsedAt": ms(token.last_used_at),
    }


def _audit(action: str, token_id: UUID, detail: dict[str, Any] | None) -> None:
    target = ids.encode(ids.TOKEN, token_id)
    audit.append(connection(), identity().user_id, action, target, detail=detail, address=address())
