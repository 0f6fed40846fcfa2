"""`date.time`: reads, writes, moves, rounds and compares dates, in time zones."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.data import moments

Unit = Literal["milliseconds", "seconds", "minutes", "hours", "days", "weeks", "months", "years"]
_LONGEST = 1_000_000_000_000


def _zone(name: str) -> str:
    moments.zone_of(name)
    return name


Zone = Annotated[str, AfterValidator(_zone)]


class DateTimeParams(Params):
    """A date, what to do with it, and how to write it."""

    date: str | int | float = Field(
        description="ISO 8601 text, milliseconds since 1970, or text in the format `inputFormat`; {{ now }} for now."
    )
    action: Literal["convert", "add", "startOf", "endOf", "difference"] = Field(
        "convert",
        description="`convert` changes time zone or format, `add` moves it, `startOf` and `endOf` round it to a unit, "
        "`difference` counts from it to `until`.",
    )
    amount: float = Field(0, description="For `add`: how much; negative goes back.", ge=-_LONGEST, le=_LONGEST)
    unit: Unit = Field("days", description="The unit for `add`, `startOf`, `endOf` and `difference`.")
    until: str | int | float | None = Field(None, description="For `difference`: the other date.")
    zone: Zone = Field(
        "UTC", description="Time zone of the result, and of dates that name none: Europe/Berlin, UTC or +02:00."
    )
    input_format: str | None = Field(
        None, description="How `date` and `until` are written, as %d.%m.%Y %H:%M; ISO 8601 without it.", max_length=200
    )
    output_format: str | None = Field(
        None, description="How the result is written, as %d.%m.%Y %H:%M; ISO 8601 without it.", max_length=200
    )


class DateTime(NodeType):
    """Days, weeks, months and years keep the hour on the wall when clocks change; hours and less are time that passes.
    A month has no 31st: its last day.
    """

    type = "date.time"
    label = "Date and time"
    help = "Change a date's zone or format, move or round it, or count the time between two dates."
    icon = "calendar"
    category = "data"
    pure = True
    params = DateTimeParams
    example: ClassVar[dict[str, Any]] = {"date": "2030-01-31T08:30:00Z", "action": "add", "amount": 1, "unit": "months"}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "A German date as ISO 8601, in its time zone",
            "params": {"date": "31.07.2030 14:05", "inputFormat": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"},
            "output": "2030-07-31T14:05:00+02:00",
        },
        {
            "title": "The next day at the same time, although clocks change",
            "params": {
                "date": "2026-03-28T12:00:00+01:00",
                "action": "add",
                "amount": 1,
                "unit": "days",
                "zone": "Europe/Berlin",
            },
            "output": "2026-03-29T12:00:00+02:00",
        },
        {
            "title": "Whole hours between two dates",
            "params": {"date": "2030-01-01", "action": "difference", "until": "2030-01-02T06:00:00", "unit": "hours"},
            "output": 30,
        },
        {
            "title": "Last moment of the month",
            "params": {"date": "2028-02-10", "action": "endOf", "unit": "months", "outputFormat": "%Y-%m-%d %H:%M:%S"},
            "output": "2028-02-29 23:59:59",
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "INVALID_DATE": "A text is no date, or the result is outside of the years 1 to 9999."
    }

    async def run(self, ctx: Context, params: DateTimeParams) -> Done:  # noqa: ARG002
        """Text, or a number for `difference`. Raises INVALID_DATE."""
        zone = moments.zone_of(params.zone)
        date = moments.read(params.date, zone, params.input_format).astimezone(zone)
        if params.action == "difference":
            if params.until is None:
                raise moments.invalid("`difference` needs `until`, the other date")
            return Done(moments.difference(date, moments.read(params.until, zone, params.input_format), params.unit))
        return Done(moments.written(_changed(date, params), params.output_format))


def _changed(date: datetime, params: DateTimeParams) -> datetime:
    if params.action == "add":
        return moments.moved(date, params.amount, params.unit)
    if params.action == "convert" or params.unit == "milliseconds":
        return date
    start = moments.floor_to(date, params.unit)
    if params.action == "startOf":
        return start
    return moments.moved(moments.moved(start, 1, params.unit), -1, "milliseconds")
