"""Functions between values and their encodings: JSON, URL, base64."""

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import quote

from shared.domain.errors import InvalidValue
from shared.domain.values import from_json
from shared.expr.budget import Budget
from shared.expr.errors import VALUE, ExpressionError
from shared.expr.kinds import want_text
from shared.expr.render import to_json_text, to_text
from shared.expr.sizes import Measure, text_size


def json(budget: Budget, value: Any) -> str:
    """The value as compact JSON text."""
    return to_json_text(value, budget)


def parse_json(budget: Budget, text: Any) -> Any:
    """The value of a JSON text."""
    want_text("parse_json", text)
    budget.scan(len(text) * 16)
    # Upper bounds of what Python needs: per character, object, list, and entry with its key.
    size = text_size(len(text), 2 if text.isascii() else 8)
    budget.charge(size + 240 * text.count("{") + 64 * text.count("[") + 170 * text.count(","))
    try:
        value = from_json(text)
    except InvalidValue as error:
        raise ExpressionError(VALUE, f"parse_json(): {error}") from None
    Measure(budget).size(value)
    return value


def url_encode(budget: Budget, value: Any) -> str:
    """The value as text that is safe in a URL, every reserved character percent-encoded."""
    text = to_text(value, budget)
    budget.charge(text_size(len(text), 16 if text.isascii() else 64))
    budget.step(1 + len(text) // 8)
    return quote(text, safe="")


def base64(budget: Budget, text: Any) -> str:
    """The text (as UTF-8) in base64."""
    budget.charge(text_size(len(want_text("base64", text)), 4 if text.isascii() else 16))
    budget.scan(len(text) * 2)
    return b64encode(text.encode()).decode()


def unbase64(budget: Budget, text: Any) -> str:
    """The UTF-8 text that was encoded in base64."""
    budget.charge(text_size(len(want_text("unbase64", text)), 6))
    budget.scan(len(text) * 2)
    try:
        return b64decode(text, validate=True).decode()
    except ValueError:
        raise ExpressionError(VALUE, "unbase64() needs the base64 form of UTF-8 text") from None
