"""A schedule gets the time when it is due next: when it is published, and when what kept it from running is over."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from shared.db import schedules, triggers
from shared.db.triggers import Trigger
from shared.domain.triggers.moments import from_ms, to_ms
from shared.domain.triggers.schedule import TYPE
from shared.domain.triggers.timing import timing_of

_TIMING = ("cron", "everyMs", "timezone", "startAt", "endAt")


def register_schedule(connection: psycopg.Connection[Any], trigger: Trigger) -> None:
    """Put down when it is due next. With the timing that it had before, that stays as it is, and so does its anchor."""
    timing = timing_text(trigger.config)
    known = schedules.lock(connection, trigger.id)
    if known is None or known.timing != timing:
        anchor = from_ms(to_ms(schedules.clock(connection)))
        schedules.put(connection, trigger.id, timing, anchor, next_at(trigger.config, anchor, anchor))


def start_anew(connection: psycopg.Connection[Any], trigger: Trigger) -> None:
    """What was due until now is not caught up with: the trigger, or its workflow, was stopped on purpose."""
    known = schedules.lock(connection, trigger.id)
    if known is not None:
        now = schedules.clock(connection)
        schedules.put(connection, trigger.id, known.timing, known.anchor, next_at(trigger.config, known.anchor, now))


def start_all_anew(connection: psycopg.Connection[Any], workflow_id: UUID) -> None:
    """`start_anew` for every schedule of a workflow that is enabled again."""
    for trigger in triggers.of_workflow(connection, workflow_id):
        if trigger.type == TYPE:
            start_anew(connection, trigger)


def next_at(config: Mapping[str, Any], anchor: datetime, after: datetime) -> datetime | None:
    """The next firing strictly after a moment. Raises what `Timing.due` raises."""
    found = timing_of(config, to_ms(anchor)).next_after(to_ms(after))
    return None if found is None else from_ms(found)


def timing_text(config: Mapping[str, Any]) -> str:
    """The same for configs that are due at the same times."""
    return json.dumps({key: config[key] for key in _TIMING if key in config}, sort_keys=True)
