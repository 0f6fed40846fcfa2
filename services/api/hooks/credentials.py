"""The credential that a webhook's callers must know, opened for the workflow that the webhook starts."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
from flask import Flask, current_app

from shared.credentials.base import Credential

OpenCredential = Callable[[psycopg.Connection[Any], UUID, UUID], Credential | None]
"""From the ids of a credential and of a workflow: the credential, if the workflow's owner may use it."""
_EXTENSION = "flowversal-open-credential"


def install_credentials(app: Flask, open_credential: OpenCredential) -> None:
    """Say how this application opens credentials."""
    app.extensions[_EXTENSION] = open_credential


def open_credential(connection: psycopg.Connection[Any], id: UUID, workflow_id: UUID) -> Credential | None:
    """The credential; None where there is none that the workflow may use, or where this application opens none."""
    found: OpenCredential | None = current_app.extensions.get(_EXTENSION)
    return None if found is None else found(connection, id, workflow_id)
