"""The input and the output of a step or of a run, whole: as parts, so that a large one is never in memory at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from shared.blobs import Store, key_of, pieces
from shared.domain.payload import Ref, parse_ref
from shared.engine.plans import plan_of
from shared.queries.executions import ExecutionRow, ends_of
from shared.queries.shapes import parse_step_id

Which = Literal["input", "output"]
# `::text` on this side: what is shown is what was stored, to the byte.
INPUT_OF = "SELECT input::text, input_blob FROM execution_data WHERE execution_id = %s AND node = %s AND item = %s"
OUTPUT_OF = "SELECT output::text, output_blob FROM execution_data WHERE execution_id = %s AND node = %s AND item = %s"
OF_ENDS = """
SELECT s.node, d.output::text, d.output_blob FROM steps s
JOIN execution_data d ON d.execution_id = s.execution_id AND d.node = s.node AND d.item = s.item
WHERE s.execution_id = %(id)s AND d.execution_id = %(id)s AND s.node = ANY(%(ends)s) AND s.item = ''
  AND (s.state = 'success' OR d.output IS NOT NULL OR d.output_blob IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Whole:
    """A value as parts that follow each other: bytes, and references to the store."""

    parts: tuple[bytes | Ref, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(_size(part) for part in self.parts)

    @property
    def digest(self) -> str:
        """The SHA-256 of the value; of one that is put together, of its parts' ones: it changes when the value does."""
        sums = [part.sha256 if isinstance(part, Ref) else sha256(part).hexdigest() for part in self.parts]
        return sums[0] if len(sums) == 1 else sha256("".join(sums).encode()).hexdigest()

    def present(self, store: Store) -> bool:
        """Whether the store has all of it."""
        return all(store.size(key_of(part)) is not None for part in self.parts if isinstance(part, Ref))

    def read(self, store: Store, start: int, length: int) -> Iterator[bytes]:
        """Bytes from `start` on, about a MB at a time. Raises LookupError when a blob is gone on the way."""
        for part in self.parts:
            size = _size(part)
            if start < size and length > 0:
                wanted = min(length, size - start)
                if isinstance(part, Ref):
                    yield from pieces(store, part, start, wanted)
                else:
                    yield part[start : start + wanted]
                length -= wanted
            start = max(0, start - size)


def of_step(connection: psycopg.Connection[Any], execution: ExecutionRow, step_id: str, which: Which) -> Whole | None:
    """What a step was given or has returned; None if there is no such step, or no such value."""
    key = parse_step_id(step_id)
    if key is None or key[0] not in plan_of(connection, execution.version_id).nodes:
        return None
    return _whole(connection, which, execution.id, *key)


def of_run(connection: psycopg.Connection[Any], execution: ExecutionRow, which: Which) -> Whole | None:
    """The input of a run, or once it succeeded its output; None if there is none."""
    if which == "input":
        return input_of(connection, execution.id)
    if execution.state != "success":
        return None
    ends = ends_of(connection, execution)
    rows = connection.execute(OF_ENDS, {"id": execution.id, "ends": ends}).fetchall()
    return _together({row[0]: part for row in rows if (part := _part(row[1:])) is not None}, ends)


def input_of(connection: psycopg.Connection[Any], execution_id: UUID) -> Whole | None:
    """What a run was started with; None if there is no such run."""
    return _whole(connection, "input", execution_id, "", "")


def _together(found: dict[str, bytes | Ref], ends: Sequence[str]) -> Whole | None:
    """One end is the output; several are an object by node."""
    if len(found) < 2:
        return Whole(tuple(found.values())) if found else None
    parts: list[bytes | Ref] = []
    for node in ends:
        if node in found:
            parts += [(b"," if parts else b"{") + f'"{node}":'.encode(), found[node]]
    return Whole((*parts, b"}"))


def _whole(connection: psycopg.Connection[Any], which: Which, *key: UUID | str) -> Whole | None:
    row = connection.execute(INPUT_OF if which == "input" else OUTPUT_OF, key).fetchone()
    part = None if row is None else _part(row)
    return None if part is None else Whole((part,))


def _part(row: TupleRow) -> bytes | Ref | None:
    text, blob = row
    return text.encode() if text is not None else parse_ref(blob)


def _size(part: bytes | Ref) -> int:
    return part.size if isinstance(part, Ref) else len(part)
