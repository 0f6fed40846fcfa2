"""Credentials for tests of nodes."""

from typing import Any

from shared.credentials.base import Credential
from shared.credentials.catalogue import credential_types

ID = "cred-00000000000000000000000001"
OTHER = "cred-00000000000000000000000002"


def credential(type: str, *, id: str = ID, hosts: tuple[str, ...] = (), **fields: Any) -> Credential:
    """One of a known type, its fields as the API takes them."""
    return Credential(id, type, credential_types()[type].fields.model_validate(fields), hosts)


def vault(*credentials: Credential) -> dict[str, Credential]:
    """What a context is given."""
    return {each.id: each for each in credentials}
