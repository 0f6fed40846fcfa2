"""What a schedule says in plain words. Pure."""

import re

from cronsim.explain import Expression

from shared.domain.triggers.cron import parse_cron
from shared.domain.triggers.moments import from_ms
from shared.domain.triggers.timing import Timing, interval_sentence

_ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_STEP = re.compile(rf"\b(every) (?:(\d+)(?:st|nd|rd|th)|({'|'.join(_ORDINALS)})) (second|minute)\b", re.IGNORECASE)


def sentence_of(timing: Timing) -> str:
    """At 09:00 on Monday through Friday, Europe/Berlin. For a timing that is valid."""
    words = _cron_sentence(timing.cron) if timing.cron is not None else interval_sentence(timing.every_ms or 0)
    if timing.cron is not None:
        words += f", {timing.timezone}"
    if timing.start_ms is not None:
        words += f", from {_day(timing.start_ms)}"
    if timing.end_ms is not None:
        words += f", until {_day(timing.end_ms)}"
    return words


def _cron_sentence(text: str) -> str:
    """What cronsim explains, in more common words: every 15 minutes, not every 15th minute."""
    words = Expression(parse_cron(text).text.split()).explain()
    words = _STEP.sub(_plainly, words).replace("day of month", "day of the month")
    steps = re.match(r"^Every (\d+) (?:minutes|seconds) of every (?:hour|minute)$", words)
    return words.rpartition(" of every ")[0] if steps and 60 % int(steps[1]) == 0 else words


def _plainly(found: re.Match[str]) -> str:
    count = found[2] or _ORDINALS.index(found[3].lower()) + 2
    return f"{found[1]} {count} {found[4]}s"


def _day(ms: int) -> str:
    return f"{from_ms(ms):%Y-%m-%d %H:%M} UTC"
