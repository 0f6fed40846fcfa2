"""Create once: the answer to an Idempotency-Key is stored in the transaction that creates."""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
from flask import request
from werkzeug.wrappers import Response

from services.api.reading import read_json
from shared.db import idempotency
from shared.domain.errors import Conflict
from shared.web.answers import dumps
from shared.web.database import commit, connection, release
from shared.web.guard import identity
from shared.web.problems import ProblemError

HEADER = "Idempotency-Key"
TWIN_WAIT_MS = 2_000
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Created:
    """What was created. `secret` is answered once and never stored; `after_commit` runs when it is safe in Postgres."""

    body: dict[str, Any]
    location: str
    status: int = 201
    secret: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    after_commit: Callable[[], None] | None = None


def create_once(create: Callable[[psycopg.Connection[Any]], Created], *, hash_key: bytes = b"") -> Response:
    """Run `create` and commit; with an Idempotency-Key only the first time, later the same answer comes again.

    The hash of the body is stored. Where the body holds a secret that could be guessed, `hash_key` keeps that from
    being tried out on the hash.
    Raises Conflict when a request with the same key is still running after 2 s, a 422 problem when the key was
    used with another body.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return _commit_and_answer(create(connection()))
    if _KEY.fullmatch(key) is None:
        raise ProblemError(
            400,
            "invalid-idempotency-key",
            "Invalid Idempotency-Key",
            "Use 1 to 255 printable ASCII characters without spaces.",
        )
    caller, hashed = identity().user_id, _request_hash(hash_key)
    try:
        first = idempotency.claim(connection(), caller, _route(), key, hashed, wait_ms=TWIN_WAIT_MS)
    except psycopg.errors.LockNotAvailable:
        release()
        raise Conflict("A request with this Idempotency-Key is still running. Try again in a moment.") from None
    if not first:
        return _replay(caller, key, hashed)
    created = create(connection())
    text = dumps(created.body).decode()
    idempotency.remember(
        connection(), caller, _route(), key, status=created.status, location=created.location, response=text
    )
    return _commit_and_answer(created)


def _commit_and_answer(created: Created) -> Response:
    commit()
    if created.after_commit is not None:
        created.after_commit()
    return _answer(dumps(created.body | created.secret), created.status, created.location, created.headers)


def _replay(caller: UUID, key: str, hashed: bytes) -> Response:
    found = idempotency.find(connection(), caller, _route(), key)
    if found is None or found.status is None or found.response is None:
        raise Conflict("A request with this Idempotency-Key has just ended without a result. Send it again.")
    if found.request_hash != hashed:
        raise ProblemError(
            422,
            "idempotency-key-reused",
            "Idempotency-Key used before",
            "This Idempotency-Key was used with another body. Use a new key for a new request.",
        )
    return _answer(found.response.encode(), found.status, found.location or "", {"Idempotency-Replayed": "true"})


def _answer(body: bytes, status: int, location: str, headers: dict[str, str]) -> Response:
    return Response(body, status, {"Location": location, **headers}, content_type="application/json")


def _route() -> str:
    return f"{request.method} {request.path}"


def _request_hash(key: bytes) -> bytes:
    """The same for bodies that differ only in spaces and in the order of keys."""
    body = json.dumps(read_json(), sort_keys=True).encode()
    return hmac.digest(key, body, "sha256") if key else sha256(body).digest()
