"""When a schedule is due: by a cron expression in a time zone, or every so many milliseconds. Pure; moments in ms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from shared.domain.triggers.cron import parse_cron
from shared.domain.triggers.moments import from_ms, to_ms

_UNITS = ((604_800_000, "week"), (86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"))


@dataclass(frozen=True, slots=True)
class Timing:
    """Exactly one of `cron` and `every_ms` is set. `anchor_ms`: from where an interval counts, so that it never drifts.

    Nothing is due before `start_ms` or after `end_ms`, where they are set.
    """

    cron: str | None
    every_ms: int | None
    timezone: str
    start_ms: int | None = None
    end_ms: int | None = None
    anchor_ms: int = 0

    def due(self, after: int) -> Iterator[int]:
        """Every firing strictly after a moment, in order. Raises CronError, or KeyError for an unknown time zone."""
        if self.start_ms is not None:
            after = max(after, self.start_ms - 1)
        for found in self._endless(after):
            if self.end_ms is not None and found > self.end_ms:
                return
            yield found

    def next_after(self, moment: int) -> int | None:
        """The next firing after a moment; None if there is none any more."""
        return next(self.due(moment), None)

    def upcoming(self, after: int, count: int) -> list[int]:
        """The next firings, at most `count`."""
        return list(islice(self.due(after), count))

    def between(self, first: int, last: int, most: int) -> list[int]:
        """The firings from `first` to `last`, both included, the earliest `most` of them."""
        found: list[int] = []
        for each in self.due(first - 1):
            if each > last or len(found) == most:
                break
            found.append(each)
        return found

    def _endless(self, after: int) -> Iterator[int]:
        if self.every_ms is not None:
            anchor = self.anchor_ms if self.start_ms is None else self.start_ms
            found = anchor + max(0, (after - anchor) // self.every_ms + 1) * self.every_ms
            while True:
                yield found
                found += self.every_ms
        for moment in parse_cron(self.cron or "").due(from_ms(after), ZoneInfo(self.timezone)):
            yield to_ms(moment)


def timing_of(config: Mapping[str, Any], anchor_ms: int) -> Timing:
    """The timing in the `config` of a schedule. `anchor_ms`: when it was published with this timing first."""
    return Timing(
        cron=config.get("cron"),
        every_ms=config.get("everyMs"),
        timezone=config["timezone"],
        start_ms=config.get("startAt"),
        end_ms=config.get("endAt"),
        anchor_ms=anchor_ms,
    )


def interval_sentence(every_ms: int) -> str:
    """Every 15 minutes; every 1.5 seconds."""
    for unit_ms, unit in _UNITS:
        if every_ms % unit_ms == 0:
            count = every_ms // unit_ms
            return f"Every {unit}" if count == 1 else f"Every {count:,} {unit}s"
    return f"Every {every_ms / 1_000:,.3f}".rstrip("0") + " seconds"
