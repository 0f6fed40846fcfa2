"""Publish a definition: an immutable version, the one that runs from now on, with its triggers."""

from typing import Any
from uuid import UUID

import psycopg

from shared.db import versions, workflows
from shared.domain.plan import Plan
from shared.engine.register import register_triggers


def publish(connection: psycopg.Connection[Any], workflow_id: UUID, definition: str, plan: Plan, user_id: UUID) -> int:
    """The number of the new version. `definition` is JSON text, `plan` what it compiles to.

    Does not commit. The caller holds the workflow's row.
    """
    _, number = versions.insert_published(connection, workflow_id, definition, user_id)
    workflows.set_published(connection, workflow_id, number)
    register_triggers(connection, workflow_id, number, plan.triggers)
    return number
