"""Sign-in, tokens, the caller, node types, statistics."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from services.api.schemas.base import Answer, Body, Limit, Milliseconds, Query, TokenId, UserId, WorkflowId
from services.api.schemas.workflows import Unpriced, WorkflowStats

ScopeName = Literal["read", "run", "write", "admin"]
_USUAL: tuple[ScopeName, ...] = ("write",)


class SignInBody(Body):
    """E-mail and password."""

    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=320)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class CreateToken(Body):
    """A new API token. Each scope includes those before it: read, run, write, admin."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=4)] = Field(default_factory=lambda: list(_USUAL))
    expires_in_days: Annotated[int, Field(ge=1, le=3_650)] | None = None


class ListTokens(Query):
    """Which tokens to list."""

    limit: Limit = 50
    cursor: TokenId | None = None


class Me(Answer):
    """The caller."""

    id: str
    email: str
    name: str
    role: Literal["admin", "editor", "viewer"]
    scopes: list[ScopeName]
    csrf_token: str | None = None


class Token(Answer):
    """A token. `token` itself is answered only once, when it is created."""

    id: str
    name: str
    hint: str
    scopes: list[str]
    created_at: Milliseconds
    expires_at: Milliseconds | None
    last_used_at: Milliseconds | None
    token: str | None = None


class TokenPage(Answer):
    """A page of tokens, newest first."""

    items: list[Token]
    next_cursor: str | None


class Retry(Answer):
    """How often a step is tried, as in a definition; `maxAttempts` counts the first one."""

    max_attempts: int
    backoff: Literal["fixed", "linear", "exponential"]
    initial_ms: int
    max_ms: int
    jitter: bool


class NodeTypeAnswer(Answer):
    """A node type with the JSON Schema of its parameters."""

    type: str
    label: str
    help: str
    icon: str
    category: str
    pool: str
    params: dict[str, Any]
    ports: list[str]
    example: dict[str, Any]
    examples: list[dict[str, Any]]
    error_codes: dict[str, str]
    default_timeout_ms: int
    default_retry: Retry


class NodeTypePage(Answer):
    """Every node type."""

    items: list[NodeTypeAnswer]
    next_cursor: None


class Overview(Answer):
    """Totals of everything the caller may see."""

    total_executions: int
    success: int
    failed: int
    canceled: int
    success_rate: float | None
    average_ms: float | None
    last_executed_at: Milliseconds | None
    running: int
    ai_tokens_used: int
    ai_cost_usd: float
    unpriced_calls: Unpriced
    api_calls_made: int


class ListWorkflowStats(Query):
    """Whose statistics to list."""

    limit: Limit = 50
    cursor: WorkflowId | None = None


class ListUserStats(Query):
    """Whose statistics to list."""

    limit: Limit = 50
    cursor: UserId | None = None


class OneWorkflowStats(Answer):
    """A workflow and its statistics."""

    workflow_id: str
    workflow_name: str
    stats: WorkflowStats


class WorkflowStatsPage(Answer):
    """A page of workflows with their statistics, newest first."""

    items: list[OneWorkflowStats]
    next_cursor: str | None


class UserStats(Answer):
    """What a user's executions used."""

    executions: int
    success: int
    failed: int
    canceled: int
    success_rate: float | None
    average_ms: float | None
    last_executed_at: Milliseconds | None
    ai_tokens_used: int
    ai_cost_usd: float
    unpriced_calls: Unpriced
    api_calls_made: int


class OneUserStats(Answer):
    """A user and their statistics."""

    id: str
    email: str
    name: str
    role: str
    stats: UserStats


class UserStatsPage(Answer):
    """A page of users with their statistics, newest first."""

    items: list[OneUserStats]
    next_cursor: str | None


class Health(Answer):
    """Alive."""

    status: Literal["ok"]


class Ready(Answer):
    """Which servers answer. Only the database is required."""

    status: Literal["ready", "unavailable"]
    database: str
    broker: str
    redis: str
