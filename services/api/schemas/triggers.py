"""Triggers, their firings, and schedules to look at."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from services.api.schemas.base import Answer, Body, Limit, Milliseconds, Query
from services.api.schemas.executions import Moment, several
from shared.domain.errors import Problem
from shared.domain.fields import Fields
from shared.domain.triggers.schedule import read_timing
from shared.queries.triggers import parse_cursor

Outcome = Literal["waiting", "started", "skipped", "missed", "failed"]


def _cursor(value: str) -> str:
    try:
        parse_cursor(value)
    except ValueError:
        raise ValueError("This is no cursor: use the nextCursor of the page before") from None
    return value


def _timing_problems(raw: Mapping[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    read_timing(Fields(dict(raw), "", problems))
    return problems


class PreviewSchedule(Body):
    """When a schedule would be due: one of `cron` and `everyMs`, as in a trigger."""

    cron: str | None = None
    every_ms: int | None = None
    timezone: str = "UTC"
    start_at: str | int | None = None
    end_at: str | int | None = None
    since: Moment | None = Field(default=None, alias="from", description="After which moment; now, if it is left out.")
    count: Annotated[int, Field(ge=1, le=100)] = 10

    @classmethod
    def other_problems(cls, _raw: Mapping[str, Any]) -> list[Problem]:
        """What is wrong with its timing."""
        return _timing_problems(_raw)


class Preview(Answer):
    """A schedule in plain words, and when it is due."""

    sentence: str
    next_runs: list[Milliseconds]


class Backfill(Body):
    """A range of time, both ends included."""

    since: Annotated[Moment, Field(alias="from", description="ms since the epoch.")]
    until: Annotated[Moment, Field(alias="to", description="ms since the epoch; what is not due yet is left out.")]
    dry_run: bool = Field(default=False, description="Answer how many there are, and start none.")


class Backfilled(Answer):
    """How many firings the range has, how many of them start a run (with `dryRun`: would), and how many had one."""

    firings: int
    queued: int
    already: int
    first_at: Milliseconds | None
    last_at: Milliseconds | None


class BackfillCanceled(Answer):
    """How many firings will not start a run after all."""

    canceled: int


class ListFires(Query):
    """Which firings to list; several outcomes are separated by commas."""

    outcome: Annotated[tuple[Outcome, ...], BeforeValidator(several)] = ()
    limit: Limit = 50
    cursor: Annotated[str, AfterValidator(_cursor), Field(max_length=100)] | None = None


class Fire(Answer):
    """A firing and what became of it."""

    at: Milliseconds
    outcome: Outcome
    cause: Literal["schedule", "backfill", "manual", "execution"]
    reason: str | None = Field(description="Why it started nothing.")
    count: int = Field(description="A missed one stands for so many, itself the last of them.")
    execution_id: str | None
    source_id: str | None = Field(description="The run that ended.")
    recorded_at: Milliseconds
    late: int | None = Field(description="Milliseconds after its time, of what the schedule itself brought about.")


class FirePage(Answer):
    """A page of firings, the latest first."""

    items: list[Fire]
    next_cursor: str | None


class Due(Answer):
    """When a schedule is due. `nextRuns` is empty while it is paused or its workflow disabled."""

    sentence: str
    next_at: Milliseconds | None
    next_runs: list[Milliseconds]
    last_at: Milliseconds | None
    overdue_since: Milliseconds | None = Field(
        description="What was due then has not been dealt with: is clockwork away?"
    )


class Trigger(Answer):
    """A trigger of the published version. `key` is its id in the definition, `version` the one that changed it last."""

    id: str
    key: str
    type: str
    name: str
    config: dict[str, Any]
    version: int
    paused: bool
    paused_at: Milliseconds | None
    waiting: int = Field(description="Firings that will start a run in a moment, or once it is resumed.")
    fires: list[Fire] = Field(description="The last ten.")
    url: str | None = Field(
        description="Where a webhook is called; null for other types, and for who may not start runs."
    )
    schedule: Due | None = None


class TriggerList(Answer):
    """The triggers of a workflow."""

    items: list[Trigger]
