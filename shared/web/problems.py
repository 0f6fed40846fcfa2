"""Errors as RFC 9457 `application/problem+json`. One table says which error is which status."""

import math
from collections.abc import Sequence
from typing import Any

import orjson
from flask import Flask, current_app
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from shared.auth.limiter import TooManyAttempts
from shared.auth.signin import SignInRefused
from shared.domain.errors import (
    Conflict,
    Forbidden,
    InvalidDefinition,
    InvalidValue,
    NotFound,
    PreconditionFailed,
    Problem,
    RequestError,
    Unavailable,
)
from shared.log import get_logger
from shared.vault.keyring import VaultLocked
from shared.web.database import UNREACHABLE, release
from shared.web.guard import Unauthenticated

log = get_logger(__name__)

RETRY_AFTER_S = 2

# The first row that an error is an instance of counts: error, status, stable type, title.
TABLE: tuple[tuple[type[RequestError], int, str, str], ...] = (
    (InvalidDefinition, 422, "invalid-definition", "The definition cannot be used"),
    (InvalidValue, 422, "invalid-value", "A value cannot be stored"),
    (Unauthenticated, 401, "unauthenticated", "Not signed in"),
    (SignInRefused, 401, "sign-in-refused", "Sign-in refused"),
    (TooManyAttempts, 429, "too-many-attempts", "Too many attempts"),
    (Forbidden, 403, "forbidden", "Not allowed"),
    (NotFound, 404, "not-found", "Not found"),
    (Conflict, 409, "conflict", "Not possible in this state"),
    (PreconditionFailed, 412, "changed-meanwhile", "Somebody else changed it first"),
    (VaultLocked, 503, "vault-locked", "The vault is locked"),
    (RequestError, 400, "bad-request", "The request cannot be used"),
)


class ProblemError(RequestError):
    """A request problem with its own status and type, where no error of the tree says it."""

    def __init__(
        self, status: int, kind: str, title: str, detail: str, errors: Sequence[Problem] = (), **more: Any
    ) -> None:
        self.status = status
        self.kind = kind
        self.title = title
        self.errors = errors
        self.more = more
        super().__init__(detail)


def problem(status: int, kind: str, title: str, detail: str, errors: Sequence[Problem] = (), **more: Any) -> Response:
    """The answer: type, title, status, detail, and `errors: [{path, message}]` where there are any."""
    body: dict[str, Any] = {"type": f"/problems/{kind}", "title": title, "status": status, "detail": detail, **more}
    if errors:
        body["errors"] = [{"path": each.path, "message": each.message} for each in errors]
    response = Response(orjson.dumps(body), status, content_type="application/problem+json")
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def install_problems(app: Flask) -> None:
    """Turn every error of the application into a problem answer; nothing of a stack trace leaves the process."""
    app.register_error_handler(RequestError, answer_request_error)
    app.register_error_handler(HTTPException, answer_http)
    for unreachable in (*UNREACHABLE, Unavailable):
        app.register_error_handler(unreachable, _answer_unavailable)
    app.register_error_handler(Exception, _answer_bug)


def answer_request_error(error: RequestError) -> Response:
    """The answer that the table has for an error."""
    if isinstance(error, ProblemError):
        return problem(error.status, error.kind, error.title, str(error), error.errors, **error.more)
    status, kind, title = next(row[1:] for row in TABLE if isinstance(error, row[0]))
    answer = problem(status, kind, title, str(error), _problems_of(error))
    if isinstance(error, TooManyAttempts):
        answer.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return answer


def _problems_of(error: RequestError) -> Sequence[Problem]:
    if isinstance(error, InvalidDefinition):
        return error.problems
    if isinstance(error, InvalidValue):
        return [Problem(error.path, str(error).removesuffix(f" (at {error.path})"))]
    return ()


_HTTP_DETAILS = {
    404: "There is nothing at this address. The API's operations are listed at /api/docs.",
    405: "This address does not know that method. The API's operations are listed at /api/docs.",
    413: "The request's body is larger than {limit:,} bytes, the limit that FLOWVERSAL_MAX_REQUEST_BYTES sets.",
}


def answer_http(error: HTTPException) -> Response:
    """The answer to a request that no route took."""
    status = error.code or 500
    limit = current_app.config["MAX_CONTENT_LENGTH"] or 0
    detail = _HTTP_DETAILS.get(status, error.name).format(limit=limit)
    answer = problem(status, error.name.lower().replace(" ", "-"), error.name, detail)
    for name, value in error.get_headers(None, None):
        if name.lower() in {"allow", "retry-after"}:
            answer.headers[name] = value
    return answer


def _answer_unavailable(error: Exception) -> Response:
    log.warning("a server does not answer", error=type(error).__name__)
    release()
    answer = problem(
        503,
        "unavailable",
        "Temporarily unavailable",
        "The database does not answer right now. Send the request again in a moment, with an Idempotency-Key if it "
        "creates something.",
    )
    answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _answer_bug(error: Exception) -> Response:
    log.error("request failed", exc_info=error)
    return problem(
        500, "internal", "Internal error", "This is a fault of the server, not of the request. The log has the details."
    )
