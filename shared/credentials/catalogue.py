"""All credential types: the modules of this folder, and what other distributions offer as entry points."""

from collections.abc import Mapping
from functools import lru_cache

import shared.credentials
from shared.catalogue import found_types
from shared.credentials.base import CredentialType

ENTRY_POINTS = "flowversal.credentials"
"""Group of entry points; each names a subclass of CredentialType."""


@lru_cache(maxsize=1)
def credential_types() -> Mapping[str, CredentialType]:
    """Every credential type by its name, sorted. Raises ValueError if two of ours share a name."""
    return found_types(shared.credentials, CredentialType, ENTRY_POINTS)
