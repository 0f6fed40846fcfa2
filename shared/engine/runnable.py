"""Whether a workflow may be started by somebody, and in which version."""

from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.db import workflows
from shared.db.workflows import Startable
from shared.domain.errors import Conflict, NotFound
from shared.queries.shapes import Viewer

NO_WORKFLOW = "There is no such workflow, or none that you may see."


class Runnable(NamedTuple):
    """The version to run; `number` is None for the draft. `execution_id`: what a run that starts now is called."""

    name: str
    version_id: UUID
    number: int | None
    execution_id: UUID | None = None


def published(
    connection: psycopg.Connection[Any], workflow_id: UUID, viewer: Viewer, number: int | None = None
) -> Runnable:
    """The published version, or the one with a number.

    Raises NotFound for a workflow that the viewer may not see and for an unknown number, Conflict for one that is
    disabled or was never published.
    """
    found = startable(connection, workflow_id, viewer, number)
    if found.version_id is not None:
        return Runnable(found.name, found.version_id, number or found.published_version, found.execution_id)
    if number is not None:
        raise NotFound("This workflow has no version with that number.")
    raise Conflict('This workflow was never published. Publish it first, or start its draft with "version": "draft".')


def startable(
    connection: psycopg.Connection[Any], workflow_id: UUID, viewer: Viewer, number: int | None = None
) -> Startable:
    """The workflow, if the viewer may start it. Raises NotFound or Conflict."""
    found = workflows.for_start(connection, workflow_id, number, viewer=viewer.user_id, everything=viewer.everything)
    if found is None:
        raise NotFound(NO_WORKFLOW)
    if not found.enabled:
        raise Conflict("This workflow is disabled. Enable it, then start it again.")
    return found
