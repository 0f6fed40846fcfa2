"""The input of an execution that is retried: whether another one differs from it, and what it is."""

from contextlib import nullcontext
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg

from shared.blobs import make_store
from shared.domain.errors import Conflict
from shared.domain.values import from_json
from shared.queries import values
from shared.settings import get_settings


def is_input(connection: psycopg.Connection[Any], execution_id: UUID, input: str) -> bool:
    """Whether an execution was started with this JSON text, to the byte; a large one is not read for it."""
    found = values.input_of(connection, execution_id)
    return found is not None and found.digest == sha256(input.encode()).hexdigest()


def read_input(connection: psycopg.Connection[Any], execution_id: UUID) -> Any:
    """What an execution was started with. Raises Conflict where it was removed from the store."""
    found = values.input_of(connection, execution_id)
    if found is None:
        return None
    store = make_store(get_settings(), lambda: nullcontext(connection))
    try:
        return from_json(b"".join(found.read(store, 0, found.size)))
    except LookupError:
        raise Conflict("The input of this execution was removed from the store. Retry it with another input.") from None
