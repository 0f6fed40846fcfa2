"""HTML event streams: on each hint the page's fragments are rendered from Postgres and sent; the browser morphs them in.

A frame is sent only when it differs from the last one. No database connection is held between two frames.
"""

from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, Response, current_app, request, stream_with_context

from services.dashboard.asked import asked_frame
from services.dashboard.frames import execution_frame, executions_frame, overview_frame, workflows_frame
from services.dashboard.letters import groups_frame, letters_frame
from services.dashboard.one_workflow import workflow_frame
from shared import ids
from shared.auth.access import Action
from shared.domain.errors import NotFound
from shared.web.database import UNREACHABLE, release
from shared.web.guard import current_identity, requires
from shared.web.live import LiveHub, hub_of

blueprint = Blueprint("live", __name__, url_prefix="/live")

HEARTBEAT_S = 15.0
BUSY_S = 1.0
RETRY_MS = 1_000


class Frame(NamedTuple):
    """Fragments to show. `busy`: look again within a second; `final`: nothing will change any more."""

    html: str
    busy: bool
    final: bool = False


@blueprint.get("/executions/<execution_id>")
@requires(Action.EXECUTION_READ)
def execution(execution_id: str) -> Response:
    """One execution: banner, timeline, the opened step, the log."""
    key = ids.decode(ids.EXECUTION, execution_id)
    if key is None:
        raise NotFound("There is no such execution.")
    return _stream(key, lambda: Frame(*execution_frame(key, request.args)), every_s=0.2)


@blueprint.get("/admin/executions")
@requires(Action.EXECUTION_READ)
def admin_executions() -> Response:
    """Everybody's executions as far as the role sees them: the indicator and the table."""
    return _stream(None, lambda: Frame(*executions_frame(request.args, own=False)), every_s=0.4)


@blueprint.get("/executions")
@requires(Action.EXECUTION_READ)
def own_executions() -> Response:
    """The caller's own executions."""
    return _stream(None, lambda: Frame(*executions_frame(request.args, own=True)), every_s=0.4)


@blueprint.get("/overview")
@requires(Action.STATS_READ)
def overview() -> Response:
    """The totals and what runs."""
    return _stream(None, lambda: Frame(*overview_frame()), every_s=0.4)


@blueprint.get("/workflows")
@requires(Action.WORKFLOW_READ)
def workflows() -> Response:
    """The rows of the workflow list."""
    return _stream(None, lambda: Frame(*workflows_frame(request.args)), every_s=0.4)


@blueprint.get("/workflows/<workflow_id>")
@requires(Action.WORKFLOW_READ)
def workflow(workflow_id: str) -> Response:
    """One workflow: statistics, what runs, the newest runs, the triggers."""
    return _stream(None, lambda: Frame(*workflow_frame(workflow_id)), every_s=0.4)


@blueprint.get("/approvals")
@requires(Action.APPROVAL_READ)
def approvals() -> Response:
    """What waits for the caller's decision."""
    return _stream(None, lambda: Frame(*asked_frame(request.args)), every_s=0.4)


@blueprint.get("/admin/errors")
@requires(Action.EXECUTION_READ)
def errors() -> Response:
    """Dead letters by cause."""
    return _stream(None, lambda: Frame(*groups_frame(request.args)), every_s=1.0)


@blueprint.get("/admin/errors/<fingerprint>")
@requires(Action.EXECUTION_READ)
def error_group(fingerprint: str) -> Response:
    """The dead letters of one cause, and the one that is inspected."""
    return _stream(None, lambda: Frame(*letters_frame(fingerprint, request.args)), every_s=0.4)


def _stream(watched: UUID | None, render: Callable[[], Frame], *, every_s: float) -> Response:
    hub = hub_of(current_app)
    first = render()  # an error becomes an error answer, not a broken stream
    release()
    frames = stream_with_context(_frames(hub, watched, first, render, every_s))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(frames, content_type="text/event-stream", headers=headers)


def _frames(
    hub: LiveHub, watched: UUID | None, first: Frame, render: Callable[[], Frame], every_s: float
) -> Iterator[str]:
    """Events until the browser leaves, the session ends, the database goes away or nothing can change any more."""
    yield f"retry: {RETRY_MS}\n\n{_event('html', first.html)}"
    frame, sent, beat = first, first.html, monotonic()
    with hub.watch(watched) as watch:
        # Entered after the first frame was read: whatever happened in between is in the next one.
        watch.wake()
        while not frame.final:
            watch.wait(BUSY_S if frame.busy else HEARTBEAT_S)
            looked = _look_again(render)
            if looked is None:
                return
            frame = looked
            if frame.html != sent:
                yield _event("html", frame.html)
                sent, beat = frame.html, monotonic()
            elif monotonic() - beat >= HEARTBEAT_S:
                yield ": still here\n\n"
                beat = monotonic()
            sleep(every_s)
    yield _event("end", "")


def _look_again(render: Callable[[], Frame]) -> Frame | None:
    """The next frame; None when the caller may not look any more or the database is away (the browser comes back)."""
    try:
        return render() if current_identity() is not None else None
    except (NotFound, *UNREACHABLE):
        return None
    finally:
        release()


def _event(name: str, body: str) -> str:
    lines = "\n".join(f"data: {line}" for line in body.splitlines())
    return f"event: {name}\n{lines or 'data:'}\n\n"
