"""Credentials and their types. Secrets go in and never come out."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from services.api.schemas.base import Answer, Body, CredentialId, Limit, Milliseconds, Query
from services.api.schemas.executions import several

_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?|[0-9a-f:.]{2,45}")


def _host(text: str) -> str:
    host = text.strip().lower().rstrip(".")
    if _HOST.fullmatch(host) is None:
        raise ValueError("this must be a host such as api.example.com or *.example.com, without scheme, port and path")
    return host


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
TypeName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Host = Annotated[str, StringConstraints(max_length=260), AfterValidator(_host)]
Hosts = Annotated[
    list[Host],
    Field(
        max_length=50,
        description="The only hosts that it may be sent to; `*.example.com`: all below. [] is any, which a shared credential "
        "of a type that `goesAnywhere` cannot have.",
    ),
]
FieldValues = Annotated[
    dict[str, Any], Field(description="What the type's schema says. Secret fields are never answered.")
]
Shared = Annotated[bool, Field(description="Whether every editor may use it, and every workflow's steps.")]


class CreateCredential(Body):
    """A new credential."""

    name: Name
    type: TypeName
    fields: FieldValues
    shared: Shared = False
    hosts: Hosts = Field(default_factory=list)


class UpdateCredential(Body):
    """What is left out stays as it is, fields too; a field that is null is removed."""

    name: Name | None = None
    fields: FieldValues | None = None
    shared: Shared | None = None
    hosts: Hosts | None = None


class TryCredential(Body):
    """Fields to try without storing them; hosts as they would be stored."""

    type: TypeName
    fields: FieldValues
    hosts: Hosts = Field(default_factory=list)


class TryStored(Body):
    """Fields and hosts to try instead of those stored, the others as stored; only for who may change them."""

    fields: FieldValues = Field(default_factory=dict)
    hosts: Hosts | None = None


class ListCredentials(Query):
    """Which credentials to list."""

    search: Annotated[str, Field(min_length=1, max_length=200, description="Part of the name or the type.")] | None = (
        None
    )
    type: Annotated[list[TypeName], BeforeValidator(several)] = Field(
        default_factory=list, description="Only of these types."
    )
    limit: Limit = 50
    cursor: CredentialId | None = None


class DeleteCredential(Query):
    """Whether to delete what workflows still use."""

    force: bool = False


class CredentialSummary(Answer):
    """A credential in a list."""

    id: str
    name: str
    type: str
    shared: bool
    hosts: list[str]
    owner_id: str
    owner_name: str
    revision: int
    created_at: Milliseconds
    updated_at: Milliseconds
    last_used_at: Milliseconds | None


class CredentialPage(Answer):
    """A page of credentials, newest first."""

    items: list[CredentialSummary]
    next_cursor: str | None


class CredentialAnswer(CredentialSummary):
    """A credential. `fields` are those that are not secret, `secrets` says which of the others have a value.

    `problem` is there when it cannot be opened: why, and what to do.
    """

    fields: dict[str, Any]
    secrets: dict[str, bool]
    problem: str | None = None


class Tried(Answer):
    """Whether it worked, and in words what did or did not."""

    ok: bool
    message: str


class CredentialTypeAnswer(Answer):
    """A credential type with the JSON Schema of its fields; secret ones have the format `password`.

    `goesAnywhere`: workflows choose where it is sent, so it is shared only with `hosts`.
    """

    type: str
    label: str
    help: str
    icon: str
    testable: bool
    goes_anywhere: bool
    fields: dict[str, Any]
    secrets: list[str]


class CredentialTypePage(Answer):
    """Every credential type."""

    items: list[CredentialTypeAnswer]
    next_cursor: None
