"""Dates with time zones: read, written, moved and rounded, right also where clocks are put forward and back."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from shared.domain.errors import NodeError

EXACT_S = {"milliseconds": 0.001, "seconds": 1, "minutes": 60, "hours": 3_600}
_OFFSET = re.compile(r"[+-]([01]\d|2[0-3]):[0-5]\d")
_MONTHS = {"months": 1, "years": 12}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def invalid(why: str) -> NodeError:
    """The error of a text that is no date, or of a date outside of the calendar."""
    return NodeError("INVALID_DATE", f"{why}.")


@lru_cache(maxsize=1_000)
def zone_of(name: str) -> tzinfo:
    """`Europe/Berlin`, `UTC` or an offset `+02:00`. Raises ValueError."""
    if name in ("UTC", "Z"):
        return UTC
    if _OFFSET.fullmatch(name):
        return datetime.strptime(name, "%z").tzinfo or UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name[:60]!r}: write it like Europe/Berlin, UTC or +02:00") from None


def read(value: Any, zone: tzinfo, format: str | None) -> datetime:
    """A date of ISO 8601 text, milliseconds since 1970, or text in a format; without a zone of its own it is in `zone`.

    A wall time that a change of clocks skips counts with the offset before it; of one that is there twice the first
    counts. Raises NodeError INVALID_DATE.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return (_EPOCH + timedelta(milliseconds=value)).astimezone(zone)
        text = str(value).strip()
        # A date without a zone gets its own below.
        found = datetime.strptime(text, format) if format else datetime.fromisoformat(text)  # noqa: DTZ007 - as above
    except (ValueError, OverflowError, re.error):
        wanted = f"the format {format}" if format else "ISO 8601, such as 2030-01-31T08:30:00Z"
        raise invalid(f"`{str(value)[:60]}` is no date: it should be {wanted}") from None
    return _settled(found.replace(tzinfo=zone) if found.tzinfo is None else found, zone)


def moved(date: datetime, amount: float, unit: str) -> datetime:
    """Later, or earlier with a negative amount. Milliseconds to hours are time that passes; days, weeks, months and years
    keep the hour on the wall, and a month without that day ends sooner. Raises NodeError INVALID_DATE.
    """
    try:
        if unit in EXACT_S:
            passed = timedelta(seconds=amount * EXACT_S[unit])
            return (date.astimezone(UTC) + passed).astimezone(date.tzinfo)
        if amount != int(amount):
            raise invalid(f"{unit} are added as whole numbers: use hours for parts of a day")
        if unit in _MONTHS:
            return _settled(_in_months(date, int(amount) * _MONTHS[unit]), date.tzinfo)
        wall = date.replace(tzinfo=None) + timedelta(**{unit: amount})
        return _settled(wall.replace(tzinfo=date.tzinfo), date.tzinfo)
    except (OverflowError, ValueError):
        raise invalid("The date would be outside of the years 1 to 9999") from None


def floor_to(date: datetime, unit: str) -> datetime:
    """The beginning of its second, minute, hour, day, week (Monday), month or year, by the clock on the wall."""
    if unit in ("seconds", "minutes", "hours"):
        # By the offset of the moment: the second 2:30 of a night in autumn is not made the first.
        offset = date.utcoffset() or timedelta()
        elapsed = (date - _EPOCH + offset) % timedelta(seconds=EXACT_S[unit])
        return (date.astimezone(UTC) - elapsed).astimezone(date.tzinfo)
    day = date.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "weeks":
        try:
            day -= timedelta(days=day.weekday())
        except OverflowError:
            raise invalid("The date would be outside of the years 1 to 9999") from None
    elif unit in _MONTHS:
        day = day.replace(day=1, month=day.month if unit == "months" else 1)
    return _settled(day, date.tzinfo)


def difference(start: datetime, end: datetime, unit: str) -> int | float:
    """From `start` to `end`: exact time in milliseconds to weeks, whole months or years that have passed."""
    if unit in _MONTHS:
        return int(_months_between(start, end.astimezone(start.tzinfo)) / _MONTHS[unit])
    seconds = {**EXACT_S, "days": 86_400, "weeks": 604_800}[unit]
    # Two dates with the same zone would be subtracted as the clocks on the wall show them.
    passed = (end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(seconds=seconds)
    return int(passed) if passed.is_integer() else passed


def written(date: datetime, format: str | None) -> str:
    """ISO 8601 with its offset (`Z` for UTC), or in a format. Raises NodeError INVALID_DATE."""
    if format:
        try:
            return date.strftime(format)
        except ValueError:
            raise invalid(f"`{format[:60]}` is no format: use %Y %m %d %H %M %S and the like") from None
    text = date.isoformat(timespec="milliseconds" if date.microsecond else "seconds")
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _months_between(start: datetime, end: datetime) -> int:
    months = (end.year - start.year) * 12 + end.month - start.month
    there = moved(start, months, "months").astimezone(UTC)
    if months > 0 and there > end.astimezone(UTC):
        return months - 1
    return months + 1 if months < 0 and there < end.astimezone(UTC) else months


def _in_months(date: datetime, months: int) -> datetime:
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    for day in range(date.day, 27, -1):
        try:
            return date.replace(year=year, month=month + 1, day=day)
        except ValueError:
            if not 1 <= year <= 9999:
                raise
    return date.replace(year=year, month=month + 1)


def _settled(date: datetime, zone: tzinfo | None) -> datetime:
    """A time that exists: through UTC and back, which moves what a change of clocks has skipped."""
    try:
        return date.astimezone(UTC).astimezone(date.tzinfo if zone is None else zone)
    except OverflowError:
        raise invalid("The date would be outside of the years 1 to 9999") from None
