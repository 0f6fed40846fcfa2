"""The fields of credentials between a request and the vault: checked, merged, and shown without secrets."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from services.api.reading import invalid, problems_of
from services.api.vault import keyring
from shared.credentials.base import CredentialType
from shared.credentials.catalogue import credential_types
from shared.credentials.secret_fields import secrets_set, shown
from shared.db.credentials import StoredCredential
from shared.domain.errors import Problem
from shared.vault.envelope import Damaged
from shared.vault.keyring import VaultLocked
from shared.vault.opening import Unusable, opened, stored_fields


def known_type(name: str) -> CredentialType:
    """The type with this name. Raises a 422 problem that lists those there are."""
    found = credential_types().get(name)
    if found is None:
        known = ", ".join(credential_types())
        raise invalid([Problem("type", f"There is no credential type {name[:100]}. Known: {known}.")])
    return found


def checked_fields(kind: CredentialType, raw: Mapping[str, Any]) -> BaseModel:
    """The fields as the type has them. Raises a 422 problem with the path of each that is wrong."""
    try:
        return kind.fields.model_validate(dict(raw))
    except ValidationError as error:
        raise invalid(problems_of(kind.fields, error, under="fields")) from None


def stored_or_none(row: StoredCredential) -> dict[str, Any] | None:
    """The fields as they were stored, None if they cannot be opened."""
    try:
        return stored_fields(keyring(), row)
    except (Damaged, VaultLocked):
        return None


def merged_fields(row: StoredCredential, sent: Mapping[str, Any]) -> BaseModel:
    """The stored fields with those that were sent; null removes one. What cannot be opened counts as empty.

    Raises a 422 problem, VaultLocked where there is no key at all.
    """
    keyring().first  # noqa: B018 - raises where there is none
    merged = {name: value for name, value in {**(stored_or_none(row) or {}), **sent}.items() if value is not None}
    return checked_fields(known_type(row.type), merged)


def visible_fields(row: StoredCredential) -> dict[str, Any]:
    """`fields` and `secrets` of an answer, or the `problem` of one that cannot be opened.

    Raises VaultLocked where there is no key at all.
    """
    keyring().first  # noqa: B018 - raises where there is none
    try:
        fields = opened(keyring(), row).fields
    except (Damaged, Unusable, VaultLocked) as error:
        return {"fields": {}, "secrets": {}, "problem": str(error)}
    return {"fields": shown(fields), "secrets": secrets_set(fields)}
