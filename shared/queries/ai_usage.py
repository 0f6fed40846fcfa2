"""The ledger in the API's shapes: the calls of models that an execution made, and their sums."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.domain.ai_call import to_usd
from shared.queries.shapes import ms, step_id

_COLUMNS = """
SELECT node, item, fence, call, attempt, late, at, provider, model, input_tokens, output_tokens, cached_tokens, cost_nano
FROM ai_ledger WHERE execution_id = %(id)s
"""
PAGE = f"""{_COLUMNS}
  AND (%(after)s::text[] IS NULL OR (node, item, fence, call) >
    ((%(after)s::text[])[1] COLLATE "C", (%(after)s::text[])[2] COLLATE "C", (%(after)s::text[])[3]::bigint,
     (%(after)s::text[])[4]::smallint))
ORDER BY node, item, fence, call LIMIT %(limit)s
"""
"""The calls of an execution, by step."""
OF_STEP = f"{_COLUMNS} AND node = %(node)s AND item = %(item)s ORDER BY at, call LIMIT %(limit)s"
"""The calls of one step, in the order they were recorded."""
TOTALS = """
SELECT late, count(*), sum(input_tokens)::bigint, sum(output_tokens)::bigint, sum(cached_tokens)::bigint,
  sum(cost_nano)::bigint, count(*) FILTER (WHERE cost_nano IS NULL)
FROM ai_ledger WHERE execution_id = %s GROUP BY late
"""
UNPRICED = "SELECT count(*) FROM ai_ledger WHERE execution_id = %s AND cost_nano IS NULL AND NOT late"
MOST_OF_STEP = 100
CURSOR_PARTS = 4


class Row(NamedTuple):
    """A row of the ledger."""

    node: str
    item: str
    fence: int
    call: int
    attempt: int
    late: bool
    at: Any
    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cost_nano: int | None

    def shape(self) -> dict[str, Any]:
        """The JSON of the API."""
        return {
            "stepId": step_id(self.node, self.item),
            "attempt": self.attempt,
            "at": ms(self.at),
            "provider": self.provider,
            "model": self.model,
            "inputTokens": self.input_tokens,
            "outputTokens": self.output_tokens,
            "cachedTokens": self.cached_tokens,
            "costUsd": None if self.cost_nano is None else to_usd(self.cost_nano),
            "late": self.late,
        }


def page(
    connection: psycopg.Connection[Any], execution_id: UUID, *, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """At most `limit` calls behind the cursor `after`, and the next cursor. Raises ValueError for one that is none."""
    values = {"id": execution_id, "after": _after(after), "limit": limit}
    rows = [Row(*row) for row in connection.execute(PAGE, values)]
    last = rows[-1] if len(rows) == limit else None
    following = None if last is None else f"{last.node}:{last.item}:{last.fence}:{last.call}"
    return [row.shape() for row in rows], following


def of_step(connection: psycopg.Connection[Any], execution_id: UUID, node: str, item: str) -> dict[str, Any]:
    """The part of a step's shape that says what it asked of models: its first 100 calls, and their cost; else nothing."""
    values = {"id": execution_id, "node": node, "item": item, "limit": MOST_OF_STEP}
    rows = [Row(*row) for row in connection.execute(OF_STEP, values)]
    if not rows:
        return {}
    cost_nano = sum(row.cost_nano or 0 for row in rows if not row.late)
    return {"aiCostUsd": to_usd(cost_nano), "aiCalls": [row.shape() for row in rows]}


def totals(connection: psycopg.Connection[Any], execution_id: UUID) -> dict[str, Any]:
    """Sums of the calls that count, and `late`: of those whose outcome was stale."""
    found = {late: sums for late, *sums in connection.execute(TOTALS, (execution_id,))}
    return _sums(found.get(False)) | {"late": _sums(found.get(True))}


def unpriced(connection: psycopg.Connection[Any], execution_id: UUID) -> int:
    """How many of the calls that count have no known price."""
    row = connection.execute(UNPRICED, (execution_id,)).fetchone()
    return row[0] if row is not None else 0


def _sums(sums: Sequence[Any] | None) -> dict[str, Any]:
    calls, given, returned, cached, cost, unpriced = sums or (0, 0, 0, 0, 0, 0)
    return {
        "calls": calls,
        "inputTokens": given or 0,
        "outputTokens": returned or 0,
        "cachedTokens": cached or 0,
        "costUsd": to_usd(cost or 0),
        "unpricedCalls": unpriced,
    }


def _after(cursor: str | None) -> list[str] | None:
    if cursor is None:
        return None
    parts = cursor.split(":")
    numbers = [part for part in parts[2:] if part.isascii() and part.isdigit()]
    if (
        "\x00" in cursor
        or len(parts) != CURSOR_PARTS
        or len(numbers) != 2
        or int(numbers[0]) >= 2**63
        or int(numbers[1]) >= 2**15
    ):
        raise ValueError(cursor)
    return parts
