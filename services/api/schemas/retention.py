"""What retention would remove, and what it has removed."""

from typing import Annotated, Literal

from pydantic import Field

from services.api.schemas.base import Answer, Milliseconds, Query
from services.api.schemas.workflows import RetentionDays

Rows = Annotated[
    dict[str, int | None],
    Field(description="By table. All but `executions` are estimates of Postgres; null where it has none yet."),
]


class ShowRetention(Query):
    """What to assume."""

    days: RetentionDays | None = Field(default=None, description="As if the instance kept executions for so many days.")


class RetentionRule(Answer):
    """How long executions stay: those of one workflow, or (null) those of all others."""

    workflow_id: str | None
    workflow_name: str | None
    retention_days: int
    executions: int


class RetentionWeek(Answer):
    """What would go of one week, which began at `week`.

    `drop`: its tables go as a whole, and `bytes` return to the disk. `delete`: some rows go, and Postgres uses about
    `reusableBytes` again.
    """

    week: Milliseconds
    action: Literal["drop", "delete"]
    executions: int
    kept: int
    rows: Rows
    bytes: int
    reusable_bytes: int


class RetentionRun(Answer):
    """What was removed of one week. Of a week that is being dropped, `completedAt` is null until its last table is gone."""

    action: Literal["drop", "delete"]
    week: Milliseconds
    began_at: Milliseconds
    completed_at: Milliseconds | None
    executions: int
    rows: Rows
    bytes: int


class Retention(Answer):
    """What a pass would remove now, and the last 50 removals, the newest first.

    `instanceDays` is the setting (null: for ever), `days` what was assumed here.
    """

    instance_days: int | None
    days: int | None
    rules: list[RetentionRule]
    weeks: list[RetentionWeek]
    executions: int
    bytes: int
    reusable_bytes: int
    runs: list[RetentionRun]
