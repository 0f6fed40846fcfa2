"""The credentials that steps ask for: read and decrypted each time, so that one that was changed or deleted is so at once."""

from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.credentials.base import CREDENTIAL_NOT_FOUND, CREDENTIAL_UNUSABLE, VAULT_LOCKED, Credential
from shared.db import credentials
from shared.domain.errors import NodeError
from shared.vault.envelope import Damaged
from shared.vault.keyring import Keyring, VaultLocked
from shared.vault.opening import Unusable, opened


def credential_of(connection: psycopg.Connection[Any], keyring: Keyring, workflow_id: UUID, id: str) -> Credential:
    """The credential that a step of this workflow asks for; notes the use, once a minute.

    Raises NodeError CREDENTIAL_NOT_FOUND (in the same words whether there is none or it may not be used), VAULT_LOCKED,
    CREDENTIAL_UNUSABLE.
    """
    key = ids.decode(ids.CREDENTIAL, id)
    row = credentials.for_step(connection, key, workflow_id) if key is not None else None
    if row is None:
        raise not_found(id)
    try:
        found = opened(keyring, row)
    except VaultLocked as error:
        raise NodeError(VAULT_LOCKED, str(error)) from None
    except (Damaged, Unusable) as error:
        raise NodeError(CREDENTIAL_UNUSABLE, str(error)) from None
    if row.use_is_old:
        credentials.touch(connection, row.id)
    return found


def not_found(id: str) -> NodeError:
    """The failure of a step whose credential is not there for it."""
    text = f"There is no credential {id[:40]} that this workflow may use: choose one of its owner's, or a shared one."
    return NodeError(CREDENTIAL_NOT_FOUND, text)
