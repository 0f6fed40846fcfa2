"""From a stored credential to its fields and back. What was opened is known to the logs from then on, which mask it."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from shared import ids
from shared.credentials.base import Credential
from shared.credentials.catalogue import credential_types
from shared.credentials.secret_fields import revealed
from shared.db.credentials import StoredCredential
from shared.domain.errors import Conflict
from shared.domain.values import from_json, to_json
from shared.redactor import KNOWN
from shared.vault.envelope import Sealed, seal, unseal
from shared.vault.keyring import Keyring

MAX_BYTES = 100_000
"""Of a credential's fields as JSON."""


class Unusable(Conflict):
    """A stored credential whose type is not there any more, or has changed its fields."""


def stored_fields(keyring: Keyring, row: StoredCredential) -> dict[str, Any]:
    """The fields as they were stored. Raises VaultLocked, Damaged."""
    found = from_json(unseal(keyring, row.id, row.type, row.envelope))
    assert isinstance(found, dict)  # noqa: S101 - `sealed_fields` wrote it
    return found


def opened(keyring: Keyring, row: StoredCredential) -> Credential:
    """The credential in clear. Raises VaultLocked, Damaged, Unusable."""
    kind = credential_types().get(row.type)
    if kind is None:
        raise Unusable(f"The credential type {row.type} is not installed here.")
    try:
        fields = kind.fields.model_validate(stored_fields(keyring, row))
    except ValidationError as error:
        names = sorted({str(each["loc"][0]) for each in error.errors(include_input=False) if each["loc"]})
        text = f"The credential does not fit its type {row.type} any more ({', '.join(names)}): enter its fields again."
        raise Unusable(text) from None
    KNOWN.add(fields)
    return Credential(ids.encode(ids.CREDENTIAL, row.id), row.type, fields, tuple(row.hosts))


def sealed_fields(keyring: Keyring, id: UUID, type: str, fields: BaseModel) -> Sealed:
    """The fields as they are stored. Raises VaultLocked, TooLarge."""
    KNOWN.add(fields)
    return seal(keyring, id, type, to_json(revealed(fields), max_bytes=MAX_BYTES))
