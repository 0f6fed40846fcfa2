"""Functions on dates. English names whatever the server's locale; no call into the platform's strftime."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.expr.budget import Budget
from shared.expr.errors import VALUE, ExpressionError, shorten
from shared.expr.kinds import want_date, want_number, want_text, wrong
from shared.expr.sizes import text_size, width

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = tuple(
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DIRECTIVES: dict[str, Callable[[datetime], str]] = {
    "Y": lambda d: f"{d.year:04}",
    "y": lambda d: f"{d.year % 100:02}",
    "m": lambda d: f"{d.month:02}",
    "d": lambda d: f"{d.day:02}",
    "H": lambda d: f"{d.hour:02}",
    "I": lambda d: f"{d.hour % 12 or 12:02}",
    "M": lambda d: f"{d.minute:02}",
    "S": lambda d: f"{d.second:02}",
    "f": lambda d: f"{d.microsecond:06}",
    "p": lambda d: "AM" if d.hour < 12 else "PM",
    "j": lambda d: f"{d.timetuple().tm_yday:03}",
    "A": lambda d: _DAYS[d.weekday()],
    "a": lambda d: _DAYS[d.weekday()][:3],
    "B": lambda d: _MONTHS[d.month - 1],
    "b": lambda d: _MONTHS[d.month - 1][:3],
    "V": lambda d: f"{d.isocalendar().week:02}",
    "G": lambda d: f"{d.isocalendar().year:04}",
    "u": lambda d: str(d.isoweekday()),
    "s": lambda d: str(int(d.timestamp())),
    "z": lambda d: "+0000",
    "Z": lambda d: "UTC",
    "%": lambda d: "%",
}
_UNITS = ("milliseconds", "seconds", "minutes", "hours", "days", "weeks")


def format_date(budget: Budget, date: Any, format: Any) -> str:
    """The date (UTC) written with %Y %m %d %H %M %S and the like."""
    moment = want_date("format_date", date).astimezone(UTC)
    want_text("format_date", format)
    # No directive is longer than ten characters.
    budget.charge(text_size(len(format) * 10, width(format)))
    budget.step(1 + len(format) // 2)
    return _DIRECTIVE.sub(lambda match: _directive(match.group(1))(moment), format)


def _directive(letter: str) -> Callable[[datetime], str]:
    try:
        return _DIRECTIVES[letter]
    except KeyError:
        known = " ".join(f"%{known}" for known in _DIRECTIVES)
        raise ExpressionError(VALUE, f"format_date() does not know '%{letter}'; there is {known}") from None


def parse_date(budget: Budget, value: Any) -> datetime:
    """A date from ISO 8601 text (UTC if it names no zone) or from milliseconds since 1970."""
    budget.charge(64)
    if type(value) is int or type(value) is float:
        return _shift(datetime(1970, 1, 1, tzinfo=UTC), "milliseconds", value)
    if type(value) is not str:
        raise wrong("parse_date", "text or milliseconds", value)
    try:
        date = datetime.fromisoformat(value[:64].strip())
        return (date.replace(tzinfo=UTC) if date.tzinfo is None else date).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ExpressionError(
            VALUE, f"parse_date() cannot read {shorten(repr(value[:60]))}: it needs ISO 8601, as 2030-01-31T08:30:00Z"
        ) from None


def timestamp(budget: Budget, date: Any) -> int:
    """Milliseconds since 1970 of a date."""
    budget.integer(64)
    elapsed: timedelta = want_date("timestamp", date) - datetime(1970, 1, 1, tzinfo=UTC)
    return elapsed // timedelta(milliseconds=1)


def add_time(budget: Budget, date: Any, amount: Any, unit: Any = "seconds") -> datetime:
    """The date moved by an amount of milliseconds, seconds, minutes, hours, days or weeks."""
    budget.charge(64)
    if unit not in _UNITS:
        raise ExpressionError(VALUE, f"add_time() knows the units {', '.join(_UNITS)}")
    return _shift(want_date("add_time", date), unit, want_number("add_time", amount))


def _shift(date: datetime, unit: str, amount: float) -> datetime:
    try:
        return date + timedelta(**{unit: amount})
    except (OverflowError, ValueError):
        raise ExpressionError(VALUE, "the date is outside the years 1 to 9999") from None
