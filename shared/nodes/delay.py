"""`delay`: waits for a while or until a time, holding no worker."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.nodes.base import Context, Done, NodeError, NodeType, Params, Wait

_LONGEST = timedelta(days=365)
_LONGEST_MS = 365 * 86_400_000
_BOTH = "give `durationMs` or `until`, one of them"


def _moment(value: Any) -> datetime:
    """A time from ISO 8601 text (UTC where it names no zone) or from milliseconds since the epoch."""
    try:
        if isinstance(value, str):
            text = value.strip()
            found = _from_ms(int(text)) if text.isdecimal() else datetime.fromisoformat(text)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_ms(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError("this must be a time, as 2030-01-31T09:00:00+01:00 or in milliseconds since the epoch")


def _from_ms(value: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)


class DelayParams(Params):
    """One of the two."""

    duration_ms: int | None = Field(
        None, description="How long to wait, in milliseconds, at most 365 days.", ge=0, le=_LONGEST_MS
    )
    until: Annotated[
        datetime | None,
        BeforeValidator(
            lambda value: None if value is None else _moment(value), json_schema_input_type=str | int | None
        ),
    ] = Field(None, description="When to go on: ISO 8601, or milliseconds since the epoch; a past time does not wait.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.duration_ms is None) == (self.until is None):
            raise ValueError(_BOTH)
        return self


class Delay(NodeType):
    """The step sleeps in Postgres and ends with `{}`."""

    type = "delay"
    label = "Delay"
    help = "Wait for a while or until a time. Nothing is held while waiting, so it may take months."
    icon = "clock"
    category = "logic"
    pure = True
    params = DelayParams
    example: ClassVar[dict[str, Any]] = {"durationMs": 60_000}
    error_codes: ClassVar[dict[str, str]] = {"DELAY_TOO_LONG": "`until` is more than 365 days ahead."}

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """Exactly one of the two is there."""
        if (params.get("durationMs") is None) == (params.get("until") is None):
            yield "", _BOTH

    async def run(self, ctx: Context, params: DelayParams) -> Done | Wait:
        """A Wait at first, `{}` when it is over."""
        if ctx.resumed:
            return Done({})
        if params.until is None:
            return Wait(for_ms=params.duration_ms)
        if params.until - datetime.now(UTC) > _LONGEST:
            raise NodeError("DELAY_TOO_LONG", "`until` is more than 365 days ahead: choose an earlier time.")
        return Wait(until=params.until)
