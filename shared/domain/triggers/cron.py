"""Cron expressions: reading them, and when they are due in a time zone whose clock is changed twice a year. Pure.

Fixed times (neither minutes nor hours begin with `*`) are those of a clock on the wall: one that does not exist on a day is due
once, at the first moment after the gap; one that exists twice is due the first time only. Everything else (`0 * * * *`,
`*/15 9-17 * * *`) goes by the time that really passes: due whenever the clock shows a moment that fits. As Debian's cron does it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = {
    "second": "0 to 59",
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, L for the last day or LW for the last weekday",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 (both are Sunday) or SUN to SAT, MON#2 for the second Monday, 5L for the last Friday",
}
_DAYS = frozenset(str(day) for day in range(1, 32))
_SOME_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a clock on the wall has no zone
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_LAST_YEAR = 9990


class CronError(ValueError):
    """The text is no cron expression, or one that is never due; the message says what to write."""


@dataclass(frozen=True)
class Cron:
    """A cron expression of five fields, or of six with seconds first; `text` as `parse_cron` leaves it."""

    text: str

    @cached_property
    def fixed(self) -> bool:
        """Whether it names times of day rather than a rhythm."""
        *_, minute, hour, _, _, _ = self.text.split()
        return not minute.startswith("*") and not hour.startswith("*")

    def due(self, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Every moment strictly after `after` (aware), in order, in UTC; ends where the calendar does."""
        return self._on_the_wall(after, zone) if self.fixed else self._as_time_passes(after, zone)

    def _on_the_wall(self, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        last = after.astimezone(UTC)
        for wall in self._walls(after.astimezone(zone).replace(tzinfo=None)):
            found = _first_at(wall, zone)
            if found > last:
                last = found
                yield found

    def _as_time_passes(self, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Stretch by stretch between two changes of the clock."""
        begin = after.astimezone(UTC)
        offset = _offset(begin, zone)
        wall = _naive(begin + offset)
        while True:
            known = begin  # up to here the offset holds
            for each in self._walls(wall):
                found = each.replace(tzinfo=UTC) - offset
                change = _change(zone, known, found)
                if change is not None:
                    break
                known = found
                yield found
            else:
                return
            begin, offset = change, _offset(change, zone)
            wall = _naive(change + offset) - _SECOND

    def _walls(self, after: datetime) -> Iterator[datetime]:
        """The times of a clock without a zone that fit, strictly after the second of `after`."""
        for found in CronSim(self.text, after):
            if found.year > _LAST_YEAR:
                return
            yield found


def parse_cron(text: str) -> Cron:
    """The expression; `@daily` and its like are expanded. Raises CronError."""
    found = MACROS.get(text.strip().lower(), text.strip())
    if found.startswith("@"):
        raise CronError(f"`{found[:20]}` is not known: use five fields, or one of {', '.join(MACROS)}")
    if (count := len(found.split())) not in (5, 6):
        raise CronError(
            f"this has {count} field{'' if count == 1 else 's'}: write five (minute, hour, day of month, month, day of week), such as "
            "0 9 * * MON-FRI, or six with seconds first"
        )
    cron = Cron(" ".join(found.upper().split()))
    try:
        first = next(iter(CronSim(cron.text, _SOME_DAY)), None)
    except CronSimError as error:
        raise CronError(_explained(cron, str(error))) from None
    if first is None:
        raise CronError("this is never due: no day fits all its fields")
    return cron


def _explained(cron: Cron, message: str) -> str:
    name = message.removeprefix("Bad ")
    fields = cron.text.split()
    days = fields[-3]
    if name == "day-of-month" and all(part in _DAYS for part in days.split(",")):
        return "this is never due: none of its months has such a day"
    return f"the field for {name.replace('-', ' ')} cannot be read: it takes {_FIELDS.get(name, 'numbers')}; * for every, 1,2 for some, 1-5 for a range, */2 for steps"


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _first_at(wall: datetime, zone: ZoneInfo) -> datetime:
    """When a clock in the zone first shows this time; in a gap, the first moment after it."""
    found = wall.replace(tzinfo=zone).astimezone(UTC)
    if _naive(found.astimezone(zone)) == wall:
        return found
    # A time in a gap reads as if the clock had not been changed yet: the change lies between the two readings.
    change = _change(zone, wall.replace(tzinfo=zone, fold=1).astimezone(UTC) - _SECOND, found)
    return found if change is None else change


def _change(zone: ZoneInfo, known: datetime, until: datetime) -> datetime | None:
    """The first moment after `known`, up to `until`, with another offset than `known` has; to the second."""
    offset = _offset(known, zone)
    low = known
    while low < until:
        high = min(low + _DAY, until)
        if _offset(high, zone) != offset:
            return _bisect(zone, low, high, offset)
        low = high
    return None


def _bisect(zone: ZoneInfo, low: datetime, high: datetime, offset: timedelta) -> datetime:
    """Where between the two the offset ends to be `offset`, which it is at `low` and not at `high`."""
    low = low.replace(microsecond=0)
    while high - low > _SECOND:
        middle = low + (high - low) // 2 // _SECOND * _SECOND
        if _offset(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high
