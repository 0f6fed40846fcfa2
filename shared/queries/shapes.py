"""Small pieces that every API shape is made of."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from shared import ids
from shared.domain.payload import Ref

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Viewer(NamedTuple):
    """Whose eyes: `everything` is true for admins, others see their own and the shared workflows with their runs."""

    user_id: UUID
    everything: bool


def ms(at: datetime | None) -> int | None:
    """Milliseconds since the epoch."""
    return None if at is None else (at - _EPOCH) // _MILLISECOND


def span_ms(start: datetime | None, end: datetime | None) -> int | None:
    """Whole milliseconds between two moments, as the difference of their `ms`; None if one is missing."""
    first, last = ms(start), ms(end)
    return None if first is None or last is None else max(0, last - first)


def like_pattern(text: str) -> str:
    r"""An ILIKE pattern (ESCAPE '\') that finds the text anywhere."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def value_url(execution_id: UUID, which: str, step: str = "") -> str:
    """Where a whole value is read: the `input` or the `output` of a run or of a step (its id)."""
    below = f"/steps/{step}" if step else ""
    return f"/api/v1/executions/{ids.encode(ids.EXECUTION, execution_id)}{below}/{which}"


def ref_shape(ref: Ref, url: str) -> dict[str, Any]:
    """A value that is too large to be part of an answer: `{size, sha256, preview, url}`."""
    return {"size": ref.size, "sha256": ref.sha256, "preview": ref.preview, "url": url}


def step_id(node: str, item: str) -> str:
    """`step-fetch`, inside loops `step-fetch:42.7`."""
    return f"step-{node}:{'.'.join(map(str, positions(item)))}" if item else f"step-{node}"


def positions(item: str) -> list[int]:
    """The loop positions of an item key: `000042/000007` is [42, 7]."""
    return [int(part) for part in item.split("/")] if item else []


def parse_step_id(text: str) -> tuple[str, str] | None:
    """Node and item key of a step's id; None if the text is not one."""
    head, _, tail = text.removeprefix("step-").partition(":")
    parts = tail.split(".") if tail else []
    if not text.startswith("step-") or not head or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return head, "/".join(part.zfill(6) for part in parts)
