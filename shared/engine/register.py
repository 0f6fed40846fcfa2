"""Publishing a version makes its triggers the workflow's: those of the former version that it does not have end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from shared.db import follows, schedules, triggers, webhooks
from shared.db.triggers import Trigger
from shared.domain.triggers import finished, schedule, webhook
from shared.domain.triggers.base import TriggerDefinition
from shared.domain.triggers.read import READERS
from shared.engine.following import register_follower
from shared.engine.scheduling import register_schedule

ON_REGISTER: Mapping[str, Callable[[psycopg.Connection[Any], Trigger], None]] = {
    finished.TYPE: register_follower,
    schedule.TYPE: register_schedule,
    webhook.TYPE: webhooks.take_path,
}
"""What else a type of trigger needs when it is registered: the time when a schedule is due, the path of a webhook."""


def register_triggers(
    connection: psycopg.Connection[Any], workflow_id: UUID, version: int, found: Sequence[TriggerDefinition]
) -> list[Trigger]:
    """Register the triggers of the version that becomes the published one; in the transaction that publishes it.

    The caller holds the workflow's row. Manual starts and the API need no registration.
    """
    kept = [trigger for trigger in found if trigger.type in READERS]
    triggers.remove_others(connection, workflow_id, [trigger.id for trigger in kept])
    registered = [triggers.register(connection, workflow_id, version, trigger) for trigger in kept]
    for part in (schedules, follows):
        part.forget(connection, workflow_id)
    for trigger in registered:
        if trigger.type in ON_REGISTER:
            ON_REGISTER[trigger.type](connection, trigger)
    return registered
