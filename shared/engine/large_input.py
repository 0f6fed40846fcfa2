"""The input of an execution, where it is too large for its row: a blob, in the transaction that starts it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg

from shared.blobs import Store, key_of
from shared.db import blob_puts
from shared.domain.payload import Ref, ref_to

REFER = """
UPDATE execution_data SET input_blob = %(ref)s::json, input_preview = %(preview)s
WHERE execution_id = %(id)s AND node = '' AND item = ''
"""
"""The row with the input of an execution says where that is."""


@dataclass(frozen=True, slots=True)
class Offload:
    """Where inputs above `above` bytes go. The store must be on the caller's connection, if it is in Postgres."""

    store: Store
    above: int

    def put(self, connection: psycopg.Connection[Any], execution_id: UUID, raw: bytes) -> Ref:
        """Keep the input of an execution that was inserted with none; raises what the store raises.

        Files do not roll back: one of a start that did goes with its week.
        """
        ref = ref_to(execution_id, uuid4(), raw)
        blob_puts.announce(connection, ref.id, (execution_id, "", ""), 0)
        self.store.put(key_of(ref), raw)
        connection.execute(REFER, {"id": execution_id, "ref": ref.json, "preview": ref.preview})
        return ref
