"""Whole values of any size: what runs and steps were given and have returned, streamed."""

from collections.abc import Iterator
from uuid import UUID

from flask import Blueprint, current_app, request
from werkzeug.http import is_resource_modified
from werkzeug.wrappers import Response

from services.api.access import visible_execution
from services.api.operation import operation
from shared import blobs
from shared.auth.access import Action
from shared.blobs import Store
from shared.domain.errors import NotFound
from shared.log import get_logger
from shared.queries import values
from shared.queries.values import Whole
from shared.settings import Settings
from shared.web.database import borrowed, connection, db, release
from shared.web.problems import ProblemError, problem

blueprint = Blueprint("values", __name__, url_prefix="/api/v1/executions/<execution:execution_id>")

_ANSWERS = {
    200: "The value as JSON, with its size (`Content-Length`) and an `ETag`.",
    206: "The part that `Range: bytes=…` asked for.",
    304: "Not changed since `If-None-Match`.",
    410: "The value was removed from the store.",
    416: "The range is outside the value.",
}
_log = get_logger(__name__)


@blueprint.get("/input")
@operation(Action.EXECUTION_READ, _ANSWERS)
def run_input(execution_id: UUID) -> Response:
    """Read the whole input of an execution."""
    return _stream(values.of_run(connection(), visible_execution(execution_id), "input"))


@blueprint.get("/output")
@operation(Action.EXECUTION_READ, _ANSWERS)
def run_output(execution_id: UUID) -> Response:
    """Read the whole output of an execution that succeeded."""
    return _stream(values.of_run(connection(), visible_execution(execution_id), "output"))


@blueprint.get("/steps/<step_id>/input")
@operation(Action.EXECUTION_READ, _ANSWERS)
def step_input(execution_id: UUID, step_id: str) -> Response:
    """Read the whole input of a step."""
    return _stream(values.of_step(connection(), visible_execution(execution_id), step_id, "input"))


@blueprint.get("/steps/<step_id>/output")
@operation(Action.EXECUTION_READ, _ANSWERS)
def step_output(execution_id: UUID, step_id: str) -> Response:
    """Read the whole output of a step."""
    return _stream(values.of_step(connection(), visible_execution(execution_id), step_id, "output"))


def _stream(whole: Whole | None) -> Response:
    """The value a MB at a time; no database connection is held while the caller takes it."""
    if whole is None:
        raise NotFound("There is no such value: the step is unknown, has not run, or returned nothing.")
    size, digest = whole.size, whole.digest
    headers = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if not is_resource_modified(request.environ, etag=digest):
        return Response(status=304, headers=headers)
    wanted = _range(size, digest)
    if wanted is None:
        refused = problem(
            416,
            "range-not-satisfiable",
            "Range not satisfiable",
            f"The value has {size:,} bytes: ask for some of them.",
        )
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    start, end = wanted
    store = _store()
    release()
    if not whole.present(store):
        text = "This value was removed from the store. Run the workflow again to get it."
        raise ProblemError(410, "gone", "Gone", text)
    status = 200
    if (start, end) != (0, size):
        status, headers["Content-Range"] = 206, f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    body = _body(whole, store, start, end - start) if request.method != "HEAD" else iter(())
    return Response(body, status, headers, content_type="application/json")


def _range(size: int, digest: str) -> tuple[int, int] | None:
    """First byte, and the one after the last; None if there are none such.

    All of it for several ranges, and for units that nobody knows (RFC 9110, 14.2).
    """
    wanted, condition = request.range, request.if_range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return 0, size
    if condition.date is not None or (condition.etag is not None and condition.etag != digest):
        return 0, size
    return wanted.range_for_length(size)


def _store() -> Store:
    settings: Settings = current_app.extensions["flowversal-settings"]
    engine = db.engine
    return blobs.make_store(settings, lambda: borrowed(engine))


def _body(whole: Whole, store: Store, start: int, length: int) -> Iterator[bytes]:
    try:
        yield from whole.read(store, start, length)
    except LookupError:
        # The status is out already: the caller sees that bytes are missing.
        _log.warning("a value went while it was read")
