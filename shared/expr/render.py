"""Values as text: in mixed templates, in `str` and `join`, and as JSON."""

import json
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.expr.budget import MAX_INT_BITS, Budget
from shared.expr.errors import VALUE, ExpressionError
from shared.expr.kinds import kind
from shared.expr.sizes import Measure, text_size


def to_text(value: Any, budget: Budget) -> str:
    """`value` as people expect it within a text: null is empty, true and false in lower case, whole floats without
    `.0`, dates in ISO 8601, lists and objects as compact JSON.
    """
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is list or type(value) is dict:
        return to_json_text(value, budget)
    budget.charge(text_size(32))
    if type(value) is int:
        return int_text(value, budget)
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return iso(value)
    raise ExpressionError(VALUE, f"{kind(value)} has no text form")


def int_text(value: int, budget: Budget) -> str:
    """The digits of an integer of at most `MAX_INT_BITS` bits; its square-time conversion is charged as steps."""
    bits = value.bit_length()
    if bits > 64:
        budget.integer(min(bits, MAX_INT_BITS + 1))
        budget.step(1 + bits // 256)
    return str(value)


def iso(value: datetime) -> str:
    """ISO 8601 in UTC with `Z`, milliseconds where there are any. A date without a zone counts as UTC."""
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    timespec = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def to_json_text(value: Any, budget: Budget) -> str:
    """`value` as compact JSON text."""
    value = plain(value, budget)
    size = Measure(budget).size(value)
    budget.charge(size + 64)
    budget.scan(size * 4)
    try:
        raw = orjson.dumps(value)
    except TypeError:
        # Integers beyond 64 bits, or lone surrogates that only escapes can express.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not raw.isascii():
        budget.charge(len(raw) * 4)
    return raw.decode()


def plain(value: Any, budget: Budget, depth: int = 1) -> Any:
    """`value` with every date in it as ISO text; the same object when there is none."""
    if isinstance(value, datetime):
        budget.charge(text_size(32))
        return iso(value)
    if type(value) is not list and type(value) is not dict:
        return value
    budget.level(depth)
    budget.step(1 + len(value) // 4)
    children = value.values() if type(value) is dict else value
    copies = [plain(child, budget, depth + 1) for child in children]
    if all(copy is child for copy, child in zip(copies, children, strict=True)):
        return value
    budget.charge(64 + 110 * len(copies))
    return dict(zip(value, copies, strict=True)) if type(value) is dict else copies
