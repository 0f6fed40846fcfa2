"""`Prefer: wait=N`: answer when the execution is over, or after N seconds with what there is."""

import re
from time import monotonic
from uuid import UUID

from flask import current_app, request

from shared.queries import executions
from shared.queries.executions import ExecutionRow
from shared.queries.shapes import Viewer
from shared.web.database import borrowed, db, release
from shared.web.live import hub_of

MAX_WAIT_S = 60
_LOOK_S = 5.0
_WAIT = re.compile(r"\bwait\s*=\s*\"?(\d{1,9})\"?")


def wait_s() -> int:
    """How long the caller prefers to wait, in seconds; 0 when it does not say, never above 60."""
    found = _WAIT.search(",".join(request.headers.getlist("Prefer")))
    return min(int(found[1]), MAX_WAIT_S) if found else 0


def wait_until_over(execution_id: UUID, viewer: Viewer, seconds: float) -> ExecutionRow | None:
    """The execution as soon as it is terminal, at the latest after `seconds`. Holds no connection while it waits."""
    ends = monotonic() + seconds
    engine = db.engine
    release()
    with hub_of(current_app).watch(execution_id) as watch:
        while True:
            with borrowed(engine) as connection:
                row = executions.row(connection, execution_id, viewer)
            left = ends - monotonic()
            if row is None or row.terminal or left <= 0:
                return row
            watch.wait(min(left, _LOOK_S))
