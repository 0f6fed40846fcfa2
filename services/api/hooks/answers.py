"""What a caller is answered: at once, or with what the run says. Nothing in it can act on the pages of this installation."""

from typing import Any
from uuid import UUID

from werkzeug.wrappers import Response

from shared import ids
from shared.db.webhook_answers import WaitedFor
from shared.web.answers import answer, dumps
from shared.web.problems import problem

POLICY = "sandbox allow-forms allow-popups; form-action 'self'"
"""A page that a run answers has an origin of its own, no scripts, and forms for this installation alone."""
_ENDED = {
    "failed": "The run failed before it answered. Its owner finds it under the id.",
    "canceled": "The run was canceled before it answered. Its owner finds it under the id.",
}


def accepted(execution_id: UUID) -> Response:
    """202 with the id."""
    return answer({"executionId": ids.encode(ids.EXECUTION, execution_id)}, 202)


def fixed(response: dict[str, Any] | None, execution_id: UUID) -> Response:
    """What the trigger says; without that 202 with the id."""
    if response is None:
        return accepted(execution_id)
    body = response["body"]
    if isinstance(body, str):
        return guarded(
            response["status"], {"Content-Type": "text/plain; charset=utf-8"} | response["headers"], body.encode()
        )
    if body is None:
        return guarded(response["status"], response["headers"], b"")
    return guarded(response["status"], {"Content-Type": "application/json"} | response["headers"], dumps(body))


def of_run(found: WaitedFor, execution_id: UUID) -> Response:
    """What a step has answered, or how the run ended without that."""
    if found.answered and found.status is not None:
        return guarded(found.status, found.headers or {}, found.body or b"")
    id = ids.encode(ids.EXECUTION, execution_id)
    if found.state == "success":
        return answer({"executionId": id, "status": "success"})
    return problem(502, f"run-{found.state}", "The run did not answer", _ENDED[found.state], executionId=id)


def guarded(status: int, headers: dict[str, str], body: bytes) -> Response:
    """An answer that an author wrote: sandboxed, of the type that it says and no other."""
    response = Response(body, status)
    response.headers.remove("Content-Type")
    for name, value in headers.items():
        response.headers[name] = value
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
