"""The credential that a webhook's callers must know, opened for the workflow that the webhook starts."""

from typing import Any
from uuid import UUID

import psycopg

from services.api.hooks.refused import too_many
from services.api.vault import keyring
from shared.credentials.base import Credential
from shared.db import credentials
from shared.log import get_logger
from shared.vault.envelope import Damaged
from shared.vault.keyring import VaultLocked
from shared.vault.opening import Unusable, opened

_LOCKED = "This installation cannot check who calls at the moment. Send it again later."
_LOCKED_S = 30.0
_log = get_logger(__name__)


def open_credential(connection: psycopg.Connection[Any], id: UUID, workflow_id: UUID) -> Credential | None:
    """The credential, read and decrypted each time; commits the note of its use, once a minute.

    None if there is none that the workflow's owner may use, or none that can be read. Raises Refused 503 while the vault has
    no key.
    """
    row = credentials.for_step(connection, id, workflow_id)
    if row is None:
        return None
    try:
        found = opened(keyring(), row)
    except VaultLocked as error:
        _log.warning("a webhook's credential cannot be opened", error=str(error))
        raise too_many("vault-locked", _LOCKED, _LOCKED_S, status=503) from None
    except (Damaged, Unusable) as error:
        _log.warning("a webhook's credential cannot be used", error=str(error))
        return None
    if row.use_is_old:
        credentials.touch(connection, row.id)
        connection.commit()
    return found
