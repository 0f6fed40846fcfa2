"""The bases of all models, and the types of ids."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from shared import ids
from shared.domain.errors import Problem
from shared.domain.labels import title_of


class Body(BaseModel):
    """A request's body: camelCase, unknown fields refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=to_camel, field_title_generator=title_of
    )

    hint: ClassVar[str] = "Correct them and send it again."

    @classmethod
    def other_problems(cls, _raw: Mapping[str, Any]) -> list[Problem]:
        """Problems that the fields' types cannot say, found in the raw body."""
        return []


class Query(BaseModel):
    """A query string: camelCase, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, field_title_generator=title_of)


class Answer(BaseModel):
    """An answer's body. More fields may be added."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, field_title_generator=title_of)


class Nothing(Body):
    """An empty body, or {}."""


def _decoded(prefix: str) -> Callable[[object], UUID]:
    def decode(value: object) -> UUID:
        found = ids.decode(prefix, value) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"Not an id: expected {prefix}- and 26 letters or digits")
        return found

    return decode


def _id(prefix: str) -> Any:
    schema = {"type": "string", "pattern": f"^{prefix}-[0-9a-hjkmnp-tv-z]{{26}}$"}
    return WithJsonSchema(schema)


WorkflowId = Annotated[UUID, BeforeValidator(_decoded(ids.WORKFLOW)), _id(ids.WORKFLOW)]
ExecutionId = Annotated[UUID, BeforeValidator(_decoded(ids.EXECUTION)), _id(ids.EXECUTION)]
UserId = Annotated[UUID, BeforeValidator(_decoded(ids.USER)), _id(ids.USER)]
LetterId = Annotated[UUID, BeforeValidator(_decoded(ids.LETTER)), _id(ids.LETTER)]
MessageId = Annotated[UUID, BeforeValidator(_decoded(ids.MESSAGE)), _id(ids.MESSAGE)]
ApprovalId = Annotated[UUID, BeforeValidator(_decoded(ids.APPROVAL)), _id(ids.APPROVAL)]
DeliveryId = Annotated[UUID, BeforeValidator(_decoded(ids.DELIVERY)), _id(ids.DELIVERY)]
CredentialId = Annotated[UUID, BeforeValidator(_decoded(ids.CREDENTIAL)), _id(ids.CREDENTIAL)]
TokenId = Annotated[UUID, BeforeValidator(_decoded(ids.TOKEN)), _id(ids.TOKEN)]

Milliseconds = Annotated[int, Field(description="Milliseconds; a moment is counted from the epoch.")]
Limit = Annotated[int, Field(ge=1, le=200, description="How many items a page has at most.")]
Text = Annotated[str, Field(max_length=10_000)]


class ProblemDetail(Answer):
    """One thing that is wrong, with its place."""

    path: str
    message: str


class ProblemAnswer(Answer):
    """RFC 9457: what went wrong, and what to do."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemDetail] = []
