"""`schedule`: starts the workflow at the times of a cron expression, or every so many milliseconds."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from shared.domain.fields import Fields, hint, kind
from shared.domain.triggers.cron import CronError, parse_cron
from shared.domain.triggers.moments import to_ms

TYPE = "schedule"
MISFIRE = ("once", "skip", "all")
OVERLAP = ("allow", "skip")
MAX_CRON = 200
LEAST_MS = 1_000
MOST_MS = 366 * 86_400_000
MOST_GRACE_MS = 86_400_000
MAX_CATCH_UP = 1_000
# Whatever the machine is set to, and nothing.
_NO_ZONES = frozenset({"localtime", "Factory"})
_LAST_MS = 253_402_300_799_000
RESERVED = ("scheduledAt", "trigger")
"""What the input of every run has, beside the fixed input."""


def read(fields: Fields) -> dict[str, Any]:
    """The checked config: `cron` or `everyMs`, `timezone`, `misfire`, `maxCatchUp`, `graceMs`, `overlap`, `input`, and
    `startAt`, `endAt` (ms) where they are set.
    """
    config = read_timing(fields)
    config["misfire"] = fields.choice("misfire", MISFIRE)
    config["maxCatchUp"] = fields.whole("maxCatchUp", 100, least=1, most=MAX_CATCH_UP)
    if config["misfire"] != "all" and fields.value.get("maxCatchUp") is not None:
        fields.refuse("maxCatchUp", "this belongs to `misfire: all`: set that, or leave it out")
    config["graceMs"] = fields.whole("graceMs", 60_000, least=0, most=MOST_GRACE_MS)
    config["overlap"] = fields.choice("overlap", OVERLAP)
    config["input"] = _read_input(fields)
    return config


def read_timing(fields: Fields) -> dict[str, Any]:
    """The fields that say when it is due."""
    cron = _read_cron(fields)
    every = fields.whole("everyMs", 0, least=LEAST_MS, most=MOST_MS)
    if (fields.value.get("cron") is None) == (fields.value.get("everyMs") is None):
        fields.refuse("", "a schedule needs one of `cron`, such as 0 9 * * MON-FRI, and `everyMs`, such as 60000")
    config: dict[str, Any] = {"everyMs": every or LEAST_MS} if cron is None else {"cron": cron}
    config["timezone"] = _read_timezone(fields)
    for key in ("startAt", "endAt"):
        moment = _read_moment(fields, key)
        if moment is not None:
            config[key] = moment
    if "startAt" in config and config.get("endAt", _LAST_MS) < config["startAt"]:
        fields.refuse("endAt", "this is before `startAt`: nothing would ever be due")
    return config


def _read_cron(fields: Fields) -> str | None:
    text = fields.text("cron", most=MAX_CRON)
    if fields.value.get("cron") is None:
        return None
    try:
        parse_cron(text)
    except CronError as error:
        if isinstance(fields.value["cron"], str) and len(fields.value["cron"]) <= MAX_CRON:
            fields.refuse("cron", str(error))
        return "@daily"
    return " ".join(text.split())


def _read_timezone(fields: Fields) -> str:
    name = fields.text("timezone", default="UTC")
    if name in zones():
        return name
    fields.refuse(
        "timezone",
        "this must be the name of a time zone, such as Europe/Berlin or UTC" + hint(fields.problems, name, zones()),
    )
    return "UTC"


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The names of all time zones, the same on every machine and in every browser."""
    return frozenset(available_timezones()) - _NO_ZONES


def _read_moment(fields: Fields, key: str) -> int | None:
    """Milliseconds since the epoch, or a text of ISO 8601 with an offset."""
    value = fields.take(key)
    if value is None:
        return None
    if type(value) is int and 0 <= value <= _LAST_MS:
        return value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None and 0 <= to_ms(moment) <= _LAST_MS:
                return to_ms(moment)
        except (ValueError, OverflowError):
            pass
    fields.refuse(
        key, "this must be a moment with its offset, such as 2026-12-01T09:00:00+01:00, or ms since the epoch"
    )
    return None


def _read_input(fields: Fields) -> dict[str, Any]:
    value = fields.take("input")
    if value is None:
        return {}
    if not isinstance(value, dict):
        fields.refuse("input", f"this must be an object, not {kind(value)}: what every run gets as `input`")
        return {}
    for key in RESERVED:
        if key in value:
            fields.refuse(f"input.{key}", f"`{key}` is set by the schedule itself: use another name")
    return value
