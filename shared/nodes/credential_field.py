"""The mark of a parameter that names a credential: `credential: Annotated[str | None, CredentialOf("smtp")]`."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared import ids

_FIXED = "a credential is chosen by its fixed id: expressions are not possible here"


@dataclass(frozen=True, slots=True, init=False)
class CredentialOf:
    """Marks a parameter of one of these credential types. In the JSON Schema it has the format `credential`."""

    types: tuple[str, ...]

    def __init__(self, *types: str) -> None:
        object.__setattr__(self, "types", types)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of text, with the form of an id."""
        return core_schema.no_info_after_validator_function(_credential_id, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """What a form needs to offer the right ones."""
        return handler(schema) | {"format": "credential", "credentialTypes": list(self.types)}


def credential_fields(model: type[BaseModel]) -> dict[str, CredentialOf]:
    """The parameters that name a credential, as a definition writes them."""
    return {
        field.alias or name: mark
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, CredentialOf)
    }


def dynamic_credentials(model: type[BaseModel], dynamic: AbstractSet[str]) -> Iterator[tuple[str, str]]:
    """A problem for each of them that holds an expression: what a run is given must never choose a credential."""
    for name in credential_fields(model):
        if name in dynamic:
            yield name, _FIXED


def _credential_id(text: str | None) -> str | None:
    if text is not None and ids.decode(ids.CREDENTIAL, text) is None:
        raise ValueError("this must be the id of a credential, cred-…")
    return text
