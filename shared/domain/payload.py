"""References to values that are too large to travel with a step: what of a blob is the value, and how it begins."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

PREVIEW = 2_000
"""Characters of a preview; those of a loop's items are shorter (`ITEM_PREVIEW`), as there may be thousands."""
ITEM_PREVIEW = 200


@dataclass(frozen=True, slots=True)
class Ref:
    """A value in the blob `id` of an execution: `size` bytes of UTF-8 JSON from byte `start` on.

    `execution_id` is the one that stored it; a run that goes on from another one may refer to that one's blobs.
    """

    execution_id: UUID
    id: UUID
    size: int
    sha256: str
    start: int = 0
    preview: str = ""

    @property
    def json(self) -> str:
        """What is stored of it, beside the preview."""
        return (
            f'{{"execution":"{self.execution_id}","id":"{self.id}","start":{self.start},'
            f'"size":{self.size},"sha256":"{self.sha256}"}}'
        )


Stored = str | Ref
"""A value on its way into storage: JSON text, or where it is already."""


def ref_to(execution_id: UUID, id: UUID, raw: bytes, *, start: int = 0, preview: int = PREVIEW) -> Ref:
    """The reference to a value whose JSON is `raw`."""
    return Ref(execution_id, id, len(raw), sha256(raw).hexdigest(), start, beginning(raw, preview))


def beginning(raw: bytes, characters: int = PREVIEW) -> str:
    """At most so many characters of UTF-8 text."""
    return raw[: 4 * characters].decode("utf-8", "ignore")[:characters]


def parse_ref(stored: str | dict[str, Any] | None, preview: str | None = None) -> Ref | None:
    """What `Ref.json` has written, as text or read already; None for None."""
    if stored is None:
        return None
    found = json.loads(stored) if isinstance(stored, str) else stored
    return Ref(
        UUID(found["execution"]), UUID(found["id"]), found["size"], found["sha256"], found["start"], preview or ""
    )


def stored_size(value: Stored | None) -> int:
    """About how many characters a value adds to a transaction."""
    if value is None:
        return 0
    return len(value) if isinstance(value, str) else 300 + len(value.preview)
