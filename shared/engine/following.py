"""A trigger of type `execution` follows the runs of a workflow from the moment when it is published."""

from typing import Any

import psycopg

from shared import ids
from shared.db import follows
from shared.db.triggers import Trigger


def register_follower(connection: psycopg.Connection[Any], trigger: Trigger) -> None:
    """Put down whose runs it follows, and which ends."""
    workflow_id = ids.decode(ids.WORKFLOW, trigger.config["workflowId"])
    assert workflow_id is not None  # noqa: S101 - it was read with the definition
    follows.put(connection, trigger.id, workflow_id, trigger.config["on"])
