"""Workflows, their versions, and definitions to check."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from services.api.schemas.base import Answer, Body, Limit, Milliseconds, ProblemDetail, Query, WorkflowId
from shared.domain.errors import Problem
from shared.web.validation import definition_problems

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=10_000)]
RetentionDays = Annotated[
    int, Field(ge=1, le=36_500, description="Days that executions stay after they ended; null: as the instance says.")
]
Definition = Annotated[dict[str, Any], Field(description="Triggers, containers with nodes, edges, settings.")]


class _Saving(Body):
    hint: ClassVar[str] = 'Correct them, or save it as it is with "draft": true.'

    draft: bool = Field(default=False, description="Save the definition even if it has problems; they are answered.")

    @classmethod
    def other_problems(cls, _raw: Mapping[str, Any]) -> list[Problem]:
        """What the compiler says of the definition, unless it is saved as a draft."""
        definition = _raw.get("definition")
        if _raw.get("draft") is True or not isinstance(definition, dict):
            return []
        return definition_problems(definition)


class CreateWorkflow(_Saving):
    """A new workflow."""

    name: Name
    description: Description = ""
    definition: Definition
    shared: bool = False
    retention_days: RetentionDays | None = None


class UpdateWorkflow(_Saving):
    """Fields that are left out keep their value."""

    name: Name | None = None
    description: Description | None = None
    definition: Definition | None = None
    shared: bool | None = None
    enabled: bool | None = None
    retention_days: RetentionDays | None = None


class ListWorkflows(Query):
    """Which workflows to list."""

    search: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    limit: Limit = 50
    cursor: WorkflowId | None = None


class ListVersions(Query):
    """Which versions to list."""

    limit: Limit = 50
    cursor: Annotated[int, Field(ge=1, le=2_000_000_000)] | None = None


Unpriced = Annotated[
    int, Field(description="Calls of models that have no known price, of all runs so far: they are not in the cost.")
]


class WorkflowStats(Answer):
    """Statistics of one workflow, exact at any moment."""

    executions: int
    success: int
    failed: int
    canceled: int
    success_rate: float | None
    average_ms: float | None
    p95_ms: float | None = None
    last_executed_at: Milliseconds | None
    ai_tokens_used: int
    ai_cost_usd: float
    unpriced_calls: Unpriced
    api_calls_made: int


class WorkflowSummary(Answer):
    """A workflow in a list."""

    id: str
    name: str
    description: str
    published_version: int | None
    enabled: bool
    shared: bool
    revision: int
    retention_days: int | None
    owner_id: str
    owner_name: str
    created_at: Milliseconds
    updated_at: Milliseconds
    triggers: list[str]
    stats: WorkflowStats


class WorkflowPage(Answer):
    """A page of workflows, newest first."""

    items: list[WorkflowSummary]
    next_cursor: str | None


class Workflow(Answer):
    """A workflow with its draft. `problems` is there when the draft was saved with problems."""

    id: str
    name: str
    description: str
    definition: dict[str, Any]
    published_version: int | None
    enabled: bool
    shared: bool
    revision: int
    retention_days: int | None
    owner_id: str
    owner_name: str
    created_at: Milliseconds
    updated_at: Milliseconds
    stats: WorkflowStats
    problems: list[ProblemDetail] | None = None


class VersionSummary(Answer):
    """A published version in a list."""

    number: int
    created_at: Milliseconds
    created_by: str
    created_by_name: str
    checksum: str


class VersionPage(Answer):
    """A page of versions, newest first."""

    items: list[VersionSummary]
    next_cursor: str | None


class Version(VersionSummary):
    """A published version with its definition."""

    definition: dict[str, Any]


class Valid(Answer):
    """A definition without problems."""

    valid: bool
    errors: list[ProblemDetail]
    steps: int
