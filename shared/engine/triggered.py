"""A trigger starts a run of its workflow's published version, in the name of the workflow's owner."""

from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.auth.access import may_start
from shared.db.fires import FireKey
from shared.db.pool import SERVER_ERRORS, server_is_away
from shared.domain.errors import Forbidden, RequestError
from shared.engine.runnable import Runnable, published
from shared.engine.start import Started, start_execution
from shared.log import get_logger
from shared.queries.shapes import Viewer

ON_THE_SERVERS_SIDE = "This failed on the server's side. The log of clockwork has the details."
_RACES = ("40P01", "40001")
_log = get_logger(__name__)


class Starter(NamedTuple):
    """Whose workflow a trigger starts; `role` is the one that the owner has now, empty for one who was disabled."""

    trigger_id: UUID
    workflow_id: UUID
    owner_id: UUID
    role: str

    @property
    def viewer(self) -> Viewer:
        """The owner's eyes."""
        return Viewer(self.owner_id, everything=self.role == "admin")


def start_triggered(
    connection: psycopg.Connection[Any], starter: Starter, *, runnable: Runnable | None = None, **more: Any
) -> Started:
    """Start a run; `more` goes to `start_execution`. `runnable`: the published version, where it was just read.

    Raises RequestError where it cannot be started.
    """
    check_owner(starter.role)
    runnable = runnable or published(connection, starter.workflow_id, starter.viewer)
    return start_execution(
        connection,
        workflow_id=starter.workflow_id,
        version_id=runnable.version_id,
        user_id=starter.owner_id,
        trigger_id=starter.trigger_id,
        execution_id=runnable.execution_id,
        **more,
    )


def check_owner(role: str) -> None:
    """Raises Forbidden where the owner, who has this role now, may start nothing; empty for one who was disabled."""
    if not may_start(role):
        what = "is a viewer, who may start nothing" if role else "was disabled, so it starts nothing"
        raise Forbidden(f"The owner of this workflow {what}.")


def reason_of(error: Exception, fire: FireKey) -> str:
    """Why a firing started nothing, for people. Raises the error itself where the server is away or two got in each other's way:
    then nothing of it happened, and it is tried again.
    """
    if isinstance(error, RequestError):
        return str(error)
    if isinstance(error, SERVER_ERRORS) and (server_is_away(error) or error.sqlstate in _RACES):
        raise error
    _log.error("a trigger cannot start its workflow", trigger_id=str(fire.trigger_id), exc_info=error)
    return ON_THE_SERVERS_SIDE
