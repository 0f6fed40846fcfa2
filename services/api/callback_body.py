"""What a call from outside brought: its body as JSON, form or text, its query, and the headers that are nobody's secret."""

import re
from datetime import UTC, datetime
from typing import Any

from flask import current_app, request
from werkzeug.datastructures import MultiDict

from shared.domain.errors import InvalidValue
from shared.domain.values import from_json, to_json
from shared.queries.shapes import ms
from shared.web.problems import ProblemError

MAX_PARTS = 1_000
URLENCODED = "application/x-www-form-urlencoded"
FORMS = frozenset({URLENCODED, "multipart/form-data"})

_KEPT = re.compile(r"content-type|user-agent|date|idempotency-key|x-.+", re.IGNORECASE)
SECRET_NAME = re.compile(
    r"auth|token|secret|signature|password|cookie|key$|csrf|forwarded|real-ip|client-ip", re.IGNORECASE
)
"""Names of headers whose values are for nobody to see."""
TOO_MANY_PARTS = ("too-many-parts", "Too many parts", f"A form has at most {MAX_PARTS:,} parts.")
_MOST_HEADERS = 50
_LONGEST_HEADER = 1_000


def received_call() -> dict[str, Any]:
    """`{"body", "headers", "query", "receivedAt"}` of the current request.

    Raises a 400 or 415 problem for a body that cannot be read, InvalidValue for one that cannot be stored.
    """
    found = {
        "body": _body(),
        "headers": _headers(),
        "query": fields_of(request.args),
        "receivedAt": ms(datetime.now(UTC)),
    }
    to_json(found, max_bytes=6 * current_app.config["MAX_CONTENT_LENGTH"])
    return found


def _body() -> Any:
    if request.mimetype in FORMS:
        if request.mimetype == URLENCODED and has_too_many_parts(request.get_data()):
            raise ProblemError(413, *TOO_MANY_PARTS)
        if request.files:
            # Without them the step would go on as if they had never been sent.
            raise ProblemError(
                415,
                "unsupported-media-type",
                "Unsupported media type",
                "Files are not taken: send their text as a field.",
            )
        return fields_of(request.form)
    raw = request.get_data()
    if not raw.strip():
        return None
    if request.is_json:
        try:
            return from_json(raw)
        except InvalidValue as error:
            raise ProblemError(400, "malformed-json", "Malformed JSON", str(error)) from None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ProblemError(
            415, "unsupported-media-type", "Unsupported media type", "Send JSON, a form, or text in UTF-8."
        ) from None


def has_too_many_parts(form: bytes) -> bool:
    """Whether an urlencoded form has more fields than a call may bring: to take it apart costs much more than to count."""
    return form.count(b"&") >= MAX_PARTS


def fields_of(given: MultiDict[str, str]) -> dict[str, Any]:
    """Text for a name that came once, a list for one that came several times."""
    return {name: values[0] if len(values) == 1 else values for name, values in given.lists()}


def _headers() -> dict[str, str]:
    kept = {
        name.lower(): value[:_LONGEST_HEADER]
        for name, value in request.headers
        if _KEPT.fullmatch(name) and (name.lower() == "idempotency-key" or not SECRET_NAME.search(name))
    }
    return dict(sorted(kept.items())[:_MOST_HEADERS])
