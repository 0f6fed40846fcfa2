"""How values read on a page: durations as people say them, numbers with thin spaces, times relative."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import time
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from markupsafe import Markup, escape

from services.dashboard.pretty import pretty_json
from shared.nodes.catalogue import node_types

THIN_SPACE = "\u202f"
NOTHING = "–"

STATUS_ICONS = {
    "queued": "clock",
    "running": "spinner",
    "waiting": "pause",
    "canceling": "spinner",
    "success": "check",
    "failed": "x",
    "canceled": "ban",
    "pending": "circle",
    "ready": "clock",
    "retrying": "retry",
    "skipped": "skip",
    "draft": "pencil",
    "published": "check",
    "paused": "pause",
    "reused": "copy",
    "open": "alert",
    "redriven": "retry",
    "dismissed": "ban",
}
TRIGGER_ICONS = {"schedule": "clock", "execution": "workflow", "webhook": "hook"}
_AGO = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


_SYMBOL = re.compile(r'^  \("([a-z-]+)", ', re.MULTILINE)


def now_ms() -> int:
    """Milliseconds since the epoch, by this host's clock."""
    return int(time() * 1000)


def duration(ms: float | None) -> str:
    """412 ms, 1.8 s, 2 min 3 s, 3 h 12 min, 2 d 4 h; a dash for None."""
    if ms is None:
        return NOTHING
    if ms < 1_000:
        return f"{round(ms)} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    if seconds < 3_600:
        return _pair(seconds // 60, "min", seconds % 60, "s")
    if seconds < 86_400:
        return _pair(seconds // 3_600, "h", seconds % 3_600 // 60, "min")
    return _pair(seconds // 86_400, "d", seconds % 86_400 // 3_600, "h")


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def number(value: int | None) -> str:
    """12 480 with thin spaces; a dash for None."""
    return NOTHING if value is None else f"{value:,}".replace(",", THIN_SPACE)


def size(count: int) -> str:
    """812 bytes, 4.2 KB, 51.3 MB."""
    if count < 1_000:
        return plural(count, "byte")
    return f"{count / 1_000:.1f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def dollars(usd: float) -> str:
    """$1.24, $0.0031; `< $0.0001` for less than that."""
    if 0 < usd < 0.000_1:
        return "< $0.0001"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


def percent(share: float | None) -> str:
    """67 % for 0.667; a dash for None."""
    return NOTHING if share is None else f"{round(share * 100)}{THIN_SPACE}%"


def ago(at_ms: int | None) -> str:
    """`just now`, `48 s ago`, `2 min ago`, `3 h ago`, `5 d ago`; a dash for None."""
    if at_ms is None:
        return NOTHING
    seconds = max(0, (now_ms() - at_ms) // 1000)
    if seconds < 5:
        return "just now"
    size, unit = next(step for step in _AGO if seconds >= step[0])
    return f"{seconds // size} {unit} ago"


def until(at_ms: int) -> str:
    """`any moment`, `in 48.0 s`, `in 2 min 3 s`, `in 5 d`."""
    left_ms = at_ms - now_ms()
    return "any moment" if left_ms < 1_000 else f"in {duration(left_ms)}"


def exact(at_ms: int | None) -> str:
    """2026-11-23 12:04:31 UTC."""
    return NOTHING if at_ms is None else f"{_moment(at_ms):%Y-%m-%d %H:%M:%S} UTC"


def zoned(at_ms: int, zone: str) -> str:
    """Sun 29 Nov 2026 09:00:00 CET: what the clocks of a time zone show then."""
    moment = _moment(at_ms).astimezone(ZoneInfo(zone))
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M:%S %Z}"


def iso(at_ms: int) -> str:
    """2026-11-23T12:04:31.204Z, for the attribute of a time element."""
    return _moment(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(at_ms: int) -> str:
    """12:04:31.204 in UTC."""
    return f"{_moment(at_ms):%H:%M:%S}.{at_ms % 1000:03d}"


def plural(count: int, noun: str) -> str:
    """1 run, 3 runs."""
    return f"{number(count)} {noun}" if count == 1 else f"{number(count)} {noun}s"


@lru_cache(maxsize=1)
def _drawn() -> frozenset[str]:
    """The icons that the page's own sprite has."""
    return frozenset(_SYMBOL.findall((Path(__file__).parent / "templates" / "parts" / "icons.html").read_text()))


def drawn(name: str, otherwise: str = "box") -> str:
    """An icon's name, which may come from somebody else's type; another one where the sprite does not have it."""
    return name if name in _drawn() else otherwise


def ticks(text: str) -> Markup:
    """A text for people whose `words in backticks` are code; a backtick without a partner is itself."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    shown = (
        escape(part) if place % 2 == 0 else Markup("<code>{}</code>").format(part) for place, part in enumerate(parts)
    )
    return Markup("").join(shown)


def trigger_name(trigger: str) -> str:
    """Manual, API, Schedule."""
    return "API" if trigger == "api" else trigger.capitalize()


def choice(value: str) -> tuple[str, str]:
    """An option of a filter: the value and how it reads."""
    return value, trigger_name(value)


def initials(name: str) -> str:
    """DU for Demo User."""
    words = name.split()
    return "".join(word[0] for word in (*words[:1], *words[1:][-1:])).upper() or "?"


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


FILTERS: dict[str, Callable[..., Any]] = {
    "duration": duration,
    "number": number,
    "size": size,
    "dollars": dollars,
    "percent": percent,
    "ago": ago,
    "until": until,
    "exact": exact,
    "zoned": zoned,
    "iso": iso,
    "clock": clock,
    "plural": plural,
    "initials": initials,
    "drawn": drawn,
    "ticks": ticks,
    "trigger_name": trigger_name,
    "choice": choice,
    "pretty": pretty_json,
}


def install_filters(app: Flask) -> None:
    """Offer the filters and the icon tables to every template."""
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(
        status_icons=STATUS_ICONS,
        node_icons={name: drawn(found.icon) for name, found in node_types().items()},
        trigger_icons=TRIGGER_ICONS,
        now_ms=now_ms,
    )
